//! Mounts, by descriptor, with the kernel's new mount calls (Linux 5.2; mount_setattr 5.12).
//!
//! A mount is made detached, gets its flags, and is then attached: nothing is ever visible with wrong flags. Access is a
//! property of each mount and is set with mount_setattr alone: a bind remount would drop nosuid, nodev and noexec. Which
//! flags a mount gets, and in which order things are mounted, is the caller's.

mod attributes;
mod file_system;

pub use attributes::{Flags, flags_of, make_private, make_shared, make_tree_private, set_flags};
pub use file_system::{Parameter, make_fs, make_read_only, make_writable, try_make_fs};

use super::SysResult;
use super::fs::magic_path;
use crate::error::{Errno, OrFail, Result};
use alloc::string::String;
use alloc::vec::Vec;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, CWD, StatxAttributes, StatxFlags, statx};
use rustix::mount::{self, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags};

/// A detached copy of the mount that shows `file` as its root, with the same flags; what is mounted below is not part of it.
/// It is still in the peer group of its source: what is mounted on it appears there, too, until it is made private.
pub fn clone_tree(file: impl AsFd) -> SysResult<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    Ok(mount::open_tree(file, "", flags)?)
}

/// Attaches a detached mount, or moves an attached one, onto an open directory or file.
pub fn attach(mount: impl AsFd, onto: impl AsFd) -> SysResult<()> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH | MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    Ok(mount::move_mount(mount, "", onto, "", flags)?)
}

/// Takes a mount, given by its root, and all below it out of sight; it goes away when its last user does.
pub fn detach(mount: impl AsFd) -> SysResult<()> {
    // No NOFOLLOW: the path is a link to the mount.
    Ok(mount::unmount(magic_path(&mount), UnmountFlags::DETACH)?)
}

/// Whether something is mounted there: `file` is the root of its mount (Linux 5.8).
pub fn is_mount_point(file: impl AsFd) -> SysResult<bool> {
    let found = statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::empty())?;
    Ok(found.stx_attributes.contains(StatxAttributes::MOUNT_ROOT))
}

/// The number of the mount that holds `file`, as the first column of mountinfo has it (Linux 5.8).
pub fn id_of(file: impl AsFd) -> SysResult<u64> {
    Ok(statx(file, "", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)?.stx_mnt_id)
}

/// The absolute path that a directory has now, without symlinks; bytes that are no UTF-8 are replaced.
pub fn path_now(directory: impl AsFd) -> SysResult<String> {
    Ok(rustix::fs::readlinkat(CWD, magic_path(&directory), Vec::new())?.to_string_lossy().into_owned())
}

/// Moves the mount that is the current directory onto /, as switch_root(8) does.
pub fn move_here_to_root() -> SysResult<()> {
    Ok(mount::mount_move(".", "/")?)
}

/// Makes the mount that is the current directory the root of this namespace, and takes the old root out of sight.
pub fn pivot_here() -> SysResult<()> {
    // The old root ends on top of the new one, where the current directory still is (pivot_root(2)).
    rustix::process::pivot_root(".", ".")?;
    mount::unmount(".", UnmountFlags::DETACH)?;
    Ok(rustix::process::chdir("/")?)
}

/// Gives this thread a mount namespace of its own, from which nothing spreads to others and nothing comes in.
pub fn own_namespace() -> SysResult<()> {
    // SAFETY: only the mount namespace is unshared, the descriptor table is not: no descriptor changes its meaning.
    #[expect(unsafe_code)]
    unsafe {
        rustix::thread::unshare_unsafe(rustix::thread::UnshareFlags::NEWNS)?;
    }
    Ok(mount::mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?)
}

/// Moves this process into a mount namespace of its own, in which the mount at `path` is writable. Nobody else sees it.
pub fn writable_in_private_namespace(path: &str) -> Result<()> {
    own_namespace().or_fail("cannot make a mount namespace for", path)?;
    let file = rustix::fs::openat(CWD, path, rustix::fs::OFlags::PATH | rustix::fs::OFlags::CLOEXEC, rustix::fs::Mode::empty());
    let file = file.map_err(Errno::from).or_fail("cannot open", path)?;
    set_flags(file, Flags::default(), Flags::READ_ONLY).or_fail("cannot make writable", path)
}
