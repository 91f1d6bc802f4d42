//! An inventory: what a directory of a deployment held when it was deployed. etc.manifest is that of the vendor's /etc,
//! usr.manifest that of /usr. Text to values and back; reading trees is the work of `boot::inventory`.
//!
//! The first line names the format. Then one line a path, sorted by its bytes:
//!
//! ```text
//! TYPE MODE UID GID SIZE SHA256 ATTRIBUTES PATH
//! d 755 0 0 - - - .
//! f 755 0 0 12 a948904f…ad47 5a0e1b77…09c1 bin/ping
//! l 777 0 0 19 2c26b46b…66ae - os-release
//! c 666 0 0 1:3 - - odd/null
//! ```
//!
//! TYPE is f, d, l, c, b, p or s (file, directory, symlink, devices, fifo, socket); MODE is octal. A symlink has the
//! size and sum of its target. ATTRIBUTES is the sum of the extended attributes that a copy keeps, `-` where there are
//! none, `?` where nobody looked. In PATH (and nowhere else can they occur) bytes outside `!` to `~`, and `\`, are written
//! `\xHH`. Format 1 has no ATTRIBUTES: there, nobody looked.
//!
//! A file that had fs-verity has the type v instead of f, and before PATH a word more: what the kernel had measured, as
//! `sha256:` or `sha512:` and hex digits.

mod difference;
mod index;
mod parse;
#[cfg(test)]
mod tests;
mod verity;

pub use difference::{Change, Difference, Kinds, changes};
pub use index::Index;
pub use parse::{parse, parse_line};
pub use verity::FsVerity;

use super::hex::Hex;
use alloc::vec::Vec;
use core::fmt::{self, Write};

const HEADER: &str = "# bedplate manifest 2";
/// The type of a file with fs-verity.
const GUARDED: &str = "v";
/// Without attributes, and of /etc alone.
const HEADER_1: &str = "# bedplate etc.manifest 1";

/// The content of one directory, sorted by path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inventory {
    pub entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Below the directory, as bytes; `.` is the directory itself.
    pub path: Vec<u8>,
    pub kind: Kind,
    /// Permission bits with setuid, setgid, sticky.
    pub mode: u16,
    pub uid: u32,
    pub gid: u32,
    pub attributes: Attributes,
    /// Of a file that had it. `None` proves nothing: files get it without a change.
    pub verity: Option<FsVerity>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    File(Digest),
    /// Of the target's text.
    Symlink(Digest),
    Directory,
    Character(DeviceNumber),
    Block(DeviceNumber),
    Fifo,
    Socket,
}

/// What tells two contents apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest {
    /// Bytes.
    pub size: u64,
    pub sha256: [u8; 32],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct DeviceNumber {
    pub major: u32,
    pub minor: u32,
}

/// Extended attributes: labels, capabilities, ACLs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attributes {
    /// Nobody looked.
    Unknown,
    None,
    /// SHA-256 over each, sorted by name: name, NUL, length of the value (u64, little-endian), value.
    Sum([u8; 32]),
}

/// Why a text is no inventory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Counted from 1.
    pub line: usize,
    pub why: &'static str,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}", self.line, self.why)
    }
}

impl Inventory {
    /// The entry of a path below the directory.
    pub fn find(&self, path: &[u8]) -> Option<&Entry> {
        let at = self.entries.binary_search_by(|entry| entry.path.as_slice().cmp(path)).ok()?;
        self.entries.get(at)
    }
}

impl fmt::Display for Inventory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        self.entries.iter().try_for_each(|entry| writeln!(f, "{entry}"))
    }
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, mode, uid, gid, attributes, path, verity } = self;
        let verity = verity.as_ref().filter(|_| matches!(kind, Kind::File(_)));
        match verity {
            Some(_) => f.write_str(GUARDED)?,
            None => f.write_char(kind.letter())?,
        }
        write!(f, " {mode:o} {uid} {gid} ")?;
        match kind {
            Kind::File(digest) | Kind::Symlink(digest) => {
                write!(f, "{} ", digest.size)?;
                write!(f, "{}", Hex(&digest.sha256))?;
            }
            Kind::Character(device) | Kind::Block(device) => write!(f, "{}:{} -", device.major, device.minor)?,
            Kind::Directory | Kind::Fifo | Kind::Socket => f.write_str("- -")?,
        }
        f.write_char(' ')?;
        match attributes {
            Attributes::Unknown => f.write_char('?')?,
            Attributes::None => f.write_char('-')?,
            Attributes::Sum(sum) => write!(f, "{}", Hex(sum))?,
        }
        f.write_char(' ')?;
        if let Some(verity) = verity {
            write!(f, "{verity} ")?;
        }
        path.iter().try_for_each(|byte| match byte {
            b'\\' => f.write_str("\\x5c"),
            b'!'..=b'~' => f.write_char(char::from(*byte)),
            byte => write!(f, "\\x{byte:02x}"),
        })
    }
}

impl Kind {
    const fn letter(&self) -> char {
        match self {
            Self::File(_) => 'f',
            Self::Symlink(_) => 'l',
            Self::Directory => 'd',
            Self::Character(_) => 'c',
            Self::Block(_) => 'b',
            Self::Fifo => 'p',
            Self::Socket => 's',
        }
    }

    /// As a person says it.
    pub const fn word(&self) -> &'static str {
        match self {
            Self::File(_) => "file",
            Self::Symlink(_) => "symlink",
            Self::Directory => "directory",
            Self::Character(_) => "character device",
            Self::Block(_) => "block device",
            Self::Fifo => "fifo",
            Self::Socket => "socket",
        }
    }
}
