//! The content of regular files: shared, copied in the kernel, or read and written; with its holes.

use super::super::SysResult;
use crate::error::Errno;
use rustix::fd::AsFd;
use rustix::fs::{self, SeekFrom};
use rustix::io;

/// Lets `to` share all blocks of `from` (btrfs, xfs, bcachefs, overlayfs over them).
pub fn reflink(from: impl AsFd, to: impl AsFd) -> SysResult<()> {
    Ok(fs::ioctl_ficlone(to, from)?)
}

/// Copies up to `length` bytes at the same offset of both files inside the kernel; 0 at the end of `from`.
pub fn copy_range(from: impl AsFd, to: impl AsFd, offset: u64, length: usize) -> SysResult<usize> {
    loop {
        let (mut source, mut target) = (offset, offset);
        match fs::copy_file_range(&from, Some(&mut source), &to, Some(&mut target), length) {
            Err(io::Errno::INTR) => {}
            result => return Ok(result?),
        }
    }
}

/// Tells the kernel that a whole file is going to be read, from its beginning. It may not care.
pub fn read_ahead(file: impl AsFd) {
    let _ = fs::fadvise(file, 0, None, fs::Advice::Sequential);
}

/// Writes all of it at an offset.
pub fn write_all_at(file: impl AsFd, mut bytes: &[u8], mut offset: u64) -> SysResult<()> {
    while !bytes.is_empty() {
        match io::pwrite(&file, bytes, offset) {
            Err(io::Errno::INTR) => {}
            Ok(0) => return Err(Errno::EIO),
            result => {
                let done = result?;
                bytes = bytes.get(done..).unwrap_or_default();
                offset += done as u64;
            }
        }
    }
    Ok(())
}

/// The next stretch of data at or after `offset`, as start and end; `None`: only holes follow.
pub fn next_data(file: impl AsFd, offset: u64) -> SysResult<Option<(u64, u64)>> {
    let start = match fs::seek(&file, SeekFrom::Data(offset)) {
        Err(io::Errno::NXIO) => return Ok(None),
        result => result?,
    };
    match fs::seek(&file, SeekFrom::Hole(start)) {
        // The file was cut off in between.
        Err(io::Errno::NXIO) => Ok(None),
        end => Ok(Some((start, end?))),
    }
}

/// Sets a file's size; what is added is a hole.
pub fn set_size(file: impl AsFd, size: u64) -> SysResult<()> {
    Ok(fs::ftruncate(file, size)?)
}
