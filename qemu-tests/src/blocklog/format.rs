//! Reads logs: version 1 of the format of dm-log-writes (Linux, drivers/md/dm-log-writes.c and its page in
//! Documentation/admin-guide/device-mapper/), which QEMU's driver blklogwrites writes, too.
//!
//! All numbers are little-endian. The first sector holds magic, version, number of entries (8 bytes each) and the size of a
//! sector (4). Entries follow: a sector with first sector, number of sectors, flags and length of a mark (8 bytes each), and
//! after it the sectors that were written, but for a discard, a flush and a mark.

use crate::error::{OrSay, Result};
use std::io::{Read, Seek, SeekFrom};

const MAGIC: u64 = 0x006a_7366_7773_6872;
const VERSION: u64 = 1;

const FLUSH: u64 = 1;
const FUA: u64 = 2;
const DISCARD: u64 = 4;
const MARK: u64 = 8;
/// Linux has this one, too: a write of metadata, by the file system's word.
const METADATA: u64 = 16;

/// One request of the guest, in the order in which the disk took them. What stands before a flush is on the disk when the flush
/// is done; what stands after it is on the disk or not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The first one, in sectors of the log.
    pub sector: u64,
    /// How many; 0 for a mere flush.
    pub sectors: u64,
    flags: u64,
    /// Where what was written stands in the log.
    data_at: u64,
}

impl Entry {
    /// All before it is on the disk.
    pub const fn is_flush(&self) -> bool {
        self.flags & FLUSH != 0
    }

    /// On the disk when it is done.
    pub const fn is_durable(&self) -> bool {
        self.flags & FUA != 0
    }

    /// Changes the disk.
    pub const fn changes(&self) -> bool {
        self.flags & MARK == 0 && self.sectors > 0
    }

    const fn has_data(&self) -> bool {
        self.flags & (DISCARD | MARK) == 0
    }
}

/// An open log.
#[derive(Debug)]
pub struct Log<S> {
    source: S,
    /// Bytes.
    pub sector: u64,
    pub entries: Vec<Entry>,
}

impl<S: Read + Seek> Log<S> {
    /// Reads what has been logged so far: to the first sector that is no entry. The number in the first sector is behind while a
    /// machine runs, and stays so where its power was cut; before the first write there is nothing at all.
    pub fn read(mut source: S) -> Result<Self> {
        let end = source.seek(SeekFrom::End(0)).or_say("cannot seek")?;
        let first = read_at::<28>(&mut source, 0)?;
        if first == [0; 28] {
            return Ok(Self { source, sector: 512, entries: Vec::new() });
        }
        if (number(&first, 0), number(&first, 8)) != (MAGIC, VERSION) {
            return Err("not a log of version 1".to_string());
        }
        let sector = number(&first, 24) & u64::from(u32::MAX);
        if !(512..=65536).contains(&sector) || !sector.is_power_of_two() {
            return Err(format!("sectors of {sector} bytes"));
        }
        let (mut entries, mut at) = (Vec::new(), sector);
        while let Some(entry) = entry(&mut source, at, sector, end)? {
            at = entry.data_at + if entry.has_data() { entry.sectors * sector } else { 0 };
            entries.push(entry);
        }
        Ok(Self { source, sector, entries })
    }

    /// What an entry writes: zeros for a discard, nothing for one that changes nothing.
    pub fn data(&mut self, entry: &Entry) -> Result<Vec<u8>> {
        let len = usize::try_from(entry.sectors * self.sector).or_say("entry")?;
        if !entry.has_data() {
            return Ok(if entry.changes() { vec![0; len] } else { Vec::new() });
        }
        let mut data = vec![0; len];
        self.source.seek(SeekFrom::Start(entry.data_at)).or_say("cannot seek")?;
        self.source.read_exact(&mut data).or_say("cannot read the log")?;
        Ok(data)
    }
}

/// `None`: here the log ends.
fn entry<S: Read + Seek>(source: &mut S, at: u64, sector: u64, end: u64) -> Result<Option<Entry>> {
    if at.checked_add(sector).is_none_or(|after| after > end) {
        return Ok(None);
    }
    let head = read_at::<32>(source, at)?;
    if head == [0; 32] {
        return Ok(None);
    }
    let entry = Entry { sector: number(&head, 0), sectors: number(&head, 8), flags: number(&head, 16), data_at: at + sector };
    let known = entry.flags & !(FLUSH | FUA | DISCARD | MARK | METADATA) == 0;
    let bytes = entry.sectors.checked_mul(sector).filter(|_| entry.sector.checked_add(entry.sectors).is_some());
    let fits = bytes.is_some_and(|bytes| !entry.has_data() || bytes <= end - entry.data_at);
    if known && fits { Ok(Some(entry)) } else { Err(format!("no entry of a log at byte {at}: {entry:?}")) }
}

fn read_at<const N: usize>(source: &mut (impl Read + Seek), at: u64) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    source.seek(SeekFrom::Start(at)).or_say("cannot seek")?;
    source.read_exact(&mut bytes).or_say("cannot read the log")?;
    Ok(bytes)
}

/// Little-endian; what is missing is zero.
fn number(bytes: &[u8], at: usize) -> u64 {
    let eight = bytes.iter().skip(at).take(8).zip((0..).step_by(8));
    eight.fold(0, |number, (byte, shift)| number | u64::from(*byte) << shift)
}

/// Writes logs for tests.
#[cfg(test)]
pub mod make {
    use super::{DISCARD, FLUSH, FUA, MAGIC, MARK, METADATA, VERSION};

    /// Sectors of the log are this many bytes.
    pub const SECTOR: usize = 512;

    pub fn write(sector: u64, data: &[u8]) -> Vec<u8> {
        [head(sector, (data.len() / SECTOR) as u64, METADATA), data.to_vec()].concat()
    }

    pub fn durable(sector: u64, data: &[u8]) -> Vec<u8> {
        [head(sector, (data.len() / SECTOR) as u64, FUA), data.to_vec()].concat()
    }

    pub fn flush() -> Vec<u8> {
        head(0, 0, FLUSH)
    }

    pub fn mark() -> Vec<u8> {
        head(0, 0, MARK)
    }

    pub fn discard(sector: u64, sectors: u64) -> Vec<u8> {
        head(sector, sectors, DISCARD)
    }

    pub fn head(sector: u64, sectors: u64, flags: u64) -> Vec<u8> {
        padded(&[sector, sectors, flags, 0])
    }

    /// As QEMU leaves one: more room than entries.
    pub fn log(entries: &[Vec<u8>]) -> Vec<u8> {
        [padded(&[MAGIC, VERSION, 0, SECTOR as u64]), entries.concat(), vec![0; 2 * SECTOR]].concat()
    }

    fn padded(numbers: &[u64]) -> Vec<u8> {
        let mut bytes: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
        bytes.resize(SECTOR, 0);
        bytes
    }
}
