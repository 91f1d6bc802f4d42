//! The hardware watchdog of a counted boot: which device, for how long, and what its keeper does next.
//!
//! prepare-root arms it once the try is counted, and closes it without the magic character: it runs on, through switch-root,
//! and whoever hangs before the keeper comes is reset. The keeper (a runtime unit) begins its time anew again and again, stops
//! it once the boot is marked good, and starves it when the deadline is over and the machine still runs. What it goes by:
//! Documentation/watchdog/watchdog-api.rst and drivers/watchdog/watchdog_dev.c of Linux 6.12, src/shared/watchdog.c and
//! src/core/main.c of systemd 257: without RuntimeWatchdogSec= systemd opens no device before it shuts down; with it, it opens
//! the device before any unit starts, and where that is busy tries again at every turn of its loop.

#[cfg(test)]
mod tests;

use crate::error::Errno;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// Seconds between the deadline and the moment from which nothing keeps the watchdog from its work. The deadline's unit gets
/// 30 of them to note the outcome.
pub const GRACE_SECONDS: u64 = 60;
/// What a shutdown gets from the moment that all processes are ended: as much as systemd's RebootWatchdogSec=.
pub const LAST_STRETCH_SECONDS: u32 = 600;
/// Below this a slow shutdown would be cut: what is still running then may take 90 s (DefaultTimeoutStopSec=) to die.
const LEAST_STRETCH_SECONDS: u32 = 120;

/// A watchdog that was armed in the initramfs, as /run keeps it: the name below /dev and the seconds, `watchdog0 30`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Armed {
    pub device: String,
    pub seconds: u32,
}

impl Armed {
    pub fn parse(text: &str) -> Option<Self> {
        let (device, seconds) = text.trim().split_once(' ')?;
        number(device)?;
        Some(Self { device: device.into(), seconds: seconds.parse().ok()? })
    }
}

impl fmt::Display for Armed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.device, self.seconds)
    }
}

/// `watchdog10` is number 10.
fn number(device: &str) -> Option<u32> {
    let digits = device.strip_prefix("watchdog")?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

/// What came of looking for a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pick<T> {
    Opened(String, T),
    /// Another process has this one, and with it the duty.
    Taken(String),
    /// There is none, or none that opens: each with its reason.
    None(Vec<(String, Errno)>),
}

/// The first device in the order of their numbers that opens. One that is busy is somebody's who keeps it: no other is armed
/// beside it.
pub fn pick<T>(names: Vec<String>, mut open: impl FnMut(&str) -> Result<T, Errno>) -> Pick<T> {
    let mut numbered: Vec<(u32, String)> = names.into_iter().filter_map(|name| Some((number(&name)?, name))).collect();
    numbered.sort();
    let mut failed = Vec::new();
    for (_, name) in numbered {
        match open(&name) {
            Ok(device) => return Pick::Opened(name, device),
            Err(Errno::EBUSY) => return Pick::Taken(name),
            Err(errno) => failed.push((name, errno)),
        }
    }
    Pick::None(failed)
}

/// Sets the wanted time, or the nearest that the device takes: the kernel refuses what is out of a driver's range and tells
/// its ends only in newer versions, so they are found by halving. `current` is what is set already; `set` gives what the driver
/// made of it, or nothing.
pub fn settle(wanted: u64, current: u32, mut set: impl FnMut(u32) -> Option<u32>) -> u32 {
    // The interface has signed numbers.
    let wanted = u32::try_from(wanted).unwrap_or(u32::MAX).min(i32::MAX.unsigned_abs());
    if let Some(real) = set(wanted) {
        return real;
    }
    let (mut taken, mut refused, mut real) = (current, wanted, current);
    while taken.abs_diff(refused) > 1 {
        let middle = taken.midpoint(refused);
        match set(middle) {
            Some(made) => (taken, real) = (middle, made),
            None => refused = middle,
        }
    }
    real
}

/// Milliseconds from one time that the keeper looks to the next: three chances before the time is over. (A device that tells no
/// time has 0.)
pub fn pause_millis(seconds: u32) -> u64 {
    (u64::from(seconds) * 1000 / 3).max(100)
}

/// What a signal asks the keeper for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    Nothing,
    /// Stopping the unit (its `KillSignal=` is SIGINT), or Ctrl-C.
    Stop,
    /// The end of all processes (SIGTERM): the machine goes down.
    Leave,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Open,
    Good,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    Left,
    /// The deadline and its grace are over.
    Over,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stoppable {
    Perhaps,
    /// It was tried (`nowayout`).
    No,
}

/// Everything that the keeper goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Situation {
    pub asked: Asked,
    pub verdict: Verdict,
    pub time: Time,
    pub stoppable: Stoppable,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Begin its time anew, and look again.
    Pet,
    /// Stop it, and end.
    Stop,
    /// End, and leave it running with a long time: a shutdown that hangs is reset, one that is only slow is not.
    Leave,
    /// Look again, without: the machine should have been restarted by now.
    Starve,
}

/// A good machine is never reset: what cannot be stopped is kept for ever.
pub const fn next(situation: Situation) -> Next {
    match situation {
        Situation { asked: Asked::Leave, .. } => Next::Leave,
        Situation { asked: Asked::Stop, stoppable, .. } | Situation { verdict: Verdict::Good, stoppable, .. } => match stoppable {
            Stoppable::Perhaps => Next::Stop,
            Stoppable::No => Next::Pet,
        },
        Situation { time: Time::Over, .. } => Next::Starve,
        Situation { time: Time::Left, .. } => Next::Pet,
    }
}

/// Whether the time of a boot with this deadline is over, by the time since its start.
pub const fn time(deadline: Option<u64>, seconds_since_boot: u64) -> Time {
    match deadline {
        Some(deadline) if seconds_since_boot >= deadline.saturating_add(GRACE_SECONDS) => Time::Over,
        _ => Time::Left,
    }
}

/// How the keeper ends when the machine goes down: a device whose longest time is too short for that is stopped.
pub const fn last_stretch(seconds: u32) -> Next {
    if seconds < LEAST_STRETCH_SECONDS { Next::Stop } else { Next::Leave }
}
