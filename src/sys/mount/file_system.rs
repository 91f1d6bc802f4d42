//! Making and changing file systems, parameter by parameter (fsopen(2), Linux 5.2), with the kernel's own words about it.

use super::{Flags, SysResult, set_flags};
use crate::error::{Errno, Error, OrFail, Result};
use alloc::format;
use alloc::string::String;
use alloc::vec;
use rustix::fd::{AsFd, OwnedFd};
use rustix::mount::{self, FsMountFlags, FsOpenFlags, FsPickFlags, MountAttrFlags};

/// One parameter of a file system to be made.
#[derive(Debug, Clone, Copy)]
pub enum Parameter<'a> {
    Flag(&'a str),
    /// Name and value; the kernel takes up to 255 bytes.
    Text(&'a str, &'a str),
}

/// The same as [`make_fs`], for who wants to know the kernel's error, not its words.
pub fn try_make_fs(fstype: &str, parameters: &[Parameter<'_>]) -> SysResult<OwnedFd> {
    make(&mount::fsopen(fstype, FsOpenFlags::FSOPEN_CLOEXEC)?, parameters)
}

fn make(context: &OwnedFd, parameters: &[Parameter<'_>]) -> SysResult<OwnedFd> {
    configure(context, parameters)?;
    mount::fsconfig_create(context.as_fd())?;
    Ok(mount::fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())?)
}

/// Makes a detached mount of a file system. On a failure the kernel's own words about it are in the error.
pub fn make_fs(fstype: &str, parameters: &[Parameter<'_>]) -> Result<OwnedFd> {
    let context = mount::fsopen(fstype, FsOpenFlags::FSOPEN_CLOEXEC).map_err(Errno::from).or_fail("cannot open the file system", fstype)?;
    make(&context, parameters)
        .map_err(|errno| Error::transient(format!("cannot make a file system of type {fstype}: {errno}{}", kernel_words(&context))))
}

fn configure(context: &OwnedFd, parameters: &[Parameter<'_>]) -> SysResult<()> {
    for parameter in parameters {
        match parameter {
            Parameter::Flag(name) => mount::fsconfig_set_flag(context.as_fd(), *name)?,
            Parameter::Text(name, value) => mount::fsconfig_set_string(context.as_fd(), *name, *value)?,
        }
    }
    Ok(())
}

/// What the kernel logged on a file system context, one message a read (fsopen(2)).
fn kernel_words(context: &OwnedFd) -> String {
    let mut words = String::new();
    let mut buffer = vec![0; 1024];
    while let Ok(n) = rustix::io::read(context, &mut buffer) {
        if n == 0 || words.len() > 4096 {
            break;
        }
        let text = String::from_utf8_lossy(buffer.get(..n).unwrap_or_default()).into_owned();
        // Each message begins with its weight: "e ", "w " or "i ".
        words.extend([" (", text.trim_end().get(2..).unwrap_or_default(), ")"]);
    }
    words
}

/// Makes the file system that holds `directory`, and this mount of it, writable again. Its other options stay as they are.
/// EROFS or EACCES where the device takes no writes.
pub fn make_writable(directory: impl AsFd) -> SysResult<()> {
    reconfigure(&directory, "rw")?;
    set_flags(directory, Flags::default(), Flags::READ_ONLY)
}

/// Makes the file system that holds `directory` read-only in all its mounts: all is flushed, and on the disk it is whole, as
/// after an unmount. EBUSY while somebody has a file open for writing.
pub fn make_read_only(directory: impl AsFd) -> SysResult<()> {
    reconfigure(&directory, "ro")
}

/// Changes one option of the file system that holds `directory`.
fn reconfigure(directory: impl AsFd, flag: &str) -> SysResult<()> {
    let flags = FsPickFlags::FSPICK_CLOEXEC | FsPickFlags::FSPICK_EMPTY_PATH;
    let context = mount::fspick(&directory, "", flags)?;
    mount::fsconfig_set_flag(context.as_fd(), flag)?;
    Ok(mount::fsconfig_reconfigure(context.as_fd())?)
}
