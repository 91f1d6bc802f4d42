//! Block devices.

use rustix::io::Errno;
use rustix::mount::{self, MountFlags, UnmountFlags};
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::FileExt;

pub fn mount(device: &str, target: &str) -> io::Result<()> {
    let mount = |flags| mount::mount(device, target, "ext4", flags, None);
    match mount(MountFlags::empty()) {
        Err(Errno::ROFS | Errno::ACCESS) => Ok(mount(MountFlags::RDONLY)?),
        mounted => Ok(mounted?),
    }
}

pub fn unmount(target: &str) -> io::Result<()> {
    Ok(mount::unmount(target, UnmountFlags::empty())?)
}

pub fn corrupt(device: &str, text: &str) -> io::Result<()> {
    const PIECE: usize = 1 << 20;
    let disk = OpenOptions::new().read(true).write(true).open(device)?;
    let mut piece = vec![0; PIECE + text.len()];
    let mut at = 0;
    loop {
        let read = disk.read_at(&mut piece, at)?;
        let found = piece.get(..read).unwrap_or_default().windows(text.len()).position(|window| window == text.as_bytes());
        if let Some(found) = found {
            disk.write_all_at(b"!", at + found as u64)?;
            return disk.sync_all();
        }
        if read <= text.len() {
            return Err(io::Error::other("the text is not on the device"));
        }
        at += (read - text.len()) as u64;
    }
}
