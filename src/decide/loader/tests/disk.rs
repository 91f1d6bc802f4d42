//! A disk in memory with two GPTs.

use crate::decide::loader::gpt::{Pair, Write};
use alloc::vec;
use alloc::vec::Vec;

pub const SECTOR: usize = 512;
pub const SECTORS: usize = 128;
const ENTRIES: usize = 128 * 128;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk(pub Vec<u8>);

fn sum(bytes: &[u8]) -> [u8; 4] {
    crc::Crc::<u32>::new(&crc::CRC_32_ISO_HDLC).checksum(bytes).to_le_bytes()
}

fn header(own: usize, other: usize, entries_at: usize, entries: &[u8]) -> Vec<u8> {
    let mut header = vec![0; SECTOR];
    header[..8].copy_from_slice(b"EFI PART");
    header[8..12].copy_from_slice(&0x0001_0000_u32.to_le_bytes());
    header[12..16].copy_from_slice(&92_u32.to_le_bytes());
    for (at, value) in [(24, own), (32, other), (40, 34), (48, SECTORS - 34), (72, entries_at)] {
        header[at..at + 8].copy_from_slice(&(value as u64).to_le_bytes());
    }
    header[80..84].copy_from_slice(&128_u32.to_le_bytes());
    header[84..88].copy_from_slice(&128_u32.to_le_bytes());
    header[88..92].copy_from_slice(&sum(entries));
    let own_sum = sum(&header[..92]);
    header[16..20].copy_from_slice(&own_sum);
    header
}

impl Disk {
    /// Partitions with names and bits 48–63.
    pub fn new(partitions: &[(&str, u16)]) -> Self {
        let mut entries = vec![0; ENTRIES];
        for (number, (name, bits)) in partitions.iter().enumerate() {
            // In different sectors.
            let entry = &mut entries[number * 5 * 128..][..128];
            entry[..16].fill(1);
            entry[16..32].fill(u8::try_from(number).unwrap() + 1);
            entry[48..56].copy_from_slice(&(u64::from(*bits) << 48 | 4).to_le_bytes());
            for (place, unit) in entry[56..].chunks_exact_mut(2).zip(name.encode_utf16()) {
                place.copy_from_slice(&unit.to_le_bytes());
            }
        }
        let mut disk = Self(vec![0; SECTORS * SECTOR]);
        disk.put(1, &header(1, SECTORS - 1, 2, &entries));
        disk.put(2, &entries);
        disk.put(SECTORS - 33, &entries);
        disk.put(SECTORS - 1, &header(SECTORS - 1, 1, SECTORS - 33, &entries));
        disk
    }

    pub fn put(&mut self, lba: usize, bytes: &[u8]) {
        self.0[lba * SECTOR..][..bytes.len()].copy_from_slice(bytes);
    }

    pub fn pair(&self) -> Pair {
        Pair::read(SECTOR, (self.0.len() / SECTOR) as u64 - 1, |lba, bytes| {
            let at = usize::try_from(lba).ok().and_then(|lba| lba.checked_mul(SECTOR)).ok_or("beyond")?;
            Ok(self.0.get(at..).and_then(|rest| rest.get(..bytes)).ok_or("beyond")?.to_vec())
        })
    }

    /// The single sectors of some writes, in their order.
    pub fn sectors(writes: &[[Write; 2]]) -> Vec<(usize, Vec<u8>)> {
        let write = |write: &Write| {
            let lba = usize::try_from(write.lba).unwrap();
            write.bytes.chunks(SECTOR).zip(lba..).map(|(bytes, lba)| (lba, bytes.to_vec())).collect::<Vec<_>>()
        };
        writes.iter().flatten().flat_map(write).collect()
    }

    pub fn apply(&mut self, writes: &[[Write; 2]]) {
        for (lba, bytes) in Self::sectors(writes) {
            self.put(lba, &bytes);
        }
    }
}
