//! SIGINT, SIGTERM and SIGHUP as something to be asked about, instead of the end of the program in the middle of its work.

#![allow(unsafe_code)]

use crate::error::Errno;
use crate::sys::SysResult;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use rustix::fd::BorrowedFd;
use std::os::fd::AsRawFd;

/// What arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interrupt {
    /// SIGINT or SIGHUP.
    Stop,
    /// SIGTERM.
    Terminate,
}

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

    /// Readable when one has arrived.
    pub fn file(&self) -> BorrowedFd<'_> {
        // SAFETY: the descriptor is open for as long as this value lives, and so is what is borrowed of it.
        unsafe { BorrowedFd::borrow_raw(self.waiting.as_raw_fd()) }
    }

    /// The one that has arrived first since the last time that this was asked.
    pub fn next(&self) -> Option<Interrupt> {
        let signal = self.waiting.read_signal().ok().flatten()?;
        Some(if i64::from(signal.ssi_signo) == Signal::SIGTERM as i64 { Interrupt::Terminate } else { Interrupt::Stop })
    }

    /// Whether one has arrived since the last time that this was asked.
    pub fn arrived(&self) -> bool {
        self.next().is_some()
    }
}

fn to_errno(errno: nix::errno::Errno) -> Errno {
    Errno(errno as i32)
}
