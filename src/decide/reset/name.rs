//! A name in a directory, as a journal keeps it: bytes outside printable ASCII, and `\`, are written `\xHH`.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;
use serde::{Deserialize, Serialize};

/// One component of a path, as bytes: neither empty nor `.` nor `..`, without `/` and NUL.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Name(Vec<u8>);

impl Name {
    pub fn new(bytes: &[u8]) -> Option<Self> {
        let component = !matches!(bytes, b"" | b"." | b"..") && bytes.len() <= 255 && !bytes.iter().any(|byte| matches!(byte, b'/' | 0));
        component.then(|| Self(bytes.into()))
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl From<Name> for String {
    fn from(name: Name) -> Self {
        escape(&name.0)
    }
}

impl TryFrom<String> for Name {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        unescape(&text).and_then(|bytes| Self::new(&bytes)).ok_or("not a name in a directory")
    }
}

/// Bytes as text that can be read back.
pub fn escape(bytes: &[u8]) -> String {
    let mut text = String::new();
    for byte in bytes {
        match byte {
            b'\\' => text.push_str("\\x5c"),
            b' '..=b'~' => text.push(char::from(*byte)),
            // Writing to a String cannot fail.
            byte => drop(write!(text, "\\x{byte:02x}")),
        }
    }
    text
}

/// Reads what [`escape`] writes.
pub fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    loop {
        rest = match rest {
            [] => return Some(bytes),
            [b'\\', b'x', digits @ ..] => {
                let (pair, tail) = digits.split_at_checked(2)?;
                let pair = core::str::from_utf8(pair).ok().filter(|pair| pair.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))?;
                bytes.push(u8::from_str_radix(pair, 16).ok()?);
                tail
            }
            [b'\\', ..] => return None,
            [byte @ b' '..=b'~', tail @ ..] => {
                bytes.push(*byte);
                tail
            }
            _ => return None,
        };
    }
}
