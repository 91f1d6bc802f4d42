//! Boot counting in the attributes of GPT partitions, as ChromeOS defined it and Flatcar and Bottlerocket use it: bits 48–51
//! priority, 52–55 tries left, 56 successful. (UEFI specification 2.10, section 5.3; vboot's `cgpt` reads the same.)
//!
//! A disk has two tables, each with a sum over its header and one over its entries. Loaders go by the primary one where that
//! is valid, and so does this. A change writes one whole table, flushes, and only then the other: first the one that does not
//! count. Wherever that stops, one valid table has all of the change or nothing of it, and what is damaged gets mended.

use crate::decide::partitions::{header_sum, label, sum, u32_at};
use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

/// Where the primary header is.
pub const PRIMARY: u64 = 1;
/// More entries than any disk has; what claims more is damaged.
const MOST_BYTES: u64 = 1 << 20;
/// Of the header: the bytes that it has at least, and the places of its fields.
const HEADER: usize = 92;
const SUM: usize = 16;
const OWN_LBA: usize = 24;
const OTHER_LBA: usize = 32;
const FIRST_USABLE: usize = 40;
const LAST_USABLE: usize = 48;
const ENTRIES_LBA: usize = 72;
const ENTRIES_SUM: usize = 88;
/// The largest value of priority and tries.
pub const MOST: u8 = 15;

/// What a loader goes by, of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Attributes {
    /// 0: never started; else the highest is.
    pub priority: u8,
    pub tries: u8,
    pub successful: bool,
}

impl Attributes {
    fn of(raw: u64) -> Self {
        let four = |at: u32| u8::try_from(raw >> at & 15).unwrap_or_default();
        Self { priority: four(48), tries: four(52), successful: raw >> 56 & 1 == 1 }
    }

    /// With the other bits as they were.
    fn put(self, raw: u64) -> u64 {
        let bits = u64::from(self.priority.min(MOST)) << 48 | u64::from(self.tries.min(MOST)) << 52 | u64::from(self.successful) << 56;
        raw & !(0x1ff << 48) | bits
    }

    /// Whether a loader would start it. (GRUB wants a priority, too; Bottlerocket's own tool does not.)
    pub fn is_bootable(self) -> bool {
        self.priority > 0 && (self.tries > 0 || self.successful)
    }
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

/// A header whose own sum is right: it says where its entries are.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Header {
    /// One sector.
    bytes: Vec<u8>,
}

impl Header {
    /// Reads the sector at `lba`; the error says what is wrong with it.
    fn parse(sector: &[u8], lba: u64) -> Result<Self, String> {
        let size = u32_at(sector, 12).and_then(|size| usize::try_from(size).ok()).unwrap_or(0);
        if sector.get(..8) != Some(b"EFI PART") {
            return Err("there is no header".into());
        }
        let covered = sector.get(..size).filter(|covered| covered.len() >= HEADER).ok_or("its header has no valid size")?;
        if header_sum(covered) != u32_at(sector, SUM).unwrap_or_default() {
            return Err("its header has a wrong sum".into());
        }
        let header = Self { bytes: sector.to_owned() };
        if header.field(OWN_LBA) != lba {
            return Err("its header belongs elsewhere".into());
        }
        let (count, size) = (header.count(), header.entry_size());
        if size < 128 || size % 8 != 0 || count == 0 || count.saturating_mul(size) > MOST_BYTES {
            return Err(format!("it has {count} entries of {size} bytes"));
        }
        Ok(header)
    }

    fn field(&self, at: usize) -> u64 {
        u64_at(&self.bytes, at).unwrap_or_default()
    }

    fn count(&self) -> u64 {
        u32_at(&self.bytes, 80).unwrap_or_default().into()
    }

    fn entry_size(&self) -> u64 {
        u32_at(&self.bytes, 84).unwrap_or_default().into()
    }

    /// Where the entries begin, and how many bytes they have.
    fn entries(&self) -> (u64, usize) {
        let bytes = self.count().saturating_mul(self.entry_size());
        (self.field(ENTRIES_LBA), usize::try_from(bytes).unwrap_or_default())
    }

    /// Where the other table's header is.
    fn other(&self) -> u64 {
        self.field(OTHER_LBA)
    }
}

/// One table, both sums right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    header: Header,
    entries: Vec<u8>,
}

impl Table {
    fn new(header: Header, entries: Vec<u8>) -> Result<Self, String> {
        if entries.len() != header.entries().1 {
            return Err("its entries cannot be read".into());
        }
        if sum(&entries) != u32_at(&header.bytes, ENTRIES_SUM).unwrap_or_default() {
            return Err("its entries have a wrong sum".into());
        }
        Ok(Self { header, entries })
    }

    fn each(&self) -> impl Iterator<Item = &[u8]> {
        let size = usize::try_from(self.header.entry_size()).unwrap_or(128).max(128);
        self.entries.chunks_exact(size)
    }

    /// The partitions in use with their names, in the order of the table.
    pub fn partitions(&self) -> Vec<Partition> {
        let in_use = |(_, entry): &(usize, &[u8])| entry.iter().take(16).any(|byte| *byte != 0);
        let partition = |(index, entry): (usize, &[u8])| Partition {
            index,
            name: label(entry).unwrap_or_default(),
            attributes: Attributes::of(u64_at(entry, 48).unwrap_or_default()),
        };
        self.each().enumerate().filter(in_use).map(partition).collect()
    }

    /// The bytes of both parts for a table like this one at another place, with these entries: header, entries.
    fn write(&self, own: u64, other: u64, entries_lba: u64, entries: &[u8]) -> [Write; 2] {
        let mut header = self.header.bytes.clone();
        put(&mut header, OWN_LBA, &own.to_le_bytes());
        put(&mut header, OTHER_LBA, &other.to_le_bytes());
        put(&mut header, ENTRIES_LBA, &entries_lba.to_le_bytes());
        put(&mut header, ENTRIES_SUM, &sum(entries).to_le_bytes());
        let size = u32_at(&header, 12).and_then(|size| usize::try_from(size).ok()).unwrap_or(HEADER);
        let own_sum = header_sum(header.get(..size).unwrap_or_default());
        put(&mut header, SUM, &own_sum.to_le_bytes());
        [Write { lba: entries_lba, bytes: entries.to_owned() }, Write { lba: own, bytes: header }]
    }
}

/// One partition as far as booting goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// From 0.
    pub index: usize,
    /// PARTLABEL.
    pub name: String,
    pub attributes: Attributes,
}

/// Bytes for the disk, from the start of a sector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    pub lba: u64,
    pub bytes: Vec<u8>,
}

/// Both tables of a disk, or what is wrong with each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    pub primary: Result<Table, String>,
    pub backup: Result<Table, String>,
    /// The last sector of the disk: there the backup's header belongs.
    pub last: u64,
}

/// Reads one table; `at` reads so many bytes from the start of a sector.
fn table(sector: usize, lba: u64, at: &mut impl FnMut(u64, usize) -> Result<Vec<u8>, String>) -> Result<Table, String> {
    let header = Header::parse(&at(lba, sector)?, lba)?;
    let (entries_at, bytes) = header.entries();
    Table::new(header, at(entries_at, bytes)?)
}

impl Pair {
    /// Reads both tables of a disk whose last sector is `last`; `at` reads so many bytes from the start of a sector.
    pub fn read(sector: usize, last: u64, mut at: impl FnMut(u64, usize) -> Result<Vec<u8>, String>) -> Self {
        let primary = table(sector, PRIMARY, &mut at);
        let other = primary.as_ref().map_or(last, |table| table.header.other());
        let backup = if PRIMARY < other && other <= last { table(sector, other, &mut at) } else { Err("it is beyond the disk".into()) };
        Self { primary, backup, last }
    }

    /// The table that counts: the primary one, else the backup.
    pub fn current(&self) -> Result<&Table, String> {
        match (&self.primary, &self.backup) {
            (Ok(table), _) | (Err(_), Ok(table)) => Ok(table),
            (Err(primary), Err(backup)) => Err(format!("both GPTs are damaged (the primary: {primary}; the backup: {backup})")),
        }
    }

    /// What is wrong with one of them, in words.
    pub fn damage(&self) -> Option<String> {
        match (&self.primary, &self.backup) {
            (Ok(primary), Ok(backup)) if primary.entries == backup.entries && backup.header.field(OWN_LBA) == self.last => None,
            (Ok(_), Ok(backup)) if backup.header.field(OWN_LBA) != self.last => Some("the backup GPT is not at the end of the disk".into()),
            (Ok(_), Ok(_)) => Some("the backup GPT differs from the primary".into()),
            (Err(why), Ok(_)) => Some(format!("the primary GPT is damaged ({why}), the backup counts")),
            (Ok(_), Err(why)) => Some(format!("the backup GPT is damaged ({why})")),
            (Err(_), Err(_)) => self.current().err(),
        }
    }

    /// What to write to give partitions (by index) these attributes, and to mend what is damaged: two tables, to be flushed
    /// each by itself, in this order; none where all is well already.
    pub fn change(&self, changes: &[(usize, Attributes)]) -> Result<Vec<[Write; 2]>, String> {
        let current = self.current()?;
        let entries = changed(current, changes);
        if entries == current.entries && self.damage().is_none() {
            return Ok(Vec::new());
        }
        let (primary, backup) = self.places(current)?;
        // A backup elsewhere, on a disk that has grown, is found by nobody while the primary one is being written.
        let primary = current.write(PRIMARY, self.last, primary, &entries);
        let backup = current.write(self.last, PRIMARY, backup, &entries);
        Ok(if self.primary.is_ok() { vec![backup, primary] } else { vec![primary, backup] })
    }

    /// Where the entries of both are, or belong: nothing else may be there.
    fn places(&self, current: &Table) -> Result<(u64, u64), String> {
        let sector = current.header.bytes.len().max(1);
        let sectors = u64::try_from(current.entries.len().div_ceil(sector)).unwrap_or(u64::MAX);
        let known = |table: &Result<Table, String>, at: u64| {
            let table = table.as_ref().ok().filter(|table| table.header.field(OWN_LBA) == at);
            table.filter(|table| table.entries.len() == current.entries.len()).map(|table| table.header.entries().0)
        };
        let primary = known(&self.primary, PRIMARY).unwrap_or(PRIMARY + 1);
        let backup = known(&self.backup, self.last).unwrap_or(self.last.saturating_sub(sectors));
        let before_all = PRIMARY < primary && primary.saturating_add(sectors) <= current.header.field(FIRST_USABLE);
        let after_all = backup > current.header.field(LAST_USABLE) && backup.saturating_add(sectors) <= self.last;
        let apart = current.header.field(FIRST_USABLE) <= current.header.field(LAST_USABLE);
        if !before_all || !after_all || !apart {
            return Err("there is no room for both GPTs: repair them with sgdisk".to_string());
        }
        Ok((primary, backup))
    }
}

fn changed(table: &Table, changes: &[(usize, Attributes)]) -> Vec<u8> {
    let size = usize::try_from(table.header.entry_size()).unwrap_or(128).max(128);
    let mut entries = table.entries.clone();
    for (index, attributes) in changes {
        if let Some(entry) = entries.chunks_exact_mut(size).nth(*index) {
            let raw = attributes.put(u64_at(entry, 48).unwrap_or_default());
            put(entry, 48, &raw.to_le_bytes());
        }
    }
    entries
}
