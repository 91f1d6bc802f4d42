//! Copies a tree, entry by entry, without recursion.

use super::dress::{Dress, clear_inherited};
use super::single::{Singles, Way, stopped};
use super::walk::{DirStack, Level, Trail, View};
use super::{Copied, Flow, Mounts, Progress, Totals, blocks};
use crate::error::{Errno, Error, OrFail, Result};
use crate::sys::copy::{self as sys, FileId, Meta, Node};
use crate::sys::{AsFd, BorrowedFd};
use alloc::vec::Vec;
use core::ffi::CStr;

pub struct Copier<'a> {
    from: DirStack,
    to: DirStack,
    to_id: FileId,
    mounts: Mounts,
    mount: u64,
    levels: Vec<Level>,
    trail: Trail,
    singles: Singles,
    watch: &'a mut dyn FnMut(&Progress<'_>) -> Flow,
}

impl<'a> Copier<'a> {
    /// Makes the copy's root, empty, and without an ACL that it would inherit and pass on.
    pub fn begin(
        view: &View,
        mounts: Mounts,
        to_parent: BorrowedFd<'_>,
        name: &CStr,
        watch: &'a mut dyn FnMut(&Progress<'_>) -> Flow,
    ) -> Result<Self> {
        let shown = name.to_string_lossy();
        let from = sys::open_again(view.dir()).or_fail("cannot open", ".")?;
        let meta = sys::look_open(&from).or_fail("cannot look at", ".")?;
        sys::make_dir_at(to_parent, name).or_fail("cannot make", &shown)?;
        let to = sys::open_dir_at(to_parent, name).or_fail("cannot open", &shown)?;
        clear_inherited(to.as_fd()).or_fail("cannot clear the inherited ACL of", &shown)?;
        let names = sys::list(&from).or_fail("cannot list", ".")?.into_iter();
        let mut singles = Singles::new(sys::open_again(&to).or_fail("cannot open", &shown)?);
        singles.copied.totals = Totals { directories: 1, bytes: blocks(1), ..Totals::default() };
        Ok(Self {
            from: DirStack::new(from),
            to_id: sys::look_open(&to).or_fail("cannot look at", &shown)?.id,
            to: DirStack::new(to),
            mounts,
            mount: meta.mount,
            levels: alloc::vec![Level { meta, names }],
            trail: Trail::default(),
            singles,
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
        Ok(self.singles.copied)
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
                let Self { singles, trail, .. } = self;
                singles.copied.left_out.add(|| alloc::format!("\"{}\": covered by another mount", trail.text()));
            }
            _ => {
                let way = Way { from: self.from.top(), meta: &meta, to: self.to.top(), name };
                self.singles.copy(&self.trail, way, &mut *self.watch)?;
            }
        }
        let progress = Progress { done: self.singles.copied.totals, path: self.trail.bytes() };
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
        self.singles.copied.totals.directories += 1;
        self.singles.copied.totals.bytes += blocks(1);
        Ok(())
    }

    fn leave(&mut self) -> Result<()> {
        let Some(level) = self.levels.pop() else { return Ok(()) };
        let left = (self.from.leave(), self.to.leave());
        let (from, to) = (self.failed("cannot leave", left.0)?, self.failed("cannot leave the copy of", left.1)?);
        let mut dress = Dress { trail: &self.trail, left_out: &mut self.singles.copied.left_out };
        match (&from, &to) {
            (Some(from), Some(to)) => dress.open(from.as_fd(), to.as_fd(), &level.meta)?,
            _ => dress.open(self.from.top(), self.to.top(), &level.meta)?,
        }
        self.trail.pop();
        Ok(())
    }
}
