//! /run/ostree-booted for people: a GVariant of the type `a{sv}`, read without the help of what writes it.

use std::fmt::Write;

/// One line a key, sorted; what is not of this form is one line of hexadecimal digits.
pub fn lines(bytes: &[u8]) -> Vec<String> {
    let read = entries(bytes).and_then(|entries| entries.into_iter().map(line).collect::<Option<Vec<_>>>());
    let mut lines = read.unwrap_or_else(|| vec![format!("not understood: {}", hex(bytes))]);
    lines.sort();
    lines
}

/// Bytes of an offset in a container of this size. No metadata is longer than that.
fn width(container: &[u8]) -> usize {
    if container.len() < 256 { 1 } else { 2 }
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte))
}

/// The ends of the entries stand behind the last one.
fn entries(bytes: &[u8]) -> Option<Vec<&[u8]>> {
    if bytes.is_empty() {
        return Some(Vec::new());
    }
    let width = width(bytes);
    let last = number(bytes.get(bytes.len() - width..)?);
    let mut start = 0;
    let mut found = Vec::new();
    for end in bytes.get(last..)?.chunks_exact(width).map(number) {
        found.push(bytes.get(start..end)?);
        start = end.next_multiple_of(8);
    }
    (!found.is_empty()).then_some(found)
}

/// `KEY: TYPE VALUE` of a key, a variant, and where the key ends.
fn line(entry: &[u8]) -> Option<String> {
    let width = width(entry);
    let (content, end) = entry.split_at(entry.len().checked_sub(width)?);
    let end = number(end);
    let key = std::str::from_utf8(content.get(..end.checked_sub(1)?)?).ok()?;
    let variant = content.get(end.next_multiple_of(8)..)?;
    let zero = variant.iter().rposition(|byte| *byte == 0)?;
    let (value, kind) = (variant.get(..zero)?, std::str::from_utf8(variant.get(zero + 1..)?).ok()?);
    let value = match (kind, value) {
        ("b", [flag]) => (*flag == 1).to_string(),
        ("s", text) => String::from_utf8_lossy(text.strip_suffix(&[0])?).into_owned(),
        _ => hex(value),
    };
    Some(format!("{key}: {kind} {value}"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bedplate::decide::ostree::booted::Booted;

    #[test]
    fn what_bedplate_writes_is_read_back() {
        let booted = Booted {
            device: 1,
            inode: 2,
            root_transient: false,
            root_transient_ro: false,
            composefs: None,
            sysroot_readonly: true,
            transient_etc: Some("/run/ostree/transient-etc.abcdef".to_string()),
        };
        let expected = [
            "backing-root-device-inode: (tt) 01000000000000000200000000000000",
            "root.transient: b false",
            "sysroot-ro: b true",
            "transient-etc: s /run/ostree/transient-etc.abcdef",
        ];
        assert_eq!(lines(&booted.to_bytes()), expected);
        assert_eq!(lines(&[]), Vec::<String>::new());
        assert_eq!(lines(&[1, 2, 3]), ["not understood: 010203"]);
    }
}
