//! Loop devices: a file as a block device, for file systems that want one (linux/loop.h).

#![allow(unsafe_code)]

use super::{SysResult, fs};
use crate::error::Errno;
use alloc::format;
use alloc::string::String;
use rustix::fd::{AsFd, AsRawFd, OwnedFd};
use rustix::ioctl::{Ioctl, IoctlOutput, Opcode, Setter, ioctl};
use static_assertions::const_assert_eq;

/// LOOP_CTL_GET_FREE
const GET_FREE: Opcode = 0x4c82;
/// LOOP_CONFIGURE, Linux 5.8.
const CONFIGURE: Opcode = 0x4c0a;
/// LO_FLAGS_READ_ONLY, LO_FLAGS_AUTOCLEAR
const READ_ONLY: u32 = 1;
const AUTOCLEAR: u32 = 4;
/// How often another process may be quicker.
const ROUNDS: usize = 16;

/// `struct loop_info64`.
#[repr(C)]
struct RawInfo {
    device: u64,
    inode: u64,
    rdevice: u64,
    offset: u64,
    sizelimit: u64,
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    flags: u32,
    file_name: [u8; 64],
    crypt_name: [u8; 64],
    encrypt_key: [u8; 32],
    init: [u64; 2],
}

const_assert_eq!(size_of::<RawInfo>(), 232);

/// `struct loop_config`.
#[repr(C)]
struct RawConfig {
    fd: u32,
    block_size: u32,
    info: RawInfo,
    reserved: [u64; 8],
}

const_assert_eq!(size_of::<RawConfig>(), 304);

/// The number that the call itself returns.
struct GetFree;

// SAFETY: LOOP_CTL_GET_FREE takes no argument and touches no memory of ours.
unsafe impl Ioctl for GetFree {
    type Output = i32;

    const IS_MUTATING: bool = false;

    fn opcode(&self) -> Opcode {
        GET_FREE
    }

    fn as_ptr(&mut self) -> *mut core::ffi::c_void {
        core::ptr::null_mut()
    }

    unsafe fn output_from_ptr(output: IoctlOutput, _: *mut core::ffi::c_void) -> rustix::io::Result<i32> {
        Ok(output)
    }
}

/// A read-only loop device of this file: its path, and what holds it. It goes away when nobody uses it any more.
pub fn attach(file: impl AsFd) -> SysResult<(String, OwnedFd)> {
    let dev = fs::open_dir("/dev/")?;
    let control = fs::open_write_in(&dev, "loop-control")?;
    for _ in 0..ROUNDS {
        // SAFETY: see `GetFree`.
        let number = unsafe { ioctl(&control, GetFree)? };
        let name = format!("loop{number}");
        let device = fs::open_file_in(&dev, &name)?;
        match configure(&device, file.as_fd().as_raw_fd()) {
            Err(Errno::EBUSY) => {}
            result => return result.map(|()| (format!("/dev/{name}"), device)),
        }
    }
    Err(Errno::EBUSY)
}

fn configure(device: &OwnedFd, file: i32) -> SysResult<()> {
    let info = RawInfo {
        device: 0,
        inode: 0,
        rdevice: 0,
        offset: 0,
        sizelimit: 0,
        number: 0,
        encrypt_type: 0,
        encrypt_key_size: 0,
        flags: READ_ONLY | AUTOCLEAR,
        file_name: [0; 64],
        crypt_name: [0; 64],
        encrypt_key: [0; 32],
        init: [0; 2],
    };
    let config = RawConfig { fd: u32::try_from(file).map_err(|_| Errno::EBADF)?, block_size: 0, info, reserved: [0; 8] };
    // SAFETY: the opcode reads one `struct loop_config`, whose size is asserted, and writes nothing.
    unsafe { ioctl(device, Setter::<CONFIGURE, RawConfig>::new(config))? };
    Ok(())
}
