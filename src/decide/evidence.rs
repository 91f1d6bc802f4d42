//! What a machine keeps of a boot that went wrong, and what it says: panic records of pstore, boot status of watchdogs.

use super::model::{Evidence, Facts, KernelFit};
use super::record::{PANICS, Record, codec};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

#[cfg(test)]
mod tests;

/// The watchdog's "card reset" bit: it reset the machine (`WDIOF_CARDRESET`, linux/watchdog.h).
const CARD_RESET: u32 = 0x20;

/// What a machine keeps. Panics are in the order in which they were looked for: newest first, as far as names tell.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Traces {
    pub watchdog: Watchdog,
    pub panics: Vec<Panic>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Watchdog {
    /// It did not reset the machine, or nobody knows.
    #[default]
    Silent,
    Reset,
}

/// What the `bootstatus` of a device in sysfs says.
pub fn watchdog(bootstatus: &str) -> Watchdog {
    let reset = bootstatus.trim().parse::<u32>().is_ok_and(|status| status & CARD_RESET != 0);
    if reset { Watchdog::Reset } else { Watchdog::Silent }
}

/// One kernel panic, as pstore keeps it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Panic {
    /// Of its whole text: it is the same wherever the record is moved. Never 0.
    pub digest: u32,
    /// The release of the kernel that panicked, where the text has it.
    pub kernel: Option<String>,
}

/// Whether a file of pstore, or of the place where systemd-pstore moves them, can be a kernel log. `dmesg.txt` there is put
/// together from others.
pub fn is_kernel_log(name: &str) -> bool {
    name.starts_with("dmesg-") && !name.ends_with(".enc.z")
}

/// Reads a kernel log. It begins with `REASON#COUNT PartN` (`pstore_dump` in fs/pstore/platform.c); a panic may have many
/// parts, and part 1, the end of the log, stands for all. `None`: an oops, another part, or no kernel log.
pub fn panic(log: &[u8]) -> Option<Panic> {
    let text = String::from_utf8_lossy(log);
    let (reason, part) = text.lines().next()?.split_once(' ')?;
    if !reason.starts_with("Panic#") || part.trim() != "Part1" {
        return None;
    }
    Some(Panic { digest: codec::checksum(log).max(1), kernel: text.lines().find_map(release).map(ToString::to_string) })
}

/// From `CPU: 0 PID: 1 Comm: init Not tainted RELEASE #1 …` (`dump_stack_print_info` in lib/dump_stack.c).
fn release(line: &str) -> Option<&str> {
    let (_, after) = line.split_once("Comm: ")?;
    let (_, after) = after.split_once("ainted")?;
    let (before, _) = after.split_once(" #")?;
    before.split_whitespace().next_back()
}

/// What all of it says of the boot before this one. Panics that the record knows, and those of other systems' kernels, say
/// nothing; nor does any before the first boot that the record knows of: nobody can tell how old they are. A panic counts
/// more than the reset that may have followed it.
pub fn judge(traces: &Traces, record: &Record, facts: &Facts) -> Evidence {
    // Of more than are remembered, only the newest can be told from those that were forgotten.
    let recent = if traces.panics.len() > PANICS { 1 } else { PANICS };
    let is_new = |panic: &Panic| !record.panics.contains(&panic.digest) && is_ours(panic, facts);
    if record.last.is_some() && traces.panics.iter().take(recent).any(is_new) {
        return Evidence::Panic;
    }
    match traces.watchdog {
        Watchdog::Reset => Evidence::Watchdog,
        Watchdog::Silent => Evidence::None,
    }
}

fn is_ours(panic: &Panic, facts: &Facts) -> bool {
    let Some(kernel) = &panic.kernel else { return true };
    let in_tree = |fit: &KernelFit| matches!(fit, KernelFit::Mismatch { releases, .. } if releases.contains(kernel));
    facts.kernel == *kernel || facts.deployments.iter().any(|deployment| in_tree(&deployment.kernel))
}

/// What is there now, newest first, and then what was known before: the next boot tells from it what is new.
pub fn remember(record: &mut Record, traces: &Traces) {
    let mut known: Vec<u32> = Vec::new();
    for digest in traces.panics.iter().map(|panic| panic.digest).chain(record.panics) {
        if digest != 0 && !known.contains(&digest) {
            known.push(digest);
        }
    }
    known.resize(PANICS, 0);
    for (to, from) in record.panics.iter_mut().zip(known) {
        *to = from;
    }
}
