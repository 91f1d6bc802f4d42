//! Work on a mounted image. A mount namespace of its own keeps the mount from the host; the loop device goes with it.

use super::populate::{Content, populate};
use super::{Disk, bytes_of, listing};
use crate::cache;
use crate::error::{OrSay, Result};
use crate::scenario::Fault;
use crate::tool::Tool;
use serde::{Deserialize, Serialize};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};

#[derive(Debug, Deserialize, Serialize)]
pub enum Work {
    Populate { content: Box<Content>, work: PathBuf },
    Look { to: PathBuf },
    Damage { faults: Vec<Fault> },
    List { paths: Vec<String>, to: PathBuf },
}

/// This program itself does the work, as `qemu-tests inside MOUNTPOINT WORK`, in the namespace.
pub fn run(disk: &Disk, work: &Work) -> Result<()> {
    let place = disk.image.with_extension("mnt");
    cache::fresh_dir(&place)?;
    let own = std::env::current_exe().or_say("cannot find this program")?;
    let work = serde_json::to_string(work).or_say("cannot encode")?;
    let script =
        format!("mount -t {} -o loop,offset={} \"$1\" \"$2\" && \"$3\" inside \"$2\" \"$4\" && umount \"$2\"", disk.fs.word(), disk.offset);
    let tool = Tool::new("unshare").args(["--mount", "--propagation", "private", "sh", "-c", &script, "sh"]);
    let done = tool.arg(&disk.image).arg(&place).arg(own).arg(work).run();
    cache::remove(&place)?;
    done.map(drop).or_say("in a mount namespace (needs root and loop devices)")
}

/// What runs in the namespace.
pub fn work(sysroot: &Path, work: &str) -> Result<()> {
    match serde_json::from_str(work).or_say("not work for the inside")? {
        Work::Populate { content, work } => populate(sysroot, &content, &work),
        Work::Look { to } => Tool::new("cp").arg("-a").arg(sysroot.join("bedplate")).arg(to).run().map(drop),
        Work::List { paths, to } => fs::write(&to, listing::of(sysroot, &paths)?.join("\n")).or_say("cannot write"),
        Work::Damage { faults } => faults.iter().try_for_each(|fault| damage(sysroot, fault).or_say(format!("{fault:?}"))),
    }
}

fn damage(sysroot: &Path, fault: &Fault) -> Result<()> {
    match fault {
        Fault::Patch { path, offset, hex } => {
            let file = OpenOptions::new().write(true).open(sysroot.join(path)).or_say("cannot open")?;
            file.write_all_at(&bytes_of(hex)?, *offset).or_say("cannot write")
        }
        Fault::Write { path, text } => fs::write(sysroot.join(path), text).or_say("cannot write"),
        Fault::Remove { path } => cache::remove(&sysroot.join(path)),
        Fault::Directory { path } => fs::create_dir_all(sysroot.join(path)).or_say("cannot make"),
        Fault::Symlink { path, target } => symlink(target, sysroot.join(path)).or_say("cannot make"),
        Fault::Rename { path, to } => fs::rename(sysroot.join(path), sysroot.join(to)).or_say("cannot rename"),
        Fault::NewerRecord => super::newer_record().iter().try_for_each(|patch| damage(sysroot, patch)),
    }
}
