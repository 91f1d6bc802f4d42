//! How a machine ends.

use rustix::mount::{MountFlags, mount_remount};
use rustix::system::{RebootCommand, reboot as ask_kernel};
use std::fs::write;
use std::process::Command;
use std::time::Duration;

/// In good order: everything is on the disks.
pub fn reboot() -> Result<(), String> {
    in_order(RebootCommand::Restart, "reboot")
}

/// In good order: everything is on the disks.
pub fn poweroff() -> Result<(), String> {
    in_order(RebootCommand::PowerOff, "poweroff")
}

/// As a service, it is the service manager that stops the machine.
fn in_order(command: RebootCommand, verb: &str) -> Result<(), String> {
    if std::process::id() != 1 {
        let done = Command::new("systemctl").arg(verb).status().map_err(|e| format!("cannot run systemctl: {e}"))?;
        return if done.success() { hang() } else { Err(format!("systemctl {verb}: {done}")) };
    }
    rustix::fs::sync();
    settle_disks();
    ask_kernel(command).map_err(|e| format!("reboot(2): {e}"))?;
    hang()
}

/// Read-only, a file system needs no recovery at the next boot.
fn settle_disks() {
    for mount in super::mounts().iter().filter(|mount| mount.source.starts_with("/dev/")) {
        if let Err(why) = mount_remount(&mount.target, MountFlags::RDONLY, "") {
            eprintln!("guest-init: cannot make {} read-only: {why}", mount.target);
        }
    }
}

/// Panics the kernel; nothing that is not on the disk yet gets there.
pub fn crash() {
    for (path, text) in [("/proc/sys/kernel/sysrq", "1"), ("/proc/sysrq-trigger", "c")] {
        if let Err(why) = write(path, text) {
            eprintln!("guest-init: cannot write {path}: {why}");
        }
    }
}

pub fn hang() -> Result<(), String> {
    loop {
        std::thread::sleep(Duration::MAX);
    }
}
