//! Lines to entries.

use super::{Attributes, DeviceNumber, Digest, Entry, FsVerity, GUARDED, HEADER, HEADER_1, Inventory, Kind, Problem};
use alloc::vec::Vec;

/// What the first line names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    WithoutAttributes,
    Current,
}

pub(super) const UNKNOWN_FORMAT: Problem = Problem { line: 1, why: "not a manifest of a known format" };
pub(super) const OUT_OF_ORDER: &str = "out of order, or there twice";

impl Format {
    pub(super) fn of(header: Option<&str>) -> Option<Self> {
        match header {
            Some(HEADER) => Some(Self::Current),
            Some(HEADER_1) => Some(Self::WithoutAttributes),
            _ => None,
        }
    }
}

/// Reads what an [`Inventory`] prints. One with a problem explains nothing: there is no partial result.
pub fn parse(text: &str) -> Result<Inventory, Problem> {
    let mut lines = text.lines().enumerate();
    let format = Format::of(lines.next().map(|(_, line)| line)).ok_or(UNKNOWN_FORMAT)?;
    let mut entries: Vec<Entry> = Vec::new();
    for (index, line) in lines {
        let problem = |why| Problem { line: index + 1, why };
        let entry = parse_entry(line, format).map_err(problem)?;
        if entries.last().is_some_and(|last| last.path >= entry.path) {
            return Err(problem(OUT_OF_ORDER));
        }
        entries.push(entry);
    }
    Ok(Inventory { entries })
}

/// One line of the current format, without its end.
pub fn parse_line(line: &str) -> Result<Entry, &'static str> {
    parse_entry(line, Format::Current)
}

pub(super) fn parse_entry(line: &str, format: Format) -> Result<Entry, &'static str> {
    let mut words = line.split(' ');
    let mut word = || words.next().filter(|word| !word.is_empty()).ok_or("fewer words than the format has");
    let (letter, mode, uid, gid, size, sum) = (word()?, word()?, word()?, word()?, word()?, word()?);
    let attributes = if format == Format::Current { word()? } else { "?" };
    let (letter, verity) = match letter {
        GUARDED => ("f", Some(FsVerity::parse(word()?).ok_or("not an fs-verity digest")?)),
        letter => (letter, None),
    };
    let path = word()?;
    if words.next().is_some() {
        return Err("more words than the format has");
    }
    Ok(Entry {
        path: parse_path(path)?,
        kind: parse_kind(letter, size, sum)?,
        mode: u16::from_str_radix(mode, 8).ok().filter(|mode| *mode <= 0o7777).ok_or("not a mode")?,
        uid: uid.parse().map_err(|_| "not a user id")?,
        gid: gid.parse().map_err(|_| "not a group id")?,
        attributes: parse_attributes(attributes)?,
        verity,
    })
}

fn parse_kind(letter: &str, size: &str, sum: &str) -> Result<Kind, &'static str> {
    match letter {
        "f" => return Ok(Kind::File(parse_digest(size, sum)?)),
        "l" => return Ok(Kind::Symlink(parse_digest(size, sum)?)),
        _ if sum != "-" => return Err("a sum where there can be none"),
        "c" => return Ok(Kind::Character(parse_device(size)?)),
        "b" => return Ok(Kind::Block(parse_device(size)?)),
        _ if size != "-" => return Err("a size where there can be none"),
        _ => {}
    }
    match letter {
        "d" => Ok(Kind::Directory),
        "p" => Ok(Kind::Fifo),
        "s" => Ok(Kind::Socket),
        _ => Err("not a type"),
    }
}

fn parse_attributes(text: &str) -> Result<Attributes, &'static str> {
    match text {
        "?" => Ok(Attributes::Unknown),
        "-" => Ok(Attributes::None),
        sum => parse_sum(sum).map(Attributes::Sum),
    }
}

fn parse_digest(size: &str, sum: &str) -> Result<Digest, &'static str> {
    Ok(Digest { sha256: parse_sum(sum)?, size: size.parse().map_err(|_| "not a size")? })
}

fn parse_sum(sum: &str) -> Result<[u8; 32], &'static str> {
    parse_bytes(sum).ok_or("not a SHA-256 sum")
}

/// As many bytes as hex digits tell, exactly.
pub(super) fn parse_bytes<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if digits.len() != 2 * N {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(digits.as_bytes().chunks_exact(2)) {
        *byte = parse_hex(pair)?;
    }
    Some(bytes)
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
    while let Some((byte, tail)) = next_byte(rest)? {
        path.push(byte);
        rest = tail;
    }
    Ok(path)
}

/// The first byte of an escaped path, and what comes after it.
pub(super) fn next_byte(text: &[u8]) -> Result<Option<(u8, &[u8])>, &'static str> {
    match text {
        [] => Ok(None),
        [b'\\', b'x', high, low, tail @ ..] => {
            let byte = parse_hex(&[*high, *low]).ok_or("a path with a broken escape")?;
            Ok(Some((byte, tail)))
        }
        [first @ (b'!'..=b'[' | b']'..=b'~'), tail @ ..] => Ok(Some((*first, tail))),
        _ => Err("a path with a byte that is not escaped"),
    }
}
