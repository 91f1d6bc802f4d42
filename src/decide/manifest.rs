//! deployment.toml: what a deployment says of itself.

use super::model::{Id, Instance};
use alloc::string::String;
use alloc::vec::Vec;

/// The manifest of a deployment, as written by `deploy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    pub id: Id,
    pub instance: Instance,
    /// For people; `VERSION_ID`, `IMAGE_VERSION` or what `--version-name` gave; may be empty.
    pub version: String,
    /// Seconds since 1970 by the clock of the machine that deployed: shown, never compared.
    pub created: u64,
    pub kind: TreeKind,
    /// Releases in usr/lib/modules.
    pub kernels: Vec<String>,
    /// `ID@INSTANCE` of the deployment that was running when this one was deployed.
    pub from: Option<String>,
}

/// What the deployment consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TreeKind {
    /// A whole root tree in `root/`.
    Tree,
}
