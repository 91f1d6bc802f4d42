//! Gives paths of a mounted /etc back to the deployment, through the mount itself: the upper of a mounted overlay must not be
//! touched from beside. What differs is replaced by a copy of the vendor's, made beside and renamed. The copy is left in the
//! upper, equal to the vendor's; the next boot drops it.

use super::copy::walk::Trail;
use super::copy::{Dress, LeftOut, copy_one, copy_tree_as, remove_named, remove_tree};
use super::layer::{Entry, compare};
use crate::decide::drift::{Mark, Sameness};
use crate::decide::reset::queue::BESIDE;
use crate::error::{Errno, Error, OrFail, Result};
use crate::sys::copy::{self as sys, Subject};
use crate::sys::{AsFd, BorrowedFd, OwnedFd, SysResult, fs};
use alloc::ffi::CString;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ffi::CStr;

const AS_BESIDE: &CStr = c".bedplate-reset";

/// The two trees, and what came of it.
#[derive(Debug)]
pub struct Restore<'a> {
    pub vendor: BorrowedFd<'a>,
    /// The mounted /etc.
    pub merged: BorrowedFd<'a>,
    /// Directories of it, as bytes below /etc, that are mounts of the deployment's own, like /etc.
    pub kept: &'a [Vec<u8>],
    /// Paths that show something else now, as bytes below /etc.
    pub changed: Vec<Vec<u8>>,
}

impl Restore<'_> {
    /// Paths and all that is below them, up to the first that cannot be; on the disk when it returns. A final link is not
    /// followed, others are not either.
    pub fn paths(&mut self, paths: &[Vec<u8>]) -> Result<()> {
        let result = paths.iter().try_for_each(|path| self.path(path));
        fs::sync_fs(self.merged).or_fail("cannot flush", "/etc").and(result)
    }

    fn path(&mut self, path: &[u8]) -> Result<()> {
        let mounts = self.mounts()?;
        let mut todo = Vec::from([path.to_vec()]);
        while let Some(path) = todo.pop() {
            let on = shown(&path);
            let below = self.one(&path, &mounts).map_err(|error| Error::new(error.kind, format!("cannot reset \"{on}\": {error}")))?;
            todo.extend(below);
        }
        Ok(())
    }

    /// Where it may go: by number, as the kernel counts them.
    fn mounts(&self) -> Result<Vec<u64>> {
        let mut mounts = Vec::from([sys::look_open(self.merged).or_fail("cannot look at", "/etc")?.mount]);
        for path in self.kept {
            match sys::open_deep(self.merged, path).and_then(sys::look_open) {
                Ok(there) => mounts.push(there.mount),
                // A file that is mounted cannot be replaced.
                Err(Errno::ENOTDIR | Errno::ENOENT) => {}
                Err(errno) => return Err(errno).or_fail("cannot look at", &shown(path)),
            }
        }
        Ok(mounts)
    }

    /// What is to be done below it.
    fn one(&mut self, path: &[u8], mounts: &[u64]) -> Result<Vec<Vec<u8>>> {
        let (above, name) = sys::split(path);
        let name = CString::new(name).map_err(|_| Error::refused("a name with a NUL"))?;
        let dir = match sys::open_deep(self.merged, above) {
            Err(Errno::ENOENT) => return self.gone_above(path),
            dir => dir.or_fail("cannot open", &shown(above))?,
        };
        let vendor_dir = sys::open_deep_if_there(self.vendor, above).or_fail("cannot open the deployment's", &shown(above))?;
        let here = Entry::find(dir.as_fd(), &name).or_fail("cannot look at", &shown(path))?;
        if here.is_some_and(|here| !mounts.contains(&here.meta.mount)) {
            return Err(Error::refused("something is mounted there: unmount it first"));
        }
        let theirs = match &vendor_dir {
            Some(vendor) => there(vendor.as_fd(), &name).or_fail("cannot look at the deployment's", &shown(path))?,
            None => None,
        };
        match (here, theirs) {
            (None, None) => Ok(Vec::new()),
            // What the deployment has not at all: its mount point stays, what is in it goes.
            (Some(here), None) if self.kept.iter().any(|kept| kept == path) => below(path, &[&open(&here, path)?]),
            (Some(here), None) => self.done(path, remove_named(here.dir, "/etc", here.name)),
            (Some(here), Some(theirs)) if here.is_directory() && theirs.is_directory() => self.directory(path, &here, &theirs),
            (Some(here), Some(theirs)) if compare(&here, &theirs).or_fail("cannot compare", &shown(path))? == Sameness::Same => {
                Ok(Vec::new())
            }
            (here, Some(theirs)) => self.done(path, place(dir.as_fd(), here.as_ref(), &theirs)),
        }
    }

    /// Its directory is not there: one that the deployment has was removed, and comes back as a whole.
    fn gone_above(&self, path: &[u8]) -> Result<Vec<Vec<u8>>> {
        let (above, name) = sys::split(path);
        let name = CString::new(name).map_err(|_| Error::refused("a name with a NUL"))?;
        let vendor = sys::open_deep_if_there(self.vendor, above).or_fail("cannot open the deployment's", &shown(above))?;
        let exists = vendor.is_some_and(|vendor| sys::look(vendor, &name).is_ok());
        if exists {
            return Err(Error::refused(format!("its directory \"{}\" was removed: reset that", shown(above))));
        }
        Ok(Vec::new())
    }

    fn done(&mut self, path: &[u8], result: Result<()>) -> Result<Vec<Vec<u8>>> {
        result?;
        self.changed.push(path.to_vec());
        Ok(Vec::new())
    }

    fn directory(&mut self, path: &[u8], here: &Entry<'_>, theirs: &Entry<'_>) -> Result<Vec<Vec<u8>>> {
        let (own, other) = (open(here, path)?, open(theirs, path)?);
        if compare(here, theirs).or_fail("cannot compare", &shown(path))? != Sameness::Same {
            undress(own.as_fd(), other.as_fd()).or_fail("cannot remove attributes of", &shown(path))?;
            dress(&other, &own, theirs)?;
            self.changed.push(path.to_vec());
        }
        below(path, &[&own, &other])
    }
}

fn open(entry: &Entry<'_>, path: &[u8]) -> Result<OwnedFd> {
    sys::open_dir_at(entry.dir, entry.name).or_fail("cannot open", &shown(path))
}

/// The paths of what is in these directories, which have the same path; the last comes first.
fn below(path: &[u8], directories: &[&OwnedFd]) -> Result<Vec<Vec<u8>>> {
    let mut names = Vec::new();
    for directory in directories {
        names.extend(sys::list(directory).or_fail("cannot list", &shown(path))?);
    }
    names.sort();
    names.dedup();
    Ok(names.iter().rev().map(|name| [path, b"/", name.to_bytes()].concat()).collect())
}

fn shown(path: &[u8]) -> String {
    format!("/etc/{}", String::from_utf8_lossy(path).escape_debug())
}

/// A whiteout among the vendor's own files stands for nothing in the mounted overlay.
fn there<'a>(vendor: BorrowedFd<'a>, name: &'a CStr) -> SysResult<Option<Entry<'a>>> {
    let Some(entry) = Entry::find(vendor, name)? else { return Ok(None) };
    Ok((entry.mark()? != Mark::Whiteout).then_some(entry))
}

/// Readers see the old or the new. A file in place of a directory, or the other way round, changes places with it.
fn place(dir: BorrowedFd<'_>, here: Option<&Entry<'_>>, theirs: &Entry<'_>) -> Result<()> {
    const WHAT: &str = "cannot put in place";
    let on = theirs.name.to_string_lossy();
    remove_tree(dir, BESIDE)?;
    sys::make_dir_at(dir, AS_BESIDE).or_fail("cannot make", BESIDE)?;
    let beside = sys::open_dir_at(dir, AS_BESIDE).or_fail("cannot open", BESIDE)?;
    copy(theirs, &beside)?;
    fs::sync_fs(&beside).or_fail("cannot flush", &on)?;
    let is_directory = |entry: &Entry<'_>| entry.is_directory();
    match here {
        Some(here) if is_directory(here) != is_directory(theirs) => {
            sys::exchange_at(&beside, theirs.name, dir, theirs.name).or_fail(WHAT, &on)?;
        }
        _ => sys::rename_at(&beside, theirs.name, dir, theirs.name).or_fail(WHAT, &on)?,
    }
    remove_tree(dir, BESIDE)
}

fn copy(theirs: &Entry<'_>, to: &OwnedFd) -> Result<()> {
    if theirs.is_directory() {
        let from = sys::open_dir_at(theirs.dir, theirs.name).or_fail("cannot open", &theirs.name.to_string_lossy())?;
        return copy_tree_as(from.as_fd(), to.as_fd(), theirs.name).map(drop);
    }
    let mut trail = Trail::default();
    trail.push(theirs.name);
    copy_one(theirs, to.as_fd(), &trail, &mut LeftOut::default())
}

fn dress(from: &OwnedFd, to: &OwnedFd, theirs: &Entry<'_>) -> Result<()> {
    let (trail, mut left_out) = (Trail::default(), LeftOut::default());
    Dress { trail: &trail, left_out: &mut left_out }.open(from.as_fd(), to.as_fd(), &theirs.meta)
}

/// Attributes that the vendor's does not have.
fn undress(own: BorrowedFd<'_>, other: BorrowedFd<'_>) -> SysResult<()> {
    let theirs = sys::attribute_names(Subject::Open(other))?;
    let extra = sys::attribute_names(Subject::Open(own))?.into_iter().filter(|key| super::copy::is_copied(key) && !theirs.contains(key));
    extra.into_iter().try_for_each(|key| sys::remove_attribute(Subject::Open(own), &key))
}
