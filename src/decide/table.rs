//! The mount table that a plan declares: what verify looks for.

use super::model::{Access, Action, Base, Mounted, OnError, Place, Plan, Step};
use super::mountinfo::MountInfo;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// One mount that has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected<'a> {
    /// In the new root, or below /run.
    pub at: &'a Place,
    /// `None`: that of its source or device.
    pub fstype: Option<&'static str>,
    pub access: Access,
    /// Further options of the mount.
    pub options: &'static [&'static str],
    pub shows: Shows<'a>,
    /// Whether it may be missing.
    pub on_error: OnError,
}

/// Which directory of its file system a mount has to show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shows<'a> {
    /// The file or directory that is at this place.
    Source(&'a Place),
    /// The file system's own root.
    Root,
    /// Whatever the file system has as its default (a subvolume).
    Default,
}

/// The declared mounts, in the order of the plan.
pub fn table(plan: &Plan) -> Vec<Expected<'_>> {
    plan.steps.iter().filter_map(expected).collect()
}

/// Where the physical root is cloned from.
static SYSROOT: Place = Place { base: Base::Sysroot, path: String::new() };

fn expected(step: &Step) -> Option<Expected<'_>> {
    let (at, fstype, access, shows) = match &step.action {
        Action::Bind { from, to, access } => (to, None, *access, Shows::Source(from)),
        Action::Overlay { to, access, .. } | Action::Composefs { to, access, .. } => (to, Some("overlay"), *access, Shows::Root),
        Action::Tmpfs { to, .. } if to.base == Base::New => (to, Some("tmpfs"), Access::Writable, Shows::Root),
        Action::Device { to, .. } => (to, None, Access::Writable, Shows::Default),
        Action::Physical { to } => (to, None, Access::ReadOnly, Shows::Source(&SYSROOT)),
        Action::Tmpfs { .. } | Action::Directory { .. } | Action::File { .. } | Action::Fill { .. } => return None,
    };
    let options: &[_] = if matches!(step.action, Action::Physical { .. }) { &["nosuid", "nodev"] } else { &[] };
    Some(Expected { at, fstype, access, options, shows, on_error: step.on_error })
}

/// Whether the mount on top at `target` is the one that this boot made there. What is mounted later comes later in `mounts`.
pub fn is_as_booted(target: &str, table: &[Mounted], mounts: &[MountInfo]) -> bool {
    let Some(top) = mounts.iter().rfind(|mount| mount.target == target) else { return false };
    let device = format!("{}:{}", top.device.0, top.device.1);
    table.iter().any(|mounted| mounted.target == target && mounted.device == device && mounted.root == top.root)
}

impl Expected<'_> {
    /// Its path in the booted system: "/", "/usr".
    pub fn target(&self) -> String {
        let base = if self.at.base == Base::Run { "/run/" } else { "/" };
        format!("{base}{}", self.at.path)
    }

    /// What is wrong with the mount that is there instead, as "expected X, found Y". The text of overlay options is never
    /// compared.
    pub fn differs(&self, mount: &MountInfo) -> Option<String> {
        if let Some(fstype) = self.fstype.filter(|fstype| *fstype != mount.fstype) {
            return Some(format!("expected {fstype}, found {}", mount.fstype));
        }
        if let Some(difference) = self.access_differs(mount) {
            return Some(difference);
        }
        if let Some(option) = self.options.iter().find(|option| !has(&mount.options, option)) {
            return Some(format!("expected {option}, found {}", mount.options.join(",")));
        }
        (self.shows == Shows::Root && mount.root != "/").then(|| format!("expected the file system's root, found \"{}\"", mount.root))
    }

    /// A writable mount needs a writable file system, too.
    fn access_differs(&self, mount: &MountInfo) -> Option<String> {
        match (self.access, access(mount)) {
            (Access::Writable, Access::ReadOnly) if has(&mount.options, "rw") => {
                Some("expected rw, found a file system that is read-only itself".into())
            }
            (Access::Opened, _) if !has(&mount.options, "rw") => Some("expected a mount that is rw, found ro".into()),
            (Access::Kept | Access::Opened, _) => None,
            (expected, found) if expected != found => Some(format!("expected {}, found {}", expected.word(), found.word())),
            (Access::ReadOnly, _) if !has(&mount.options, "ro") => Some("expected ro, found a mount that is rw".into()),
            _ => None,
        }
    }
}

/// Whether writes get through mount and file system.
pub fn access(mount: &MountInfo) -> Access {
    if has(&mount.options, "ro") || has(&mount.super_options, "ro") { Access::ReadOnly } else { Access::Writable }
}

fn has(options: &[String], option: &str) -> bool {
    options.iter().any(|other| other == option)
}

#[cfg(test)]
mod tests;
