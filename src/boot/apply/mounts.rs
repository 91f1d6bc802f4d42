//! The steps that mount. Each mount is made detached and private, gets its flags, and is then attached.

use super::bases::{Bases, shown};
use crate::boot::rootdev;
use crate::boot::stage::detach_all;
use crate::decide::model::{Access, Base, Place};
use crate::error::{Errno, OrFail, Result};
use crate::sys::mount::{self, Flags, Parameter};
use crate::sys::{OwnedFd, SysResult, fs};
use alloc::format;
use alloc::vec::Vec;

/// A mount on which the physical root is seen, but nothing of it used: old deployments hold setuid programs and devices.
const SEEN_ONLY: Flags = Flags::READ_ONLY.and(Flags::NOSUID).and(Flags::NODEV);
/// Writable by everybody.
const SHARED_WITH_ALL: u16 = 0o002;

pub(super) fn bind(bases: &Bases<'_>, from: &Place, to: &Place, access: Access) -> Result<()> {
    let source = bases.source(from)?;
    let clone = private_clone(source).or_fail("cannot clone the mount of", &shown(from))?;
    set_access(&clone, access).or_fail("cannot set the mount flags of", &shown(to))?;
    attach(bases, &clone, to)
}

/// As a peer of its source, a clone would show there all that is mounted on it, and the other way round.
fn private_clone(source: OwnedFd) -> SysResult<OwnedFd> {
    let clone = mount::clone_tree(source)?;
    mount::make_private(&clone)?;
    Ok(clone)
}

pub(super) fn set_access(mount: &OwnedFd, access: Access) -> SysResult<()> {
    match access {
        Access::ReadOnly => mount::set_flags(mount, Flags::READ_ONLY, Flags::default()),
        Access::Writable | Access::Opened => mount::set_flags(mount, Flags::default(), Flags::READ_ONLY),
        Access::Kept => Ok(()),
    }
}

pub(super) fn attach(bases: &Bases<'_>, mount: &OwnedFd, to: &Place) -> Result<()> {
    let at = bases.mount_point(to)?;
    match mount::attach(mount, at) {
        // The kernel says that of a file that is to be mounted on a directory, too.
        Err(Errno::ENOTDIR) => Err(Errno::ENOTDIR).or_fail("one of mount and mount point is not a directory:", &shown(to)),
        result => result.or_fail("cannot attach the mount at", &shown(to)),
    }
}

/// One that everybody may write to, as /tmp, gets nosuid and nodev; one that stands in for a part of the root does not.
pub(super) fn tmpfs(bases: &Bases<'_>, to: &Place, mode: u16, size: Option<&str>) -> Result<()> {
    if to.base == Base::Scratch {
        let scratch = bases.stage.scratch().or_fail("cannot open", &shown(to))?;
        fs::make_dirs(scratch, &to.path, 0o700).or_fail("cannot make", &shown(to))?;
    }
    let octal = format!("{mode:o}");
    let parameters = [Parameter::Text("source", "bedplate"), Parameter::Text("mode", &octal)];
    let size = size.map(|size| Parameter::Text("size", size));
    let tmpfs = mount::make_fs("tmpfs", &parameters.into_iter().chain(size).collect::<Vec<_>>())?;
    let flags = if mode & SHARED_WITH_ALL == 0 { Flags::default() } else { Flags::NOSUID.and(Flags::NODEV) };
    mount::set_flags(&tmpfs, flags, Flags::default()).or_fail("cannot set the mount flags of", &shown(to))?;
    attach(bases, &tmpfs, to)
}

pub(super) fn device(bases: &Bases<'_>, source: &str, to: &Place) -> Result<()> {
    attach(bases, &rootdev::mount_device(source)?, to)
}

/// A clone of the physical root. Below /run, where a run that was killed may have left one, it takes that one's place.
pub(super) fn physical(bases: &Bases<'_>, to: &Place) -> Result<()> {
    let source = bases.anchor(Base::Sysroot).or_fail("cannot open", "/sysroot")?;
    let clone = private_clone(source).or_fail("cannot clone the mount of", "/sysroot")?;
    mount::set_flags(&clone, SEEN_ONLY, Flags::default()).or_fail("cannot set the mount flags of", &shown(to))?;
    if to.base != Base::Run {
        return attach(bases, &clone, to);
    }
    detach_all(bases.run, &to.path).or_fail("cannot detach what an earlier run left at", &shown(to))?;
    attach(bases, &clone, to)?;
    bases.stage.remember(clone);
    Ok(())
}
