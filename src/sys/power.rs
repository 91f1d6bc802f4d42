//! The end of the machine's run.

use crate::error::Errno;
use rustix::system::{RebootCommand, reboot};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Reboot,
    Halt,
}

/// Starts the kernel that was loaded, without any more word to user space. Returns only when the kernel refuses.
pub fn start_loaded_kernel() -> Errno {
    match reboot(RebootCommand::Kexec) {
        Ok(()) => Errno::EINVAL,
        Err(errno) => errno.into(),
    }
}

/// Flushes and ends. Never returns: where the kernel refuses, it waits for whoever can.
pub fn end(how: End) -> ! {
    rustix::fs::sync();
    let command = match how {
        End::Reboot => RebootCommand::Restart,
        End::Halt => RebootCommand::Halt,
    };
    loop {
        let _ = reboot(command);
        super::host::sleep(10_000);
    }
}
