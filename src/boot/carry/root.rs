//! The root of a layer, which shows as /etc itself, and the levels of the walk through one.

use super::layer::{Layer, Trees};
use crate::boot::copy::walk::Trail;
use crate::boot::copy::{Dress, clear_inherited, is_copied};
use crate::boot::layer::{Entry, compare, same_metadata};
use crate::decide::drift::Sameness;
use crate::decide::merge::{Decision, Kind, Local, Pair, Three, decide};
use crate::error::{OrFail, Result};
use crate::sys::copy::{self as sys, Meta, Subject};
use crate::sys::{AsFd, BorrowedFd, OwnedFd, SysResult};
use alloc::ffi::CString;
use alloc::vec::{self, Vec};
use core::ffi::CStr;

/// The name of the layer in its place.
const UPPER: &CStr = c"upper";

/// Whether what a directory has not is the vendor's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Below {
    Merged,
    Replaced,
}

/// A directory of the walk.
#[derive(Debug)]
pub struct Level {
    pub name: CString,
    /// What the layer has.
    pub names: vec::IntoIter<CString>,
    /// What only the old vendor has, where the directory replaces the vendor's.
    pub gone: vec::IntoIter<CString>,
    pub below: Below,
    pub local: Meta,
    pub new: Option<Meta>,
    pub decision: Decision,
}

/// The layer of a machine where nobody has changed anything.
pub fn empty_layer(new: BorrowedFd<'_>, place: BorrowedFd<'_>) -> Result<Layer> {
    let (trail, mut layer) = (Trail::default(), Layer::default());
    let to = make_root(place)?;
    let meta = sys::look_open(new).or_fail("cannot look at", "etc")?;
    let from = sys::open_again(new).or_fail("cannot open", "etc")?;
    Dress { trail: &trail, left_out: &mut layer.left_out }.open(from.as_fd(), to.as_fd(), &meta)?;
    Ok(layer)
}

/// An empty layer, which is given its owner and mode at the end.
pub fn make_root(place: BorrowedFd<'_>) -> Result<OwnedFd> {
    sys::make_dir_at(place, UPPER).or_fail("cannot make", "upper")?;
    let to = sys::open_dir_at(place, UPPER).or_fail("cannot open", "upper")?;
    clear_inherited(to.as_fd()).or_fail("cannot clear the inherited ACL of", "upper")?;
    Ok(to)
}

/// Where the walk begins.
pub fn root_level(trees: Trees<'_>) -> SysResult<Level> {
    let entry = |dir| SysResult::Ok(Entry { dir, name: c".", meta: sys::look_open(dir)? });
    let (old, local, new) = (entry(trees.old)?, entry(trees.local)?, entry(trees.new)?);
    let three = Three { old: Some(Kind::Directory), local: Local::There(Kind::Directory), new: Some(Kind::Directory) };
    let decision = decide(three, &mut |pair| match pair {
        Pair::LocalNew => same_root(&local, &new),
        Pair::LocalOld => same_root(&local, &old),
        Pair::OldNew => compare(&old, &new),
    })?;
    let names = sys::list(sys::open_again(trees.local)?)?.into_iter();
    Ok(Level {
        name: c".".into(),
        names,
        gone: Vec::new().into_iter(),
        below: Below::Merged,
        local: local.meta,
        new: Some(new.meta),
        decision,
    })
}

/// A layer's root is made with the vendor's mode and owner and without its attributes: without any, it has not lost them.
fn same_root(local: &Entry<'_>, vendor: &Entry<'_>) -> SysResult<Sameness> {
    let owner = |meta: &Meta| (meta.mode, meta.uid, meta.gid);
    let bare = owner(&local.meta) == owner(&vendor.meta) && !has_attributes(local.dir)?;
    Ok(if bare || same_metadata(local, vendor)? { Sameness::Same } else { Sameness::Metadata })
}

fn has_attributes(dir: BorrowedFd<'_>) -> SysResult<bool> {
    let dir: OwnedFd = sys::open_again(dir)?;
    Ok(sys::attribute_names(Subject::Open(dir.as_fd()))?.iter().any(|key| is_copied(key)))
}
