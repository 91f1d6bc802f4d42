//! Makes what a command changed in /etc, a layer over what was there before, part of a vendor's etc that has not that.
//!
//! The decisions are [`crate::decide::settle`]'s. It replaces in place and syncs nothing: the tree is not a deployment yet.

#[cfg(test)]
mod tests;

use super::copy::walk::Trail;
use super::copy::{Dress, LeftOut, copy_one, remove_named};
use super::layer::{Entry, compare};
use crate::decide::drift::Sameness;
use crate::decide::merge::lines::{self, Table};
use crate::decide::settle::{self, Action, Found};
use crate::error::{Errno, Result};
use crate::sys::copy::{self as sys};
use crate::sys::{AsFd, BorrowedFd, OwnedFd, SysResult, fs};
use alloc::ffi::CString;
use alloc::vec;
use alloc::vec::Vec;
use core::ffi::CStr;

/// A directory that is still to be looked at.
struct Due {
    /// Below etc.
    path: Vec<u8>,
    /// Nothing of what was there before shines through.
    empty: bool,
}

struct Settler<'a> {
    before: BorrowedFd<'a>,
    upper: BorrowedFd<'a>,
    vendor: BorrowedFd<'a>,
    due: Vec<Due>,
    left_out: LeftOut,
}

/// One name in the three directories that hold it.
struct Here<'a> {
    before: Option<Entry<'a>>,
    upper: Entry<'a>,
    vendor: Option<Entry<'a>>,
    /// The vendor's directory.
    to: BorrowedFd<'a>,
    name: &'a CStr,
}

/// Brings what `upper` says over `before` into `vendor`. What could not be kept comes back.
pub fn settle(before: BorrowedFd<'_>, upper: BorrowedFd<'_>, vendor: BorrowedFd<'_>) -> Result<LeftOut> {
    let due = vec![Due { path: Vec::new(), empty: false }];
    let mut settler = Settler { before, upper, vendor, due, left_out: LeftOut::default() };
    while let Some(due) = settler.due.pop() {
        settler.directory(&due)?;
    }
    Ok(settler.left_out)
}

impl Settler<'_> {
    fn directory(&mut self, due: &Due) -> Result<()> {
        let trail = trail_of(&due.path);
        let failed = |errno| trail.error("cannot open in etc", errno);
        let upper = sys::open_deep(self.upper, &due.path).map_err(failed)?;
        let to = sys::open_deep(self.vendor, &due.path).map_err(failed)?;
        let before = if due.empty { None } else { sys::open_deep_if_there(self.before, &due.path).map_err(failed)? };
        for name in sys::list(&upper).map_err(failed)? {
            let path = joined(&due.path, &name);
            let trail = trail_of(&path);
            let here = Here::look(before.as_ref(), &upper, &to, &name).map_err(|errno| trail.error("cannot look in etc at", errno))?;
            let action = here.decide(&path).map_err(|errno| trail.error("cannot compare in etc", errno))?;
            self.act(action, &here, path, &trail)?;
        }
        Ok(())
    }

    fn act(&mut self, action: Action, here: &Here<'_>, path: Vec<u8>, trail: &Trail) -> Result<()> {
        match action {
            Action::Leave => Ok(()),
            Action::Remove => remove_named(here.to, "etc", here.name),
            Action::Put => {
                remove_named(here.to, "etc", here.name)?;
                copy_one(&here.upper, here.to, trail, &mut self.left_out)
            }
            Action::Dress => Dress { trail, left_out: &mut self.left_out }.named(here.upper.dir, here.to, here.name, &here.upper.meta),
            Action::Lines(table) => self.lines(table, here, trail),
            Action::Enter => self.enter(here, Due { path, empty: false }, trail),
            Action::EnterEmpty => {
                remove_named(here.to, "etc", here.name)?;
                self.enter(&Here { vendor: None, before: None, ..*here }, Due { path, empty: true }, trail)
            }
        }
    }

    /// A directory that the vendor has keeps its own mode and owner, unless the command has changed them.
    fn enter(&mut self, here: &Here<'_>, due: Due, trail: &Trail) -> Result<()> {
        let failed = |errno| trail.error("cannot make in etc", errno);
        if here.vendor.is_some_and(|vendor| !vendor.is_directory()) {
            remove_named(here.to, "etc", here.name)?;
        }
        let made = !here.vendor.is_some_and(|vendor| vendor.is_directory());
        if made {
            sys::make_dir_at(here.to, here.name).map_err(failed)?;
        }
        let same = match &here.before {
            Some(before) => compare(&here.upper, before).map_err(failed)? == Sameness::Same,
            None => false,
        };
        if made || !same {
            let to = sys::open_dir_at(here.to, here.name).map_err(failed)?;
            let from = sys::open_dir_at(here.upper.dir, here.name).map_err(failed)?;
            Dress { trail, left_out: &mut self.left_out }.open(from.as_fd(), to.as_fd(), &here.upper.meta)?;
        }
        self.due.push(due);
        Ok(())
    }

    /// With the mode and owner of the vendor's file, where there is one.
    fn lines(&mut self, table: Table, here: &Here<'_>, trail: &Trail) -> Result<()> {
        let failed = |errno| trail.error("cannot merge in etc", errno);
        let read = |entry: &Option<Entry<'_>>| entry.as_ref().map_or(Ok(Vec::new()), Entry::read).map_err(failed);
        let (before, vendor) = (read(&here.before)?, read(&here.vendor)?);
        let merged = lines::merge(table, &before, &here.upper.read().map_err(failed)?, &vendor).text;
        if merged == vendor {
            return Ok(());
        }
        let like = here.vendor.as_ref().unwrap_or(&here.upper);
        let like_file = sys::open_file_at(like.dir, like.name).map_err(failed)?;
        // The open file keeps what the name is taken from.
        remove_named(here.to, "etc", here.name)?;
        let file = sys::create_file_at(here.to, here.name).map_err(failed)?;
        fs::write_all(&file, &merged).map_err(failed)?;
        Dress { trail, left_out: &mut self.left_out }.open(like_file.as_fd(), file.as_fd(), &like.meta)
    }
}

impl<'a> Here<'a> {
    fn look(before: Option<&'a OwnedFd>, upper: &'a OwnedFd, to: &'a OwnedFd, name: &'a CString) -> SysResult<Self> {
        let find = |dir: &'a OwnedFd| Entry::find(dir.as_fd(), name);
        let upper = find(upper)?.ok_or(Errno::ENOENT)?;
        let before = before.map(find).transpose()?.flatten();
        Ok(Self { before, upper, vendor: find(to)?, to: to.as_fd(), name })
    }

    fn decide(&self, path: &[u8]) -> SysResult<Action> {
        let against = |other: &Option<Entry<'_>>| other.as_ref().map(|other| compare(&self.upper, other)).transpose();
        let (mark, is_directory) = (self.upper.mark()?, self.upper.is_directory());
        Ok(settle::decide(&Found { path, mark, is_directory, before: against(&self.before)?, vendor: against(&self.vendor)? }))
    }
}

fn joined(parent: &[u8], name: &CStr) -> Vec<u8> {
    let between: &[u8] = if parent.is_empty() { b"" } else { b"/" };
    [parent, between, name.to_bytes()].concat()
}

fn trail_of(path: &[u8]) -> Trail {
    let mut trail = Trail::default();
    for name in path.split(|byte| *byte == b'/') {
        trail.push(&CString::new(name).unwrap_or_default());
    }
    trail
}
