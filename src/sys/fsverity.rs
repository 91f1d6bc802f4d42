//! fs-verity: files whose content the kernel checks, page by page, whenever it is read. The ioctls of linux/fsverity.h, as
//! Documentation/filesystems/fsverity.rst describes them.

#![allow(unsafe_code)]

use super::SysResult;
use crate::error::Errno;
use alloc::vec::Vec;
use rustix::fd::AsFd;
use rustix::ioctl::{Opcode, Setter, Updater, ioctl, opcode};
use static_assertions::const_assert_eq;

const GROUP: u8 = b'f';
/// FS_IOC_ENABLE_VERITY
const ENABLE: Opcode = opcode::write::<RawEnable>(GROUP, 133);
/// FS_IOC_MEASURE_VERITY: in its number, the digest has no length.
const MEASURE: Opcode = opcode::read_write::<RawHead>(GROUP, 134);
/// FS_IOC_READ_VERITY_METADATA
const READ_METADATA: Opcode = opcode::read_write::<RawRead>(GROUP, 135);

/// FS_VERITY_METADATA_TYPE_DESCRIPTOR
const DESCRIPTOR: u64 = 2;
/// Bytes of the longest digest (SHA-512).
const LONGEST: usize = 64;

/// `struct fsverity_enable_arg`.
#[repr(C)]
struct RawEnable {
    version: u32,
    hash_algorithm: u32,
    block_size: u32,
    salt_size: u32,
    salt: u64,
    signature_size: u32,
    reserved_1: u32,
    signature: u64,
    reserved_2: [u64; 11],
}

const_assert_eq!(size_of::<RawEnable>(), 128);

/// The head of `struct fsverity_digest`.
#[repr(C)]
struct RawHead {
    algorithm: u16,
    size: u16,
}

const_assert_eq!(size_of::<RawHead>(), 4);

#[repr(C)]
struct RawDigest {
    head: RawHead,
    digest: [u8; LONGEST],
}

const_assert_eq!(size_of::<RawDigest>(), 68);

/// `struct fsverity_read_metadata_arg`.
#[repr(C)]
struct RawRead {
    kind: u64,
    offset: u64,
    length: u64,
    buffer: u64,
    reserved: u64,
}

const_assert_eq!(size_of::<RawRead>(), 40);

/// Bytes of `struct fsverity_descriptor`.
const DESCRIPTOR_SIZE: usize = 256;
/// Where its salt is.
const SALT: usize = 80;

/// What the kernel has measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// FS_VERITY_HASH_ALG_*: 1 is SHA-256, 2 SHA-512.
    pub algorithm: u16,
    pub digest: Vec<u8>,
}

/// How a file's content is hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters {
    /// As in [`Measured`].
    pub algorithm: u16,
    /// Bytes.
    pub block_size: u32,
    pub salt: Vec<u8>,
}

/// The digest of an open file; `None`: it has none, or its file system knows none.
pub fn measure(file: impl AsFd) -> SysResult<Option<Measured>> {
    let size = u16::try_from(LONGEST).unwrap_or(u16::MAX);
    let mut raw = RawDigest { head: RawHead { algorithm: 0, size }, digest: [0; LONGEST] };
    // SAFETY: the opcode reads the head of a `struct fsverity_digest`, and writes it and at most as many bytes behind it as it tells.
    match unsafe { ioctl(file, Updater::<MEASURE, RawDigest>::new(&mut raw)) }.map_err(Errno::from) {
        Err(Errno::ENODATA | Errno::ENOTTY | Errno::EOPNOTSUPP) => Ok(None),
        Err(errno) => Err(errno),
        Ok(()) => {
            let digest = raw.digest.get(..raw.head.size.into()).ok_or(Errno::EINVAL)?.into();
            Ok(Some(Measured { algorithm: raw.head.algorithm, digest }))
        }
    }
}

/// How it was hashed. ENOTTY, EOPNOTSUPP: the kernel does not tell (before Linux 5.12, and not of btrfs).
pub fn parameters(file: impl AsFd) -> SysResult<Parameters> {
    let mut told = [0_u8; DESCRIPTOR_SIZE];
    let buffer = told.as_mut_ptr().expose_provenance() as u64;
    let mut raw = RawRead { kind: DESCRIPTOR, offset: 0, length: told.len() as u64, buffer, reserved: 0 };
    // SAFETY: the opcode reads one `struct fsverity_read_metadata_arg` and writes at most as many bytes to the buffer as that tells,
    // which outlives the call.
    unsafe { ioctl(file, Updater::<READ_METADATA, RawRead>::new(&mut raw))? };
    let [_version, algorithm, log_block_size, salt_size, ..] = told;
    Ok(Parameters {
        algorithm: algorithm.into(),
        block_size: 1_u32.checked_shl(log_block_size.into()).ok_or(Errno::EINVAL)?,
        salt: told.get(SALT..).and_then(|salt| salt.get(..salt_size.into())).ok_or(Errno::EINVAL)?.into(),
    })
}

/// Gives fs-verity to a file that is open for reading, and that nobody has open for writing. It can never be written again.
///
/// ENOTTY, EOPNOTSUPP: this file system has none; EPERM: the kernel demands signatures; ENOPKG, EINVAL: it cannot hash like that.
pub fn enable(file: impl AsFd, parameters: &Parameters) -> SysResult<()> {
    let raw = RawEnable {
        version: 1,
        hash_algorithm: parameters.algorithm.into(),
        block_size: parameters.block_size,
        salt_size: u32::try_from(parameters.salt.len()).map_err(|_| Errno::EINVAL)?,
        salt: parameters.salt.as_ptr().expose_provenance() as u64,
        signature_size: 0,
        reserved_1: 0,
        signature: 0,
        reserved_2: [0; 11],
    };
    // SAFETY: the opcode reads one `struct fsverity_enable_arg`, and as many bytes of the salt as that tells, which outlives the call.
    unsafe { ioctl(file, Setter::<ENABLE, RawEnable>::new(raw))? };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::fs;

    #[test]
    fn numbers_are_the_kernels() {
        assert_eq!([ENABLE, MEASURE, READ_METADATA], [0x4080_6685, 0xc004_6686, 0xc028_6687]);
    }

    #[test]
    fn a_file_system_without_it_has_none() {
        let proc = fs::open_file_in(fs::open_dir("/proc").unwrap(), "self/stat").unwrap();
        assert_eq!(measure(proc), Ok(None));
    }
}
