//! Going down and up in several trees at once: those of the vendors, which may end early, and the new one, which is made only
//! where there is something for it.

use crate::boot::copy::walk::DirStack;
use crate::boot::layer::Entry;
use crate::sys::copy::{self as sys, Meta, Node};
use crate::sys::{BorrowedFd, OwnedFd, SysResult};
use alloc::ffi::CString;
use alloc::vec::Vec;
use core::ffi::CStr;

/// A vendor's tree, next to a walk through another one.
#[derive(Debug)]
pub struct Side {
    at: DirStack,
    /// How many of the directories of the walk it does not have, counted from below.
    missing: usize,
}

impl Side {
    pub fn new(root: OwnedFd) -> Self {
        Self { at: DirStack::new(root), missing: 0 }
    }

    /// The directory where the walk stands.
    pub fn here(&self) -> Option<BorrowedFd<'_>> {
        (self.missing == 0).then(|| self.at.top())
    }

    pub fn find<'a>(&'a self, name: &'a CStr) -> SysResult<Option<Entry<'a>>> {
        self.here().map_or(Ok(None), |dir| Entry::find(dir, name))
    }

    pub fn enter(&mut self, name: &CStr, meta: Option<&Meta>) -> SysResult<()> {
        if meta.is_some_and(|meta| meta.node == Node::Directory) {
            let child = sys::open_dir_at(self.at.top(), name)?;
            return self.at.enter(child);
        }
        self.missing += 1;
        Ok(())
    }

    /// Gives the directory that was left, if it has it; `None` also at the root.
    pub fn leave(&mut self) -> SysResult<Option<OwnedFd>> {
        match self.missing.checked_sub(1) {
            Some(fewer) => {
                self.missing = fewer;
                Ok(None)
            }
            None => self.at.leave(),
        }
    }
}

/// The tree that is made.
#[derive(Debug)]
pub struct Target {
    at: DirStack,
    /// Directories of the walk that are not made yet, from above.
    pending: Vec<CString>,
}

impl Target {
    pub fn new(root: OwnedFd) -> Self {
        Self { at: DirStack::new(root), pending: Vec::new() }
    }

    pub fn enter(&mut self, name: CString) {
        self.pending.push(name);
    }

    /// Makes what is missing on the way to where the walk stands.
    pub fn make(&mut self) -> SysResult<()> {
        for name in self.pending.drain(..) {
            sys::make_dir_at(self.at.top(), &name)?;
            let child = sys::open_dir_at(self.at.top(), &name)?;
            self.at.enter(child)?;
        }
        Ok(())
    }

    /// The directory where the walk stands, once it is made.
    pub fn here(&self) -> BorrowedFd<'_> {
        self.at.top()
    }

    /// Gives the directory that was left, if it was made; `None` also at the root.
    pub fn leave(&mut self) -> SysResult<Option<OwnedFd>> {
        if self.pending.pop().is_some() { Ok(None) } else { self.at.leave() }
    }
}
