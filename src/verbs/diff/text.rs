//! Two texts line by line.

use super::listed::shown;
use super::paint::{Colour, Paint};
use similar::TextDiff;
use std::time::Duration;

/// What is compared.
#[derive(Debug, PartialEq, Eq)]
pub enum Content {
    Text(String),
    /// What no terminal should be shown.
    Binary(Vec<u8>),
    /// Bytes.
    Large(u64),
    Special(&'static str),
}

impl Content {
    pub fn of(bytes: Vec<u8>) -> Self {
        match String::from_utf8(bytes) {
            Ok(text) if !text.contains('\0') => Self::Text(text),
            Ok(text) => Self::Binary(text.into_bytes()),
            Err(error) => Self::Binary(error.into_bytes()),
        }
    }

    pub fn described(&self) -> String {
        match self {
            Self::Text(text) => format!("text, {} bytes", text.len()),
            Self::Binary(bytes) => format!("binary, {} bytes", bytes.len()),
            Self::Large(size) => format!("{size} bytes, too many to compare them line by line"),
            Self::Special(kind) => format!("a {kind}"),
        }
    }
}

/// As patch(1) takes it with `-p1`; nothing where they are the same.
pub fn unified(path: &str, vendor: &str, local: &str, paint: Paint) -> String {
    let path = shown(path.as_bytes());
    // What takes longer gets a worse difference, not none.
    let diff = TextDiff::configure().timeout(Duration::from_secs(2)).diff_lines(vendor, local);
    let text = diff.unified_diff().context_radius(3).header(&format!("vendor{path}"), &format!("local{path}")).to_string();
    text.lines().flat_map(|line| [coloured(line, paint), "\n".into()]).collect()
}

fn coloured(line: &str, paint: Paint) -> String {
    let line = line.split('\t').map(|part| shown(part.as_bytes())).collect::<Vec<_>>().join("\t");
    match line.bytes().next() {
        Some(b'+') => paint.text(Colour::Green, &line),
        Some(b'-') => paint.text(Colour::Red, &line),
        Some(b'@') => paint.text(Colour::Cyan, &line),
        _ => line,
    }
}
