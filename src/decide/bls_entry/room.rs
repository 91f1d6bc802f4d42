//! Is there room on the boot partition? Boot partitions are small, and a file system that is full in the middle of a write is
//! what a boot loader finds.

use super::Found;
use crate::decide::deploy::size_text;
use crate::decide::model::Id;
use crate::error::{Error, Result};
use alloc::format;
use alloc::string::String;

/// What the boot partition has left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    pub bytes: u64,
    /// Bytes of a block (on FAT: a cluster), the least that a file takes.
    pub block: u64,
}

/// Blocks that an entry takes: its own, and that by which a directory may grow (two directories, and two for the way there).
const FOR_ENTRY: u64 = 5;

/// What files of these sizes and an entry take.
pub fn need(sizes: &[u64], space: Space) -> u64 {
    let block = space.block.max(1);
    let whole = |bytes: u64| bytes.div_ceil(block).saturating_mul(block);
    sizes.iter().fold(block.saturating_mul(FOR_ENTRY), |sum, size| sum.saturating_add(whole(*size)))
}

/// Bytes that go away with the entry of `owner`: of the files that no other entry needs. `size_of` is asked for each.
pub fn frees(owner: &str, entries: &[Found], size_of: impl Fn(&str) -> u64) -> u64 {
    let is_own = |entry: &&Found| entry.owner.as_deref() == Some(owner);
    let others = |file: &String| entries.iter().any(|entry| !is_own(&entry) && entry.files.contains(file));
    let files = entries.iter().filter(is_own).flat_map(|entry| &entry.files);
    files.filter(|file| !others(file)).map(|file| size_of(file)).sum()
}

/// Refused where there is no room; `removable` are the deployments that may go, with what each frees.
pub fn has_room(need: u64, space: Space, removable: &[(Id, u64)]) -> Result<()> {
    if need <= space.bytes {
        return Ok(());
    }
    let best = removable.iter().filter(|(_, bytes)| *bytes > 0).max_by_key(|(_, bytes)| *bytes);
    let next = match best {
        Some((id, bytes)) => format!("bedplate remove {id} would free {}", size_text(*bytes)),
        None => "make room there, or give another place with --boot".into(),
    };
    let (need, have) = (size_text(need), size_text(space.bytes));
    Err(Error::refused(format!("not enough space on the boot partition: {need} are needed and {have} are free; {next}")))
}
