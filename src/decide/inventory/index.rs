//! An inventory that stays text: of a /usr with hundreds of thousands of paths, what is not looked at takes no memory.

use super::parse::{Format, OUT_OF_ORDER, UNKNOWN_FORMAT, next_byte, parse_entry};
use super::{Entry, Problem};
use alloc::vec::Vec;
use core::cmp::Ordering;

/// Where each line of a text is. Every line was read once, so that none is a surprise later.
#[derive(Debug, Clone)]
pub struct Index<'a> {
    format: Format,
    lines: Vec<&'a str>,
}

impl<'a> Index<'a> {
    /// Accepts what [`parse`](super::parse) accepts.
    pub fn of(text: &'a str) -> Result<Self, Problem> {
        let mut lines = text.lines();
        let format = Format::of(lines.next()).ok_or(UNKNOWN_FORMAT)?;
        let lines: Vec<&str> = lines.collect();
        let mut last: Option<Vec<u8>> = None;
        for (at, line) in lines.iter().enumerate() {
            let problem = |why| Problem { line: at + 2, why };
            let path = parse_entry(line, format).map_err(problem)?.path;
            if last.is_some_and(|last| last >= path) {
                return Err(problem(OUT_OF_ORDER));
            }
            last = Some(path);
        }
        Ok(Self { format, lines })
    }

    pub fn len(&self) -> usize {
        self.lines.len()
    }

    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// The entry with this number, counted from 0.
    pub fn entry(&self, number: usize) -> Option<Entry> {
        parse_entry(self.lines.get(number)?, self.format).ok()
    }

    pub fn has(&self, path: &[u8]) -> bool {
        self.lines.binary_search_by(|line| compare(path_of(line), path)).is_ok()
    }
}

/// The last word, escaped.
fn path_of(line: &str) -> &[u8] {
    line.rsplit(' ').next().unwrap_or_default().as_bytes()
}

/// An escaped path with one that is not.
fn compare(escaped: &[u8], path: &[u8]) -> Ordering {
    let mut rest = escaped;
    let bytes = core::iter::from_fn(|| {
        let (byte, tail) = next_byte(rest).ok().flatten()?;
        rest = tail;
        Some(byte)
    });
    bytes.cmp(path.iter().copied())
}
