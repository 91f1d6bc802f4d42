//! Flags and propagation of one mount. Neither rustix nor nix has mount_setattr(2); a bind remount of mount(2) would drop
//! every flag that it does not name.

use super::SysResult;
use crate::sys::last_errno;
use rustix::fd::{AsFd, AsRawFd, BorrowedFd};
use rustix::fs::StatVfsMountFlags;
use rustix::mount::{MountAttrFlags, MountPropagationFlags};
use static_assertions::const_assert_eq;

// MOUNT_ATTR_SIZE_VER0 of linux/mount.h.
const_assert_eq!(size_of::<libc::mount_attr>(), 32);

/// What a mount, not its file system, forbids: a set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub struct Flags(MountAttrFlags);

impl Flags {
    pub const READ_ONLY: Self = Self(MountAttrFlags::MOUNT_ATTR_RDONLY);
    pub const NOSUID: Self = Self(MountAttrFlags::MOUNT_ATTR_NOSUID);
    pub const NODEV: Self = Self(MountAttrFlags::MOUNT_ATTR_NODEV);
    pub const NOEXEC: Self = Self(MountAttrFlags::MOUNT_ATTR_NOEXEC);

    pub const fn and(self, other: Self) -> Self {
        Self(self.0.union(other.0))
    }

    pub const fn without(self, other: Self) -> Self {
        Self(self.0.difference(other.0))
    }

    /// Whether all of `other` is set.
    pub const fn contains(self, other: Self) -> bool {
        self.0.contains(other.0)
    }
}

impl Default for Flags {
    fn default() -> Self {
        Self(MountAttrFlags::empty())
    }
}

/// The flags of the mount that `file` is in; read-only also where only its file system is.
pub fn flags_of(file: impl AsFd) -> SysResult<Flags> {
    let found = rustix::fs::fstatvfs(file)?.f_flag;
    let known = [
        (StatVfsMountFlags::RDONLY, Flags::READ_ONLY),
        (StatVfsMountFlags::NOSUID, Flags::NOSUID),
        (StatVfsMountFlags::NODEV, Flags::NODEV),
        (StatVfsMountFlags::NOEXEC, Flags::NOEXEC),
    ];
    let set = known.into_iter().filter(|(bit, _)| found.contains(*bit));
    Ok(set.fold(Flags::default(), |flags, (_, flag)| flags.and(flag)))
}

/// Sets some flags and clears others; one that is in both is set, all others stay as they are. `mount` is the root of the
/// mount.
pub fn set_flags(mount: impl AsFd, set: Flags, clear: Flags) -> SysResult<()> {
    let clear = clear.without(set);
    let (set, clear) = (u64::from(set.0.bits()), u64::from(clear.0.bits()));
    setattr(mount.as_fd(), Reach::Mount, &libc::mount_attr { attr_set: set, attr_clr: clear, propagation: 0, userns_fd: 0 })
}

/// Nothing that is mounted on it appears elsewhere, nor the other way round. A clone is in its source's peer group until
/// this is done.
pub fn make_private(mount: impl AsFd) -> SysResult<()> {
    propagate(mount.as_fd(), Reach::Mount, MountPropagationFlags::PRIVATE)
}

/// As [`make_private`], with all that is mounted below it.
pub fn make_tree_private(mount: impl AsFd) -> SysResult<()> {
    propagate(mount.as_fd(), Reach::Tree, MountPropagationFlags::PRIVATE)
}

/// What is mounted on it appears in all its clones.
pub fn make_shared(mount: impl AsFd) -> SysResult<()> {
    propagate(mount.as_fd(), Reach::Mount, MountPropagationFlags::SHARED)
}

fn propagate(mount: BorrowedFd<'_>, reach: Reach, propagation: MountPropagationFlags) -> SysResult<()> {
    setattr(mount, reach, &libc::mount_attr { attr_set: 0, attr_clr: 0, propagation: propagation.bits().into(), userns_fd: 0 })
}

/// What is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// One mount.
    Mount,
    /// All mounts below it, too.
    Tree,
}

/// mount_setattr(2), Linux 5.12.
fn setattr(mount: BorrowedFd<'_>, reach: Reach, attributes: &libc::mount_attr) -> SysResult<()> {
    let flags = match reach {
        Reach::Mount => libc::AT_EMPTY_PATH,
        Reach::Tree => libc::AT_EMPTY_PATH | libc::AT_RECURSIVE,
    };
    // SAFETY: the path is an empty C string, the structure is of the size that is told, and both outlive the call, which
    // only reads them.
    #[expect(unsafe_code)]
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_raw_fd(),
            c"".as_ptr(),
            flags,
            core::ptr::from_ref(attributes),
            size_of::<libc::mount_attr>(),
        )
    };
    if result == 0 { Ok(()) } else { Err(last_errno()) }
}
