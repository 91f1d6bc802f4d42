//! Account files by their lines.

use alloc::vec::Vec;

/// The vendor's text with what was changed between `before` and `after`: lines belong together by their first field, those that
/// are new come last.
pub fn merge(before: &[u8], after: &[u8], vendor: &[u8]) -> Vec<u8> {
    let (before, after, vendor) = (lines(before), lines(after), lines(vendor));
    let changed = |name: &[u8]| of(&before, name) != of(&after, name);
    let mut merged: Vec<&[u8]> = Vec::new();
    let mut put: Vec<&[u8]> = Vec::new();
    for line in &vendor {
        let name = name_of(line);
        if !changed(name) {
            merged.push(line);
        } else if !put.contains(&name) {
            put.push(name);
            merged.extend(of(&after, name));
        }
    }
    merged.extend(after.iter().filter(|line| changed(name_of(line)) && !put.contains(&name_of(line))));
    let mut text = merged.join(&b'\n');
    if !text.is_empty() {
        text.push(b'\n');
    }
    text
}

fn lines(text: &[u8]) -> Vec<&[u8]> {
    text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect()
}

fn of<'a>(lines: &[&'a [u8]], name: &[u8]) -> Vec<&'a [u8]> {
    lines.iter().copied().filter(|line| name_of(line) == name).collect()
}

fn name_of(line: &[u8]) -> &[u8] {
    line.split(|byte| *byte == b':').next().unwrap_or_default()
}
