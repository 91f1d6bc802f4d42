//! etc.manifest: what the vendor's /etc of a deployment held. Text to values and back; reading trees is the work of
//! `boot::etc_manifest`.
//!
//! The first line names the format. Then one line a path, sorted by its bytes:
//!
//! ```text
//! TYPE MODE UID GID SIZE SHA256 PATH
//! d 755 0 0 - - .
//! f 644 0 0 12 a948904f…ad47 hosts
//! l 777 0 0 19 2c26b46b…66ae os-release
//! c 666 0 0 1:3 - odd/null
//! ```
//!
//! TYPE is f, d, l, c, b, p or s (file, directory, symlink, devices, fifo, socket); MODE is octal. A symlink has the
//! size and sum of its target. In PATH (and nowhere else can they occur) bytes outside `!` to `~`, and `\`, are
//! written `\xHH`.

#[cfg(test)]
mod tests;

use alloc::vec::Vec;
use core::fmt::{self, Write};

const HEADER: &str = "# bedplate etc.manifest 1";

/// The vendor's /etc of one deployment, sorted by path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EtcManifest {
    pub entries: Vec<EtcEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct EtcEntry {
    /// Below /etc, as bytes; `.` is /etc itself.
    pub path: Vec<u8>,
    pub kind: EtcKind,
    /// Permission bits with setuid, setgid, sticky.
    pub mode: u16,
    pub uid: u32,
    pub gid: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum EtcKind {
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

/// Why a text is no etc.manifest.
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

impl EtcManifest {
    /// The entry of a path below /etc.
    pub fn find(&self, path: &[u8]) -> Option<&EtcEntry> {
        let at = self.entries.binary_search_by(|entry| entry.path.as_slice().cmp(path)).ok()?;
        self.entries.get(at)
    }
}

impl fmt::Display for EtcManifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{HEADER}")?;
        self.entries.iter().try_for_each(|entry| writeln!(f, "{entry}"))
    }
}

impl fmt::Display for EtcEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { kind, mode, uid, gid, path } = self;
        write!(f, "{} {mode:o} {uid} {gid} ", kind.letter())?;
        match kind {
            EtcKind::File(digest) | EtcKind::Symlink(digest) => {
                write!(f, "{} ", digest.size)?;
                digest.sha256.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
            }
            EtcKind::Character(device) | EtcKind::Block(device) => write!(f, "{}:{} -", device.major, device.minor)?,
            EtcKind::Directory | EtcKind::Fifo | EtcKind::Socket => f.write_str("- -")?,
        }
        f.write_char(' ')?;
        path.iter().try_for_each(|byte| match byte {
            b'\\' => f.write_str("\\x5c"),
            b'!'..=b'~' => f.write_char(char::from(*byte)),
            byte => write!(f, "\\x{byte:02x}"),
        })
    }
}

impl EtcKind {
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
}

/// Reads what [`EtcManifest`] prints. A manifest with a problem explains nothing: there is no partial result.
pub fn parse(text: &str) -> Result<EtcManifest, Problem> {
    let mut lines = text.lines().enumerate();
    if lines.next().map(|(_, line)| line) != Some(HEADER) {
        return Err(Problem { line: 1, why: "not an etc.manifest of a known format" });
    }
    let mut entries: Vec<EtcEntry> = Vec::new();
    for (index, line) in lines {
        let problem = |why| Problem { line: index + 1, why };
        let entry = parse_entry(line).map_err(problem)?;
        if entries.last().is_some_and(|last| last.path >= entry.path) {
            return Err(problem("out of order, or there twice"));
        }
        entries.push(entry);
    }
    Ok(EtcManifest { entries })
}

fn parse_entry(line: &str) -> Result<EtcEntry, &'static str> {
    let mut words = line.split(' ');
    let mut word = || words.next().filter(|word| !word.is_empty()).ok_or("fewer than 7 words");
    let (letter, mode, uid, gid, size, sum, path) = (word()?, word()?, word()?, word()?, word()?, word()?, word()?);
    if words.next().is_some() {
        return Err("more than 7 words");
    }
    Ok(EtcEntry {
        path: parse_path(path)?,
        kind: parse_kind(letter, size, sum)?,
        mode: u16::from_str_radix(mode, 8).ok().filter(|mode| *mode <= 0o7777).ok_or("not a mode")?,
        uid: uid.parse().map_err(|_| "not a user id")?,
        gid: gid.parse().map_err(|_| "not a group id")?,
    })
}

fn parse_kind(letter: &str, size: &str, sum: &str) -> Result<EtcKind, &'static str> {
    match letter {
        "f" => return Ok(EtcKind::File(parse_digest(size, sum)?)),
        "l" => return Ok(EtcKind::Symlink(parse_digest(size, sum)?)),
        _ if sum != "-" => return Err("a sum where there can be none"),
        "c" => return Ok(EtcKind::Character(parse_device(size)?)),
        "b" => return Ok(EtcKind::Block(parse_device(size)?)),
        _ if size != "-" => return Err("a size where there can be none"),
        _ => {}
    }
    match letter {
        "d" => Ok(EtcKind::Directory),
        "p" => Ok(EtcKind::Fifo),
        "s" => Ok(EtcKind::Socket),
        _ => Err("not a type"),
    }
}

fn parse_digest(size: &str, sum: &str) -> Result<Digest, &'static str> {
    let mut sha256 = [0; 32];
    let digits = sum.as_bytes();
    if digits.len() != 2 * sha256.len() {
        return Err("not a SHA-256 sum");
    }
    for (byte, pair) in sha256.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = parse_hex(pair).ok_or("not a SHA-256 sum")?;
    }
    Ok(Digest { size: size.parse().map_err(|_| "not a size")?, sha256 })
}

fn parse_device(text: &str) -> Result<DeviceNumber, &'static str> {
    let (major, minor) = text.split_once(':').ok_or("not a device number")?;
    let number = |text: &str| text.parse().map_err(|_| "not a device number");
    Ok(DeviceNumber { major: number(major)?, minor: number(minor)? })
}

/// Two lower-case hex digits.
fn parse_hex(pair: &[u8]) -> Option<u8> {
    let text = core::str::from_utf8(pair).ok().filter(|text| text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')))?;
    u8::from_str_radix(text, 16).ok()
}

fn parse_path(text: &str) -> Result<Vec<u8>, &'static str> {
    let mut path = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        (path, rest) = match (first, tail) {
            (b'\\', [b'x', high, low, tail @ ..]) => {
                path.push(parse_hex(&[*high, *low]).ok_or("a path with a broken escape")?);
                (path, tail)
            }
            (b'!'..=b'[' | b']'..=b'~', _) => {
                path.push(*first);
                (path, tail)
            }
            _ => return Err("a path with a byte that is not escaped"),
        };
    }
    Ok(path)
}
