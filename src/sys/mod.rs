//! The only place that talks to the kernel: rustix, nix, libc and `unsafe` stand here and nowhere else.
//!
//! Functions are thin: one kernel action each, [`Errno`](crate::error::Errno) as the error, no policy, no logging.

pub mod copy;
pub mod device_mapper;
pub mod fs;
pub mod fsverity;
pub mod host;
pub mod journal;
pub mod kexec;
pub mod loopback;
pub mod module;
pub mod mount;
pub mod notice;
pub mod power;
pub mod process;
#[cfg(feature = "program")]
pub mod program;
pub mod terminal;
pub mod uevent;
pub mod watchdog;

use crate::error::Errno;
pub use rustix::fd::{AsFd, BorrowedFd, OwnedFd};

pub type SysResult<T> = core::result::Result<T, Errno>;

/// Why a call through libc failed.
fn last_errno() -> Errno {
    // SAFETY: libc gives each thread a valid errno for as long as it runs.
    #[expect(unsafe_code)]
    Errno(unsafe { *libc::__errno_location() })
}

impl From<rustix::io::Errno> for Errno {
    fn from(errno: rustix::io::Errno) -> Self {
        Self(errno.raw_os_error())
    }
}
