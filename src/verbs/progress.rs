//! One line on a terminal that says how far long work is. Nothing is written where standard error is none.

use bedplate::boot::copy::Totals;
use bedplate::decide::deploy::size_text;
use std::io::{IsTerminal, Write};

pub struct Progress {
    /// What is being done: "copying".
    word: &'static str,
    whole: Totals,
    seen: u64,
    shown: Option<u64>,
    terminal: bool,
}

impl Progress {
    /// Steps between two looks at the rest of the world.
    const STRIDE: u64 = 16;

    pub fn begin(word: &'static str, whole: Totals) -> Self {
        Self { word, whole, seen: 0, shown: None, terminal: std::io::stderr().is_terminal() }
    }

    /// Shows a new per cent. Now and then it is true: time to look whether somebody wants it stopped.
    pub fn show(&mut self, done: Totals) -> bool {
        self.seen += 1;
        let percent = (done.bytes.saturating_mul(100) / self.whole.bytes.max(1)).min(100);
        let changed = self.shown != Some(percent);
        if changed && self.terminal {
            let (word, size) = (self.word, size_text(self.whole.bytes));
            write(&format!("\r{word}: {percent} % of {size}, {} of {} files\x1b[K", done.files, self.whole.files));
        }
        self.shown = Some(percent);
        changed || self.seen % Self::STRIDE == 0
    }

    /// Clears the line.
    pub fn end(&self) {
        if self.shown.is_some() && self.terminal {
            write("\r\x1b[K");
        }
    }
}

/// A terminal that has gone away must not stop the work.
fn write(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
