//! What a block device's first bytes say: type, UUID and label of its file system.
//!
//! Layouts: fs/ext4/ext4.h, fs/xfs/libxfs/xfs_format.h, include/uapi/linux/btrfs_tree.h, fs/erofs/erofs_fs.h,
//! fs/squashfs/squashfs_fs.h, include/uapi/linux/msdos_fs.h.

use alloc::format;
use alloc::string::String;

/// Bytes from the start of the device that [`probe`] looks at: up to the end of the superblock of btrfs.
pub const PROBED: usize = 68 * 1024;

/// A file system as it names itself; UUID and label are empty where it has none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Superblock {
    pub fstype: &'static str,
    pub uuid: String,
    pub label: String,
}

/// Recognizes a file system; shorter input than [`PROBED`] is looked at as far as it goes.
pub fn probe(bytes: &[u8]) -> Option<Superblock> {
    let field = Fields(bytes);
    [ext, xfs, btrfs, erofs, squashfs, fat].iter().find_map(|known| known(&field))
}

struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn at(&self, offset: usize, length: usize) -> Option<&'a [u8]> {
        self.0.get(offset..offset.checked_add(length)?)
    }

    fn is(&self, offset: usize, magic: &[u8]) -> Option<()> {
        (self.at(offset, magic.len())? == magic).then_some(())
    }

    fn number(&self, offset: usize) -> Option<u32> {
        self.at(offset, 4)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes))
    }

    fn text(&self, offset: usize, length: usize) -> Option<String> {
        let bytes = self.at(offset, length)?.split(|byte| *byte == 0).next()?;
        Some(String::from_utf8_lossy(bytes).trim_end_matches(' ').into())
    }

    fn uuid(&self, offset: usize) -> Option<String> {
        let bytes: [u8; 16] = *self.at(offset, 16)?.first_chunk()?;
        let hex = format!("{:032x}", u128::from_be_bytes(bytes));
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
        Some(format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32)))
    }
}

fn ext(field: &Fields<'_>) -> Option<Superblock> {
    const SUPER: usize = 1024;
    const HAS_JOURNAL: u32 = 0x4;
    const EXTENTS: u32 = 0x40;
    field.is(SUPER + 56, &[0x53, 0xef])?;
    let (compat, incompat) = (field.number(SUPER + 92)?, field.number(SUPER + 96)?);
    // The driver of ext4 mounts all three; the name is for the person and for mount(2).
    let fstype = match (incompat & EXTENTS != 0, compat & HAS_JOURNAL != 0) {
        (true, _) => "ext4",
        (false, true) => "ext3",
        (false, false) => "ext2",
    };
    Some(Superblock { fstype, uuid: field.uuid(SUPER + 104)?, label: field.text(SUPER + 120, 16)? })
}

fn xfs(field: &Fields<'_>) -> Option<Superblock> {
    field.is(0, b"XFSB")?;
    Some(Superblock { fstype: "xfs", uuid: field.uuid(32)?, label: field.text(108, 12)? })
}

fn btrfs(field: &Fields<'_>) -> Option<Superblock> {
    const SUPER: usize = 64 * 1024;
    field.is(SUPER + 64, b"_BHRfS_M")?;
    Some(Superblock { fstype: "btrfs", uuid: field.uuid(SUPER + 32)?, label: field.text(SUPER + 299, 256)? })
}

fn erofs(field: &Fields<'_>) -> Option<Superblock> {
    const SUPER: usize = 1024;
    field.is(SUPER, &0xe0f5_e1e2_u32.to_le_bytes())?;
    Some(Superblock { fstype: "erofs", uuid: field.uuid(SUPER + 48)?, label: field.text(SUPER + 64, 16)? })
}

fn squashfs(field: &Fields<'_>) -> Option<Superblock> {
    field.is(0, b"hsqs")?;
    Some(Superblock { fstype: "squashfs", uuid: String::new(), label: String::new() })
}

/// FAT32 and FAT16; the "UUID" is the volume's serial number as blkid(8) writes it.
fn fat(field: &Fields<'_>) -> Option<Superblock> {
    field.is(510, &[0x55, 0xaa])?;
    let at = [(82, 67), (54, 39)].into_iter().find(|(magic, _)| field.is(*magic, b"FAT").is_some()).map(|(_, serial)| serial)?;
    let serial = field.number(at)?;
    Some(Superblock { fstype: "vfat", uuid: format!("{:04X}-{:04X}", serial >> 16, serial & 0xffff), label: field.text(at + 4, 11)? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use alloc::vec::Vec;
    use proptest::prelude::*;

    fn with(parts: &[(usize, &[u8])]) -> Vec<u8> {
        let mut bytes = vec![0; PROBED];
        for (at, part) in parts {
            bytes[*at..at + part.len()].copy_from_slice(part);
        }
        bytes
    }

    #[test]
    fn each_file_system_is_known() {
        let uuid: &[u8] = &[0x12, 0x34, 0x56, 0x78, 0x9a, 0xbc, 0xde, 0xf0, 1, 2, 3, 4, 5, 6, 7, 8];
        let text = "12345678-9abc-def0-0102-030405060708";
        let cases: &[(&str, &str, Vec<u8>)] = &[
            ("ext4", text, with(&[(1080, &[0x53, 0xef]), (1120, &[0x40]), (1128, uuid), (1144, b"name")])),
            ("ext3", text, with(&[(1080, &[0x53, 0xef]), (1116, &[0x04]), (1128, uuid), (1144, b"name")])),
            ("ext2", text, with(&[(1080, &[0x53, 0xef]), (1128, uuid), (1144, b"name")])),
            ("xfs", text, with(&[(0, b"XFSB"), (32, uuid), (108, b"name")])),
            ("btrfs", text, with(&[(65600, b"_BHRfS_M"), (65568, uuid), (65835, b"name")])),
            ("erofs", text, with(&[(1024, &[0xe2, 0xe1, 0xf5, 0xe0]), (1072, uuid), (1088, b"name")])),
            ("vfat", "DEAD-BEEF", with(&[(510, &[0x55, 0xaa]), (82, b"FAT32"), (67, &[0xef, 0xbe, 0xad, 0xde]), (71, b"name       ")])),
            ("vfat", "DEAD-BEEF", with(&[(510, &[0x55, 0xaa]), (54, b"FAT16"), (39, &[0xef, 0xbe, 0xad, 0xde]), (43, b"name       ")])),
        ];
        for (fstype, uuid, bytes) in cases {
            let expected = Superblock { fstype, uuid: (*uuid).into(), label: "name".into() };
            assert_eq!(probe(bytes), Some(expected), "{fstype}");
        }
        assert_eq!(probe(&with(&[(0, b"hsqs")])).map(|found| found.fstype), Some("squashfs"));
        assert_eq!(probe(&with(&[])), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_looked_at(bytes in prop::collection::vec(any::<u8>(), 0..2048)) {
            let _ = probe(&bytes);
        }

        #[test]
        fn a_magic_number_alone_promises_nothing(
            noise in prop::collection::vec(any::<u8>(), 1..300),
            (at, magic) in prop::sample::select(&MAGIC[..]),
            length in 0..=PROBED,
        ) {
            let mut bytes: Vec<u8> = noise.iter().copied().cycle().take(PROBED).collect();
            bytes[at..at + magic.len()].copy_from_slice(magic);
            bytes.truncate(length);
            if let Some(found) = probe(&bytes) {
                prop_assert!(length >= at + magic.len() && found.uuid.len() <= 36, "{:?}", found);
            }
        }
    }

    const MAGIC: [(usize, &[u8]); 6] =
        [(1080, &[0x53, 0xef]), (0, b"XFSB"), (65600, b"_BHRfS_M"), (1024, &[0xe2, 0xe1, 0xf5, 0xe0]), (0, b"hsqs"), (510, &[0x55, 0xaa])];
}
