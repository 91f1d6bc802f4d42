//! A log of all that a guest writes to a disk, and the disks that a power cut could have left at every point of it.

mod cuts;
mod format;
mod image;
mod replay;
#[cfg(test)]
mod tests;

pub use cuts::{Choice, Cut, Extent, Kind, Piece, cuts};
pub use format::{Entry, Log};
pub use replay::Replay;

use crate::error::{OrSay, Result};
use std::fs::File;
use std::path::Path;

/// Bytes that a log may grow to: a sparse file.
const ROOM: u64 = 2 << 30;

/// An empty log for QEMU's driver blklogwrites, which writes one but makes none.
pub fn create(path: &Path) -> Result<()> {
    File::create(path).and_then(|file| file.set_len(ROOM)).or_say(format!("cannot create {}", path.display()))
}
