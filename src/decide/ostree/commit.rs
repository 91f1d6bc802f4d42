//! Commit objects: `(a{sv}aya(say)sstayay)`, and the detached metadata beside them, `a{sv}`.

use super::variant::{elements, lookup, members};
use alloc::string::String;
use alloc::vec::Vec;

/// What is read of a commit object.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Commit {
    /// The `version` that its maker gave it.
    pub version: Option<String>,
    /// The fs-verity digest of its composefs image (`ostree.composefs.digest.v0`).
    pub composefs_digest: Option<[u8; 32]>,
    /// The checksum of the commit that it was made from.
    pub parent: Option<[u8; 32]>,
}

impl Commit {
    /// `None`: these bytes are no commit.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let [metadata, parent] = members(bytes, [8, 1])?;
        let version = lookup(metadata, "version").and_then(|(kind, value)| text(kind, value));
        let digest = lookup(metadata, "ostree.composefs.digest.v0").filter(|(kind, _)| *kind == b"ay").map(|(_, value)| value);
        Some(Self { version, composefs_digest: digest.and_then(|value| value.try_into().ok()), parent: parent.try_into().ok() })
    }
}

fn text(kind: &[u8], value: &[u8]) -> Option<String> {
    let text = value.strip_suffix(&[0]).filter(|_| kind == b"s")?;
    core::str::from_utf8(text).ok().map(Into::into)
}

/// The Ed25519 signatures in a commit's detached metadata (`ostree.sign.ed25519`, `aay`).
pub fn signatures(commitmeta: &[u8]) -> Vec<&[u8]> {
    let found = lookup(commitmeta, "ostree.sign.ed25519").filter(|(kind, _)| *kind == b"aay");
    found.and_then(|(_, value)| elements(value, 1)).unwrap_or_default()
}
