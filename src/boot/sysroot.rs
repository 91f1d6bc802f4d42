//! The physical root as it was handed to us: open, and writable if it can be.

use crate::decide::model::Disk;
use crate::error::{Errno, Error, Kind, OrFail, Result};
use crate::sys::{OwnedFd, fs, mount};
use alloc::format;

/// Opens it. A mount that came read-only (`ro` on the command line) is made writable: record, /etc and /var need it.
pub fn open(path: &str) -> Result<(OwnedFd, Disk)> {
    let root = match fs::open_dir(path) {
        Err(Errno::ENOENT) => Err(Error::new(Kind::NoStore, format!("there is no \"{path}\": mount the physical root there first"))),
        result => result.or_fail("cannot open", path),
    }?;
    if !fs::is_read_only(&root).or_fail("cannot look at", path)? {
        return Ok((root, Disk::Writable));
    }
    let disk = match mount::make_writable(&root) {
        Ok(()) => Disk::Writable,
        Err(errno) => Disk::ReadOnly(format!("cannot remount \"{path}\" read-write: {errno}")),
    };
    Ok((root, disk))
}
