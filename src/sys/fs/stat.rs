//! What stat(2) says.

use super::{open_path_in, open_target_in};
use crate::sys::SysResult;
use rustix::fd::AsFd;
use rustix::fs;

/// What kind of thing something is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileType {
    Regular,
    Directory,
    Symlink,
    Other,
}

/// The part of stat(2) that boot code looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stat {
    pub file_type: FileType,
    /// Permission bits with setuid, setgid, sticky.
    pub mode: u16,
    pub uid: u32,
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// Of 512 bytes, that are really there.
    pub blocks: u64,
    pub device: u64,
    pub inode: u64,
}

fn to_stat(stat: &fs::Stat) -> Stat {
    let file_type = match fs::FileType::from_raw_mode(stat.st_mode) {
        fs::FileType::RegularFile => FileType::Regular,
        fs::FileType::Directory => FileType::Directory,
        fs::FileType::Symlink => FileType::Symlink,
        _ => FileType::Other,
    };
    Stat {
        file_type,
        mode: u16::try_from(stat.st_mode & 0o7777).unwrap_or_default(),
        uid: stat.st_uid,
        gid: stat.st_gid,
        size: u64::try_from(stat.st_size).unwrap_or_default(),
        blocks: u64::try_from(stat.st_blocks).unwrap_or_default(),
        device: stat.st_dev,
        inode: stat.st_ino,
    }
}

pub fn stat_fd(file: impl AsFd) -> SysResult<Stat> {
    Ok(to_stat(&fs::fstat(file)?))
}

/// Of the thing itself, not of what a final symlink means.
pub fn stat_in(root: impl AsFd, path: &str) -> SysResult<Stat> {
    stat_fd(open_path_in(root, path)?)
}

/// Of what the path means inside `root`, symlinks followed.
pub fn stat_target_in(root: impl AsFd, path: &str) -> SysResult<Stat> {
    stat_fd(open_target_in(root, path)?)
}

/// When an open file or directory was made: seconds and nanoseconds since 1970, zeros where the file system does not tell.
pub fn born(file: impl AsFd) -> SysResult<(i64, u32)> {
    let stat = fs::statx(file, "", fs::AtFlags::EMPTY_PATH, fs::StatxFlags::BTIME)?;
    let told = fs::StatxFlags::from_bits_retain(stat.stx_mask).contains(fs::StatxFlags::BTIME);
    Ok(if told { (stat.stx_btime.tv_sec, stat.stx_btime.tv_nsec) } else { (0, 0) })
}

/// The number of a file system's kind, as linux/magic.h has it.
pub fn magic(file: impl AsFd) -> SysResult<u64> {
    Ok(u64::try_from(fs::fstatfs(file)?.f_type).unwrap_or_default())
}
