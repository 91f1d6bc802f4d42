//! Where each key got its value: what `lint` points at.

use alloc::string::String;
use alloc::vec::Vec;

/// For each value that was taken over: key, file, line. A key is named `etc.mode`, a declared path by its target.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Origins(Vec<(String, String, usize)>);

impl Origins {
    pub(super) fn add(&mut self, key: &str, file: &str, line: usize) {
        self.0.push((key.into(), file.into(), line));
    }

    pub(super) fn forget(&mut self, key: &str) {
        self.0.retain(|(name, _, _)| name != key);
    }

    /// File and line that had the last word; `None`: it is the default.
    pub fn of(&self, key: &str) -> Option<(&str, usize)> {
        self.0.iter().rev().find(|(name, _, _)| name == key).map(|(_, file, line)| (file.as_str(), *line))
    }
}
