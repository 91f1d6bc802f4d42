//! Makes images.

use super::populate::{Content, ESP, populate};
use super::{Disk, esp, inside};
use crate::cache;
use crate::error::{OrSay, Result};
use crate::scenario::FileSystem;
use crate::tool::Tool;
use std::fs::File;
use std::path::Path;

/// Of a disk with partitions: what follows the last one.
const BACKUP_TABLE: u64 = 1 << 20;

/// How a file system is called.
#[derive(Debug)]
pub struct Name<'a> {
    pub label: &'a str,
    /// A random one if not given.
    pub uuid: Option<&'a str>,
}

/// For `root=LABEL=` and `root=UUID=` of scenarios.
const SYSROOT: Name<'_> = Name { label: "sysroot", uuid: Some("bed91a7e-0000-4000-8000-000000000001") };
/// For `root=PARTUUID=`.
const PARTUUID: &str = "bed91a7e-0000-4000-8000-000000000002";

pub fn build(disk: &Disk, content: &Content) -> Result<()> {
    let work = disk.image.with_extension("work");
    cache::fresh_dir(&work)?;
    let size = content.disk.mebibytes;
    let built = match disk.fs {
        FileSystem::Ext4 => {
            let sysroot = work.join("sysroot");
            cache::fresh_dir(&sysroot)?;
            populate(&sysroot, content, &work)?;
            format(disk, size, &SYSROOT, Some(&sysroot))?;
            disk.esp.map_or(Ok(()), |place| esp::build(&disk.image, place, &work.join(ESP)))
        }
        FileSystem::Xfs | FileSystem::Btrfs => format(disk, size, &SYSROOT, None)
            .and_then(|()| inside::run(disk, &inside::Work::Populate { content: Box::new(content.clone()), work: work.clone() })),
    };
    cache::remove(&work)?;
    built
}

/// A new file with a file system of `mebibytes`; `from` is what an ext4 one holds.
pub fn format(disk: &Disk, mebibytes: u64, name: &Name<'_>, from: Option<&Path>) -> Result<()> {
    let say = || format!("cannot create {}", disk.image.display());
    let size = mebibytes << 20;
    let end = if disk.offset == 0 { 0 } else { BACKUP_TABLE };
    let esp = disk.esp.map_or(0, |place| place.size);
    File::create(&disk.image).and_then(|file| file.set_len(disk.offset + size + esp + end)).or_say(say())?;
    if disk.offset != 0 {
        let sectors = (disk.offset / 512, (disk.offset + size) / 512 - 1);
        let range = format!("1:{}:{}", sectors.0, sectors.1);
        let esp = disk.esp.map(esp::Place::partition).unwrap_or_default();
        let sysroot = ["-n", &range, "-c", "1:sysroot", "-u", &format!("1:{PARTUUID}")];
        Tool::new("sgdisk").args(sysroot).args(esp).arg(&disk.image).run()?;
    }
    match disk.fs {
        FileSystem::Ext4 => make_ext4(disk, size, name, from),
        FileSystem::Xfs => {
            let uuid = name.uuid.map(|uuid| format!("uuid={uuid}"));
            let uuid = uuid.iter().flat_map(|uuid| ["-m", uuid.as_str()]);
            make_beside(disk, size, |file| Tool::new("mkfs.xfs").args(["-q", "-s", "size=4096", "-L", name.label]).args(uuid).arg(file))
        }
        FileSystem::Btrfs => {
            let uuid = name.uuid.into_iter().flat_map(|uuid| ["-U", uuid]);
            make_beside(disk, size, |file| Tool::new("mkfs.btrfs").args(["-q", "-L", name.label]).args(uuid).arg(file))
        }
    }
}

fn make_ext4(disk: &Disk, size: u64, name: &Name<'_>, from: Option<&Path>) -> Result<()> {
    let extended = format!("offset={},lazy_itable_init=1,lazy_journal_init=1", disk.offset);
    // Blocks of 4096 bytes also on small disks: they may have sectors of that size.
    let tool = Tool::new("mke2fs").args(["-q", "-F", "-t", "ext4", "-b", "4096", "-L", name.label, "-E", &extended]);
    let tool = tool.args(name.uuid.into_iter().flat_map(|uuid| ["-U", uuid]));
    let tool = if disk.verity { tool.args(["-O", "verity"]) } else { tool };
    let tool = if let Some(dir) = from { tool.arg("-d").arg(dir) } else { tool };
    tool.arg(&disk.image).arg(format!("{}k", size >> 10)).run().map(drop)
}

/// Tools that know no offset write a file of their own.
fn make_beside(disk: &Disk, size: u64, tool: impl FnOnce(&Path) -> Tool) -> Result<()> {
    let beside = disk.image.with_extension("fs");
    File::create(&beside).and_then(|file| file.set_len(size)).or_say("cannot create a file system")?;
    tool(&beside).run()?;
    let seek = format!("seek={}", disk.offset >> 20);
    let (from, to) = (format!("if={}", beside.display()), format!("of={}", disk.image.display()));
    Tool::new("dd").args(["bs=1M", "conv=notrunc,sparse", "status=none", &seek, &from, &to]).run()?;
    cache::remove(&beside)
}
