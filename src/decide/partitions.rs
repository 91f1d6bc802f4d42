//! The partitions of a disk by its own table: GPT (UEFI specification 2.10, section 5.3), else MBR.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Bytes from the start of the disk that [`parse`] looks at: header and 128 entries, also with 4096-byte sectors.
pub const PROBED: usize = 8 * 4096;

/// One partition, as the kernel numbers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    pub number: usize,
    /// PARTUUID: the GPT's, or DISKID-NN for MBR.
    pub uuid: String,
    /// PARTLABEL; empty for MBR.
    pub label: String,
}

/// All partitions in use. A table that is damaged has none.
pub fn parse(disk: &[u8], sector: usize) -> Vec<Partition> {
    gpt(disk, sector).or_else(|| mbr(disk)).unwrap_or_default()
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
}

fn gpt(disk: &[u8], sector: usize) -> Option<Vec<Partition>> {
    let header = disk.get(sector..)?;
    if header.get(..8)? != b"EFI PART" {
        return None;
    }
    check(header)?;
    let (count, size) = (usize::try_from(u32_at(header, 80)?).ok()?, usize::try_from(u32_at(header, 84)?).ok()?);
    let first = usize::try_from(u64::from_le_bytes(*header.get(72..)?.first_chunk()?)).ok()?.checked_mul(sector)?;
    if size < 128 {
        return None;
    }
    let entries = disk.get(first..)?.chunks_exact(size).take(count);
    Some(entries.zip(1..).filter_map(|(entry, number)| gpt_entry(entry, number)).collect())
}

fn check(header: &[u8]) -> Option<()> {
    let size = usize::try_from(u32_at(header, 12)?).ok()?;
    let covered = header.get(..size).filter(|covered| covered.len() >= 20)?;
    (header_sum(covered) == u32_at(header, 16)?).then_some(())
}

/// The CRC32 of a GPT's parts.
pub(super) fn sum(bytes: &[u8]) -> u32 {
    crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(bytes)
}

/// That of a header, taken with its own field as zero.
pub(super) fn header_sum(header: &[u8]) -> u32 {
    let mut header: Vec<u8> = header.into();
    if let Some(own) = header.get_mut(16..20) {
        own.fill(0);
    }
    sum(&header)
}

/// The name of a partition: up to 36 UTF-16 units. None in what is too short for an entry.
pub(super) fn label(entry: &[u8]) -> Option<String> {
    let units: Vec<u16> = entry.get(56..128)?.chunks_exact(2).filter_map(|pair| Some(u16::from_le_bytes(*pair.first_chunk()?))).collect();
    Some(String::from_utf16_lossy(units.split(|unit| *unit == 0).next().unwrap_or_default()))
}

fn gpt_entry(entry: &[u8], number: usize) -> Option<Partition> {
    if entry.get(..16)?.iter().all(|byte| *byte == 0) {
        return None;
    }
    Some(Partition { number, uuid: guid(entry.get(16..32)?)?, label: label(entry)? })
}

/// Mixed-endian, as UEFI writes GUIDs: the first three parts little, the last two big.
fn guid(bytes: &[u8]) -> Option<String> {
    let low = u32::from_le_bytes(*bytes.first_chunk()?);
    let middle = u16::from_le_bytes(*bytes.get(4..)?.first_chunk()?);
    let high = u16::from_le_bytes(*bytes.get(6..)?.first_chunk()?);
    let clock = u16::from_be_bytes(*bytes.get(8..)?.first_chunk()?);
    let node = bytes.get(10..16)?.iter().fold(0, |node: u64, byte| node << 8 | u64::from(*byte));
    Some(format!("{low:08x}-{middle:04x}-{high:04x}-{clock:04x}-{node:012x}"))
}

/// The type of a partition that only says that the real table is a GPT.
const PROTECTIVE: u8 = 0xee;

/// The four primary partitions; logical ones have no stable number here. One that protects a GPT is no table of its own.
fn mbr(disk: &[u8]) -> Option<Vec<Partition>> {
    if disk.get(510..512)? != [0x55, 0xaa] {
        return None;
    }
    let id = u32_at(disk, 440)?;
    let entries = disk.get(446..510)?.chunks_exact(16);
    if entries.clone().any(|entry| entry.get(4) == Some(&PROTECTIVE)) {
        return None;
    }
    let in_use = entries.zip(1..).filter(|(entry, _)| entry.get(4).is_some_and(|kind| *kind != 0));
    Some(in_use.map(|(_, number)| Partition { number, uuid: format!("{id:08x}-{number:02x}"), label: String::new() }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use proptest::prelude::*;

    fn gpt_disk(sector: usize) -> Vec<u8> {
        let mut disk = vec![0; PROBED];
        let header = &mut disk[sector..];
        header[..8].copy_from_slice(b"EFI PART");
        header[12..16].copy_from_slice(&92_u32.to_le_bytes());
        header[72..80].copy_from_slice(&2_u64.to_le_bytes());
        header[80..84].copy_from_slice(&128_u32.to_le_bytes());
        header[84..88].copy_from_slice(&128_u32.to_le_bytes());
        let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&header[..92]);
        header[16..20].copy_from_slice(&crc.to_le_bytes());
        let entry = &mut disk[2 * sector + 128..];
        entry[0] = 1;
        entry[16..32].copy_from_slice(&[0x78, 0x56, 0x34, 0x12, 0xbc, 0x9a, 0xf0, 0xde, 1, 2, 3, 4, 5, 6, 7, 8]);
        entry[56..60].copy_from_slice(&[b'r', 0, 0xe4, 0]);
        disk
    }

    #[test]
    fn gpt_with_both_sector_sizes() {
        let expected = [Partition { number: 2, uuid: "12345678-9abc-def0-0102-030405060708".into(), label: "rä".into() }];
        for sector in [512, 4096] {
            assert_eq!(parse(&gpt_disk(sector), sector), expected, "{sector}");
        }
    }

    #[test]
    fn a_damaged_gpt_has_no_partitions() {
        let mut disk = gpt_disk(512);
        disk[512 + 80] ^= 1;
        assert!(parse(&disk, 512).is_empty());
        disk[510..512].copy_from_slice(&[0x55, 0xaa]);
        disk[446 + 4] = PROTECTIVE;
        assert!(parse(&disk, 512).is_empty());
    }

    #[test]
    fn mbr_partitions() {
        let mut disk = vec![0; 512];
        disk[510..].copy_from_slice(&[0x55, 0xaa]);
        disk[440..444].copy_from_slice(&0xdead_beef_u32.to_le_bytes());
        disk[446 + 16 + 4] = 0x83;
        assert_eq!(parse(&disk, 512), [Partition { number: 2, uuid: "deadbeef-02".into(), label: String::new() }]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_looked_at(mut bytes in prop::collection::vec(any::<u8>(), 0..2048), sector in 0_usize..5000) {
            let _ = parse(&bytes, sector);
            if let Some(start) = bytes.get_mut(512..520) {
                start.copy_from_slice(b"EFI PART");
                let _ = parse(&bytes, 512);
            }
        }

        #[test]
        fn any_header_with_a_right_sum_is_looked_at(
            noise in prop::collection::vec(any::<u8>(), 1..300),
            fields in any::<(u64, u32, u32)>(),
            small in any::<(u8, u8, u8)>(),
            large in any::<bool>(),
        ) {
            let mut disk: Vec<u8> = noise.iter().copied().cycle().take(PROBED).collect();
            let (lba, count, size) = if large { fields } else { (small.0.into(), small.1.into(), small.2.into()) };
            let header = &mut disk[512..];
            header[..8].copy_from_slice(b"EFI PART");
            header[12..16].copy_from_slice(&92_u32.to_le_bytes());
            header[16..20].fill(0);
            header[72..80].copy_from_slice(&lba.to_le_bytes());
            header[80..84].copy_from_slice(&count.to_le_bytes());
            header[84..88].copy_from_slice(&size.to_le_bytes());
            let crc = crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(&header[..92]);
            header[16..20].copy_from_slice(&crc.to_le_bytes());
            for partition in parse(&disk, 512) {
                // Of what is no GPT, the same bytes may be an MBR.
                prop_assert!(partition.uuid.len() == 36 || partition.uuid.len() == 11);
            }
        }
    }
}
