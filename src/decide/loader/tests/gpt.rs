//! The two tables: damage, repair, and every way in which a change can stop.

use super::disk::{Disk, SECTOR, SECTORS};
use crate::decide::loader::gpt::{Attributes, Pair};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use proptest::prelude::*;

/// A good at priority 1, B on trial at priority 2 with 3 tries, C untouched but for its read-only bit.
fn disk() -> Disk {
    Disk::new(&[("a", 0x0101), ("b", 0x0032), ("c", 0x1000)])
}

fn shown(pair: &Pair) -> String {
    let one = |p: &crate::decide::loader::gpt::Partition| {
        format!("{} P{} T{} S{}", p.name, p.attributes.priority, p.attributes.tries, u8::from(p.attributes.successful))
    };
    match pair.current() {
        Ok(table) => table.partitions().iter().map(one).collect::<Vec<_>>().join(", "),
        Err(why) => why,
    }
}

const OLD: &str = "a P1 T0 S1, b P2 T3 S0, c P0 T0 S0";
const NEW: &str = "a P2 T0 S1, b P0 T0 S0, c P3 T5 S0";

fn edits() -> [(usize, Attributes); 3] {
    let attributes = |priority, tries, successful| Attributes { priority, tries, successful };
    [(0, attributes(2, 0, true)), (5, attributes(0, 0, false)), (10, attributes(3, 5, false))]
}

#[test]
fn attributes_are_read_and_written_in_both_tables() {
    let mut disk = disk();
    assert_eq!(shown(&disk.pair()), OLD);
    let writes = disk.pair().change(&edits()).unwrap();
    disk.apply(&writes);
    let pair = disk.pair();
    assert_eq!((shown(&pair), pair.damage()), (NEW.into(), None));
    assert_eq!(pair.primary.as_ref().unwrap().partitions(), pair.backup.as_ref().unwrap().partitions());
    // Bit 60 of C and bit 2 of all are not ours.
    assert_eq!(disk.0[2 * SECTOR + 10 * 128 + 48..][..8], [4, 0, 0, 0, 0, 0, 0x53, 0x10]);
    assert_eq!(pair.change(&edits()), Ok(Vec::new()), "a second time there is nothing to write");
}

/// Before the change: which tables are whole.
fn starts() -> [(&'static str, Disk); 5] {
    let whole = disk();
    let (mut no_primary, mut no_backup, mut behind, mut grown) = (whole.clone(), whole.clone(), whole.clone(), whole.clone());
    // The backup is not where it would be looked for without the primary.
    grown.0.resize((SECTORS + 70) * SECTOR, 0);
    no_primary.0[SECTOR + 60] ^= 1;
    no_backup.0[(SECTORS - 33) * SECTOR + 3] ^= 1;
    // As after a loader that was cut between its two writes.
    let writes = whole.pair().change(&[(0, Attributes { priority: 9, tries: 9, successful: false })]).unwrap();
    behind.apply(&writes[..1]);
    [("whole", whole), ("no primary", no_primary), ("no backup", no_backup), ("backup differs", behind), ("grown", grown)]
}

#[test]
fn a_change_that_stops_anywhere_is_whole_or_not_there() {
    let mut cuts = 0;
    for (what, start) in starts() {
        assert_eq!(shown(&start.pair()), OLD, "{what}");
        let sectors = Disk::sectors(&start.pair().change(&edits()).unwrap());
        for cut in 0..=sectors.len() {
            for torn in [0, 100, 511] {
                let mut disk = start.clone();
                for (lba, bytes) in &sectors[..cut] {
                    disk.put(*lba, bytes);
                }
                if let Some((lba, bytes)) = sectors.get(cut) {
                    disk.put(*lba, &bytes[..torn]);
                }
                let found = shown(&disk.pair());
                assert!(found == OLD || found == NEW, "{what}: cut at sector {cut}, byte {torn}: {found}");
                assert!(cut < sectors.len() || found == NEW, "{what}");
                // The next change mends what the cut has left.
                let writes = disk.pair().change(&[]).unwrap();
                disk.apply(&writes);
                assert_eq!((disk.pair().damage(), shown(&disk.pair())), (None, found), "{what}: cut at {cut}, {torn}");
                cuts += 1;
            }
        }
    }
    assert_eq!(cuts, 5 * 3 * 67);
}

/// Between the flush of one table and that of the other, sectors may arrive in any order.
#[test]
fn a_change_whose_sectors_are_reordered_is_whole_or_not_there() {
    for (what, start) in starts() {
        let tables = start.pair().change(&edits()).unwrap();
        for done in 0..tables.len() {
            let (before, now) = (&tables[..done], Disk::sectors(&tables[done..=done]));
            for skipped in 0..now.len() {
                let mut disk = start.clone();
                disk.apply(before);
                for (number, (lba, bytes)) in now.iter().enumerate() {
                    if number != skipped {
                        disk.put(*lba, bytes);
                    }
                }
                let found = shown(&disk.pair());
                assert!(found == OLD || found == NEW, "{what}: without sector {skipped} of table {done}: {found}");
            }
        }
    }
}

#[test]
fn without_a_whole_table_there_is_nothing_to_go_by() {
    let mut disk = disk();
    disk.0[SECTOR] ^= 1;
    disk.0[(SECTORS - 1) * SECTOR + 20] ^= 1;
    let why = disk.pair().current().unwrap_err();
    assert_eq!(why, "both GPTs are damaged (the primary: there is no header; the backup: its header has a wrong sum)");
    assert_eq!(disk.pair().change(&edits()), Err(why.clone()));
    assert_eq!(disk.pair().damage(), Some(why));
}

fn tables() -> impl Strategy<Value = usize> {
    prop_oneof![SECTOR..34 * SECTOR, (SECTORS - 33) * SECTOR..SECTORS * SECTOR]
}

proptest! {
    #[test]
    fn a_wrong_byte_is_mended_from_the_other_table(at in tables(), bit in 0_u32..8) {
        let mut disk = disk();
        let whole = disk.clone();
        disk.0[at] ^= 1_u8 << bit;
        prop_assert_eq!(shown(&disk.pair()), OLD);
        let writes = disk.pair().change(&[]).unwrap();
        // Beyond its 92 bytes a header's sector is not covered by its sum, and holds nothing.
        let unused = (SECTOR + 92..2 * SECTOR).contains(&at) || at >= (SECTORS - 1) * SECTOR + 92;
        prop_assert_eq!(writes.is_empty(), unused);
        disk.apply(&writes);
        prop_assert!(unused || disk == whole);
    }

    #[test]
    fn any_disk_is_looked_at(noise in prop::collection::vec(any::<u8>(), 1..2000), fields in any::<[u64; 5]>(), sizes in any::<[u32; 2]>()) {
        let mut disk = Disk(noise.iter().copied().cycle().take(SECTORS * SECTOR).collect());
        let _ = disk.pair();
        let mut header = self::disk().0[SECTOR..2 * SECTOR].to_vec();
        for (at, field) in [32, 40, 48, 72].into_iter().zip(fields) {
            header[at..at + 8].copy_from_slice(&field.to_le_bytes());
        }
        if fields[4] % 2 == 0 {
            header[80..84].copy_from_slice(&sizes[0].to_le_bytes());
            header[84..88].copy_from_slice(&sizes[1].to_le_bytes());
        }
        header[16..20].fill(0);
        let sum = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&header[..92]);
        header[16..20].copy_from_slice(&sum.to_le_bytes());
        disk.put(1, &header);
        let pair = disk.pair();
        if let Ok(writes) = pair.change(&edits()) {
            for write in writes.iter().flatten() {
                prop_assert!(write.lba >= 1 && write.lba < SECTORS as u64);
            }
        }
    }

    #[test]
    fn any_headers_fields_keep_writes_in_their_place(first in 0..200_u64, last in 0..200_u64, other in 0..200_u64, entries in 0..200_u64) {
        let mut disk = disk();
        let mut header = disk.0[SECTOR..2 * SECTOR].to_vec();
        for (at, field) in [(32, other), (40, first), (48, last), (72, entries)] {
            header[at..at + 8].copy_from_slice(&field.to_le_bytes());
        }
        header[16..20].fill(0);
        let sum = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&header[..92]);
        header[16..20].copy_from_slice(&sum.to_le_bytes());
        disk.put(1, &header);
        let pair = disk.pair();
        if let (Ok(_), Ok(writes)) = (&pair.primary, pair.change(&edits())) {
            for write in writes.iter().flatten() {
                let end = write.lba + (write.bytes.len() as u64).div_ceil(SECTOR as u64);
                prop_assert!(end <= first || write.lba > last, "{} to {end} is the partitions' own", write.lba);
                prop_assert!(end <= SECTORS as u64, "{}", "inside the disk".to_string());
            }
        }
    }
}
