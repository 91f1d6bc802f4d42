//! A physical root in an initramfs, again and again in one boot.

use rustix::mount::{self, MountFlags, MountPropagationFlags, UnmountFlags};
use std::fs;
use std::io;

const SYSROOT: &str = "/sysroot";
/// Stands in for /proc/cmdline.
const CMDLINE: &str = "/dev/cmdline";
/// What a boot has anyway, and keeps.
const KEPT: [&str; 4] = ["/", "/dev", "/proc", "/sys"];

pub fn mount(device: &str, flags: &[String], cmdline: &str) -> io::Result<()> {
    let flag = |word: &String| match word.as_str() {
        "ro" => Ok(MountFlags::RDONLY),
        "nosuid" => Ok(MountFlags::NOSUID),
        "nodev" => Ok(MountFlags::NODEV),
        "noexec" => Ok(MountFlags::NOEXEC),
        other => Err(io::Error::other(format!("no flag is called {other}"))),
    };
    let flags = flags.iter().map(flag).collect::<io::Result<MountFlags>>()?;
    fs::write(CMDLINE, format!("{cmdline}\n"))?;
    mount::mount_bind(CMDLINE, "/proc/cmdline")?;
    mount::mount(device, SYSROOT, "ext4", flags, None)?;
    Ok(mount::mount_change("/", MountPropagationFlags::SHARED | MountPropagationFlags::REC)?)
}

pub fn clear() -> io::Result<()> {
    mount::mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    loop {
        let mounts = crate::mounts();
        let targets: Vec<_> = mounts.iter().map(|mount| mount.target.as_str()).filter(|target| !KEPT.contains(target)).collect();
        // What others are mounted on is busy until they are gone, and the order of the list says little about that.
        let unmount = |target: &&str| mount::unmount(*target, UnmountFlags::empty()).is_ok();
        if targets.is_empty() {
            break;
        }
        if !targets.iter().rev().any(unmount) {
            return Err(io::Error::other(format!("busy: {targets:?}")));
        }
    }
    mount::mount("tmpfs", "/run", "tmpfs", MountFlags::empty(), None)?;
    gone(fs::remove_dir("/sysroot.tmp"))?;
    gone(fs::remove_file("/etc/ostree/prepare-root.conf"))?;
    gone(fs::remove_file("/usr/lib/ostree/prepare-root.conf"))
}

/// What was not there is as good.
fn gone(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(why) if why.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}
