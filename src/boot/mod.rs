//! Looks at the machine and acts on it.

pub mod copy;
pub mod etc_manifest;
