//! Bytes of a disk. Where a format has a checksum, the first byte of the input says whether it is put right: else few inputs
//! would come past it.

use bedplate::decide::partitions as table;
use bedplate::decide::record::codec::{self, Reading};
use bedplate::decide::record::{Record, SLOTS};
use bedplate::decide::superblock as probe;

/// CRC32, reflected, bit by bit: slow, and obviously right.
pub fn crc32(polynomial: u32, bytes: &[u8]) -> u32 {
    let step = |crc: u32, _: u8| if crc & 1 == 1 { crc >> 1 ^ polynomial } else { crc >> 1 };
    !bytes.iter().fold(!0, |crc, byte| (0..8).fold(crc ^ u32::from(*byte), step))
}

const CASTAGNOLI: u32 = 0x82f6_3b78;
pub const ISO: u32 = 0xedb8_8320;

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at + value.len()) {
        place.copy_from_slice(value);
    }
}

/// Magic number and checksum; the version only where it is none.
fn make_whole(copy: &mut [u8]) {
    put(copy, 0, b"BEDPLREC");
    if copy.get(8..10) == Some(&[0, 0]) {
        put(copy, 8, &[1, 0]);
    }
    if let Some(covered) = copy.get(..508) {
        let crc = crc32(CASTAGNOLI, covered).to_le_bytes();
        put(copy, 508, &crc);
    }
}

/// Version and revision of a copy, where magic number and checksum are right.
fn stamp(copy: &[u8]) -> Option<(u16, u64)> {
    let covered = copy.get(..508)?;
    let right = covered.starts_with(b"BEDPLREC") && copy.get(508..512)? == crc32(CASTAGNOLI, covered).to_le_bytes();
    right.then(|| (u16::from_le_bytes(copy[8..10].try_into().unwrap()), u64::from_le_bytes(copy[16..24].try_into().unwrap())))
}

/// Two copies, 512 bytes each.
pub fn record(data: &[u8]) {
    let Some((flags, data)) = data.split_first() else { return };
    let (a, b) = data.split_at(data.len().min(codec::SIZE));
    let (mut a, mut b) = (a.to_vec(), b.to_vec());
    if flags & 1 != 0 {
        make_whole(&mut a);
    }
    if flags & 2 != 0 {
        make_whole(&mut b);
    }
    let stamps: Vec<(u16, u64)> = [&a, &b].into_iter().filter_map(|copy| stamp(copy)).collect();
    match codec::read(&a, &b) {
        Reading::Valid { record, .. } => {
            assert!(stamps.contains(&(codec::VERSION, record.revision)) && stamps.iter().all(|(version, _)| *version <= codec::VERSION));
            comes_back(&record);
        }
        Reading::Newer { version } => assert!(version > codec::VERSION && stamps.iter().any(|(known, _)| *known == version)),
        // Sums that are right do not make the content possible.
        Reading::Lost { .. } => assert!(stamps.iter().all(|(version, _)| *version <= codec::VERSION)),
        Reading::Unread { why } => panic!("bytes were read: {why}"),
    }
}

fn comes_back(record: &Record) {
    let block = codec::encode(record);
    assert!(record.slots.len() <= SLOTS && stamp(&block) == Some((codec::VERSION, record.revision)));
    assert!(block[codec::SIZE..].iter().all(|byte| *byte == 0));
    match codec::read(&block, &[]) {
        Reading::Valid { record: again, .. } => assert_eq!(again, *record),
        other => panic!("{other:?}"),
    }
    // A copy that is torn at any byte is no copy, unless the rest was the same already.
    assert!(matches!(codec::read(&block[..codec::SIZE - 1], &[]), Reading::Lost { .. }));
}

pub fn superblock(data: &[u8]) {
    let Some(found) = probe::probe(data) else { return };
    assert!(["ext2", "ext3", "ext4", "xfs", "btrfs", "erofs", "squashfs", "vfat"].contains(&found.fstype), "{}", found.fstype);
    assert!([0, 9, 36].contains(&found.uuid.len()), "{}", found.uuid);
    assert!(found.uuid.chars().all(|c| c.is_ascii_hexdigit() || c == '-'), "{}", found.uuid);
    assert!(!found.label.contains('\0') && found.label.len() <= 3 * 256, "{}", found.label);
}

/// The first sectors of a disk, short of what a probe reads.
pub fn partitions(data: &[u8]) {
    let Some((flags, data)) = data.split_first() else { return };
    let mut disk = data.to_vec();
    let sector = if flags & 2 == 0 { 512 } else { 4096 };
    if flags & 1 != 0 {
        put(&mut disk, sector, b"EFI PART");
        put(&mut disk, sector + 12, &92_u32.to_le_bytes());
        put(&mut disk, sector + 16, &[0; 4]);
        if let Some(header) = disk.get(sector..sector + 92) {
            let crc = crc32(ISO, header).to_le_bytes();
            put(&mut disk, sector + 16, &crc);
        }
    }
    let found = table::parse(&disk, sector);
    assert!(found.windows(2).all(|pair| pair[0].number < pair[1].number));
    for partition in found {
        assert!((1..=disk.len() / 16).contains(&partition.number));
        let uuid = &partition.uuid;
        assert!(uuid.len() == 36 || (uuid.len() == 11 && partition.number <= 4 && partition.label.is_empty()), "{uuid}");
        assert!(uuid.chars().all(|c| c == '-' || (c.is_ascii_hexdigit() && !c.is_ascii_uppercase())), "{uuid}");
        assert!(!partition.label.contains('\0') && partition.label.chars().count() <= 36, "{}", partition.label);
    }
}
