//! The disks of a machine: made once for the same content, changed by faults, and read while the machine is off.
//!
//! ext4 is handled by its own tools alone; xfs and btrfs are mounted over a loop device in a mount namespace, as root.

mod build;
pub mod esp;
mod ext4;
mod inside;
mod listing;
mod populate;

pub use inside::work as work_inside;
pub use listing::differences;
pub use populate::Content;

use crate::cache;
use crate::error::{OrSay, Result};
use crate::record;
use crate::scenario::{self, Fault, FileSystem};
use crate::tool::Tool;
use bedplate::decide::record::codec::OFFSETS;
use std::path::{Path, PathBuf};

/// Where the sysroot begins on a disk that has partitions.
const PARTITION_START: u64 = 1 << 20;

/// An image file with a sysroot.
#[derive(Debug, Clone)]
pub struct Disk {
    pub image: PathBuf,
    pub fs: FileSystem,
    /// Where the sysroot begins.
    pub offset: u64,
    esp: Option<esp::Place>,
    /// An ext4 that can have fs-verity.
    verity: bool,
}

impl Disk {
    fn at(image: &Path, disk: &scenario::Disk) -> Self {
        let offset = if disk.partitioned { PARTITION_START } else { 0 };
        Self { image: image.to_path_buf(), fs: disk.fs, offset, esp: esp::Place::of(disk), verity: disk.verity }
    }

    /// A copy at `to` of the disk with this content.
    pub fn make(content: &Content, to: &Path) -> Result<Self> {
        let made = cache::get("disk", content.key()?, |path| build::build(&Self::at(path, &content.disk), content))?;
        copy(&made, to)?;
        Ok(Self::at(to, &content.disk))
    }

    /// The same kind of disk in another image file.
    pub fn with_image(&self, image: &Path) -> Self {
        Self { image: image.to_path_buf(), ..self.clone() }
    }

    /// What is on the disk, as if the machine had mounted it now: copied to the directory `to`. The disk itself stays as it is.
    pub fn look(&self, to: &Path) -> Result<()> {
        cache::fresh_dir(to)?;
        let copied = Self { image: to.with_extension("copy"), ..self.clone() };
        copy(&self.image, &copied.image)?;
        let seen = match self.fs {
            FileSystem::Ext4 => ext4::look(&copied, to),
            FileSystem::Xfs | FileSystem::Btrfs => inside::run(&copied, &inside::Work::Look { to: to.to_path_buf() }),
        };
        cache::remove(&copied.image)?;
        seen.and_then(|()| self.esp.map_or(Ok(()), |place| esp::look(&self.image, place, &to.join("esp"))))
    }

    /// What these trees hold, as text: see [`differences`]. Needs root and loop devices, whatever the file system.
    pub fn list(&self, paths: &[String], beside: &Path) -> Result<Vec<String>> {
        let copied = Self { image: beside.with_extension("copy"), ..self.clone() };
        copy(&self.image, &copied.image)?;
        let to = beside.with_extension("listing");
        inside::run(&copied, &inside::Work::List { paths: paths.to_vec(), to: to.clone() })?;
        cache::remove(&copied.image)?;
        let text = std::fs::read_to_string(&to).or_say(format!("cannot read {}", to.display()))?;
        Ok(text.lines().map(str::to_string).collect())
    }

    pub fn damage(&self, faults: &[Fault]) -> Result<()> {
        match self.fs {
            _ if faults.is_empty() => Ok(()),
            FileSystem::Ext4 => ext4::damage(self, faults),
            FileSystem::Xfs | FileSystem::Btrfs => inside::run(self, &inside::Work::Damage { faults: faults.to_vec() }),
        }
    }
}

/// A disk with an empty file system.
pub fn make_empty(more: &scenario::MoreDisk, to: &Path) -> Result<()> {
    let disk = Disk { image: to.to_path_buf(), fs: more.fs, offset: 0, esp: None, verity: false };
    build::format(&disk, more.mebibytes, &build::Name { label: &more.label, uuid: None }, None)
}

/// A sparse copy of an image.
pub fn copy(from: &Path, to: &Path) -> Result<()> {
    Tool::new("cp").args(["--sparse=always", "--reflink=auto"]).arg(from).arg(to).run().map(drop).or_say("cannot copy a disk")
}

/// Patches of the record.
fn newer_record() -> [Fault; 2] {
    let hex = record::of_newer_format().iter().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
    OFFSETS.map(|offset| Fault::Patch { path: "bedplate/record".to_string(), offset, hex: hex.clone() })
}

/// `6a6b` is two bytes.
pub fn bytes_of(hex: &str) -> Result<Vec<u8>> {
    let digits = hex.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).ok().and_then(|pair| u8::from_str_radix(pair, 16).ok()));
    digits.collect::<Option<_>>().or_say(format!("not hexadecimal: {hex}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hexadecimal() {
        assert_eq!(bytes_of("00ff7A").unwrap(), [0, 255, 122]);
        assert!(bytes_of("0g").is_err() && bytes_of("é").is_err());
    }
}
