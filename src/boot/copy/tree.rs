//! Copies a tree, entry by entry, without recursion.

use super::content::{Outcome, Pair, Ways};
use super::dress::Dress;
use super::walk::{DirStack, Level, Trail, View};
use super::{Copied, Flow, Mounts, Progress, Totals, blocks, component, symlink_bytes};
use crate::error::{Errno, Error, OrFail, Result};
use crate::sys::copy::{self as sys, FileId, Meta, Node, Subject};
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

pub struct Copier<'a> {
    from: DirStack,
    to: DirStack,
    to_root: OwnedFd,
    to_id: FileId,
    mounts: Mounts,
    mount: u64,
    levels: Vec<Level>,
    trail: Trail,
    linked: BTreeMap<FileId, Linked>,
    ways: Ways,
    copied: Copied,
    watch: &'a mut dyn FnMut(&Progress<'_>) -> Flow,
}

impl<'a> Copier<'a> {
    /// Makes the copy's root, empty, and without an ACL that it would inherit and pass on.
    pub fn begin(
        view: &View,
        mounts: Mounts,
        to_parent: BorrowedFd<'_>,
        name: &str,
        watch: &'a mut dyn FnMut(&Progress<'_>) -> Flow,
    ) -> Result<Self> {
        let c_name = component(name)?;
        let from = sys::open_again(view.dir()).or_fail("cannot open", ".")?;
        let meta = sys::look_open(&from).or_fail("cannot look at", ".")?;
        sys::make_dir_at(to_parent, &c_name).or_fail("cannot make", name)?;
        let to = sys::open_dir_at(to_parent, &c_name).or_fail("cannot open", name)?;
        for key in [c"system.posix_acl_default", c"system.posix_acl_access"] {
            sys::remove_attribute(Subject::Open(to.as_fd()), key).or_fail("cannot clear the inherited ACL of", name)?;
        }
        let names = sys::list(&from).or_fail("cannot list", ".")?.into_iter();
        Ok(Self {
            from: DirStack::new(from),
            to_root: sys::open_again(&to).or_fail("cannot open", name)?,
            to_id: sys::look_open(&to).or_fail("cannot look at", name)?.id,
            to: DirStack::new(to),
            mounts,
            mount: meta.mount,
            levels: alloc::vec![Level { meta, names }],
            trail: Trail::default(),
            linked: BTreeMap::new(),
            ways: Ways::default(),
            copied: Copied { totals: Totals { directories: 1, bytes: blocks(1), ..Totals::default() }, ..Copied::default() },
            watch,
        })
    }

    pub fn run(mut self) -> Result<Copied> {
        while let Some(level) = self.levels.last_mut() {
            match level.names.next() {
                Some(name) => {
                    self.trail.push(&name);
                    self.entry(&name)?;
                }
                None => self.leave()?,
            }
        }
        Ok(self.copied)
    }

    fn failed<T>(&self, what: &str, result: core::result::Result<T, Errno>) -> Result<T> {
        result.map_err(|errno| self.trail.error(what, errno))
    }

    fn entry(&mut self, name: &CStr) -> Result<()> {
        let meta = self.failed("cannot look at", sys::look(self.from.top(), name))?;
        let foreign = self.mounts == Mounts::Stay && meta.mount != self.mount;
        match meta.node {
            Node::Directory => self.directory(name, meta, foreign)?,
            _ if foreign => {
                let Self { copied, trail, .. } = self;
                copied.left_out.add(|| alloc::format!("\"{}\": covered by another mount", trail.text()));
            }
            _ if self.link(name, &meta)? => {}
            _ => self.single(name, &meta)?,
        }
        let progress = Progress { done: self.copied.totals, path: self.trail.bytes() };
        match (self.watch)(&progress) {
            Flow::Stop => return Err(stopped()),
            Flow::Continue => {}
        }
        if meta.node != Node::Directory {
            self.trail.pop();
        }
        Ok(())
    }

    /// Makes a directory's copy and goes into it. It gets its owner, mode and times when it is left: everything below
    /// would change them, and an inheritable ACL would be inherited.
    fn directory(&mut self, name: &CStr, meta: Meta, foreign: bool) -> Result<()> {
        if meta.id == self.to_id {
            return Err(Error::refused(alloc::format!("the copy would contain itself, at \"{}\"", self.trail.text())));
        }
        let from = self.failed("cannot open", sys::open_dir_at(self.from.top(), name))?;
        let names = if foreign { Vec::new() } else { self.failed("cannot list", sys::list(&from))? };
        self.failed("cannot make", sys::make_dir_at(self.to.top(), name))?;
        let to = self.failed("cannot open the copy of", sys::open_dir_at(self.to.top(), name))?;
        let entered = self.from.enter(from).and_then(|()| self.to.enter(to));
        self.failed("cannot enter", entered)?;
        self.levels.push(Level { meta, names: names.into_iter() });
        self.copied.totals.directories += 1;
        self.copied.totals.bytes += blocks(1);
        Ok(())
    }

    fn leave(&mut self) -> Result<()> {
        let Some(level) = self.levels.pop() else { return Ok(()) };
        let left = (self.from.leave(), self.to.leave());
        let (from, to) = (self.failed("cannot leave", left.0)?, self.failed("cannot leave the copy of", left.1)?);
        let mut dress = Dress { trail: &self.trail, left_out: &mut self.copied.left_out };
        match (&from, &to) {
            (Some(from), Some(to)) => dress.open(from.as_fd(), to.as_fd(), &level.meta)?,
            _ => dress.open(self.from.top(), self.to.top(), &level.meta)?,
        }
        self.trail.pop();
        Ok(())
    }

    /// Whether this is another name of a file that is copied already; then it has it now.
    fn link(&mut self, name: &CStr, meta: &Meta) -> Result<bool> {
        const EMLINK: Errno = Errno(31);
        if meta.links < 2 {
            return Ok(false);
        }
        let here = Linked { dir: self.trail.parent().into(), name: name.into(), missing: meta.links - 1 };
        let Some(first) = self.linked.get_mut(&meta.id) else {
            self.linked.insert(meta.id, here);
            return Ok(false);
        };
        let made = sys::open_deep(&self.to_root, &first.dir).and_then(|dir| sys::link_at(dir, &first.name, self.to.top(), name));
        first.missing = first.missing.saturating_sub(1);
        if made == Err(EMLINK) {
            // The target allows fewer names for one file: the rest share a second copy.
            *first = Linked { missing: first.missing, ..here };
            return Ok(false);
        }
        if first.missing == 0 {
            self.linked.remove(&meta.id);
        }
        self.failed("cannot link the copy of", made)?;
        Ok(true)
    }

    /// Anything but a directory that is not copied yet.
    fn single(&mut self, name: &CStr, meta: &Meta) -> Result<()> {
        match meta.node {
            Node::Regular | Node::Directory => return self.regular(name, meta),
            Node::Symlink => {
                let target = self.failed("cannot read the link", sys::read_link(self.from.top(), name))?;
                self.failed("cannot make the link", sys::make_symlink_at(self.to.top(), name, &target))?;
                self.copied.totals.bytes += symlink_bytes(meta);
            }
            node => self.failed("cannot make the special file", sys::make_special_at(self.to.top(), name, node))?,
        }
        self.copied.totals.others += 1;
        let mut dress = Dress { trail: &self.trail, left_out: &mut self.copied.left_out };
        dress.named(self.from.top(), self.to.top(), name, meta)
    }

    fn regular(&mut self, name: &CStr, meta: &Meta) -> Result<()> {
        let from = self.failed("cannot open", sys::open_file_at(self.from.top(), name))?;
        let to = self.failed("cannot make", sys::create_file_at(self.to.top(), name))?;
        let pair = Pair { from: from.as_fd(), to: to.as_fd() };
        let Self { ways, copied, trail, watch, .. } = self;
        let mut done = copied.totals;
        let outcome = ways.copy(pair, meta, &mut |bytes| {
            done.bytes += bytes;
            watch(&Progress { done, path: trail.bytes() })
        });
        match self.failed("cannot copy", outcome)? {
            Outcome::Stopped => return Err(stopped()),
            Outcome::Done(bytes) => self.copied.totals.bytes += blocks(bytes),
        }
        self.copied.totals.files += 1;
        Dress { trail: &self.trail, left_out: &mut self.copied.left_out }.open(pair.from, pair.to, meta)
    }
}

fn stopped() -> Error {
    Error::refused("the copy was stopped")
}
