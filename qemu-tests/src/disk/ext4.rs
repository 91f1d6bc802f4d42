//! Reads and changes an ext4 that is not mounted, with e2fsprogs alone.

use super::{Disk, bytes_of};
use crate::error::{OrSay, Result};
use crate::scenario::Fault;
use crate::tool::Tool;
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::{Command, Stdio};

const BLOCK: u64 = 4096;

pub fn look(disk: &Disk, to: &Path) -> Result<()> {
    replay(disk)?;
    debugfs(disk, &[], &format!("rdump /bedplate {}", to.display())).map(drop)
}

pub fn damage(disk: &Disk, faults: &[Fault]) -> Result<()> {
    // Else the journal would undo it.
    replay(disk)?;
    faults.iter().try_for_each(|fault| damage_one(disk, fault).or_say(format!("{fault:?}")))?;
    // What was only unlinked is freed.
    replay(disk)
}

fn damage_one(disk: &Disk, fault: &Fault) -> Result<()> {
    let change = |request: String| debugfs(disk, &["-w"], &request).map(drop);
    match fault {
        Fault::Patch { path, offset, hex } => patch(disk, path, *offset, &bytes_of(hex)?),
        Fault::Write { path, text } => write(disk, path, text),
        Fault::Remove { path } => change(format!("unlink /{path}")),
        Fault::Directory { path } => change(format!("mkdir /{path}")),
        Fault::Symlink { path, target } => change(format!("symlink /{path} {target}")),
        // What that does to counts of links and to `..` is put right afterwards.
        Fault::Rename { path, to } => change(format!("link /{path} /{to}")).and_then(|()| change(format!("unlink /{path}"))),
        Fault::NewerRecord => super::newer_record().iter().try_for_each(|patch| damage_one(disk, patch)),
    }
}

/// In place: debugfs tells where the file's blocks are.
fn patch(disk: &Disk, path: &str, mut offset: u64, mut bytes: &[u8]) -> Result<()> {
    let image = OpenOptions::new().write(true).open(&disk.image).or_say(format!("cannot open {}", disk.image.display()))?;
    while !bytes.is_empty() {
        let block: u64 = debugfs(disk, &[], &format!("bmap /{path} {}", offset / BLOCK))?.trim().parse().or_say("bmap")?;
        let room = usize::try_from(BLOCK - offset % BLOCK).or_say("block")?;
        let (now, later) = bytes.split_at(room.min(bytes.len()));
        image.write_all_at(now, disk.offset + block * BLOCK + offset % BLOCK).or_say("cannot write")?;
        (offset, bytes) = (offset + now.len() as u64, later);
    }
    Ok(())
}

/// debugfs writes a new file into its current directory only, and leaves an old one as it is.
fn write(disk: &Disk, path: &str, text: &str) -> Result<()> {
    let source = disk.image.with_extension("text");
    fs::write(&source, text).or_say("cannot write")?;
    let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
    if debugfs(disk, &[], &format!("stat /{path}")).is_ok() {
        debugfs(disk, &["-w"], &format!("rm /{path}"))?;
    }
    let script = disk.image.with_extension("debugfs");
    fs::write(&script, format!("cd /{dir}\nwrite {} {name}\n", source.display())).or_say("cannot write")?;
    debugfs_with(disk, &["-w", "-f", &script.display().to_string()]).map(drop)
}

/// As a mount would, and what is damaged is put right.
fn replay(disk: &Disk) -> Result<()> {
    Tool::new("e2fsck").arg("-fy").arg(place(disk)).success_up_to(1).run().map(drop)
}

fn place(disk: &Disk) -> String {
    format!("{}?offset={}", disk.image.display(), disk.offset)
}

fn debugfs(disk: &Disk, options: &[&str], request: &str) -> Result<String> {
    debugfs_with(disk, &[options, &["-R", request]].concat())
}

/// It exits with 0 whatever happens; errors are what it writes to standard error after its name and version.
fn debugfs_with(disk: &Disk, options: &[&str]) -> Result<String> {
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let mut command = Command::new("debugfs");
    let output = command.env("PATH", path).env("DEBUGFS_PAGER", "cat").stdin(Stdio::null()).args(options).arg(place(disk)).output();
    let output = output.or_say("cannot run debugfs")?;
    let errors = String::from_utf8_lossy(&output.stderr);
    let errors: Vec<_> = errors.lines().skip(1).filter(|line| !line.contains("while changing ownership")).collect();
    if errors.is_empty() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("debugfs: {}", errors.join("; ")))
    }
}
