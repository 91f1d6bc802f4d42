//! The steps that mount. Each mount is made detached and private, gets its flags, and is then attached.

use super::bases::{Bases, shown};
use crate::boot::rootdev;
use crate::boot::stage::detach_all;
use crate::decide::model::{Access, Base, Place};
use crate::error::{Errno, OrFail, Result};
use crate::sys::mount::{self, Flags, Parameter};
use crate::sys::{OwnedFd, SysResult, fs};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// All off: the upper stays a plain, portable list of changes.
const OVERLAY_OFF: [&str; 4] = ["index", "metacopy", "redirect_dir", "xino"];
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

fn set_access(mount: &OwnedFd, access: Access) -> SysResult<()> {
    match access {
        Access::ReadOnly => mount::set_flags(mount, Flags::READ_ONLY, Flags::default()),
        Access::Writable => mount::set_flags(mount, Flags::default(), Flags::READ_ONLY),
    }
}

fn attach(bases: &Bases<'_>, mount: &OwnedFd, to: &Place) -> Result<()> {
    let at = bases.mount_point(to)?;
    match mount::attach(mount, at) {
        // The kernel says that of a file that is to be mounted on a directory, too.
        Err(Errno::ENOTDIR) => Err(Errno::ENOTDIR).or_fail("one of mount and mount point is not a directory:", &shown(to)),
        result => result.or_fail("cannot attach the mount at", &shown(to)),
    }
}

/// Layers are given by descriptor: a path in /proc needs no escapes and is never near the 255 bytes that a value may have.
/// (Since Linux 6.13 the kernel takes descriptors themselves.)
pub(super) fn overlay(bases: &Bases<'_>, lower: &[Place], [upper, work]: [&Place; 2], to: &Place, access: Access) -> Result<()> {
    let lower = lower.iter().map(|place| bases.source(place)).collect::<Result<Vec<OwnedFd>>>()?;
    let (upper, work) = (bases.source(upper)?, bases.source(work)?);
    let restricted = restrictions(lower.iter().chain([&upper])).or_fail("cannot read the mount flags of the layers of", &shown(to))?;
    let lower_paths: Vec<String> = lower.iter().map(fs::magic_path).collect();
    let name = format!("bedplate-{}", if to.path.is_empty() { "root".into() } else { to.path.replace('/', "-") });
    let texts =
        [("source", name), ("lowerdir", lower_paths.join(":")), ("upperdir", fs::magic_path(&upper)), ("workdir", fs::magic_path(&work))];
    let texts = texts.iter().map(|(key, value)| Parameter::Text(key, value));
    let parameters: Vec<_> = texts.chain(OVERLAY_OFF.map(|key| Parameter::Text(key, "off"))).collect();
    let overlay = writable_overlay(&parameters, &work, access)?;
    mount::set_flags(&overlay, restricted, Flags::default()).or_fail("cannot set the mount flags of", &shown(to))?;
    set_access(&overlay, access).or_fail("cannot set the mount flags of", &shown(to))?;
    attach(bases, &overlay, to)
}

/// overlayfs removes its work directory and makes it anew. On a full disk the block that this frees can be used only once
/// the journal is committed: until then the overlay comes read-only.
fn writable_overlay(parameters: &[Parameter<'_>], work: &OwnedFd, access: Access) -> Result<OwnedFd> {
    let overlay = mount::make_fs("overlay", parameters)?;
    let settled = access == Access::ReadOnly || !fs::is_read_only(&overlay).or_fail("cannot look at", "the overlay")?;
    if settled {
        return Ok(overlay);
    }
    drop(overlay);
    fs::open_dir_in(work, "").and_then(fs::sync_fs).or_fail("cannot flush", "the layers of the overlay")?;
    mount::make_fs("overlay", parameters)
}

/// What the mounts of the layers forbid, taken together; without read-only, which is the plan's.
fn restrictions<'a>(mut layers: impl Iterator<Item = &'a OwnedFd>) -> SysResult<Flags> {
    let union = layers.try_fold(Flags::default(), |union, layer| SysResult::Ok(union.and(mount::flags_of(layer)?)))?;
    Ok(union.without(Flags::READ_ONLY))
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
