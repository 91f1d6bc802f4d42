//! Keys that a later version will obey: asking for them must not be silent.

use super::{Config, Require};
use alloc::vec::Vec;

/// A key that was asked for and is not obeyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsupported {
    pub key: &'static str,
    /// What happens all the same.
    pub instead: &'static str,
}

impl core::fmt::Display for Unsupported {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} is not supported by this version: {}", self.key, self.instead)
    }
}

/// Everything in this configuration that is not obeyed.
pub fn unsupported(config: &Config) -> Vec<Unsupported> {
    let asked = [
        (config.integrity.require != Require::None, "integrity.require", "deployments are not verified"),
        (!config.boot.record_device.is_empty(), "boot.record-device", "the record in the store is used"),
    ];
    asked.into_iter().filter(|(asked, _, _)| *asked).map(|(_, key, instead)| Unsupported { key, instead }).collect()
}
