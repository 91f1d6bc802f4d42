//! PID 1 of an initramfs that holds nothing but bedplate: modules, root device, prepare-root, switch root, init. Or PID 1 of an
//! OSTree system without an initramfs, where the kernel has mounted the disk as / itself.
//!
//! It never returns and never exits: a kernel without PID 1 panics. What fails ends in a reboot, a halt or a shell.

mod devices;
mod modules;
mod root;
mod switch;

use super::prepare::{Options, Outcome, prepare};
use super::{countdown, load, nothing_boots};
use crate::decide::cmdline::Cmdline;
use crate::decide::config::WhenNothingBoots;
use crate::error::{Error, Result};
use crate::sys::power::{self, End};
use alloc::string::String;
use alloc::vec::Vec;
use core::convert::Infallible;

const SYSROOT: &str = "/sysroot";
const RUN: &str = "/run";

/// Mounts what the kernel does not, before anything else: /dev, /proc, /sys, /run. The logger can be set up after this.
pub fn early() -> Result<()> {
    devices::mount_all()
}

/// What the kernel has started this program from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    Initramfs,
    /// The disk: `init=` names the program in a deployment of OSTree's.
    Disk,
}

impl From {
    fn options(self) -> Options {
        let sysroot = match self {
            Self::Initramfs => SYSROOT,
            Self::Disk => "/",
        };
        Options { sysroot: sysroot.into(), run: RUN.into(), ..Options::default() }
    }
}

/// Boots. `arguments` are what the kernel gave to init, without its name; they are passed on.
pub fn run(from: From, arguments: &[String]) -> ! {
    let result = match from {
        From::Initramfs => boot(arguments),
        From::Disk => boot_from_disk(arguments),
    };
    let error = match result {
        Ok(never) => match never {},
        Err(error) => error,
    };
    log::error!("{error}");
    end_badly(from, &error)
}

/// prepare-root has made the new root this process's own.
fn boot_from_disk(arguments: &[String]) -> Result<Infallible> {
    match prepare(&From::Disk.options())? {
        Outcome::Stands(report) => Err(switch::run_init(&report.init, &words(arguments))),
        Outcome::StoodAlready | Outcome::Disabled => {
            Err(Error::usage("there is no ostree= on the kernel command line: it has to name the deployment's link"))
        }
    }
}

fn words(arguments: &[String]) -> Vec<&str> {
    arguments.iter().map(String::as_str).collect()
}

fn boot(arguments: &[String]) -> Result<Infallible> {
    let cmdline = Cmdline::parse(&load::cmdline(None)?);
    modules::load_listed()?;
    root::mount(&cmdline, SYSROOT)?;
    let prepared = prepare(&From::Initramfs.options())?;
    let init = match prepared {
        Outcome::Stands(report) => report.init,
        Outcome::StoodAlready | Outcome::Disabled => super::facts::find_init(open_sysroot()?, cmdline.get("init"))?,
    };
    switch::to_root(SYSROOT)?;
    Err(switch::run_init(&init, &words(arguments)))
}

fn open_sysroot() -> Result<crate::sys::OwnedFd> {
    use crate::error::OrFail;
    crate::sys::fs::open_dir(SYSROOT).or_fail("cannot open", SYSROOT)
}

/// As `when-nothing-boots` says: the screen, and a countdown that a key stops, then reboot or halt; or a shell, where the
/// initramfs has one.
fn end_badly(from: From, error: &Error) -> ! {
    let policy = load::request("/", "").map(|(request, _)| request.config.boot.when_nothing_boots).unwrap_or_default();
    nothing_boots::leave_unless_left(&from.options(), policy, error);
    if countdown::before(RUN, policy.word()) == countdown::End::Key {
        let error: Error = switch::run_init("bin/sh", &[]);
        log::error!("{error}: this initramfs has no shell, rebooting instead of a prompt");
        // Whoever did not ask for it gets the time to read the screen.
        if policy == WhenNothingBoots::Emergency {
            countdown::count(RUN, WhenNothingBoots::Reboot.word());
        }
    }
    power::end(if policy == WhenNothingBoots::Halt { End::Halt } else { End::Reboot })
}
