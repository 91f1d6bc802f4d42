//! SIGINT, SIGTERM and SIGHUP as something to be asked about, instead of the end of the program in the middle of its work.

use crate::error::Errno;
use crate::sys::SysResult;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};

/// From here to the end of the program these signals wait to be noticed, in this thread and in those that it starts.
#[derive(Debug)]
pub struct Interrupts {
    waiting: SignalFd,
}

impl Interrupts {
    pub fn hold() -> SysResult<Self> {
        let signals: SigSet = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP].into_iter().collect();
        signals.thread_block().map_err(to_errno)?;
        let waiting = SignalFd::with_flags(&signals, SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC).map_err(to_errno)?;
        Ok(Self { waiting })
    }

    /// Whether one has arrived since the last time that this was asked.
    pub fn arrived(&self) -> bool {
        matches!(self.waiting.read_signal(), Ok(Some(_)))
    }
}

fn to_errno(errno: nix::errno::Errno) -> Errno {
    Errno(errno as i32)
}
