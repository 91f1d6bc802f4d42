//! The console in raw mode: single keys, no echo.

use super::{SysResult, fs, host};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// The console; its mode is put back at the end.
#[derive(Debug)]
pub struct Raw {
    file: OwnedFd,
    before: Termios,
}

impl Raw {
    /// `None` where there is no console or it is no terminal.
    pub fn open() -> Option<Self> {
        let file = fs::open_dir("/dev/").and_then(|dev| fs::open_write_in(dev, "console")).ok()?;
        let before = tcgetattr(&file).ok()?;
        let mut raw = before.clone();
        raw.local_modes.remove(LocalModes::ICANON | LocalModes::ECHO);
        tcsetattr(&file, OptionalActions::Flush, &raw).ok()?;
        Some(Self { file, before })
    }

    pub fn file(&self) -> &OwnedFd {
        &self.file
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = tcsetattr(&self.file, OptionalActions::Now, &self.before);
    }
}

/// Writes all of it to a terminal that was opened without blocking, or gives up: EAGAIN when it takes nothing more in time.
pub fn write_within(terminal: &OwnedFd, mut bytes: &[u8], milliseconds: u64) -> SysResult<()> {
    let end = host::monotonic_micros().saturating_add(milliseconds.saturating_mul(1000));
    while !bytes.is_empty() {
        match rustix::io::write(terminal, bytes) {
            Ok(n) => bytes = bytes.get(n..).unwrap_or_default(),
            Err(Errno::INTR) => {}
            Err(Errno::AGAIN) if host::monotonic_micros() < end => wait_for_room(terminal),
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

/// A short while: a line that is not ready now may not say when it is.
fn wait_for_room(terminal: &OwnedFd) {
    let timeout = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
    let _ = poll(&mut [PollFd::new(terminal, PollFlags::OUT)], Some(&timeout));
}

/// Whether a key was really there: a terminal that hung up is readable, too, and gives nothing.
pub fn read_key(console: &OwnedFd) -> bool {
    let mut key = [0; 16];
    matches!(rustix::io::read(console, &mut key), Ok(n) if n > 0)
}
