//! fs-verity and dm-verity, as the tools of distributions set them up: there is none of these in a tiny guest.

#![allow(unsafe_code)]

use rustix::ioctl::{Opcode, Setter, Updater, ioctl};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// FS_IOC_ENABLE_VERITY
const ENABLE: Opcode = 0x4080_6685;
/// DM_DEV_CREATE, DM_TABLE_LOAD, and DM_DEV_SUSPEND, which resumes.
const CREATE: Opcode = 0xc138_fd03;
const LOAD: Opcode = 0xc138_fd09;
const RESUME: Opcode = 0xc138_fd06;
const READ_ONLY: u32 = 1;

const BLOCK: usize = 4096;

/// With SHA-256, in blocks of 4096 bytes, without a salt. What has it keeps it.
pub fn guard(path: &str) -> io::Result<()> {
    if let Some((above, below)) = path.split_once("/*/") {
        return entries(above)?.iter().try_for_each(|entry| guard(&format!("{entry}/{below}")));
    }
    if Path::new(path).is_dir() {
        return entries(path)?.iter().try_for_each(|entry| guard(entry));
    }
    match enable(path) {
        Err(why) if why.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        done => done,
    }
}

fn entries(path: &str) -> io::Result<Vec<String>> {
    std::fs::read_dir(path)?.map(|entry| Ok(format!("{path}/{}", entry?.file_name().to_string_lossy()))).collect()
}

fn enable(path: &str) -> io::Result<()> {
    let mut argument = [0_u8; 128];
    put(&mut argument, 0, &1_u32.to_le_bytes());
    put(&mut argument, 4, &1_u32.to_le_bytes());
    put(&mut argument, 8, &4096_u32.to_le_bytes());
    // SAFETY: the opcode reads one `struct fsverity_enable_arg` of 128 bytes.
    unsafe { ioctl(File::open(path)?, Setter::<ENABLE, [u8; 128]>::new(argument))? };
    Ok(())
}

/// `device` as /dev/dm-0, whose hashes are on the other.
pub fn open(device: &str, hashes: &str) -> io::Result<()> {
    let (blocks, levels, root) = hash(&mut File::open(device)?)?;
    let disk = File::options().write(true).open(hashes)?;
    // The topmost level is the first.
    disk.write_all_at(&levels.into_iter().rev().flatten().collect::<Vec<u8>>(), 0)?;
    disk.sync_all()?;
    let root = root.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    });
    let table = format!("1 {device} {hashes} {BLOCK} {BLOCK} {blocks} 0 sha256 {root} -\0");
    let mut target = vec![0; 40];
    put(&mut target, 8, &(blocks * BLOCK as u64 / 512).to_le_bytes());
    put(&mut target, 24, b"verity");
    target.extend(table.bytes());
    mapper::<CREATE>(0, &[])?;
    mapper::<LOAD>(READ_ONLY, &target)?;
    mapper::<RESUME>(0, &[])
}

type Levels = Vec<Vec<u8>>;

/// How many blocks there are, the levels of hashes over them, and the hash over all.
fn hash(device: &mut File) -> io::Result<(u64, Levels, [u8; 32])> {
    let (mut blocks, mut level) = (0, Vec::new());
    let mut block = vec![0; BLOCK];
    while device.read_exact(&mut block).is_ok() {
        level.extend(Sha256::digest(&block));
        blocks += 1;
    }
    let mut levels = Vec::new();
    loop {
        level.resize(level.len().next_multiple_of(BLOCK), 0);
        let above: Vec<u8> = level.chunks(BLOCK).flat_map(Sha256::digest).collect();
        let is_top = level.len() == BLOCK;
        levels.push(std::mem::replace(&mut level, above));
        if is_top {
            let root = level.as_slice().try_into().map_err(io::Error::other)?;
            return Ok((blocks, levels, root));
        }
    }
}

/// One request for the device "verity", with what comes behind its head.
fn mapper<const REQUEST: Opcode>(flags: u32, rest: &[u8]) -> io::Result<()> {
    const SIZE: u32 = 4096;
    const HEAD: u32 = 312;
    let mut argument = [0_u8; SIZE as usize];
    for (at, value) in [(0, 4), (12, SIZE), (16, HEAD), (20, u32::from(!rest.is_empty())), (28, flags)] {
        put(&mut argument, at, &value.to_le_bytes());
    }
    put(&mut argument, 48, b"verity");
    put(&mut argument, HEAD as usize, rest);
    let control = File::options().read(true).write(true).open("/dev/mapper/control")?;
    // SAFETY: the opcode reads and writes a `struct dm_ioctl` and what is behind it, no more bytes than it tells.
    unsafe { ioctl(control, Updater::<REQUEST, [u8; SIZE as usize]>::new(&mut argument))? };
    Ok(())
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    bytes.iter_mut().skip(at).zip(value).for_each(|(to, from)| *to = *from);
}
