//! What the kernel says of itself: its release, clocks, random bytes, settings.

use super::SysResult;
use super::fs;
use crate::error::Errno;
use alloc::string::String;
use rustix::rand::GetRandomFlags;
use rustix::time::ClockId;

/// `uname -r`.
pub fn release() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}

/// Whether this is an initramfs, as systemd tells it.
pub fn is_initramfs() -> bool {
    fs::open_dir("/etc/").and_then(|etc| fs::stat_in(etc, "initrd-release")).is_ok()
}

/// Major and minor number of a device.
pub fn device_numbers(device: u64) -> (u32, u32) {
    (rustix::fs::major(device), rustix::fs::minor(device))
}

/// Microseconds since boot, without time in suspend.
pub fn monotonic_micros() -> u64 {
    let now = rustix::time::clock_gettime(ClockId::Monotonic);
    u64::try_from(now.tv_sec).unwrap_or_default().saturating_mul(1_000_000) + u64::try_from(now.tv_nsec / 1000).unwrap_or_default()
}

/// Seconds since 1970 by a clock that may be wrong: shown to people, never compared.
pub fn unix_time() -> u64 {
    u64::try_from(rustix::time::clock_gettime(ClockId::Realtime).tv_sec).unwrap_or_default()
}

/// Random bytes; never blocks: before the pool is ready they may be guessable, which an instance may be.
pub fn random_bytes<const N: usize>() -> SysResult<[u8; N]> {
    let mut bytes = [0; N];
    let n = rustix::rand::getrandom(&mut bytes[..], GetRandomFlags::INSECURE)?;
    if n == N { Ok(bytes) } else { Err(Errno::EIO) }
}

/// Reads a whole file of /proc or /sys by its absolute path.
pub fn read_path(path: &str) -> SysResult<String> {
    let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
    fs::read_text(fs::open_dir(&alloc::format!("{parent}/"))?, name)
}

/// Writes a setting of /proc or /sys by its absolute path.
pub fn write_path(path: &str, value: &str) -> SysResult<()> {
    let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
    let dir = fs::open_dir(&alloc::format!("{parent}/"))?;
    fs::write_all(fs::open_write_in(dir, name)?, value.as_bytes())
}

/// Sleeps; used only where there is nothing to wait for.
pub fn sleep(milliseconds: u64) {
    let time = rustix::time::Timespec {
        tv_sec: i64::try_from(milliseconds / 1000).unwrap_or_default(),
        tv_nsec: i64::try_from(milliseconds % 1000 * 1_000_000).unwrap_or_default(),
    };
    let _ = rustix::thread::nanosleep(&time);
}
