//! What is mounted to open /usr, in order.

use super::USR;
use crate::decide::model::{Access, VendorEtc};
use crate::decide::mountinfo::MountInfo;
use crate::decide::plan::PACKAGE_DATABASES;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// One mount. Targets are absolute; what was there before is covered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// An overlay over what is there; its changes are kept in this directory of the place for them ("": the place itself).
    Overlay { at: String, changes: String },
    /// A directory of the deployment's own tree.
    Tree { from: String, at: String, access: Access },
    /// What is mounted there, once more: a mount above has covered it.
    Again { at: String },
}

/// For everybody, until the next boot: /usr, and the package databases that describe it and would outlive its changes.
pub fn until_reboot(mounts: &[MountInfo]) -> Vec<Step> {
    let databases = PACKAGE_DATABASES.iter().map(|path| (format!("/{path}"), path.replace('/', "-")));
    let databases = databases.filter(|(at, _)| mounts.iter().any(|mount| mount.target == *at));
    let covered = |(at, changes): (String, String)| {
        let below = again(mounts, &at);
        core::iter::once(Step::Overlay { at, changes }).chain(below)
    };
    core::iter::once((USR.to_string(), String::new())).chain(databases).flat_map(covered).collect()
}

/// For one command: the tree's own usr, writable, and what packages have beside it. The vendor's etc in it stays closed: the overlay
/// of /etc stands on it.
pub fn in_place(mounts: &[MountInfo], vendor_etc: VendorEtc, beside_usr: &[&str]) -> Vec<Step> {
    let tree = |path: &str, access| Step::Tree { from: path.into(), at: format!("/{path}"), access };
    let etc = match vendor_etc {
        VendorEtc::UsrEtc => Some(tree("usr/etc", Access::ReadOnly)),
        VendorEtc::Etc => None,
    };
    let beside =
        beside_usr.iter().flat_map(|path| core::iter::once(tree(path, Access::Writable)).chain(again(mounts, &format!("/{path}"))));
    core::iter::once(tree("usr", Access::Writable)).chain(etc).chain(again(mounts, USR)).chain(beside).collect()
}

/// The mount points below a path, each once, parents first.
fn again(mounts: &[MountInfo], above: &str) -> Vec<Step> {
    let is_below = |target: &&str| target.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'));
    let mut targets: Vec<&str> = mounts.iter().map(|mount| mount.target.as_str()).filter(is_below).collect();
    targets.sort_unstable();
    targets.dedup();
    targets.into_iter().map(|at| Step::Again { at: at.into() }).collect()
}
