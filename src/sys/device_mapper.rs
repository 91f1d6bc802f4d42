//! What the device mapper tells of a device: the ioctls of linux/dm-ioctl.h.

#![allow(unsafe_code)]

use super::{SysResult, fs};
use crate::error::Errno;
use alloc::string::String;
use rustix::fd::OwnedFd;
use rustix::ioctl::{Opcode, Updater, ioctl, opcode};
use static_assertions::const_assert_eq;

/// DM_TABLE_STATUS: the status of each target, or with [`TABLE`] its table.
const STATUS: Opcode = opcode::read_write::<RawHead>(0xfd, 12);
/// DM_STATUS_TABLE_FLAG
const TABLE: u32 = 1 << 4;
/// DM_BUFFER_FULL_FLAG
const BUFFER_FULL: u32 = 1 << 8;
/// For one target: a table of dm-verity with all options takes less than a quarter.
const ROOM: usize = 4096;

/// `struct dm_ioctl`.
#[repr(C)]
struct RawHead {
    version: [u32; 3],
    data_size: u32,
    data_start: u32,
    target_count: u32,
    open_count: i32,
    flags: u32,
    event_number: u32,
    padding: u32,
    device: u64,
    name: [u8; 128],
    uuid: [u8; 129],
    data: [u8; 7],
}

const_assert_eq!(size_of::<RawHead>(), 312);

/// `struct dm_target_spec`.
#[repr(C)]
struct RawTarget {
    start: u64,
    length: u64,
    status: i32,
    next: u32,
    kind: [u8; 16],
}

const_assert_eq!(size_of::<RawTarget>(), 40);

#[repr(C)]
struct Raw {
    head: RawHead,
    target: RawTarget,
    /// Ends with a NUL.
    line: [u8; ROOM],
}

const_assert_eq!(size_of::<Raw>(), 312 + 40 + ROOM);

/// What a device is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// "linear", "verity".
    pub kind: String,
    pub status: String,
    pub table: String,
}

/// The target of a device, by its numbers; `None`: it is none of the device mapper's, or it is made of more than one.
pub fn only_target(device: (u32, u32)) -> SysResult<Option<Target>> {
    if !is_mapped(device)? {
        return Ok(None);
    }
    let control = fs::open_write_in(fs::open_dir("/dev/")?, "mapper/control")?;
    let (Some((kind, status)), Some((_, table))) = (ask(&control, device, 0)?, ask(&control, device, TABLE)?) else { return Ok(None) };
    Ok(Some(Target { kind, status, table }))
}

fn is_mapped((major, minor): (u32, u32)) -> SysResult<bool> {
    match fs::open_dir(&alloc::format!("/sys/dev/block/{major}:{minor}/dm")) {
        Ok(_) => Ok(true),
        Err(Errno::ENOENT) => Ok(false),
        Err(errno) => Err(errno),
    }
}

/// The kind of the only target, and the line about it.
fn ask(control: &OwnedFd, device: (u32, u32), flags: u32) -> SysResult<Option<(String, String)>> {
    let mut raw = request(device, flags);
    // SAFETY: the opcode reads a `struct dm_ioctl`, and writes it and what is behind it, no more bytes than its data_size tells.
    unsafe { ioctl(control, Updater::<STATUS, Raw>::new(&mut raw))? };
    if raw.head.target_count != 1 {
        return Ok(None);
    }
    if raw.head.flags & BUFFER_FULL != 0 {
        return Err(Errno(75));
    }
    Ok(Some((text(&raw.target.kind), text(&raw.line))))
}

fn request((major, minor): (u32, u32), flags: u32) -> Raw {
    let head = RawHead {
        version: [4, 0, 0],
        data_size: u32::try_from(size_of::<Raw>()).unwrap_or(u32::MAX),
        data_start: u32::try_from(size_of::<RawHead>()).unwrap_or(u32::MAX),
        target_count: 0,
        open_count: 0,
        flags,
        event_number: 0,
        padding: 0,
        // As the kernel's new_encode_dev writes it.
        device: ((minor & 0xff) | (major << 8) | ((minor & !0xff) << 12)).into(),
        name: [0; 128],
        uuid: [0; 129],
        data: [0; 7],
    };
    Raw { head, target: RawTarget { start: 0, length: 0, status: 0, next: 0, kind: [0; 16] }, line: [0; ROOM] }
}

fn text(bytes: &[u8]) -> String {
    let text = bytes.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_the_kernels() {
        assert_eq!(STATUS, 0xc138_fd0c);
        assert_eq!(request((254, 0), 0).head.device, 0xfe00);
        assert_eq!(request((253, 0x12_345), TABLE).head.device, 0x1230_fd45);
    }

    #[test]
    fn what_is_not_of_the_device_mapper_has_no_target() {
        assert_eq!(only_target((0, 0)), Ok(None));
    }
}
