//! Mounts, by descriptor, with the kernel's new mount calls (Linux 5.2; mount_setattr 5.12).
//!
//! Access is a property of each mount and is set with mount_setattr alone: a bind remount would drop nosuid, nodev and noexec.

#![allow(unsafe_code)]

use super::SysResult;
use crate::error::{Errno, Error, OrFail, Result};
use alloc::format;
use alloc::string::String;
use alloc::vec;
use core::ffi::c_long;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use rustix::fs::{CWD, StatVfsMountFlags, fstatvfs};
use rustix::mount::{
    self, FsMountFlags, FsOpenFlags, FsPickFlags, MountAttrFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags,
};
use static_assertions::const_assert_eq;

/// `struct mount_attr` of linux/mount.h, Linux 5.12; neither rustix nor libc has it for every target.
#[repr(C)]
struct MountAttr {
    attr_set: u64,
    attr_clr: u64,
    propagation: u64,
    userns_fd: u64,
}
const_assert_eq!(size_of::<MountAttr>(), 32);
const_assert_eq!(core::mem::offset_of!(MountAttr, propagation), 16);

const MOUNT_ATTR_RDONLY: u64 = 0x1;
const MOUNT_ATTR_NOSUID: u64 = 0x2;
const MOUNT_ATTR_NODEV: u64 = 0x4;
const MOUNT_ATTR_NOEXEC: u64 = 0x8;
const MS_PRIVATE: u64 = 1 << 18;

/// What a mount lets through; the part of its flags that is about safety.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flags(u64);

impl Flags {
    pub const READ_ONLY: Self = Self(MOUNT_ATTR_RDONLY);
    pub const NOSUID: Self = Self(MOUNT_ATTR_NOSUID);
    pub const NODEV: Self = Self(MOUNT_ATTR_NODEV);
    pub const NOEXEC: Self = Self(MOUNT_ATTR_NOEXEC);

    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }
}

/// Flags of the mount that holds `file`, as statvfs(3) tells them. Read-only may also come from the superblock.
pub fn flags_of(file: impl AsFd) -> SysResult<Flags> {
    let found = fstatvfs(file)?.f_flag;
    let pairs = [
        (StatVfsMountFlags::RDONLY, Flags::READ_ONLY),
        (StatVfsMountFlags::NOSUID, Flags::NOSUID),
        (StatVfsMountFlags::NODEV, Flags::NODEV),
        (StatVfsMountFlags::NOEXEC, Flags::NOEXEC),
    ];
    let set = pairs.into_iter().filter(|(flag, _)| found.contains(*flag));
    Ok(set.fold(Flags::default(), |all, (_, flag)| all.and(flag)))
}

fn mount_setattr(mount: BorrowedFd<'_>, attr: &MountAttr) -> SysResult<()> {
    let empty = c"";
    // SAFETY: the descriptor is open, the path is a NUL-terminated string, and the kernel reads exactly
    // size_of::<MountAttr>() bytes from a struct that lives until the call returns.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            c_long::from(mount.as_raw_fd()),
            empty.as_ptr(),
            c_long::from(libc::AT_EMPTY_PATH),
            core::ptr::from_ref(attr),
            size_of::<MountAttr>(),
        )
    };
    if result == 0 { Ok(()) } else { Err(last_errno()) }
}

fn last_errno() -> Errno {
    // SAFETY: glibc and musl return a valid pointer to the thread's own errno.
    Errno(unsafe { *libc::__errno_location() })
}

/// Sets and clears flags of one mount, and nothing else of it.
pub fn set_flags(mount: impl AsFd, set: Flags, clear: Flags) -> SysResult<()> {
    let clear = clear.without(set);
    mount_setattr(mount.as_fd(), &MountAttr { attr_set: set.0, attr_clr: clear.0, propagation: 0, userns_fd: 0 })
}

/// Nothing that is mounted here or below spreads, and nothing comes in.
pub fn make_private(mount: impl AsFd) -> SysResult<()> {
    mount_setattr(mount.as_fd(), &MountAttr { attr_set: 0, attr_clr: 0, propagation: MS_PRIVATE, userns_fd: 0 })
}

/// A detached copy of the mount that shows `file` as its root; what is mounted below is not part of it.
pub fn clone_tree(file: impl AsFd) -> SysResult<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    Ok(mount::open_tree(file, "", flags)?)
}

/// Attaches a detached mount, or moves an attached one, onto an open directory or file.
pub fn attach(mount: impl AsFd, onto: impl AsFd) -> SysResult<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    Ok(mount::move_mount(mount, "", onto, "", flags)?)
}

/// Takes a mount and all below it out of sight; it goes away when its last user does.
pub fn detach(path: &str) -> SysResult<()> {
    Ok(mount::unmount(path, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW)?)
}

/// One parameter of a file system to be made.
#[derive(Debug, Clone, Copy)]
pub enum Parameter<'a> {
    Flag(&'a str),
    Text(&'a str, &'a str),
}

/// Makes a detached file system. On a failure the kernel's own words about it are in the error.
pub fn make_fs(fstype: &str, parameters: &[Parameter<'_>]) -> Result<OwnedFd> {
    let context = mount::fsopen(fstype, FsOpenFlags::FSOPEN_CLOEXEC).map_err(Errno::from).or_fail("cannot open the file system", fstype)?;
    let made = configure(&context, parameters).and_then(|()| {
        mount::fsconfig_create(context.as_fd())?;
        Ok(mount::fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, MountAttrFlags::empty())?)
    });
    made.map_err(|errno| Error::transient(format!("cannot make a file system of type {fstype}: {errno}{}", kernel_words(&context))))
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
        let text = String::from_utf8_lossy(buffer.get(..n).unwrap_or_default()).into_owned();
        if n == 0 || words.len() > 4096 {
            break;
        }
        words.push_str(" (");
        words.push_str(text.trim_end().trim_start_matches("e ").trim_start_matches("w "));
        words.push(')');
    }
    words
}

/// Makes the file system that holds `directory`, and this mount of it, writable again.
pub fn make_writable(directory: impl AsFd) -> SysResult<()> {
    let flags = FsPickFlags::FSPICK_CLOEXEC | FsPickFlags::FSPICK_EMPTY_PATH;
    let context = mount::fspick(&directory, "", flags)?;
    mount::fsconfig_set_flag(context.as_fd(), "rw")?;
    mount::fsconfig_reconfigure(context.as_fd())?;
    set_flags(directory, Flags::default(), Flags::READ_ONLY)
}

/// Moves the mount that is the current directory onto /, as switch_root(8) does.
pub fn move_here_to_root() -> SysResult<()> {
    Ok(mount::mount_move(".", "/")?)
}

fn unshare_mounts() -> SysResult<()> {
    // SAFETY: only the mount namespace is unshared, the descriptor table is not: no descriptor changes its meaning.
    Ok(unsafe { rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNS) }?)
}

/// Moves this process into a mount namespace of its own, in which the mount at `path` is writable. Nobody else sees it.
pub fn writable_in_private_namespace(path: &str) -> Result<()> {
    unshare_mounts().or_fail("cannot make a mount namespace for", path)?;
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    mount::mount_change("/", private).map_err(Errno::from).or_fail("cannot make private", "/")?;
    let file = rustix::fs::openat(CWD, path, rustix::fs::OFlags::PATH | rustix::fs::OFlags::CLOEXEC, rustix::fs::Mode::empty());
    let file = file.map_err(Errno::from).or_fail("cannot open", path)?;
    set_flags(file, Flags::default(), Flags::READ_ONLY).or_fail("cannot make writable", path)
}
