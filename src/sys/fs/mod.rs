//! Files and directories, by descriptor. Every name is resolved inside the directory that is given with it:
//! no `..` and no symlink leads out (openat2 with RESOLVE_IN_ROOT, Linux 5.6).

mod stat;

pub use stat::{FileType, Stat, born, magic, stat_fd, stat_in, stat_target_in};

use super::SysResult;
use crate::error::Errno;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{self, AtFlags, CWD, Mode, OFlags, ResolveFlags};

/// Larger files are refused by [`read`]: nothing that boot code reads is near this size.
const READ_LIMIT: usize = 16 << 20;
/// How often a lookup that something else on the system has disturbed is begun again.
const LOOKUPS: usize = 1000;

/// Opens a directory by its path in the mount namespace: the anchor for all names below it.
pub fn open_dir(path: &str) -> SysResult<OwnedFd> {
    Ok(fs::openat(CWD, path, OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

fn open_in(root: impl AsFd, path: &str, flags: OFlags, mode: Mode) -> SysResult<OwnedFd> {
    let path = path.trim_start_matches('/');
    let path = if path.is_empty() { "." } else { path };
    let look_up = || fs::openat2(root.as_fd(), path, flags | OFlags::CLOEXEC, mode, ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS);
    // A rename or a mount anywhere, while a `..` is walked: the kernel cannot tell any more that it stayed inside (openat2(2)).
    let disturbed = |result: &Result<_, _>| matches!(result, Err(rustix::io::Errno::AGAIN));
    let last = core::iter::repeat_with(look_up).take(LOOKUPS).find(|result| !disturbed(result));
    Ok(last.unwrap_or(Err(rustix::io::Errno::AGAIN))?)
}

/// Opens a directory below `root`, for reading its entries and as an anchor.
pub fn open_dir_in(root: impl AsFd, path: &str) -> SysResult<OwnedFd> {
    open_in(root, path, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty())
}

/// A handle on anything below `root` that is not followed if it is a symlink itself; for stat and mounts.
pub fn open_path_in(root: impl AsFd, path: &str) -> SysResult<OwnedFd> {
    open_in(root, path, OFlags::PATH | OFlags::NOFOLLOW, Mode::empty())
}

/// A handle on what `path` means below `root`, symlinks followed inside it.
pub fn open_target_in(root: impl AsFd, path: &str) -> SysResult<OwnedFd> {
    open_in(root, path, OFlags::PATH, Mode::empty())
}

/// Opens a regular file for reading. A fifo or device put there is not waited for.
pub fn open_file_in(root: impl AsFd, path: &str) -> SysResult<OwnedFd> {
    open_in(root, path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY, Mode::empty())
}

/// Opens an existing file for reading and writing.
pub fn open_write_in(root: impl AsFd, path: &str) -> SysResult<OwnedFd> {
    open_in(root, path, OFlags::RDWR | OFlags::NONBLOCK | OFlags::NOCTTY, Mode::empty())
}

/// Creates a file that must not exist yet. The mode is set as given, whatever the umask.
pub fn create_in(root: impl AsFd, path: &str, mode: u16) -> SysResult<OwnedFd> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
    let file = open_in(root, path, flags, Mode::from_raw_mode(mode.into()))?;
    fs::fchmod(&file, Mode::from_raw_mode(mode.into()))?;
    Ok(file)
}

/// Makes a small file that must not exist yet, without a flush.
pub fn write_new_in(root: impl AsFd, path: &str, mode: u16, content: &[u8]) -> SysResult<()> {
    write_all(create_in(root, path, mode)?, content)
}

/// Opens a file for appending, creating it with this mode where it is absent.
pub fn append_in(root: impl AsFd, path: &str, mode: u16) -> SysResult<OwnedFd> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::APPEND | OFlags::NOFOLLOW;
    open_in(root, path, flags, Mode::from_raw_mode(mode.into()))
}

/// The whole content of an open file, at most 16 MiB.
pub fn read_all(file: impl AsFd) -> SysResult<Vec<u8>> {
    read_up_to(file, READ_LIMIT)
}

/// The whole content of an open file of at most so many bytes; a larger one is refused with EFBIG.
pub fn read_up_to(file: impl AsFd, limit: usize) -> SysResult<Vec<u8>> {
    let size = usize::try_from(fs::fstat(&file)?.st_size).unwrap_or_default();
    // What grows by doubling would take half as much again.
    let mut content = Vec::with_capacity(size.min(limit));
    let mut chunk = vec![0; 16384];
    loop {
        let n = match rustix::io::read(&file, &mut chunk) {
            Err(rustix::io::Errno::INTR) => continue,
            result => result?,
        };
        if n == 0 {
            return Ok(content);
        }
        content.extend_from_slice(chunk.get(..n).unwrap_or_default());
        if content.len() > limit {
            return Err(Errno(27));
        }
    }
}

/// The whole content of a file below `root`.
pub fn read(root: impl AsFd, path: &str) -> SysResult<Vec<u8>> {
    read_all(open_file_in(root, path)?)
}

/// The same as text; bytes that are no UTF-8 are replaced.
pub fn read_text(root: impl AsFd, path: &str) -> SysResult<String> {
    Ok(String::from_utf8_lossy(&read(root, path)?).into_owned())
}

/// Writes all of it, at the file's position.
pub fn write_all(file: impl AsFd, mut bytes: &[u8]) -> SysResult<()> {
    while !bytes.is_empty() {
        match rustix::io::write(&file, bytes) {
            Err(rustix::io::Errno::INTR) => {}
            result => bytes = bytes.get(result?..).unwrap_or_default(),
        }
    }
    Ok(())
}

/// Reads up to the buffer's length at an offset; the number of bytes that were there.
pub fn read_at(file: impl AsFd, buffer: &mut [u8], offset: u64) -> SysResult<usize> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match rustix::io::pread(&file, rest, offset + done as u64) {
            Err(rustix::io::Errno::INTR) => {}
            Ok(0) => break,
            result => done += result?,
        }
    }
    Ok(done)
}

/// Writes a block with one system call; a short write is an error.
pub fn write_block_at(file: impl AsFd, block: &[u8], offset: u64) -> SysResult<()> {
    let n = rustix::io::pwrite(file, block, offset)?;
    if n == block.len() { Ok(()) } else { Err(Errno::EIO) }
}

/// Data and the size are on the disk when it returns.
pub fn sync_data(file: impl AsFd) -> SysResult<()> {
    Ok(fs::fdatasync(file)?)
}

/// The file or directory is on the disk when it returns.
pub fn sync(file: impl AsFd) -> SysResult<()> {
    Ok(fs::fsync(file)?)
}

/// The whole file system that holds `file` is on the disk when it returns.
pub fn sync_fs(file: impl AsFd) -> SysResult<()> {
    Ok(fs::syncfs(file)?)
}

/// Makes one directory; its parent must be there. The mode is set as given, whatever the umask.
pub fn make_dir(root: impl AsFd, path: &str, mode: u16) -> SysResult<()> {
    let (parent, name) = split(path);
    let parent = open_dir_in(root, parent)?;
    fs::mkdirat(&parent, name, Mode::from_raw_mode(mode.into()))?;
    Ok(fs::chmodat(&parent, name, Mode::from_raw_mode(mode.into()), AtFlags::empty())?)
}

/// Makes a directory and its missing parents (0755); one that is there is left as it is, as `root` itself (an empty path) is.
pub fn make_dirs(root: impl AsFd, path: &str, mode: u16) -> SysResult<()> {
    if path.is_empty() { Ok(()) } else { make_dirs_below(root.as_fd(), path, mode) }
}

fn make_dirs_below(root: BorrowedFd<'_>, path: &str, mode: u16) -> SysResult<()> {
    match make_dir(root, path, mode) {
        Err(Errno::EEXIST) => open_dir_in(root, path).map(drop),
        Err(Errno::ENOENT) if path.trim_matches('/').contains('/') => {
            make_dirs_below(root, split(path).0, 0o755)?;
            make_dirs_below(root, path, mode)
        }
        result => result,
    }
}

/// Directory part and last name of a path without trailing slash.
pub fn split(path: &str) -> (&str, &str) {
    let path = path.trim_matches('/');
    path.rsplit_once('/').unwrap_or(("", path))
}

/// Sets the owner of what an open descriptor (also O_PATH) stands for.
pub fn set_owner(file: impl AsFd, uid: u32, gid: u32) -> SysResult<()> {
    let (uid, gid) = (fs::Uid::from_raw(uid), fs::Gid::from_raw(gid));
    Ok(fs::chownat(file, "", Some(uid), Some(gid), AtFlags::EMPTY_PATH)?)
}

/// Sets the permission bits of a directory or file below `root`.
pub fn set_mode_in(root: impl AsFd, path: &str, mode: u16) -> SysResult<()> {
    let (parent, name) = split(path);
    Ok(fs::chmodat(open_dir_in(root, parent)?, name, Mode::from_raw_mode(mode.into()), AtFlags::empty())?)
}

/// A symlink's target as text; bytes that are no UTF-8 are replaced.
pub fn read_link_in(root: impl AsFd, path: &str) -> SysResult<String> {
    let link = open_path_in(root, path)?;
    Ok(fs::readlinkat(&link, "", Vec::new())?.to_string_lossy().into_owned())
}

pub fn make_symlink(root: impl AsFd, path: &str, target: &str) -> SysResult<()> {
    let (parent, name) = split(path);
    Ok(fs::symlinkat(target, open_dir_in(root, parent)?, name)?)
}

/// Names in a directory without `.` and `..`, sorted; those that are no UTF-8 are left out.
pub fn names(dir: impl AsFd) -> SysResult<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::Dir::read_from(dir)? {
        let entry = entry?;
        match entry.file_name().to_str() {
            Ok("." | "..") | Err(_) => {}
            Ok(name) => names.push(name.into()),
        }
    }
    names.sort();
    Ok(names)
}

/// The same for a directory below `root`.
pub fn names_in(root: impl AsFd, path: &str) -> SysResult<Vec<String>> {
    names(open_dir_in(root, path)?)
}

/// Renames within or between directories below `root`, replacing a file that has the new name.
pub fn rename_in(root: impl AsFd, from: &str, to: &str) -> SysResult<()> {
    let ((from_dir, from), (to_dir, to)) = (split(from), split(to));
    let (from_dir, to_dir) = (open_dir_in(&root, from_dir)?, open_dir_in(&root, to_dir)?);
    Ok(fs::renameat(from_dir, from, to_dir, to)?)
}

/// The same, but refused with EEXIST where the new name is taken.
pub fn rename_new_in(root: impl AsFd, from: &str, to: &str) -> SysResult<()> {
    let ((from_dir, from), (to_dir, to)) = (split(from), split(to));
    let (from_dir, to_dir) = (open_dir_in(&root, from_dir)?, open_dir_in(&root, to_dir)?);
    Ok(fs::renameat_with(from_dir, from, to_dir, to, fs::RenameFlags::NOREPLACE)?)
}

/// Removes a file or symlink.
pub fn unlink_in(root: impl AsFd, path: &str) -> SysResult<()> {
    let (parent, name) = split(path);
    Ok(fs::unlinkat(open_dir_in(root, parent)?, name, AtFlags::empty())?)
}

/// The same, where there is one.
pub fn clear_in(root: impl AsFd, path: &str) -> SysResult<()> {
    match unlink_in(root, path) {
        Err(Errno::ENOENT) => Ok(()),
        unlinked => unlinked,
    }
}

/// Replaces a small file as a whole: beside, synced, renamed, directory synced.
pub fn replace_in(root: impl AsFd, path: &str, mode: u16, content: &[u8]) -> SysResult<()> {
    let (parent, name) = split(path);
    let dir = open_dir_in(root, parent)?;
    let temporary = alloc::format!(".{name}.new");
    clear_in(&dir, &temporary)?;
    let file = create_in(&dir, &temporary, mode)?;
    write_all(&file, content)?;
    sync(&file)?;
    rename_in(&dir, &temporary, name)?;
    sync(&dir)
}

/// Whether the mount that holds `file` is read-only, as statvfs(3) says (mount or superblock).
pub fn is_read_only(file: impl AsFd) -> SysResult<bool> {
    Ok(fs::fstatvfs(file)?.f_flag.contains(fs::StatVfsMountFlags::RDONLY))
}

/// An exclusive lock on an open file, at once or EAGAIN; it ends with the descriptor.
pub fn try_lock(file: BorrowedFd<'_>) -> SysResult<()> {
    Ok(fs::flock(file, fs::FlockOperation::NonBlockingLockExclusive)?)
}

/// The same, waiting for its turn.
pub fn lock(file: BorrowedFd<'_>) -> SysResult<()> {
    Ok(fs::flock(file, fs::FlockOperation::LockExclusive)?)
}

/// Leaves a descriptor open for the program that this process becomes.
pub fn hand_on(file: impl AsFd) -> SysResult<()> {
    Ok(rustix::io::fcntl_setfd(file, rustix::io::FdFlags::empty())?)
}

/// Asks a copy-on-write file system to write an empty file in place (chattr +C). Others do not know the flag, and need not.
pub fn set_no_cow(file: impl AsFd) {
    if let Ok(flags) = fs::ioctl_getflags(&file) {
        let _ = fs::ioctl_setflags(&file, flags | fs::IFlags::NOCOW);
    }
}

/// The running program's file; `own` is /proc/self. The only magic link that is ever followed.
pub fn open_program(own: impl AsFd) -> SysResult<OwnedFd> {
    Ok(fs::openat(own, "exe", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
}

/// A path that means an open descriptor, for kernel interfaces that take a path only. It needs no escaping. The descriptor
/// has to outlive the use of the path.
pub fn magic_path(file: &impl AsFd) -> String {
    use rustix::fd::AsRawFd;
    alloc::format!("/proc/self/fd/{}", file.as_fd().as_raw_fd())
}

/// The kernel's number of the mount that holds a path (statx, Linux 5.8).
pub fn mount_id(path: &str) -> SysResult<u64> {
    let flags = AtFlags::SYMLINK_NOFOLLOW | AtFlags::NO_AUTOMOUNT;
    Ok(fs::statx(CWD, path, flags, fs::StatxFlags::MNT_ID)?.stx_mnt_id)
}

/// Whether a directory is on a file system that lives in memory (linux/magic.h).
pub fn is_memory(directory: impl AsFd) -> bool {
    const RAMFS: u64 = 0x8584_58f6;
    const TMPFS: u64 = 0x0102_1994;
    fs::fstatfs(directory).is_ok_and(|found| matches!(u64::try_from(found.f_type), Ok(RAMFS | TMPFS)))
}

/// Whether a directory is on a FAT file system (linux/magic.h, MSDOS_SUPER_MAGIC).
pub fn is_fat(directory: impl AsFd) -> bool {
    const FAT: u64 = 0x4d44;
    fs::fstatfs(directory).is_ok_and(|found| matches!(u64::try_from(found.f_type), Ok(FAT)))
}

/// Copies from one open file to another, both at their positions, up to the end.
pub fn copy_content(from: impl AsFd, to: impl AsFd) -> SysResult<()> {
    let mut chunk = vec![0; 65536];
    loop {
        match rustix::io::read(&from, &mut chunk) {
            Err(rustix::io::Errno::INTR) => {}
            Ok(0) => return Ok(()),
            result => write_all(&to, chunk.get(..result?).unwrap_or_default())?,
        }
    }
}
