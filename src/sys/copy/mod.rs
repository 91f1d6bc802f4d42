//! What copying and removing whole trees needs of the kernel. Names are single components as bytes and are never
//! followed; directories are given by descriptor. No policy: what to do about a mount or an error is the caller's.

mod attributes;
mod data;
mod make;

pub use attributes::*;
pub use data::*;
pub use make::*;

use super::{SysResult, mount};
use crate::error::Errno;
use alloc::borrow::ToOwned;
use alloc::ffi::CString;
use alloc::vec::Vec;
use core::ffi::CStr;
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{self, AtFlags, Mode, OFlags, ResolveFlags, Statx, StatxAttributes, StatxFlags};

/// What kind of thing a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Node {
    Regular,
    Directory,
    Symlink,
    Fifo,
    Socket,
    Character(Device),
    Block(Device),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device {
    pub major: u32,
    pub minor: u32,
}

/// A time of a file: seconds since 1970 (may be negative) and nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    pub seconds: i64,
    pub nanoseconds: u32,
}

/// Which file something is, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileId {
    pub device: (u32, u32),
    pub inode: u64,
}

/// What statx(2) says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meta {
    pub node: Node,
    /// Permission bits with setuid, setgid, sticky.
    pub mode: u16,
    pub uid: u32,
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// Bytes that the file system has allocated.
    pub allocated: u64,
    pub accessed: Stamp,
    pub modified: Stamp,
    pub id: FileId,
    /// Names that this file has.
    pub links: u32,
    /// The mount in which it was seen (Linux 5.8).
    pub mount: u64,
    /// Immutable or append-only, where the file system tells.
    pub locked: bool,
    /// A file with fs-verity, where the file system tells (Linux 5.5).
    pub verity: bool,
}

fn to_node(stat: &Statx) -> Node {
    let device = Device { major: stat.stx_rdev_major, minor: stat.stx_rdev_minor };
    match fs::FileType::from_raw_mode(stat.stx_mode.into()) {
        fs::FileType::Directory => Node::Directory,
        fs::FileType::Symlink => Node::Symlink,
        fs::FileType::Fifo => Node::Fifo,
        fs::FileType::Socket => Node::Socket,
        fs::FileType::CharacterDevice => Node::Character(device),
        fs::FileType::BlockDevice => Node::Block(device),
        _ => Node::Regular,
    }
}

fn to_meta(stat: &Statx) -> Meta {
    let stamp = |t: &fs::StatxTimestamp| Stamp { seconds: t.tv_sec, nanoseconds: t.tv_nsec };
    Meta {
        node: to_node(stat),
        mode: stat.stx_mode & 0o7777,
        uid: stat.stx_uid,
        gid: stat.stx_gid,
        size: stat.stx_size,
        allocated: stat.stx_blocks.saturating_mul(512),
        accessed: stamp(&stat.stx_atime),
        modified: stamp(&stat.stx_mtime),
        id: FileId { device: (stat.stx_dev_major, stat.stx_dev_minor), inode: stat.stx_ino },
        links: stat.stx_nlink,
        mount: stat.stx_mnt_id,
        locked: stat.stx_attributes.intersects(StatxAttributes::IMMUTABLE | StatxAttributes::APPEND),
        verity: stat.stx_attributes.contains(StatxAttributes::VERITY),
    }
}

/// Of a name in a directory; a symlink is not followed, an automount not triggered.
pub fn look(dir: impl AsFd, name: &CStr) -> SysResult<Meta> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    Ok(to_meta(&fs::statx(dir, name, flags, StatxFlags::BASIC_STATS | StatxFlags::MNT_ID)?))
}

/// Of an open file or directory.
pub fn look_open(file: impl AsFd) -> SysResult<Meta> {
    let flags = AtFlags::EMPTY_PATH | AtFlags::NO_AUTOMOUNT;
    Ok(to_meta(&fs::statx(file, c"", flags, StatxFlags::BASIC_STATS | StatxFlags::MNT_ID)?))
}

/// Every name in a directory except `.` and `..`, as bytes, sorted.
pub fn list(dir: impl AsFd) -> SysResult<Vec<CString>> {
    let mut names = Vec::new();
    for entry in fs::Dir::read_from(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if name != c"." && name != c".." {
            names.push(name.to_owned());
        }
    }
    names.sort();
    Ok(names)
}

/// Opens without leaving a trace in the access time, where that is allowed (owner or CAP_FOWNER).
fn open_quietly(dir: impl AsFd, name: &CStr, flags: OFlags) -> SysResult<OwnedFd> {
    let flags = flags | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match fs::openat(&dir, name, flags | OFlags::NOATIME, Mode::empty()) {
        Err(rustix::io::Errno::PERM) => Ok(fs::openat(&dir, name, flags, Mode::empty())?),
        result => Ok(result?),
    }
}

/// Opens a directory by its name in another one, for reading.
pub fn open_dir_at(dir: impl AsFd, name: &CStr) -> SysResult<OwnedFd> {
    open_quietly(dir, name, OFlags::DIRECTORY)
}

/// Opens a file by its name for reading; a fifo or device put there is not waited for.
pub fn open_file_at(dir: impl AsFd, name: &CStr) -> SysResult<OwnedFd> {
    open_quietly(dir, name, OFlags::NONBLOCK | OFlags::NOCTTY)
}

/// Opens the directory that holds this one.
pub fn open_parent(dir: impl AsFd) -> SysResult<OwnedFd> {
    open_dir_at(dir, c"..")
}

/// A second, independent descriptor for reading the same directory.
pub fn open_again(dir: impl AsFd) -> SysResult<OwnedFd> {
    open_dir_at(dir, c".")
}

/// Opens a directory by a relative path of any length; no symlink is followed on the way, no `..` leads out.
pub fn open_deep(root: impl AsFd, path: &[u8]) -> SysResult<OwnedFd> {
    const PIECE: usize = 3800;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let mut dir = open_again(root)?;
    let mut rest = path;
    while !rest.is_empty() {
        let cut = match rest.get(..PIECE) {
            Some(piece) => piece.iter().rposition(|byte| *byte == b'/').ok_or(Errno::ENAMETOOLONG)?,
            None => rest.len(),
        };
        let (piece, tail) = rest.split_at_checked(cut).ok_or(Errno::EINVAL)?;
        dir = fs::openat2(&dir, piece, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty(), resolve)?;
        rest = tail.strip_prefix(b"/").unwrap_or(tail);
    }
    Ok(dir)
}

/// The directory and the last name of a path of bytes, as [`open_deep`] takes it; without a slash the directory is empty.
pub fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let cut = path.iter().rposition(|byte| *byte == b'/');
    match cut.and_then(|cut| path.split_at_checked(cut)) {
        Some((parent, name)) => (parent, name.strip_prefix(b"/").unwrap_or(name)),
        None => (&[], path),
    }
}

/// The same as [`open_deep`], for what may lead nowhere.
pub fn open_deep_if_there(root: impl AsFd, path: &[u8]) -> SysResult<Option<OwnedFd>> {
    match open_deep(root, path) {
        Ok(dir) => Ok(Some(dir)),
        Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// A symlink's target, as bytes.
pub fn read_link(dir: impl AsFd, name: &CStr) -> SysResult<CString> {
    Ok(fs::readlinkat(dir, name, Vec::new())?)
}

/// A file system seen without the mounts that cover parts of it.
#[derive(Debug)]
pub struct BareView {
    pub dir: OwnedFd,
    /// Keeps the private mount alive.
    _mount: OwnedFd,
}

/// A private, detached clone of the mount that holds `dir`, beginning there and without what is mounted below.
/// Needs CAP_SYS_ADMIN; a mount that is detached itself can be cloned from Linux 6.15 on.
pub fn bare_view(dir: impl AsFd) -> SysResult<BareView> {
    let mount = mount::clone_tree(dir)?;
    Ok(BareView { dir: open_again(&mount)?, _mount: mount })
}

/// The same, and nothing that is done in it can change anything, access times included.
pub fn quiet_view(dir: impl AsFd) -> SysResult<BareView> {
    let mount = mount::clone_tree(dir)?;
    mount::set_flags(&mount, mount::Flags::READ_ONLY, mount::Flags::default())?;
    Ok(BareView { dir: open_again(&mount)?, _mount: mount })
}

/// What a file system has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    /// Bytes for users without privileges.
    pub bytes: u64,
    /// Inodes; `None` where the file system makes them as needed.
    pub inodes: Option<u64>,
    /// Bytes of the smallest piece that it gives to a file (on FAT, a cluster).
    pub block: u64,
}

pub fn space(file: impl AsFd) -> SysResult<Space> {
    let stat = fs::fstatvfs(file)?;
    Ok(Space {
        bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
        inodes: (stat.f_files > 0).then_some(stat.f_favail),
        block: stat.f_frsize,
    })
}
