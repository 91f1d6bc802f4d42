//! Copies what is no directory, one by one, into a tree that grows: a file with several names is copied once and linked.

use super::content::{Outcome, Pair, Ways};
use super::dress::Dress;
use super::walk::Trail;
use super::{Copied, Flow, LeftOut, Progress, blocks, symlink_bytes, verity};
use crate::boot::layer::Entry;
use crate::error::{Errno, Error, Result};
use crate::sys::copy::{self as sys, FileId, Meta, Node};
use crate::sys::{AsFd, BorrowedFd, OwnedFd};
use alloc::collections::BTreeMap;
use alloc::ffi::CString;
use alloc::vec::Vec;
use core::ffi::CStr;

/// A file with several names: where its copy is, and how many names are still to come.
#[derive(Debug)]
struct Linked {
    /// The directory of the copy relative to the copy's root, and its name.
    dir: Vec<u8>,
    name: CString,
    missing: u32,
}

/// What is copied, where, and as which name of which directory it arrives.
#[derive(Debug, Clone, Copy)]
pub struct Way<'a> {
    pub from: BorrowedFd<'a>,
    pub meta: &'a Meta,
    pub to: BorrowedFd<'a>,
    /// In both directories.
    pub name: &'a CStr,
}

/// All that the copies into one tree have in common.
#[derive(Debug)]
pub struct Singles {
    root: OwnedFd,
    linked: BTreeMap<FileId, Linked>,
    ways: Ways,
    pub copied: Copied,
}

impl Singles {
    /// `root` is that of the tree in which the copies are.
    pub fn new(root: OwnedFd) -> Self {
        Self { root, linked: BTreeMap::new(), ways: Ways::default(), copied: Copied::default() }
    }

    /// Copies one thing, or gives its copy another name. `trail` is its path in the new tree; `watch` hears of each few MiB.
    pub fn copy(&mut self, trail: &Trail, way: Way<'_>, watch: &mut dyn FnMut(&Progress<'_>) -> Flow) -> Result<()> {
        if self.link(trail, way)? {
            return Ok(());
        }
        let failed = |what, errno| trail.error(what, errno);
        match way.meta.node {
            Node::Regular | Node::Directory => return self.regular(trail, way, watch),
            Node::Symlink => {
                let target = sys::read_link(way.from, way.name).map_err(|errno| failed("cannot read the link", errno))?;
                sys::make_symlink_at(way.to, way.name, &target).map_err(|errno| failed("cannot make the link", errno))?;
                self.copied.totals.bytes += symlink_bytes(way.meta);
            }
            node => sys::make_special_at(way.to, way.name, node).map_err(|errno| failed("cannot make the special file", errno))?,
        }
        self.copied.totals.others += 1;
        Dress { trail, left_out: &mut self.copied.left_out }.named(way.from, way.to, way.name, way.meta)
    }

    /// Whether this is another name of a file that is copied already; then it has it now.
    fn link(&mut self, trail: &Trail, way: Way<'_>) -> Result<bool> {
        const EMLINK: Errno = Errno(31);
        if way.meta.links < 2 {
            return Ok(false);
        }
        let here = Linked { dir: trail.parent().into(), name: way.name.into(), missing: way.meta.links - 1 };
        let Some(first) = self.linked.get_mut(&way.meta.id) else {
            self.linked.insert(way.meta.id, here);
            return Ok(false);
        };
        let made = sys::open_deep(&self.root, &first.dir).and_then(|dir| sys::link_at(dir, &first.name, way.to, way.name));
        first.missing = first.missing.saturating_sub(1);
        if made == Err(EMLINK) {
            // The target allows fewer names for one file: the rest share a second copy.
            *first = Linked { missing: first.missing, ..here };
            return Ok(false);
        }
        if first.missing == 0 {
            self.linked.remove(&way.meta.id);
        }
        made.map_err(|errno| trail.error("cannot link the copy of", errno))?;
        Ok(true)
    }

    fn regular(&mut self, trail: &Trail, way: Way<'_>, watch: &mut dyn FnMut(&Progress<'_>) -> Flow) -> Result<()> {
        let from = sys::open_file_at(way.from, way.name).map_err(|errno| trail.error("cannot open", errno))?;
        let to = sys::create_file_at(way.to, way.name).map_err(|errno| trail.error("cannot make", errno))?;
        let pair = Pair { from: from.as_fd(), to: to.as_fd() };
        let mut done = self.copied.totals;
        let outcome = self.ways.copy(pair, way.meta, &mut |bytes| {
            done.bytes += bytes;
            watch(&Progress { done, path: trail.bytes() })
        });
        match outcome.map_err(|errno| trail.error("cannot copy", errno))? {
            Outcome::Stopped => return Err(stopped()),
            Outcome::Done(bytes) => self.copied.totals.bytes += blocks(bytes),
        }
        self.copied.totals.files += 1;
        Dress { trail, left_out: &mut self.copied.left_out }.open(pair.from, pair.to, way.meta)?;
        if way.meta.verity {
            // The kernel refuses a file that is open for writing.
            drop(to);
            self.guard(trail, from.as_fd(), way)?;
        }
        Ok(())
    }

    /// A content that the kernel has guarded (fs-verity) stays guarded, where the new place can.
    fn guard(&mut self, trail: &Trail, from: BorrowedFd<'_>, way: Way<'_>) -> Result<()> {
        match verity::enable_like(from, way.to, way.name) {
            Err(errno) if verity::is_beyond(errno) => {
                self.copied.left_out.add(|| trail.error("fs-verity of", errno).text);
                Ok(())
            }
            result => result.map_err(|errno| trail.error("cannot enable fs-verity for the copy of", errno)),
        }
    }
}

/// Makes one thing that is no directory anew under its name in `to`, where nothing has it. `trail` is for messages.
pub fn copy_one(entry: &Entry<'_>, to: BorrowedFd<'_>, trail: &Trail, left_out: &mut LeftOut) -> Result<()> {
    let mut singles = Singles::new(sys::open_again(to).map_err(|errno| trail.error("cannot open the directory of", errno))?);
    let way = Way { from: entry.dir, meta: &entry.meta, to, name: entry.name };
    singles.copied.left_out = core::mem::take(left_out);
    let copied = singles.copy(trail, way, &mut |_| Flow::Continue);
    *left_out = singles.copied.left_out;
    copied
}

pub fn stopped() -> Error {
    Error::refused("the copy was stopped")
}
