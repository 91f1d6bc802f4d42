//! The tiny guest: bedplate is the whole initramfs, and a deployment is little more than an init.

pub mod initramfs;
mod tree;

pub use tree::lay;

use crate::cache;
use crate::disk::esp;
use crate::error::Result;
use crate::kernel;
use crate::machine::{Parts, Start};
use crate::programs::Programs;
use crate::scenario::{Boot, Disk, Scenario};
use std::path::Path;

/// Seconds for one boot on a machine without KVM that has other things to do, too.
const SECONDS: u64 = 120;

/// What QEMU starts; the initramfs is made in `out`.
pub fn parts(scenario: &Scenario, boot: &Boot, programs: &Programs, out: &Path) -> Result<Parts> {
    let start = if scenario.disk.esp > 0 { esp::start(scenario)? } else { kernel_start(scenario, boot, programs, out)? };
    Ok(Parts { start, mebibytes: 256, processors: 1, seconds: boot.seconds.unwrap_or(SECONDS) })
}

fn kernel_start(scenario: &Scenario, boot: &Boot, programs: &Programs, out: &Path) -> Result<Start> {
    let kernel = kernel::get(scenario.kernel)?;
    let initramfs = out.join("initramfs");
    let config = boot.config.as_deref().unwrap_or(&scenario.config);
    let (disk, watchdog, files) = (&scenario.disk, scenario.watchdog, &boot.initramfs);
    initramfs::write(&initramfs, &initramfs::Content { program: &programs.bedplate, kernel: &kernel, disk, watchdog, config, files })?;
    Ok(Start::Kernel { image: kernel.image, initramfs, cmdline: format!("{} {}", cmdline(&scenario.disk), boot.cmdline) })
}

fn cmdline(disk: &Disk) -> String {
    format!("root={} rw console=ttyS0 panic=-1", disk.root)
}

/// An initramfs whose init is the guest's own: it says hello without any root.
pub fn bare(programs: &Programs) -> Result<Parts> {
    let kernel = kernel::get(kernel::Version::default())?;
    let key = cache::Key::default().with_file(&programs.guest_init)?;
    let initramfs = cache::get("bare", key, |to| initramfs::write_bare(to, &programs.guest_init))?;
    let start = Start::Kernel { image: kernel.image, initramfs, cmdline: "console=ttyS0 panic=-1".to_string() };
    Ok(Parts { start, mebibytes: 256, processors: 1, seconds: 15 })
}
