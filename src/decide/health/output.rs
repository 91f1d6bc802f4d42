//! What a script said last.

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;

/// Bytes of output that are kept of one script.
pub const LIMIT: usize = 4096;

/// The end of an output of any length.
#[derive(Debug, Clone, Default)]
pub struct Tail {
    bytes: VecDeque<u8>,
    cut: bool,
}

impl Tail {
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend(bytes);
        let over = self.bytes.len().saturating_sub(LIMIT);
        self.cut |= over > 0;
        self.bytes.drain(..over);
    }

    /// As plain text of at most [`LIMIT`] bytes: whole lines where the beginning is cut off, U+FFFD for what is no text and for control
    /// characters but line ends. Tabs become spaces.
    pub fn text(&self) -> String {
        let bytes: Vec<u8> = self.bytes.iter().copied().collect();
        let all = String::from_utf8_lossy(&bytes);
        let whole = if self.cut { all.split_once('\n').map_or(&*all, |(_, rest)| rest) } else { &all };
        last(&plain(whole.trim_end()), LIMIT).into()
    }
}

fn plain(text: &str) -> String {
    let plain = |c: char| match c {
        '\n' => '\n',
        '\t' => ' ',
        c if c.is_control() => '\u{fffd}',
        c => c,
    };
    text.chars().map(plain).collect()
}

/// At most so many bytes from the end: U+FFFD is longer than what it stands for.
fn last(text: &str, limit: usize) -> &str {
    let from = text.len().saturating_sub(limit);
    (from..=text.len()).find_map(|from| text.get(from..)).unwrap_or_default()
}
