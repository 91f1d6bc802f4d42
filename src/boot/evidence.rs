//! Looks for what the machine kept of a boot that went wrong. It reads, and erases nothing: that is systemd-pstore's.

use super::store::Store;
use crate::decide::evidence::{self, Panic, Traces, Watchdog};
use crate::decide::model::{Facts, Id};
use crate::decide::record::Record;
use crate::sys::mount::{self, Flags};
use crate::sys::{AsFd, OwnedFd, fs, host};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

const WATCHDOGS: &str = "/sys/class/watchdog";
const PSTORE: &str = "/sys/fs/pstore";
/// Where systemd-pstore moves records to.
const ARCHIVE: &str = "lib/systemd/pstore";

/// Records that are looked at in one place, and the largest that is read: a kernel log is far smaller.
const RECORDS: usize = 64;
const LARGEST: u64 = 1 << 20;

/// In the initramfs: the shared /var is in the store.
fn look(store: &Store) -> Traces {
    gather(fs::open_dir_in(&store.dir, &format!("var/{ARCHIVE}")).ok())
}

/// In the booted system.
pub fn look_when_booted() -> Traces {
    gather(fs::open_dir(&format!("/var/{ARCHIVE}")).ok())
}

/// Whether the kernel that runs is the first of this boot of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Within {
    NewBoot,
    /// It was started by kexec.
    OneBoot,
}

/// How the boot before this one ended, in the facts and in the record in memory. Only a boot that writes anyway, or has to,
/// makes it durable.
pub fn find_out(store: &Store, facts: &mut Facts, record: &mut Record, within: Within) {
    let mut traces = look(store);
    if within == Within::OneBoot {
        // The kernel before this one has judged it already, and a device may still say the same.
        traces.watchdog = Watchdog::Silent;
    }
    let now = facts.boot_id.short();
    facts.previous = record.previous_end(evidence::judge(&traces, record, facts), now);
    if let Some(ending) = &facts.previous {
        record.close(ending, now);
    }
    if let Some(ending) = facts.previous.as_ref().filter(|ending| ending.is_proven()) {
        log::info!("{}: {}", facts.id_of(ending.key).map_or("a deployment that is gone", Id::as_str), ending.outcome.sentence());
    }
    evidence::remember(record, &traces);
}

/// What cannot be read tells nothing.
fn gather(archive: Option<OwnedFd>) -> Traces {
    let (pstore, archive) = (pstore().map(|dir| panics(&dir)), archive.map(|dir| archived(&dir)));
    Traces { watchdog: watchdog(), panics: pstore.into_iter().chain(archive).flatten().collect() }
}

/// What any watchdog device says of the last boot.
fn watchdog() -> Watchdog {
    let names = fs::open_dir(WATCHDOGS).and_then(fs::names).unwrap_or_default();
    let says = |name: &String| host::read_path(&format!("{WATCHDOGS}/{name}/bootstatus")).map(|text| evidence::watchdog(&text));
    let reset = names.iter().any(|name| says(name) == Ok(Watchdog::Reset));
    if reset { Watchdog::Reset } else { Watchdog::Silent }
}

/// The file system of panic records; where nobody has mounted it yet, a mount of it that nobody else sees.
fn pstore() -> Option<OwnedFd> {
    let there = fs::open_dir(PSTORE).ok()?;
    if mount::is_mount_point(&there) == Ok(true) || fs::names(&there).is_ok_and(|names| !names.is_empty()) {
        return Some(there);
    }
    let own = mount::make_fs("pstore", &[]).ok()?;
    mount::set_flags(&own, Flags::READ_ONLY, Flags::default()).ok()?;
    Some(own)
}

/// EFI's and ERST's records have directories of their own, the newest last by name.
fn archived(dir: &OwnedFd) -> Vec<Panic> {
    let mut all = panics(dir);
    for name in newest(dir) {
        let Ok(dir) = fs::open_dir_in(dir, &name) else { continue };
        all.extend(panics(&dir));
        all.extend(newest(&dir).iter().filter_map(|name| fs::open_dir_in(&dir, name).ok()).flat_map(|dir| panics(&dir)));
    }
    all
}

fn panics(dir: &OwnedFd) -> Vec<Panic> {
    let logs = newest(dir).into_iter().filter(|name| evidence::is_kernel_log(name));
    logs.filter_map(|name| evidence::panic(&read(dir, &name)?)).collect()
}

/// Names that begin with a time, as EFI's do, sort by it.
fn newest(dir: &OwnedFd) -> Vec<String> {
    fs::names(dir).unwrap_or_default().into_iter().rev().take(RECORDS).collect()
}

/// Only a file: what is in /var can be anything.
fn read(dir: &impl AsFd, name: &str) -> Option<Vec<u8>> {
    let stat = fs::stat_in(dir, name).ok()?;
    let readable = stat.file_type == fs::FileType::Regular && stat.size <= LARGEST;
    if readable { fs::read(dir, name).ok() } else { None }
}
