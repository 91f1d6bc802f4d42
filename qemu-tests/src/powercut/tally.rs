//! What was tried, in numbers.

use std::fmt::{Display, Formatter, Result};
use std::ops::Add;

#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    /// Of the logs.
    pub entries: usize,
    pub flushes: usize,
    pub cuts: usize,
    /// Disks that differ.
    pub images: usize,
    /// Of record and deployments, that differ.
    pub states: usize,
    pub boots: usize,
}

impl Add<&Self> for Tally {
    type Output = Self;

    fn add(self, other: &Self) -> Self {
        Self {
            entries: self.entries + other.entries,
            flushes: self.flushes + other.flushes,
            cuts: self.cuts + other.cuts,
            images: self.images + other.images,
            states: self.states + other.states,
            boots: self.boots + other.boots,
        }
    }
}

impl Display for Tally {
    fn fmt(&self, f: &mut Formatter<'_>) -> Result {
        let Self { entries, flushes, cuts, images, states, boots } = self;
        write!(f, "{entries:>5} entries {flushes:>4} flushes {cuts:>5} cuts {images:>5} images {states:>3} states {boots:>3} boots")
    }
}
