//! What the carry found for a person to look at: the conflicts, with the vendor's versions kept beside the layer.

use crate::boot::copy::walk::Trail;
use crate::boot::copy::{Dress, Flow, LeftOut, Singles, Way, copy_tree_as};
use crate::boot::inventory::describe_as;
use crate::boot::layer::Entry;
use crate::decide::inventory::{Attributes, Entry as Described, Kind};
use crate::decide::merge::ConflictKind;
use crate::decide::merge::conflicts::{Conflict, Conflicts};
use crate::error::{Errno, OrFail, Result};
use crate::sys::copy::{self as sys, Meta};
use crate::sys::{AsFd, BorrowedFd, OwnedFd, SysResult};
use alloc::ffi::CString;
use alloc::vec::Vec;
use core::ffi::CStr;

/// The directory of the vendor's versions, beside the layer.
pub const VENDOR: &CStr = c"vendor";

#[derive(Debug)]
pub struct Kept<'a> {
    /// The directory of the layer.
    place: BorrowedFd<'a>,
    /// Made with the first that is kept.
    vendor: Option<Vendor>,
    conflicts: Vec<Conflict>,
}

#[derive(Debug)]
struct Vendor {
    root: OwnedFd,
    singles: Singles,
}

impl<'a> Kept<'a> {
    pub fn new(place: BorrowedFd<'a>) -> Self {
        Self { place, vendor: None, conflicts: Vec::new() }
    }

    /// Notes a conflict at the trail's path; `local` is what stands there locally.
    pub fn conflict(&mut self, kind: ConflictKind, trail: &Trail, local: (BorrowedFd<'_>, &CStr)) -> Result<()> {
        let described = describe_as(local.0, local.1, trail.bytes()).and_then(|found| found.ok_or(Errno::ENOENT));
        let local = described.map_err(|errno| trail.error("cannot describe", errno))?;
        self.conflicts.push(Conflict { kind, local });
        Ok(())
    }

    /// The same for the layer's own root: of it, the vendor's version is in the deployment alone.
    pub fn conflict_of_root(&mut self, meta: &Meta) {
        let local = Described {
            path: b".".into(),
            kind: Kind::Directory,
            mode: meta.mode,
            uid: meta.uid,
            gid: meta.gid,
            attributes: Attributes::Unknown,
            verity: None,
        };
        self.conflicts.push(Conflict { kind: ConflictKind::Metadata, local });
    }

    /// Keeps what the vendor has at the trail's path. Of a directory with other metadata, no more than that.
    pub fn vendor(&mut self, kind: ConflictKind, trail: &Trail, vendor: &Entry<'_>) -> Result<()> {
        let made = self.vendor.take().map_or_else(|| make_vendor(self.place), Ok)?;
        let Vendor { root, singles } = self.vendor.insert(made);
        let parent = make_deep(root, trail.parent()).map_err(|errno| trail.error("cannot make the directory to keep", errno))?;
        if !vendor.is_directory() {
            let way = Way { from: vendor.dir, meta: &vendor.meta, to: parent.as_fd(), name: vendor.name };
            return singles.copy(trail, way, &mut |_| Flow::Continue);
        }
        let from = sys::open_dir_at(vendor.dir, vendor.name).map_err(|errno| trail.error("cannot open", errno))?;
        if kind != ConflictKind::Metadata {
            return copy_tree_as(from.as_fd(), parent.as_fd(), vendor.name).map(drop);
        }
        let to = make_and_open(&parent, vendor.name).map_err(|errno| trail.error("cannot keep", errno))?;
        Dress { trail, left_out: &mut LeftOut::default() }.open(from.as_fd(), to.as_fd(), &vendor.meta)
    }

    /// All that was noted.
    pub fn into_conflicts(mut self) -> Conflicts {
        self.conflicts.sort_by(|a, b| a.local.path.cmp(&b.local.path));
        Conflicts(self.conflicts)
    }
}

fn make_vendor(place: BorrowedFd<'_>) -> Result<Vendor> {
    let root = make_and_open(place, VENDOR).or_fail("cannot make", "vendor")?;
    let singles = Singles::new(sys::open_again(&root).or_fail("cannot open", "vendor")?);
    Ok(Vendor { root, singles })
}

/// A directory that may be there already.
fn make_and_open(dir: impl AsFd, name: &CStr) -> SysResult<OwnedFd> {
    match sys::make_dir_at(&dir, name) {
        Ok(()) | Err(Errno::EEXIST) => sys::open_dir_at(dir, name),
        Err(errno) => Err(errno),
    }
}

fn make_deep(root: &OwnedFd, path: &[u8]) -> SysResult<OwnedFd> {
    let mut dir = sys::open_again(root)?;
    for name in path.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
        dir = make_and_open(dir, &CString::new(name).map_err(|_| Errno::EINVAL)?)?;
    }
    Ok(dir)
}
