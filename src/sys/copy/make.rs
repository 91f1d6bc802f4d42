//! Making and removing single things, and setting what they have besides content.

use super::super::SysResult;
use super::{Meta, Node, Stamp};
use crate::error::Errno;
use core::ffi::CStr;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{self, AtFlags, FileType, Mode, OFlags, Timespec, Timestamps};

/// Makes an empty file (0600) and opens it for reading and writing; EEXIST where the name is taken.
pub fn create_file_at(dir: impl AsFd, name: &CStr) -> SysResult<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(fs::openat(dir, name, flags, Mode::RUSR | Mode::WUSR)?)
}

/// A file without a name (O_TMPFILE): it is gone when it is closed.
pub fn create_unnamed(dir: impl AsFd) -> SysResult<OwnedFd> {
    Ok(fs::openat(dir, c".", OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR)?)
}

/// Makes an empty directory (0700); EEXIST where the name is taken.
pub fn make_dir_at(dir: impl AsFd, name: &CStr) -> SysResult<()> {
    Ok(fs::mkdirat(dir, name, Mode::RWXU)?)
}

pub fn make_symlink_at(dir: impl AsFd, name: &CStr, target: &CStr) -> SysResult<()> {
    Ok(fs::symlinkat(target, dir, name)?)
}

/// Makes a fifo, socket or device node (0600); EINVAL for anything else.
pub fn make_special_at(dir: impl AsFd, name: &CStr, node: Node) -> SysResult<()> {
    let (file_type, device) = match node {
        Node::Fifo => (FileType::Fifo, 0),
        Node::Socket => (FileType::Socket, 0),
        Node::Character(device) => (FileType::CharacterDevice, fs::makedev(device.major, device.minor)),
        Node::Block(device) => (FileType::BlockDevice, fs::makedev(device.major, device.minor)),
        Node::Regular | Node::Directory | Node::Symlink => return Err(Errno::EINVAL),
    };
    Ok(fs::mknodat(dir, name, file_type, Mode::RUSR | Mode::WUSR, device)?)
}

/// Gives a file another name; a symlink is linked itself.
pub fn link_at(from: impl AsFd, name: &CStr, to: impl AsFd, new_name: &CStr) -> SysResult<()> {
    Ok(fs::linkat(from, name, to, new_name, AtFlags::empty())?)
}

/// Renames between directories; what has the new name is replaced.
pub fn rename_at(from: impl AsFd, name: &CStr, to: impl AsFd, new_name: &CStr) -> SysResult<()> {
    Ok(fs::renameat(from, name, to, new_name)?)
}

/// Two names change places, whatever they are.
pub fn exchange_at(from: impl AsFd, name: &CStr, to: impl AsFd, new_name: &CStr) -> SysResult<()> {
    Ok(fs::renameat_with(from, name, to, new_name, fs::RenameFlags::EXCHANGE)?)
}

/// Renames between directories; EEXIST where the new name is taken.
pub fn rename_new_at(from: impl AsFd, name: &CStr, to: impl AsFd, new_name: &CStr) -> SysResult<()> {
    Ok(fs::renameat_with(from, name, to, new_name, fs::RenameFlags::NOREPLACE)?)
}

fn owner_of(meta: &Meta) -> (Option<fs::Uid>, Option<fs::Gid>) {
    (Some(fs::Uid::from_raw(meta.uid)), Some(fs::Gid::from_raw(meta.gid)))
}

fn times_of(meta: &Meta) -> Timestamps {
    let time = |stamp: Stamp| Timespec { tv_sec: stamp.seconds, tv_nsec: stamp.nanoseconds.into() };
    Timestamps { last_access: time(meta.accessed), last_modification: time(meta.modified) }
}

/// Owner of an open file; clears setuid, setgid and capabilities.
pub fn set_owner_open(file: impl AsFd, meta: &Meta) -> SysResult<()> {
    let (uid, gid) = owner_of(meta);
    Ok(fs::fchown(file, uid, gid)?)
}

/// The same for a name, itself even if it is a symlink.
pub fn set_owner_at(dir: impl AsFd, name: &CStr, meta: &Meta) -> SysResult<()> {
    let (uid, gid) = owner_of(meta);
    Ok(fs::chownat(dir, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?)
}

pub fn set_mode_open(file: impl AsFd, mode: u16) -> SysResult<()> {
    Ok(fs::fchmod(file, Mode::from_raw_mode(mode.into()))?)
}

/// Mode of a name that is no symlink (a symlink would be followed).
pub fn set_mode_at(dir: impl AsFd, name: &CStr, mode: u16) -> SysResult<()> {
    Ok(fs::chmodat(dir, name, Mode::from_raw_mode(mode.into()), AtFlags::empty())?)
}

/// Access and modification time, to the nanosecond where the file system keeps it.
pub fn set_times_open(file: impl AsFd, meta: &Meta) -> SysResult<()> {
    Ok(fs::futimens(file, &times_of(meta))?)
}

/// The same for a name, itself even if it is a symlink.
pub fn set_times_at(dir: impl AsFd, name: &CStr, meta: &Meta) -> SysResult<()> {
    Ok(fs::utimensat(dir, name, &times_of(meta), AtFlags::SYMLINK_NOFOLLOW)?)
}

/// Removes a name that is no directory (EISDIR).
pub fn unlink_at(dir: impl AsFd, name: &CStr) -> SysResult<()> {
    Ok(fs::unlinkat(dir, name, AtFlags::empty())?)
}

/// Removes an empty directory.
pub fn remove_dir_at(dir: impl AsFd, name: &CStr) -> SysResult<()> {
    Ok(fs::unlinkat(dir, name, AtFlags::REMOVEDIR)?)
}
