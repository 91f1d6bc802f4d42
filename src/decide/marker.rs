//! The boot-success and boot-failure markers.

use super::model::Instance;
use alloc::string::String;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Success,
    Failure,
}

/// Kept beside a deployment: what decides when the record is lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marker {
    pub verdict: Verdict,
    pub instance: Instance,
    /// The record's revision when it was written; the higher one is the newer.
    pub revision: u64,
    /// Seconds since 1970: shown, never compared.
    pub time: u64,
    pub boot_id: String,
    /// Who or what gave the verdict.
    pub how: String,
}
