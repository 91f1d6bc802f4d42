//! Decides: text or bytes to values and back. Total functions on plain data; no I/O, no clock, nothing of the machine.

#![forbid(unsafe_code)]

pub mod config;
pub mod deploy;
pub mod etc_manifest;
pub mod manifest;
pub mod marker;
pub mod model;
pub mod os_release;
pub mod plan;
pub mod record;
pub mod select;
