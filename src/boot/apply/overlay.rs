//! The steps that mount an overlay, also on a disk that is full.

use super::bases::{Bases, shown};
use super::{files, mounts};
use crate::decide::model::{Access, Base, Owner, Place};
use crate::error::{OrFail, Result};
use crate::sys::mount::{self, Flags, Parameter};
use crate::sys::{OwnedFd, SysResult, fs};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// All off: the upper stays a plain, portable list of changes.
const OVERLAY_OFF: [&str; 4] = ["index", "metacopy", "redirect_dir", "xino"];
/// Of memory: the changes of one boot.
const MEMORY: &str = "25%";

struct Layers {
    lower: Vec<OwnedFd>,
    upper: OwnedFd,
    work: OwnedFd,
}

/// The result is a warning, where the disk is so full that changes cannot be kept.
pub(super) fn overlay(
    bases: &Bases<'_>,
    lower: &[Place],
    [upper, work]: [&Place; 2],
    to: &Place,
    access: Access,
) -> Result<Option<String>> {
    let lower = lower.iter().map(|place| bases.source(place)).collect::<Result<Vec<OwnedFd>>>()?;
    let layers = Layers { lower, upper: bases.source(upper)?, work: bases.source(work)? };
    let restricted = layers.restrictions().or_fail("cannot read the mount flags of the layers of", &shown(to))?;
    let mut overlay = layers.make(to)?;
    let mut warning = None;
    // overlayfs makes a directory in `work` at each mount; without room for it, it goes on read-only.
    let full = access == Access::Writable && fs::is_read_only(&overlay).or_fail("cannot look at the overlay for", &shown(to))?;
    if full && upper.base == Base::Sysroot {
        drop(overlay);
        overlay = layers.with_memory_on_top(bases, to)?.make(to)?;
        let to = shown(to);
        warning = Some(format!("the disk is full: changes to {to} are lost at the end of this boot, make room and reboot"));
    }
    mount::set_flags(&overlay, restricted, Flags::default()).or_fail("cannot set the mount flags of", &shown(to))?;
    mounts::set_access(&overlay, access).or_fail("cannot set the mount flags of", &shown(to))?;
    mounts::attach(bases, &overlay, to)?;
    Ok(warning)
}

impl Layers {
    /// Layers are given by descriptor: a path in /proc needs no escapes and is never near the 255 bytes that a value may have.
    /// (Since Linux 6.13 the kernel takes descriptors themselves.)
    fn make(&self, to: &Place) -> Result<OwnedFd> {
        let lower: Vec<String> = self.lower.iter().map(fs::magic_path).collect();
        let name = format!("bedplate-{}", flat(to));
        let (upper, work) = (fs::magic_path(&self.upper), fs::magic_path(&self.work));
        let texts = [("source", name), ("lowerdir", lower.join(":")), ("upperdir", upper), ("workdir", work)];
        let texts = texts.iter().map(|(key, value)| Parameter::Text(key, value));
        let parameters: Vec<_> = texts.chain(OVERLAY_OFF.map(|key| Parameter::Text(key, "off"))).collect();
        mount::make_fs("overlay", &parameters)
    }

    /// What the mounts of the layers forbid, taken together; without read-only, which is the plan's.
    fn restrictions(&self) -> SysResult<Flags> {
        let mut layers = self.lower.iter().chain([&self.upper]);
        let union = layers.try_fold(Flags::default(), |union, layer| SysResult::Ok(union.and(mount::flags_of(layer)?)))?;
        Ok(union.without(Flags::READ_ONLY))
    }

    /// The changes that are kept become the topmost lower layer.
    fn with_memory_on_top(self, bases: &Bases<'_>, to: &Place) -> Result<Self> {
        let stat = fs::stat_fd(&self.upper).or_fail("cannot look at the changes of", &shown(to))?;
        let place = |part: &str| Place::new(Base::Scratch, format!("full-{}{part}", flat(to)));
        let (upper, work) = (place("/upper"), place("/work"));
        mounts::tmpfs(bases, &place(""), 0o700, Some(MEMORY))?;
        files::directory(bases, &upper, Owner { mode: stat.mode, uid: stat.uid, gid: stat.gid })?;
        files::directory(bases, &work, Owner { mode: 0o700, uid: 0, gid: 0 })?;
        let lower = [self.upper].into_iter().chain(self.lower).collect();
        Ok(Self { lower, upper: bases.source(&upper)?, work: bases.source(&work)? })
    }
}

fn flat(to: &Place) -> String {
    if to.path.is_empty() { "root".into() } else { to.path.replace('/', "-") }
}
