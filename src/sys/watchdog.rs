//! Watchdog devices: the ioctls of linux/watchdog.h, as Documentation/watchdog/watchdog-api.rst describes them.

#![allow(unsafe_code)]

use super::{SysResult, fs};
use crate::error::Errno;
use alloc::string::String;
use rustix::fd::{AsFd, OwnedFd};
use rustix::ioctl::{Getter, NoArg, Opcode, Updater, ioctl, opcode};
use static_assertions::const_assert_eq;

const GROUP: u8 = b'W';
/// WDIOC_GETSUPPORT
const GET_SUPPORT: Opcode = opcode::read::<RawInfo>(GROUP, 0);
/// WDIOC_SETOPTIONS: the kernel reads the number, whatever the direction in its name says.
const SET_OPTIONS: Opcode = opcode::read::<i32>(GROUP, 4);
/// WDIOC_KEEPALIVE
const KEEP_ALIVE: Opcode = opcode::read::<i32>(GROUP, 5);
/// WDIOC_SETTIMEOUT
const SET_TIMEOUT: Opcode = opcode::read_write::<i32>(GROUP, 6);
/// WDIOC_GETTIMEOUT
const GET_TIMEOUT: Opcode = opcode::read::<i32>(GROUP, 7);

/// WDIOS_DISABLECARD
const DISABLE: i32 = 1;
/// WDIOF_MAGICCLOSE
const MAGIC_CLOSE: u32 = 0x0100;

/// `struct watchdog_info`.
#[repr(C)]
struct RawInfo {
    options: u32,
    firmware_version: u32,
    identity: [u8; 32],
}

const_assert_eq!(size_of::<RawInfo>(), 40);

/// What becomes of a device that is closed without a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnClose {
    /// It runs on (WDIOF_MAGICCLOSE).
    RunsOn,
    Stops,
}

/// What a driver says of its device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    pub identity: String,
    pub on_close: OnClose,
}

/// Opens a device of /dev. From now on it runs; EBUSY: another process has it open.
pub fn open(name: &str) -> SysResult<OwnedFd> {
    fs::open_write_in(fs::open_dir("/dev/")?, name)
}

pub fn info(device: impl AsFd) -> SysResult<Info> {
    // SAFETY: the opcode writes one `struct watchdog_info`, whose size is asserted, and any bytes are a value of it.
    let raw = unsafe { ioctl(device, Getter::<GET_SUPPORT, RawInfo>::new())? };
    let identity = raw.identity.split(|byte| *byte == 0).next().unwrap_or_default();
    let on_close = if raw.options & MAGIC_CLOSE == 0 { OnClose::Stops } else { OnClose::RunsOn };
    Ok(Info { identity: String::from_utf8_lossy(identity).into_owned(), on_close })
}

/// Sets the time after which it resets the machine, in seconds, and begins it anew; the time that the driver made of it.
pub fn set_timeout(device: impl AsFd, seconds: u32) -> SysResult<u32> {
    let mut value = i32::try_from(seconds).unwrap_or(i32::MAX);
    // SAFETY: the opcode reads and writes one int.
    unsafe { ioctl(device, Updater::<SET_TIMEOUT, i32>::new(&mut value))? };
    Ok(u32::try_from(value).unwrap_or_default())
}

/// The time that is set, in seconds.
pub fn timeout(device: impl AsFd) -> SysResult<u32> {
    // SAFETY: the opcode writes one int, and any bytes are a value of it.
    let value = unsafe { ioctl(device, Getter::<GET_TIMEOUT, i32>::new())? };
    Ok(u32::try_from(value).unwrap_or_default())
}

/// Begins its time anew.
pub fn keep_alive(device: impl AsFd) -> SysResult<()> {
    // SAFETY: the opcode takes no argument that the kernel looks at.
    unsafe { ioctl(device, NoArg::<KEEP_ALIVE>::new())? };
    Ok(())
}

/// Stops it, now or when it is closed. EBUSY: nothing does (`nowayout`). An old driver that knows no options does not tell: the
/// character is all that it understands.
pub fn stop(device: impl AsFd) -> SysResult<()> {
    let mut options = DISABLE;
    // SAFETY: the opcode reads one int.
    match unsafe { ioctl(&device, Updater::<SET_OPTIONS, i32>::new(&mut options)) } {
        Err(errno) if Errno::from(errno) == Errno::EBUSY => Err(Errno::EBUSY),
        _ => fs::write_all(&device, b"V"),
    }
}
