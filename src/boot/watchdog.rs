//! The hardware watchdog of a counted boot, from the initramfs to its keeper; `decide::watchdog` says by which rules.
//!
//! Whoever opens a device has to begin its time anew or stop it; closed as it is, it runs on. What was armed is kept in /run, so
//! that the countdown and the keeper find it.

use crate::decide::model::Counting;
use crate::decide::plan::units::RUN_WATCHDOG;
use crate::decide::watchdog::{Armed, LAST_STRETCH_SECONDS, Next, Pick, last_stretch, pick, settle};
use crate::error::{Errno, OrFail, Result};
use crate::sys::watchdog::OnClose;
use crate::sys::{OwnedFd, SysResult, fs, host, uevent, watchdog};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// How long a device may take to appear, in seconds: its driver is loaded beside the disk's.
const WAIT_SECONDS: u64 = 5;

/// Who comes after the one that arms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// It is closed and opened again by another: a device that stops when it is closed is of no use.
    HandOver,
    /// It stays open.
    Keep,
}

/// A running watchdog, held open. Dropped, it runs on with its whole time.
#[derive(Debug)]
pub struct Dog {
    device: OwnedFd,
    armed: Armed,
}

impl Dog {
    /// Arms the first device that opens, waiting for one to appear. `notes` gets what a person should know, and why there is none.
    pub fn arm(run: &str, wanted: u64, then: Use, notes: &mut Vec<String>) -> Option<Self> {
        let (name, device) = match wait_for_one() {
            Pick::Opened(name, device) => (name, device),
            Pick::Taken(name) => {
                notes.push(format!("/dev/{name} is kept by another program (systemd, by RuntimeWatchdogSec=?), leaving it to that one"));
                return None;
            }
            Pick::None(failed) => {
                notes.push(none(&failed));
                return None;
            }
        };
        let info = watchdog::info(&device);
        if then == Use::HandOver && info.as_ref().is_ok_and(|info| info.on_close == OnClose::Stops) {
            notes.push(format!("/dev/{name} stops when it is closed, so nothing guards the boot until the booted system opens it"));
            return None;
        }
        let current = watchdog::timeout(&device).unwrap_or_default();
        let seconds = settle(wanted, current, |seconds| watchdog::set_timeout(&device, seconds).ok());
        if u64::from(seconds) != wanted {
            let identity = info.map(|info| info.identity).unwrap_or_default();
            notes.push(format!("/dev/{name} ({identity}) does not take {wanted} s, going on with {seconds} s"));
        }
        let dog = Self { device, armed: Armed { device: name, seconds } };
        notes.extend(dog.pet().err().map(|errno| format!("/dev/{} cannot be kept: {errno}, it resets the machine", dog.name())));
        notes.extend(dog.remember(run).err().map(|error| format!("{error}, nobody will know that the watchdog runs")));
        Some(dog)
    }

    /// The one that was armed earlier in this boot, with its whole time. EBUSY: somebody has it open.
    pub fn reopen(run: &str) -> SysResult<Option<Self>> {
        let text = match fs::open_dir(run).and_then(|run| fs::read_text(run, RUN_WATCHDOG)) {
            Err(Errno::ENOENT) => return Ok(None),
            read => read?,
        };
        let Some(armed) = Armed::parse(&text) else { return Ok(None) };
        let device = watchdog::open(&armed.device)?;
        // Opening alone does not begin the time anew.
        watchdog::keep_alive(&device)?;
        Ok(Some(Self { device, armed }))
    }

    pub fn name(&self) -> &str {
        &self.armed.device
    }

    pub fn seconds(&self) -> u32 {
        self.armed.seconds
    }

    /// Begins its time anew.
    pub fn pet(&self) -> SysResult<()> {
        watchdog::keep_alive(&self.device)
    }

    /// Stops it, where that can be done; it is to be dropped then. EBUSY: nothing stops it (`nowayout`).
    pub fn stop(&self, run: &str) -> SysResult<()> {
        watchdog::stop(&self.device)?;
        // What is left there is not believed: the device tells.
        let _ = fs::open_dir(run).and_then(|run| fs::unlink_in(run, RUN_WATCHDOG));
        Ok(())
    }

    /// For the end of the machine's run, when no process is left to keep it: the longest useful time, or none.
    pub fn leave(self, run: &str) {
        let set = |seconds| watchdog::set_timeout(&self.device, seconds).ok();
        if last_stretch(settle(LAST_STRETCH_SECONDS.into(), self.armed.seconds, set)) == Next::Stop {
            // It runs on with what it has: nothing is left to be done about it.
            let _ = self.stop(run);
        }
        let _ = self.pet();
    }

    fn remember(&self, run: &str) -> Result<()> {
        let dir = fs::open_dir(run).or_fail("cannot open", run)?;
        fs::make_dirs(&dir, fs::split(RUN_WATCHDOG).0, 0o755).or_fail("cannot make the directory of", RUN_WATCHDOG)?;
        fs::replace_in(&dir, RUN_WATCHDOG, 0o644, format!("{}\n", self.armed).as_bytes()).or_fail("cannot write", RUN_WATCHDOG)
    }
}

fn look() -> Pick<OwnedFd> {
    let names = fs::open_dir("/sys/class/watchdog").and_then(fs::names).unwrap_or_default();
    pick(names, watchdog::open)
}

/// Where devices cannot be listened for, the first look counts.
fn wait_for_one() -> Pick<OwnedFd> {
    let end = host::monotonic_micros().saturating_add(WAIT_SECONDS * 1_000_000);
    let events = uevent::listen();
    loop {
        if let Ok(events) = &events {
            let _ = uevent::drain(events);
        }
        let left = end.saturating_sub(host::monotonic_micros()) / 1000;
        match (look(), &events) {
            (Pick::None(_), Ok(events)) if left > 0 && uevent::wait(events, left).is_ok() => {}
            (found, _) => return found,
        }
    }
}

fn none(failed: &[(String, Errno)]) -> String {
    let why: Vec<String> = failed.iter().map(|(name, errno)| format!("/dev/{name}: {errno}")).collect();
    let why = if why.is_empty() { "there is none (is its driver in the initramfs?)".to_string() } else { why.join(", ") };
    format!("no watchdog is armed: {why}; only the deadline ends a hang")
}

/// For a person who is there, or a machine that is to stand still: nothing resets it from now on. What stands against that is
/// said, with the next step.
pub fn call_off(run: &str) {
    // Where somebody has it open, it is theirs: the keeper says so itself when it is stopped.
    let Ok(Some(dog)) = Dog::reopen(run) else { return };
    if let Err(errno) = dog.stop(run) {
        let (name, seconds) = (dog.name(), dog.seconds());
        log::warn!("/dev/{name} cannot be stopped ({errno}) and resets the machine in {seconds} s: bedplate note watchdog & keeps it");
    }
}

/// A kernel that panics on trial must not stand still.
fn panic_reboots() -> Result<()> {
    let path = "/proc/sys/kernel/panic";
    let current = host::read_path(path).or_fail("cannot read", path)?;
    if current.trim() == "0" { host::write_path(path, "10").or_fail("cannot write", path) } else { Ok(()) }
}

/// The watchdog over the attempts of one boot in the initramfs.
#[derive(Debug)]
pub struct Guard {
    run: String,
    wanted: Option<u64>,
    dog: Option<Dog>,
}

impl Guard {
    /// With what an earlier run in the same boot has armed.
    pub fn new(run: &str, wanted: Option<u64>) -> Self {
        Self { run: run.into(), wanted, dog: Dog::reopen(run).ok().flatten() }
    }

    /// Before an attempt: each counted one has the whole time; one that is not counted is not guarded. What is odd comes back.
    pub fn before(&mut self, counting: Counting) -> Vec<String> {
        let mut notes = Vec::new();
        if counting == Counting::Counted {
            let failed = panic_reboots().err();
            notes.extend(failed.map(|error| format!("a kernel panic would not reboot: {error}, going on without")));
        }
        match (counting, &self.dog) {
            (Counting::Counted, Some(dog)) => {
                // It was kept a moment ago; if it is not any more, it resets the machine.
                let _ = dog.pet();
            }
            (Counting::Counted, None) => {
                self.dog = self.wanted.and_then(|wanted| Dog::arm(&self.run, wanted, Use::HandOver, &mut notes));
                // Looked for in vain once a boot.
                self.wanted = self.wanted.filter(|_| self.dog.is_some());
            }
            (Counting::Uncounted, Some(dog)) => match dog.stop(&self.run) {
                Ok(()) => self.dog = None,
                Err(errno) => notes.push(format!("/dev/{} cannot be stopped: {errno}, it is kept as long as the machine runs", dog.name())),
            },
            (Counting::Uncounted, None) => {}
        }
        notes
    }

    /// What runs when the attempts are over, and needs a keeper.
    pub fn running(&self) -> Option<&Dog> {
        self.dog.as_ref()
    }
}
