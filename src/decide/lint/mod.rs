//! What is wrong with an image before it ships: findings on configuration, tree and store. It looks at nothing itself.

mod config;
mod ostree;
mod store;
#[cfg(test)]
mod tests;
mod tree;
pub mod unit;

pub use config::config;
pub use ostree::{Ostree, ostree};
pub use store::{Store, store};
pub use tree::{Tree, Unit, UnitState, tree};

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The image must not ship like this.
    Error,
    Warning,
}

impl Severity {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// One thing that is wrong: where, what, and what to do or what happens otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub severity: Severity,
    /// Below what is checked, without leading slash.
    pub file: String,
    pub line: Option<usize>,
    pub text: String,
}

impl Finding {
    pub fn error(file: &str, line: impl Into<Option<usize>>, text: impl Into<String>) -> Self {
        Self { severity: Severity::Error, file: file.into(), line: line.into(), text: text.into() }
    }

    pub fn warning(file: &str, line: impl Into<Option<usize>>, text: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, file: file.into(), line: line.into(), text: text.into() }
    }

    fn writable_by_others(file: &str, mode: u16) -> Self {
        Self::error(file, None, format!("writable by others (mode {mode:04o}): chmod go-w it"))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { severity, file, line, text } = self;
        match line {
            Some(line) => write!(f, "{}: {file}:{line}: {text}", severity.word()),
            None => write!(f, "{}: {file}: {text}", severity.word()),
        }
    }
}

/// How many findings of this severity there are.
pub fn count(findings: &[Finding], severity: Severity) -> usize {
    findings.iter().filter(|finding| finding.severity == severity).count()
}

/// "2 errors, 1 warning", or that there is nothing.
pub fn summary(findings: &[Finding]) -> String {
    let counted = [Severity::Error, Severity::Warning].map(|severity| match count(findings, severity) {
        0 => None,
        1 => Some(format!("1 {}", severity.word())),
        n => Some(format!("{n} {}s", severity.word())),
    });
    let counted: Vec<String> = counted.into_iter().flatten().collect();
    if counted.is_empty() { "nothing to complain about".into() } else { counted.join(", ") }
}
