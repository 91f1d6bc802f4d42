//! What the bases of a plan are on this machine, and how a place in one of them is found.

use crate::boot::stage::Stage;
use crate::decide::model::{Base, Place};
use crate::error::{Errno, Error, OrFail, Result};
use crate::sys::{BorrowedFd, OwnedFd, SysResult, fs, mount};
use alloc::format;
use alloc::string::String;

/// Directories by descriptor: everything that a plan names is inside one of them.
#[derive(Debug, Clone, Copy)]
pub struct Bases<'a> {
    /// The physical root.
    pub sysroot: BorrowedFd<'a>,
    /// The root directory of the chosen deployment's tree.
    pub deployment: BorrowedFd<'a>,
    /// /run.
    pub run: BorrowedFd<'a>,
    pub stage: &'a Stage,
}

impl Bases<'_> {
    /// The directory in which names of this base are resolved. /var of the new root is what is mounted there by now.
    pub fn anchor(&self, base: Base) -> SysResult<OwnedFd> {
        match base {
            Base::Sysroot => fs::open_target_in(self.sysroot, ""),
            Base::Deployment => fs::open_target_in(self.deployment, ""),
            Base::Run => fs::open_target_in(self.run, ""),
            Base::New => self.stage.new_root(),
            Base::Var => fs::open_target_in(self.stage.new_root()?, "var"),
            Base::Scratch => self.stage.scratch(),
        }
    }

    /// A handle on a place, symlinks followed inside its base.
    pub fn find(&self, place: &Place) -> SysResult<OwnedFd> {
        let anchor = self.anchor(place.base)?;
        match place.base {
            Base::Var => self.find_in_var(&anchor, &place.path),
            _ => fs::open_target_in(anchor, &place.path),
        }
    }

    /// A symlink in /var means what it will mean in the booted system (`/var/home -> /var/data/home`), as long as that is
    /// on /var. One that leads elsewhere is resolved as if /var were the root: it cannot lead a mount outside.
    fn find_in_var(&self, var: &OwnedFd, path: &str) -> SysResult<OwnedFd> {
        if let Ok(found) = fs::open_target_in(self.stage.new_root()?, &format!("var/{path}"))
            && mount::id_of(&found)? == mount::id_of(var)?
        {
            return Ok(found);
        }
        fs::open_target_in(var, path)
    }

    /// The same for what a step reads from. What a deployment lacks, it lacks at every boot.
    pub(super) fn source(&self, place: &Place) -> Result<OwnedFd> {
        match self.find(place) {
            Err(Errno::ENOENT) if place.base == Base::Deployment => {
                Err(Error::deterministic(format!("the deployment has no \"/{}\"", place.path)))
            }
            found => found.or_fail("cannot open", &shown(place)),
        }
    }

    /// The same for what a step mounts on.
    pub(super) fn mount_point(&self, place: &Place) -> Result<OwnedFd> {
        match self.find(place) {
            Err(Errno::ENOENT) => {
                Err(Error::transient(format!("there is no \"{}\" to mount on: the deployment has to bring it", shown(place))))
            }
            found => found.or_fail("cannot open the mount point", &shown(place)),
        }
    }
}

/// A place as a person knows it: in the booted system's paths, where it will have one.
pub(super) fn shown(place: &Place) -> String {
    match place.base {
        Base::New => format!("/{}", place.path),
        Base::Var => format!("/var/{}", place.path),
        Base::Run => format!("/run/{}", place.path),
        Base::Sysroot => format!("/sysroot/{}", place.path),
        Base::Deployment | Base::Scratch => format!("{place}"),
    }
}
