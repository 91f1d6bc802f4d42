//! The steps that mount an overlay, also on a disk that is full.

use super::bases::{Bases, shown};
use super::{files, mounts};
use crate::boot::overlay::Layers;
use crate::decide::model::{Access, Base, Owner, Place, Style};
use crate::error::{OrFail, Result};
use crate::sys::mount::{self, Flags};
use crate::sys::{OwnedFd, fs};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Of memory: the changes of one boot.
const MEMORY: &str = "25%";

/// The result is a warning, where the disk is so full that changes cannot be kept.
pub(super) fn overlay(
    bases: &Bases<'_>,
    lower: &[Place],
    [upper, work]: [&Place; 2],
    to: &Place,
    access: Access,
    style: Style,
) -> Result<Option<String>> {
    let lower = lower.iter().map(|place| bases.source(place)).collect::<Result<Vec<OwnedFd>>>()?;
    let layers = Layers { lower, upper: bases.source(upper)?, work: bases.source(work)? };
    let restricted = layers.restrictions().or_fail("cannot read the mount flags of the layers of", &shown(to))?;
    let mut overlay = match style {
        Style::Portable => layers.make(&name(to))?,
        Style::Plain => layers.make_plain()?,
    };
    let mut warning = None;
    // overlayfs makes a directory in `work` at each mount; without room for it, it goes on read-only.
    let full = access == Access::Writable && fs::is_read_only(&overlay).or_fail("cannot look at the overlay for", &shown(to))?;
    if full && upper.base == Base::Sysroot {
        drop(overlay);
        overlay = with_memory_on_top(layers, bases, to)?.make(&name(to))?;
        let to = shown(to);
        warning = Some(format!("the disk is full: changes to {to} are lost at the end of this boot, make room and reboot"));
    }
    mount::set_flags(&overlay, restricted, Flags::default()).or_fail("cannot set the mount flags of", &shown(to))?;
    mounts::set_access(&overlay, access).or_fail("cannot set the mount flags of", &shown(to))?;
    mounts::attach(bases, &overlay, to)?;
    Ok(warning)
}

/// The changes that are kept become the topmost lower layer.
fn with_memory_on_top(layers: Layers, bases: &Bases<'_>, to: &Place) -> Result<Layers> {
    let stat = fs::stat_fd(&layers.upper).or_fail("cannot look at the changes of", &shown(to))?;
    let place = |part: &str| Place::new(Base::Scratch, format!("full-{}{part}", flat(to)));
    let (upper, work) = (place("/upper"), place("/work"));
    mounts::tmpfs(bases, &place(""), 0o700, Some(MEMORY))?;
    files::directory(bases, &upper, Owner { mode: stat.mode, uid: stat.uid, gid: stat.gid })?;
    files::directory(bases, &work, Owner { mode: 0o700, uid: 0, gid: 0 })?;
    let lower = [layers.upper].into_iter().chain(layers.lower).collect();
    Ok(Layers { lower, upper: bases.source(&upper)?, work: bases.source(&work)? })
}

fn name(to: &Place) -> String {
    format!("bedplate-{}", flat(to))
}

fn flat(to: &Place) -> String {
    if to.path.is_empty() { "root".into() } else { to.path.replace('/', "-") }
}
