//! Serialized GVariants, as far as OSTree's files need them (GLib's documentation of GVariant, "Serialization").
//!
//! Numbers are little-endian: GVariant leaves the order to the machine, and bedplate's are that. Nothing is trusted: what does
//! not fit is `None`.

use alloc::string::String;
use alloc::vec::Vec;

/// A value that can be put into an `a{sv}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// `b`
    Boolean(bool),
    /// `s`
    Text(String),
    /// `(tt)`
    Pair(u64, u64),
}

impl Value {
    fn kind(&self) -> &'static str {
        match self {
            Self::Boolean(_) => "b",
            Self::Text(_) => "s",
            Self::Pair(..) => "(tt)",
        }
    }

    fn bytes(&self) -> Vec<u8> {
        match self {
            Self::Boolean(value) => alloc::vec![u8::from(*value)],
            Self::Text(text) => text.bytes().chain([0]).collect(),
            Self::Pair(first, second) => first.to_le_bytes().into_iter().chain(second.to_le_bytes()).collect(),
        }
    }
}

/// An `a{sv}`, in the order given.
pub fn dictionary(entries: &[(&str, Value)]) -> Vec<u8> {
    let (mut bytes, mut ends) = (Vec::new(), Vec::new());
    for (key, value) in entries {
        pad(&mut bytes, 8);
        bytes.extend(entry(key, value));
        ends.push(bytes.len());
    }
    let size = offset_size(bytes.len(), ends.len());
    for end in ends {
        push_offset(&mut bytes, end, size);
    }
    bytes
}

/// A `{sv}`: the key, the variant aligned to 8, and where the key ends.
fn entry(key: &str, value: &Value) -> Vec<u8> {
    let mut bytes: Vec<u8> = key.bytes().chain([0]).collect();
    let end_of_key = bytes.len();
    pad(&mut bytes, 8);
    bytes.extend(value.bytes());
    bytes.push(0);
    bytes.extend(value.kind().bytes());
    let size = offset_size(bytes.len(), 1);
    push_offset(&mut bytes, end_of_key, size);
    bytes
}

fn pad(bytes: &mut Vec<u8>, alignment: usize) {
    bytes.resize(bytes.len().next_multiple_of(alignment), 0);
}

/// How many bytes an offset has in a container with this much content and this many offsets.
fn offset_size(content: usize, offsets: usize) -> usize {
    let fits = |size: usize, limit: usize| content.saturating_add(offsets.saturating_mul(size)) <= limit;
    match () {
        () if fits(1, 0xff) => 1,
        () if fits(2, 0xffff) => 2,
        () if fits(4, 0xffff_ffff) => 4,
        () => 8,
    }
}

fn push_offset(bytes: &mut Vec<u8>, offset: usize, size: usize) {
    bytes.extend(offset.to_le_bytes().into_iter().take(size));
}

/// How many bytes an offset has in a container of this size.
fn offset_size_of(whole: usize) -> usize {
    match whole {
        0 => 0,
        1..=0xff => 1,
        0x100..=0xffff => 2,
        0x1_0000..=0xffff_ffff => 4,
        _ => 8,
    }
}

/// The offset that ends `back` offsets before the end of the container.
fn offset_from_end(bytes: &[u8], back: usize) -> Option<usize> {
    let size = offset_size_of(bytes.len());
    let start = bytes.len().checked_sub(size.checked_mul(back.checked_add(1)?)?)?;
    let raw = bytes.get(start..start.checked_add(size)?)?;
    let number = raw.iter().rev().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    usize::try_from(number).ok()
}

/// The elements of an array whose elements have no fixed size, aligned as told.
pub fn elements(bytes: &[u8], alignment: usize) -> Option<Vec<&[u8]>> {
    if bytes.is_empty() {
        return Some(Vec::new());
    }
    let size = offset_size_of(bytes.len());
    let content = offset_from_end(bytes, 0)?;
    let count = bytes.len().checked_sub(content)?.checked_div(size)?;
    let mut found = Vec::new();
    let mut start = 0_usize;
    for index in 0..count {
        let end = offset_from_end(bytes, count.checked_sub(index)?.checked_sub(1)?)?;
        found.push(bytes.get(start.checked_next_multiple_of(alignment)?..end).filter(|_| end <= content)?);
        start = end;
    }
    Some(found)
}

/// Type and bytes of a value in an `a{sv}`.
pub fn lookup<'a>(dictionary: &'a [u8], key: &str) -> Option<(&'a [u8], &'a [u8])> {
    for entry in elements(dictionary, 8)? {
        let end_of_key = offset_from_end(entry, 0)?;
        if entry.get(..end_of_key)?.strip_suffix(&[0])? == key.as_bytes() {
            let variant = entry.get(end_of_key.checked_next_multiple_of(8)?..entry.len().checked_sub(offset_size_of(entry.len()))?)?;
            let separator = variant.iter().rposition(|byte| *byte == 0)?;
            return Some((variant.get(separator.checked_add(1)?..)?, variant.get(..separator)?));
        }
    }
    None
}

/// The first members of a structure, up to the last one asked for, none of which has a fixed size; with their alignments.
pub fn members<const N: usize>(structure: &[u8], alignments: [usize; N]) -> Option<[&[u8]; N]> {
    let mut found: [&[u8]; N] = [&[]; N];
    let mut start = 0_usize;
    for (index, (slot, alignment)) in found.iter_mut().zip(alignments).enumerate() {
        let end = offset_from_end(structure, index)?;
        *slot = structure.get(start.checked_next_multiple_of(alignment)?..end)?;
        start = end;
    }
    Some(found)
}
