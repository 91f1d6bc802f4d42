//! prepare-root as a whole: the built program on a small machine in a mount namespace, boot by boot, with everything that can
//! be wrong with a store, a tree, a configuration and a command line.

#![allow(dead_code, clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "all of this is a test")]

mod again;
mod asked;
mod booted;
mod carry;
mod composefs;
mod damage;
mod drift;
mod drift_kernel;
mod ended;
mod fallback;
mod from_current;
mod from_disk;
mod fstab;
mod good;
mod kept;
#[path = "../ostree/mod.rs"]
mod layout;
mod loaders;
mod machine;
mod modes;
#[path = "../namespace/mod.rs"]
mod namespace;
mod ostree;
mod ostree_drift;
mod outside;
mod paths;
mod readonly;
mod reset;
mod reset_cut;
mod reset_failed;
mod reset_path;
mod speed;
mod unlock;
