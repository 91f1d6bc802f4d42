//! How much a tree holds: for the check of space and for progress. Reads directories, and files only where they have
//! holes or are compressed.

use super::walk::{DirStack, Level, Trail, View};
use super::{Mounts, Totals, blocks, symlink_bytes};
use crate::error::{Errno, OrFail, Result};
use crate::sys::copy::{self as sys, FileId, Meta, Node};
use crate::sys::{BorrowedFd, OwnedFd};
use alloc::collections::BTreeSet;
use alloc::vec::Vec;
use core::ffi::CStr;

struct Measurer {
    at: DirStack,
    mount: u64,
    levels: Vec<Level>,
    trail: Trail,
    /// Files with several names that have been counted.
    counted: BTreeSet<FileId>,
    totals: Totals,
}

/// Measures the directory `from` with everything below it in the same mount.
pub fn measure(from: BorrowedFd<'_>) -> Result<Totals> {
    let view = View::open(from, Mounts::Stay)?;
    let root = sys::open_again(view.dir()).or_fail("cannot open", ".")?;
    let meta = sys::look_open(&root).or_fail("cannot look at", ".")?;
    let names = sys::list(&root).or_fail("cannot list", ".")?.into_iter();
    let mut measurer = Measurer {
        at: DirStack::new(root),
        mount: meta.mount,
        levels: alloc::vec![Level { meta, names }],
        trail: Trail::default(),
        counted: BTreeSet::new(),
        totals: Totals { bytes: directory_bytes(&meta), directories: 1, ..Totals::default() },
    };
    while let Some(level) = measurer.levels.last_mut() {
        let step = match level.names.next() {
            Some(name) => measurer.entry(&name),
            None => measurer.leave(),
        };
        step.map_err(|errno| measurer.trail.error("cannot measure", errno))?;
    }
    Ok(measurer.totals)
}

fn directory_bytes(meta: &Meta) -> u64 {
    blocks(meta.size.max(1))
}

impl Measurer {
    fn entry(&mut self, name: &CStr) -> core::result::Result<(), Errno> {
        self.trail.push(name);
        let meta = sys::look(self.at.top(), name)?;
        if meta.node == Node::Directory {
            let dir = sys::open_dir_at(self.at.top(), name)?;
            return self.enter(dir, meta);
        }
        let first = meta.links < 2 || self.counted.insert(meta.id);
        if first && meta.mount == self.mount {
            self.count(name, &meta)?;
        }
        self.trail.pop();
        Ok(())
    }

    fn enter(&mut self, dir: OwnedFd, meta: Meta) -> core::result::Result<(), Errno> {
        let names = if meta.mount == self.mount { sys::list(&dir)? } else { Vec::new() };
        self.at.enter(dir)?;
        self.levels.push(Level { meta, names: names.into_iter() });
        self.totals.directories += 1;
        self.totals.bytes += directory_bytes(&meta);
        Ok(())
    }

    fn leave(&mut self) -> core::result::Result<(), Errno> {
        self.at.leave()?;
        self.levels.pop();
        self.trail.pop();
        Ok(())
    }

    fn count(&mut self, name: &CStr, meta: &Meta) -> core::result::Result<(), Errno> {
        match meta.node {
            Node::Regular => {
                self.totals.files += 1;
                self.totals.bytes += self.content_bytes(name, meta)?;
            }
            Node::Symlink => {
                self.totals.others += 1;
                self.totals.bytes += symlink_bytes(meta);
            }
            _ => self.totals.others += 1,
        }
        Ok(())
    }

    /// What is allocated says little where blocks are compressed or preallocated: the stretches of data count.
    fn content_bytes(&self, name: &CStr, meta: &Meta) -> core::result::Result<u64, Errno> {
        if meta.allocated >= meta.size {
            return Ok(blocks(meta.size));
        }
        let file = sys::open_file_at(self.at.top(), name)?;
        let (mut at, mut bytes) = (0, 0);
        while let Some((start, end)) = sys::next_data(&file, at)? {
            bytes += blocks(end - start);
            at = end;
        }
        Ok(bytes)
    }
}
