//! Copies, measures and removes whole trees, by descriptor, of any depth, size and naming.
//!
//! A copy keeps type, owner, mode, times, extended attributes, hard links, holes and special files, fs-verity where the new place
//! has it, shares blocks where the file system can, and stays within the mount that it was given. It does not sync, does not clean up after a
//! failure, and replaces nothing: callers copy beside, sync and rename.

mod content;
mod dress;
mod fill;
mod links;
mod measure;
mod remove;
#[cfg(test)]
pub(crate) mod scratch;
mod single;
mod tree;
mod verity;
pub(super) mod walk;

#[cfg(test)]
mod tests;

pub use content::shares_blocks;
pub(super) use dress::{Dress, clear_inherited, is_copied};
pub use fill::{Fill, fill};
pub use links::linked_outside;
pub use measure::measure;
pub(super) use remove::remove_named;
pub use remove::{remove_tree, remove_tree_in};
pub(super) use single::{Singles, Way, copy_one};

use crate::error::{OrFail, Result};
use crate::sys::{BorrowedFd, copy as sys};
use alloc::ffi::CString;
use alloc::string::String;
use alloc::vec::Vec;
use core::ffi::CStr;

/// Whether to go on; the answer of whoever watches a copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    Continue,
    /// The copy ends with an error and leaves what it has made so far.
    Stop,
}

/// What to do about other mounts below the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mounts {
    /// Copy what the source's own file system has there, or, where that cannot be seen, an empty directory.
    Stay,
    /// Copy what is mounted, as if it were one tree.
    Cross,
}

/// How much a tree holds; a file with several names counts once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// What a copy without shared blocks takes on a file system with 4096-byte blocks; holes take nothing.
    pub bytes: u64,
    pub files: u64,
    pub directories: u64,
    /// Symlinks, fifos, sockets, devices.
    pub others: u64,
}

impl Totals {
    /// Inodes that a copy needs.
    pub fn inodes(&self) -> u64 {
        self.files + self.directories + self.others
    }
}

/// Where a copy stands.
#[derive(Debug, Clone, Copy)]
pub struct Progress<'a> {
    pub done: Totals,
    /// Relative to the source, as bytes.
    pub path: &'a [u8],
}

/// What could not be kept, as sentences for a warning; the first few, and how many there were.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LeftOut {
    pub count: usize,
    pub first: Vec<String>,
}

impl LeftOut {
    const SHOWN: usize = 8;

    fn add(&mut self, sentence: impl FnOnce() -> String) {
        self.count += 1;
        if self.first.len() < Self::SHOWN {
            self.first.push(sentence());
        }
    }
}

/// The result of a copy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Copied {
    pub totals: Totals,
    pub left_out: LeftOut,
}

/// Copies the directory `from` with everything below it to a new directory `name` in `to_parent`, without crossing
/// into other mounts. `watch` is called after each entry and each few MiB.
pub fn copy_tree(
    from: BorrowedFd<'_>,
    to_parent: BorrowedFd<'_>,
    name: &str,
    watch: &mut dyn FnMut(&Progress<'_>) -> Flow,
) -> Result<Copied> {
    copy_tree_with(from, Mounts::Stay, to_parent, name, watch)
}

/// The same, with a choice about mounts.
pub fn copy_tree_with(
    from: BorrowedFd<'_>,
    mounts: Mounts,
    to_parent: BorrowedFd<'_>,
    name: &str,
    watch: &mut dyn FnMut(&Progress<'_>) -> Flow,
) -> Result<Copied> {
    let name = component(name)?;
    let view = walk::View::open(from, mounts)?;
    tree::Copier::begin(&view, mounts, to_parent, &name, watch)?.run()
}

/// The same as [`copy_tree`], by a name that may be any bytes.
pub(super) fn copy_tree_as(from: BorrowedFd<'_>, to_parent: BorrowedFd<'_>, name: &CStr) -> Result<Copied> {
    let view = walk::View::open(from, Mounts::Stay)?;
    tree::Copier::begin(&view, Mounts::Stay, to_parent, name, &mut |_| Flow::Continue)?.run()
}

/// Gives a directory what another one has besides its entries; what cannot be kept is told.
pub(super) fn dress_directory(like: BorrowedFd<'_>, made: BorrowedFd<'_>, left_out: &mut LeftOut) -> Result<()> {
    let trail = walk::Trail::default();
    let meta = sys::look_open(like).or_fail("cannot look at", ".")?;
    dress::Dress { trail: &trail, left_out }.open(like, made, &meta)
}

/// A name for the kernel, checked to be a single component.
fn component(name: &str) -> Result<CString> {
    let good = !matches!(name, "" | "." | "..") && !name.contains('/');
    let name = CString::new(name).ok().filter(|_| good);
    name.ok_or_else(|| crate::error::Error::refused("not the name of a file or directory"))
}

/// Bytes rounded up to whole blocks of 4096.
fn blocks(bytes: u64) -> u64 {
    bytes.div_ceil(4096).saturating_mul(4096)
}

/// What a symlink takes: short ones live in the inode.
fn symlink_bytes(meta: &sys::Meta) -> u64 {
    if meta.size < 60 { 0 } else { blocks(meta.size) }
}
