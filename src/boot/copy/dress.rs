//! Gives a copy what its original has besides content: owner, attributes, mode, times.
//!
//! The order matters. A change of owner clears setuid, setgid and capabilities; setting an ACL may clear setgid; and
//! everything changes times.

use super::LeftOut;
use super::walk::Trail;
use crate::error::{Errno, Result};
use crate::sys::copy::{self as sys, Meta, Node, Subject};
use crate::sys::{BorrowedFd, SysResult};
use core::ffi::CStr;

pub struct Dress<'a> {
    /// For messages.
    pub trail: &'a Trail,
    pub left_out: &'a mut LeftOut,
}

/// Where overlayfs (Linux 5.15) keeps chattr +i and +a of a file of its upper, which the upper's own file has not.
const PROTECTION: &[u8] = b"trusted.overlay.protattr";

/// What file systems keep for themselves is not copied: an overlay's own marks (they name inodes of the old place), and
/// attributes outside the four common namespaces (`btrfs.compression`, `system.nfs4_acl`).
pub fn is_copied(key: &CStr) -> bool {
    let key = key.to_bytes();
    let namespaces: [&[u8]; 5] = [b"user.", b"trusted.", b"security.", b"system.posix_acl_access", b"system.posix_acl_default"];
    namespaces.iter().any(|namespace| key.starts_with(namespace)) && (!key.starts_with(b"trusted.overlay.") || key == PROTECTION)
}

/// An ACL that a new directory has from the one that it is in would be passed on to all that is made in it.
pub fn clear_inherited(dir: BorrowedFd<'_>) -> SysResult<()> {
    let acls = [c"system.posix_acl_default", c"system.posix_acl_access"];
    acls.into_iter().try_for_each(|key| sys::remove_attribute(Subject::Open(dir), key))
}

impl Dress<'_> {
    /// A file or directory.
    pub fn open(&mut self, from: BorrowedFd<'_>, to: BorrowedFd<'_>, meta: &Meta) -> Result<()> {
        self.failed("cannot set the owner of", sys::set_owner_open(to, meta))?;
        self.attributes(Subject::Open(from), Subject::Open(to))?;
        self.failed("cannot set the mode of", sys::set_mode_open(to, meta.mode))?;
        self.failed("cannot set the times of", sys::set_times_open(to, meta))
    }

    /// A symlink or special file.
    pub fn named(&mut self, from: BorrowedFd<'_>, to: BorrowedFd<'_>, name: &CStr, meta: &Meta) -> Result<()> {
        self.failed("cannot set the owner of", sys::set_owner_at(to, name, meta))?;
        self.attributes(Subject::Named(from, name), Subject::Named(to, name))?;
        if meta.node != Node::Symlink {
            self.failed("cannot set the mode of", sys::set_mode_at(to, name, meta.mode))?;
        }
        self.failed("cannot set the times of", sys::set_times_at(to, name, meta))
    }

    fn failed<T>(&self, what: &str, result: core::result::Result<T, Errno>) -> Result<T> {
        result.map_err(|errno| self.trail.error(what, errno))
    }

    fn attributes(&mut self, from: Subject<'_>, to: Subject<'_>) -> Result<()> {
        for key in self.failed("cannot list the attributes of", sys::attribute_names(from))? {
            if is_copied(&key) {
                let value = self.failed("cannot read an attribute of", sys::attribute(from, &key))?;
                self.attribute(to, &key, &value)?;
            }
        }
        Ok(())
    }

    /// A target without this kind of attribute is the caller's to judge; every other failure ends the copy.
    fn attribute(&mut self, to: Subject<'_>, key: &CStr, value: &[u8]) -> Result<()> {
        let what = |prefix: &str| alloc::format!("{prefix} {} of", key.to_bytes().escape_ascii());
        match sys::set_attribute(to, key, value) {
            Err(errno @ Errno::EOPNOTSUPP) => {
                let trail = self.trail;
                self.left_out.add(|| trail.error(&what("attribute"), errno).text);
                Ok(())
            }
            result => result.map_err(|errno| self.trail.error(&what("cannot set attribute"), errno)),
        }
    }
}
