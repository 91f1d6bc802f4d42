//! Extended attributes of anything, by descriptor or by name in a directory.

use super::super::SysResult;
use crate::error::Errno;
use alloc::ffi::CString;
use alloc::vec::Vec;
use core::ffi::CStr;
use rustix::buffer::spare_capacity;
use rustix::fd::{AsRawFd, BorrowedFd};
use rustix::fs::{self, XattrFlags};
use rustix::io;

/// Whose attributes are meant.
#[derive(Debug, Clone, Copy)]
pub enum Subject<'a> {
    /// A file or directory opened for reading.
    Open(BorrowedFd<'a>),
    /// A name in a directory, itself even if it is a symlink: for what cannot be opened for reading.
    Named(BorrowedFd<'a>, &'a CStr),
}

/// The kernel takes no directory descriptor for attributes before Linux 6.13; /proc gives every one a path.
fn path_of(dir: BorrowedFd<'_>, name: &CStr) -> SysResult<CString> {
    let mut path = alloc::format!("/proc/self/fd/{}/", dir.as_raw_fd()).into_bytes();
    path.extend_from_slice(name.to_bytes());
    CString::new(path).map_err(|_| Errno::EINVAL)
}

/// Most fit at once; for the others it asks for the size, then for the content, again if it grew in between.
fn sized(query: impl Fn() -> io::Result<usize>, get: impl Fn(&mut Vec<u8>) -> io::Result<usize>) -> SysResult<Vec<u8>> {
    const USUAL: usize = 256;
    let mut size = USUAL;
    loop {
        let mut content = Vec::with_capacity(size);
        match get(&mut content) {
            Err(io::Errno::RANGE) => size = query()?.max(USUAL),
            result => return Ok(result.map(|_| content)?),
        }
    }
}

/// Names of all attributes that may be seen; none where the file system has no attributes.
pub fn attribute_names(subject: Subject<'_>) -> SysResult<Vec<CString>> {
    let list = match subject {
        Subject::Open(file) => sized(|| fs::flistxattr_query(file), |list| fs::flistxattr(file, spare_capacity(list))),
        Subject::Named(dir, name) => {
            let path = path_of(dir, name)?;
            sized(|| fs::llistxattr_query(&*path), |list| fs::llistxattr(&*path, spare_capacity(list)))
        }
    };
    match list {
        Err(Errno::EOPNOTSUPP) => Ok(Vec::new()),
        list => Ok(list?.split_inclusive(|byte| *byte == 0).filter_map(|name| CString::from_vec_with_nul(name.into()).ok()).collect()),
    }
}

/// The value of an attribute.
pub fn attribute(subject: Subject<'_>, key: &CStr) -> SysResult<Vec<u8>> {
    match subject {
        Subject::Open(file) => sized(|| fs::fgetxattr_query(file, key), |value| fs::fgetxattr(file, key, spare_capacity(value))),
        Subject::Named(dir, name) => {
            let path = path_of(dir, name)?;
            sized(|| fs::lgetxattr_query(&*path, key), |value| fs::lgetxattr(&*path, key, spare_capacity(value)))
        }
    }
}

/// Sets or replaces an attribute.
pub fn set_attribute(subject: Subject<'_>, key: &CStr, value: &[u8]) -> SysResult<()> {
    match subject {
        Subject::Open(file) => Ok(fs::fsetxattr(file, key, value, XattrFlags::empty())?),
        Subject::Named(dir, name) => Ok(fs::lsetxattr(&*path_of(dir, name)?, key, value, XattrFlags::empty())?),
    }
}

/// Removes an attribute; one that is not there is no error.
pub fn remove_attribute(subject: Subject<'_>, key: &CStr) -> SysResult<()> {
    let result = match subject {
        Subject::Open(file) => fs::fremovexattr(file, key),
        Subject::Named(dir, name) => fs::lremovexattr(&*path_of(dir, name)?, key),
    };
    match result {
        Err(io::Errno::NODATA | io::Errno::OPNOTSUPP) => Ok(()),
        result => Ok(result?),
    }
}
