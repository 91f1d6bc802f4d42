//! Reads a layer of local changes (the upper of an overlay) next to the vendor content that it covers. Decides nothing, and
//! reads the layer as overlayfs does: Documentation/filesystems/overlayfs.rst of Linux 6.12.

mod same;
#[cfg(test)]
mod tests;

pub use crate::decide::drift::Mark;
pub use same::{attributes, compare, compare_dress, same_metadata};

use crate::error::Errno;
use crate::sys::copy::{self as sys, Device, Meta, Node, Subject};
use crate::sys::{BorrowedFd, SysResult, fs};
use core::ffi::CStr;

/// A name in an open directory, with what is there.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    pub dir: BorrowedFd<'a>,
    pub name: &'a CStr,
    pub meta: Meta,
}

impl<'a> Entry<'a> {
    /// `None` where nothing has this name.
    pub fn find(dir: BorrowedFd<'a>, name: &'a CStr) -> SysResult<Option<Self>> {
        match sys::look(dir, name) {
            Ok(meta) => Ok(Some(Self { dir, name, meta })),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    pub fn is_directory(&self) -> bool {
        self.meta.node == Node::Directory
    }

    /// For attributes, also of what cannot be opened.
    pub fn subject(&self) -> Subject<'a> {
        Subject::Named(self.dir, self.name)
    }

    /// As overlayfs would take this entry of an upper.
    pub fn mark(&self) -> SysResult<Mark> {
        match self.meta.node {
            Node::Character(Device { major: 0, minor: 0 }) => Ok(Mark::Whiteout),
            // "x" says that whiteouts in the form of attributes are in it: that is no opaque directory.
            Node::Directory if self.attribute(c"trusted.overlay.opaque")?.is_some_and(|value| value == b"y") => Ok(Mark::Opaque),
            Node::Directory if self.attribute(c"trusted.overlay.redirect")?.is_some() => Ok(Mark::Redirect),
            // Whatever is allocated: attributes may take blocks, too.
            Node::Regular if self.attribute(c"trusted.overlay.metacopy")?.is_some() => Ok(Mark::Metacopy),
            Node::Regular if self.meta.size == 0 && self.attribute(c"trusted.overlay.whiteout")?.is_some() => Ok(Mark::Whiteout),
            _ => Ok(Mark::Plain),
        }
    }

    /// The whole content of a file.
    pub fn read(&self) -> SysResult<alloc::vec::Vec<u8>> {
        fs::read_all(sys::open_file_at(self.dir, self.name)?)
    }

    fn attribute(&self, key: &CStr) -> SysResult<Option<alloc::vec::Vec<u8>>> {
        match sys::attribute(self.subject(), key) {
            Ok(value) => Ok(Some(value)),
            Err(Errno::ENODATA | Errno::EOPNOTSUPP) => Ok(None),
            Err(errno) => Err(errno),
        }
    }
}
