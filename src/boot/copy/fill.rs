//! Fills a place with a copy of a tree: beside, synced, renamed. A copy that was cut short is never seen and is made again.

use super::{Copied, Flow, copy_tree, remove_tree};
use crate::error::{Errno, OrFail, Result};
use crate::sys::{AsFd, BorrowedFd, OwnedFd, SysResult, fs};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fill {
    /// It holds something already, and is left as it is.
    Full,
    Filled(Copied),
}

impl Fill {
    /// What of the copy is to be told.
    pub fn warnings(&self, on: &str) -> Vec<String> {
        let Self::Filled(Copied { left_out, .. }) = self else { return Vec::new() };
        let more = left_out.count.saturating_sub(left_out.first.len());
        let more = (more > 0).then(|| format!("{more} more things could not be copied to {on}, going on without them"));
        left_out.first.iter().map(|sentence| format!("{sentence}, going on without it")).chain(more).collect()
    }
}

/// Copies what `source` gives to `path` below `anchor`, unless that holds something; `on` is the place's name in messages.
pub fn fill(anchor: BorrowedFd<'_>, path: &str, on: &str, source: impl FnOnce() -> Result<OwnedFd>) -> Result<Fill> {
    match fs::names_in(anchor, path) {
        Ok(names) if !names.is_empty() => return Ok(Fill::Full),
        Ok(_) | Err(Errno::ENOENT) => {}
        Err(errno) => return Err(errno).or_fail("cannot read", on),
    }
    let (directory, name) = fs::split(path);
    if !directory.is_empty() {
        fs::make_dirs(anchor, directory, 0o755).or_fail("cannot make the directory of", on)?;
    }
    let parent = fs::open_dir_in(anchor, directory).or_fail("cannot open the directory of", on)?;
    let beside = format!(".{name}.new");
    remove_tree(parent.as_fd(), &beside)?;
    let copied = copy_tree(source()?.as_fd(), parent.as_fd(), &beside, &mut |_| Flow::Continue)?;
    put_in_place(&parent, &beside, name).or_fail("cannot put the copy in place at", on)?;
    Ok(Fill::Filled(copied))
}

fn put_in_place(parent: &OwnedFd, beside: &str, name: &str) -> SysResult<()> {
    fs::sync_fs(parent)?;
    fs::rename_in(parent, beside, name)?;
    fs::sync(parent)
}
