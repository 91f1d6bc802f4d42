//! Opening /usr of a running system: whether it may be done, what is mounted for it in which order, and what is kept of it.

mod opened;
mod steps;
#[cfg(test)]
mod tests;

pub use opened::{Opened, parse, to_text};
pub use steps::{Step, in_place, until_reboot};

use super::config::Require;
use super::model::{Id, Mounted, VendorEtc};
use super::mountinfo::MountInfo;
use super::table::is_as_booted;
use crate::error::{Error, Result};
use alloc::format;
use alloc::string::{String, ToString};

/// The source that mountinfo shows for the overlay on /usr.
pub const SOURCE: &str = "bedplate-unlock";
/// Below /run: a tmpfs with `upper`, the changes to /usr until the next boot.
pub const PLACE: &str = "bedplate/unlock";

/// Directories of the root that belong to packages as /usr does, where a tree has them as such and not as links into /usr.
pub const BESIDE_USR: [&str; 6] = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];

const USR: &str = "/usr";

/// What stands at / .
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// The mount that prepare-root made.
    Own,
    /// After a soft-reboot or a foreign kexec.
    Foreign,
}

/// What stands at /usr.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Usr {
    /// The deployment's, as prepare-root mounted it.
    AsBooted,
    /// Covered by our own overlay.
    Unlocked,
    /// Something else, as file system type and source.
    Covered(String),
}

/// What is known of the running system.
#[derive(Debug, Clone, Copy)]
pub struct Running<'a> {
    /// The deployment that runs, where it is still in the store.
    pub booted: Option<&'a Id>,
    pub root: Root,
    pub require: Require,
    /// The table of this boot.
    pub table: &'a [Mounted],
    /// All mounts as they are now.
    pub mounts: &'a [MountInfo],
    pub vendor_etc: VendorEtc,
    /// Those of [`BESIDE_USR`] that are directories in its tree.
    pub beside_usr: &'a [&'static str],
}

/// What stands at /usr now. What is mounted later comes later in `mounts`.
pub fn usr(table: &[Mounted], mounts: &[MountInfo]) -> Usr {
    let Some(top) = mounts.iter().rfind(|mount| mount.target == USR) else { return Usr::Covered("nothing".into()) };
    if top.fstype == "overlay" && top.source == SOURCE {
        Usr::Unlocked
    } else if is_as_booted(USR, table, mounts) {
        Usr::AsBooted
    } else {
        Usr::Covered(format!("{} \"{}\"", top.fstype, top.source))
    }
}

/// Whether /usr may be opened in this system at all, however; what stands there now.
pub fn may_open(running: &Running<'_>) -> Result<Usr> {
    is_ours(running)?;
    match usr(running.table, running.mounts) {
        Usr::Covered(by) => Err(Error::refused(format!("at /usr is not what prepare-root mounted there, but {by}: take that away first"))),
        usr => Ok(usr),
    }
}

/// Whether it may be opened in place.
pub fn may_open_in_place(running: &Running<'_>) -> Result<()> {
    if may_open(running)? == Usr::Unlocked {
        return Err(Error::refused(
            "/usr is unlocked until the next boot, and a change below that would not be seen: reboot first, or run the command without bedplate",
        ));
    }
    // An overlay does not take it well when what it covers is changed.
    let on_overlay = running.mounts.iter().rfind(|mount| mount.target == "/").is_some_and(|root| root.fstype == "overlay");
    match running.beside_usr.first().filter(|_| on_overlay) {
        Some(path) => Err(Error::refused(format!(
            "/{path} is no link into /usr, and with root.mode = \"transient\" what is changed there is lost: use deploy --from-current"
        ))),
        None => Ok(()),
    }
}

/// Whether this is a system whose deployment may be changed, in a copy or in place.
pub fn is_ours(running: &Running<'_>) -> Result<()> {
    let refusal = match running {
        Running { booted: None, .. } => {
            "this boot did not go through prepare-root, or its deployment is gone: there is none to change".into()
        }
        Running { root: Root::Foreign, .. } => {
            "/ is not the mount that prepare-root made (a soft-reboot, a foreign kexec): reboot first".to_string()
        }
        Running { require, .. } if *require != Require::None => {
            format!("integrity.require is \"{}\": what runs has to be what was built, and is changed where it is built", require.word())
        }
        Running { .. } => return Ok(()),
    };
    Err(Error::refused(refusal))
}
