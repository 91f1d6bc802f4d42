//! Fills a place with a copy of a tree: beside, synced, renamed. A copy that was cut short is never seen and is made again.

use super::{Copied, Flow, copy_tree, remove_tree};
use crate::error::{Errno, OrFail, Result};
use crate::sys::{AsFd, BorrowedFd, OwnedFd, SysResult, fs};

/// What became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fill {
    /// It holds something already, and is left as it is.
    Full,
    Filled(Copied),
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
    let beside = alloc::format!(".{name}.new");
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
