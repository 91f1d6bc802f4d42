//! What loaders keep, and what a machine keeps of a boot that went wrong.

use super::disk::{ISO, crc32};
use bedplate::decide::evidence;
use bedplate::decide::health::{LIMIT, Tail, disabled};
use bedplate::decide::loader::counter::{self as names, MOST};
use bedplate::decide::loader::gpt::{Attributes, Pair, Write};
use bedplate::decide::loader::{entries, grubenv as environment};
use bedplate::decide::watchdog::Armed;

fn text(data: &[u8]) -> &str {
    core::str::from_utf8(data).unwrap_or_default()
}

/// A file name.
pub fn counter(data: &[u8]) {
    let name = text(data);
    let Some(entry) = names::parse(name) else { return };
    assert_eq!(names::parse(&entry.to_string()), Some(entry.clone()));
    assert!(!entry.base.is_empty() && name.starts_with(&entry.base) && name.ends_with(entry.suffix));
    assert!(entry.counter.is_none_or(|counter| counter.left <= MOST && counter.done <= MOST));
    assert_eq!(names::parse(&entry.bad().to_string()), Some(entry.bad()));
    // What is good stays good, whatever its own name looks like: else a healthy one would be counted.
    let good = entry.good();
    assert!(good.counter.is_none() && good.tried().is_none());
}

/// LoaderBootCountPath of efivarfs.
pub fn loader_variable(data: &[u8]) {
    let Some(entry) = entries::started(data) else { return };
    assert!(!entry.base.contains(['/', '\\', '\0']) && !entry.base.is_empty());
    if let Some((id, state)) = entries::state_of_started(&entry, &[]) {
        assert!(entry.base.contains(id.as_str()) && state.of(&id).is_some());
    }
}

pub fn grubenv(data: &[u8]) {
    let mut block = data.to_vec();
    block.resize(environment::SIZE, b'#');
    assert!(environment::parse(&block[1..]).is_err());
    let Ok(parsed) = environment::parse(&block) else { return };
    let written = parsed.format().unwrap();
    assert_eq!((written.len(), environment::parse(&written)), (environment::SIZE, Ok(parsed.clone())));
    let mut changed = parsed.clone();
    changed.set("a", Some("b\\c\n#d"));
    if let Ok(bytes) = changed.format() {
        assert_eq!(environment::parse(&bytes).unwrap().get("a"), Some("b\\c\n#d"));
    }
    changed.set("a", None);
    assert_eq!(changed.get("a"), None);
}

const SECTOR: usize = 512;

fn number(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..at + 4).map_or(0, |field| u32::from_le_bytes(field.try_into().unwrap()).into())
}

/// Makes the sums of the table right whose header is in that sector, as far as it has one.
fn make_whole(disk: &mut [u8], sector: usize) {
    let start = sector * SECTOR;
    let Some(header) = disk.get(start..start + SECTOR).map(<[u8]>::to_vec) else { return };
    let entries = usize::try_from(number(&header, 72)).unwrap().saturating_mul(SECTOR);
    let size = usize::try_from(number(&header, 80) * number(&header, 84)).unwrap_or(usize::MAX).min(disk.len());
    if let Some(sum) = entries.checked_add(size).and_then(|end| disk.get(entries..end)).map(|entries| crc32(ISO, entries)) {
        disk[start + 88..start + 92].copy_from_slice(&sum.to_le_bytes());
    }
    disk[start + 16..start + 20].fill(0);
    let covered = usize::try_from(number(&header, 12)).unwrap().min(SECTOR);
    let sum = crc32(ISO, &disk[start..start + covered]);
    disk[start + 16..start + 20].copy_from_slice(&sum.to_le_bytes());
}

fn read(disk: &[u8]) -> Pair {
    let last = u64::try_from(disk.len() / SECTOR).unwrap().saturating_sub(1);
    Pair::read(SECTOR, last, |lba, size| {
        let at = usize::try_from(lba).ok().and_then(|lba| lba.checked_mul(SECTOR)).ok_or("too far")?;
        at.checked_add(size).and_then(|end| disk.get(at..end)).map(<[u8]>::to_vec).ok_or_else(|| "too short".to_string())
    })
}

/// A disk of 512-byte sectors. Every state that a change leaves between two sectors has the old attributes or the new.
pub fn gpt(data: &[u8]) {
    let Some((flags, data)) = data.split_first() else { return };
    let mut disk = data.to_vec();
    disk.truncate(64 * SECTOR);
    if flags & 1 != 0 {
        make_whole(&mut disk, 1);
    }
    if flags & 2 != 0 {
        let last = (disk.len() / SECTOR).saturating_sub(1);
        make_whole(&mut disk, last);
    }
    let before = read(&disk);
    let Ok(table) = before.current() else { return };
    let old = table.partitions();
    let Some(first) = old.first() else { return };
    let wanted = Attributes { priority: 2, tries: 3, successful: !first.attributes.successful };
    let Ok(tables) = before.change(&[(first.index, wanted)]) else { return };
    let mut new = old.clone();
    new[0].attributes = wanted;
    for Write { lba, bytes } in tables.iter().flatten() {
        for (sector, part) in (usize::try_from(*lba).unwrap()..).zip(bytes.chunks(SECTOR)) {
            // No write leaves the disk: there would be nothing to read it back from.
            disk[sector * SECTOR..][..part.len()].copy_from_slice(part);
            let now = read(&disk).current().unwrap().partitions();
            assert!(now == old || now == new, "neither old nor new after sector {sector}");
        }
    }
    assert_eq!(read(&disk).current().unwrap().partitions(), new);
    assert_eq!(read(&disk).damage(), None);
}

/// A kernel log of pstore.
pub fn panic_record(data: &[u8]) {
    let Some(panic) = evidence::panic(data) else { return };
    assert!(data.starts_with(b"Panic#") && panic.digest != 0);
    assert!(panic.kernel.is_none_or(|kernel| !kernel.is_empty() && !kernel.contains(char::is_whitespace)));
}

/// greenboot.conf.
pub fn health_conf(data: &[u8]) {
    let conf = text(data);
    let Ok(names) = disabled(conf) else { return };
    assert!(names.is_empty() || conf.contains("DISABLED_HEALTHCHECKS="));
    assert!(names.iter().all(|name| conf.contains(name.as_str()) && !name.contains(['$', '(', '\n'])));
}

/// What a script says: pieces, with a NUL between two.
pub fn health_output(data: &[u8]) {
    let mut tail = Tail::default();
    data.split(|byte| *byte == 0).for_each(|piece| tail.push(piece));
    let kept = tail.text();
    assert!(kept.len() <= LIMIT && !kept.chars().any(|c| c.is_control() && c != '\n'));
    let whole: Vec<u8> = data.iter().copied().filter(|byte| *byte != 0).collect();
    let mut again = Tail::default();
    again.push(&whole);
    assert_eq!(again.text(), kept);
}

/// What /run keeps of an armed watchdog.
pub fn watchdog(data: &[u8]) {
    let Some(armed) = Armed::parse(text(data)) else { return };
    assert!(armed.device.starts_with("watchdog") && !armed.device.contains('/'));
    assert_eq!(Armed::parse(&armed.to_string()), Some(armed));
}
