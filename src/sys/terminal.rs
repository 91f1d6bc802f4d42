//! The console in raw mode: single keys, no echo.

use super::fs;
use rustix::fd::OwnedFd;
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

/// Whether a key was really there: a terminal that hung up is readable, too, and gives nothing.
pub fn read_key(console: &OwnedFd) -> bool {
    let mut key = [0; 16];
    matches!(rustix::io::read(console, &mut key), Ok(n) if n > 0)
}
