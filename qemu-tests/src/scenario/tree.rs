//! Trees of deployments: the tier's own tree, and how one differs from it.

use crate::kernel;
use guest_init::Mode;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Deployment {
    pub id: String,
    /// Deployed with `--good`.
    #[serde(default)]
    pub good: bool,
    /// Deployed with `--tries`.
    pub tries: Option<u8>,
    /// Not in the store: a deployment of OSTree with a composefs image, linked to by `/ostree/boot.1/os/ID/0`. Needs root.
    pub ostree: Option<Ostree>,
    #[serde(default)]
    pub tree: Tree,
}

/// What is odd about a deployment of OSTree.
#[derive(Debug, Clone, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Ostree {
    /// All bytes of the Ed25519 seed by which its commit is signed. Not given: nobody has signed it.
    pub signer: Option<u8>,
    /// In the place of its image is that of this deployment, which stands before it.
    pub image_of: Option<String>,
}

/// How a tree differs from the tier's own. Paths are relative to its root.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Tree {
    /// What its init does after hello.
    pub init: Mode,
    /// Of the tiny tier: it has modules for this kernel alone, and brings it along with an initramfs.
    pub kernel: Option<kernel::Version>,
    /// In the place of the initramfs of that kernel.
    pub initramfs: Option<String>,
    /// Regular files, mode 0644, by path.
    pub files: BTreeMap<String, String>,
    /// Targets by path; what is there gives way.
    pub symlinks: BTreeMap<String, String>,
    /// Modes, in octal, by path.
    pub modes: BTreeMap<String, String>,
    /// Files, or directories with all that is in them.
    pub remove: Vec<String>,
}
