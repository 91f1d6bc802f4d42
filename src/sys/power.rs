//! The end of the machine's run.

use rustix::system::{RebootCommand, reboot};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Reboot,
    Halt,
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
