//! Compares the declared mount table with what the kernel shows, and looks for the init program. Changes nothing.
//!
//! What stands at a path is asked by descriptor and found in mountinfo by its number: names there are those that this
//! process sees, and more than one mount may have the same.

use super::apply::Bases;
use crate::decide::model::{Access, Base, Mounted, OnError, Plan};
use crate::decide::mountinfo::{self, MountInfo};
use crate::decide::table::{self, Expected, Shows};
use crate::error::{Errno, Error, OrFail, Result};
use crate::sys::fs::FileType;
use crate::sys::mount::{self, Flags};
use crate::sys::{OwnedFd, fs, host};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

const EXECUTABLE: u16 = 0o111;

/// Every declared mount is there, of the right type, access and source; the result is the table as it was found. Optional
/// mounts may be missing.
pub fn verify(plan: &Plan, bases: &Bases<'_>) -> Result<Vec<Mounted>> {
    let mounts = read_mounts()?;
    let mut table = Vec::new();
    for expected in table::table(plan) {
        let found = mounted_at(&expected, &mounts, bases)?;
        match found {
            Some(mount) => table.push(check(&expected, mount, bases)?),
            None if expected.on_error == OnError::Warn => {}
            None => return Err(missing(&expected)),
        }
    }
    init_is_executable(&plan.init, bases)?;
    Ok(table)
}

/// All mounts that this process sees, in the order of the kernel.
pub fn read_mounts() -> Result<Vec<MountInfo>> {
    let path = "/proc/thread-self/mountinfo";
    Ok(mountinfo::parse(&host::read_path(path).or_fail("cannot read", path)?))
}

fn missing(expected: &Expected<'_>) -> Error {
    let what = expected.fstype.unwrap_or("mount");
    let (target, access) = (expected.target(), expected.access.word());
    Error::transient(format!("nothing is mounted at \"{target}\" after all steps: expected {what} ({access}), found none"))
}

/// The mount on top at the declared place.
fn mounted_at<'m>(expected: &Expected<'_>, mounts: &'m [MountInfo], bases: &Bases<'_>) -> Result<Option<&'m MountInfo>> {
    match bases.find(expected.at) {
        Ok(there) => mount_of(&there, mounts).or_fail("cannot look at the mount at", &expected.target()),
        Err(Errno::ENOENT) => Ok(None),
        Err(errno) => Err(errno).or_fail("cannot look at the mount at", &expected.target()),
    }
}

/// What is mounted exactly there.
fn mount_of<'m>(there: &OwnedFd, mounts: &'m [MountInfo]) -> core::result::Result<Option<&'m MountInfo>, Errno> {
    let id = mount::id_of(there)?;
    let found = mounts.iter().find(|mount| u64::from(mount.id) == id);
    Ok(if mount::is_mount_point(there)? { found } else { None })
}

fn check(expected: &Expected<'_>, mount: &MountInfo, bases: &Bases<'_>) -> Result<Mounted> {
    let target = expected.target();
    if let Some(difference) = expected.differs(mount) {
        return Err(Error::transient(format!("the mount at \"{target}\" is wrong: {difference}")));
    }
    if !shows_source(expected, bases).or_fail("cannot compare with its source the mount at", &target)? {
        return Err(Error::transient(format!("the mount at \"{target}\" is wrong: found \"{}\" of another place", mount.root)));
    }
    let access = table::access(mount).word().into();
    Ok(Mounted { target, fstype: mount.fstype.clone(), access, device: device(mount), root: mount.root.clone() })
}

/// Whether source and mount are the same file or directory. A source in /var may be hidden by a later mount: then nothing
/// can be said.
fn shows_source(expected: &Expected<'_>, bases: &Bases<'_>) -> core::result::Result<bool, Errno> {
    let Shows::Source(place) = expected.shows else { return Ok(true) };
    let source = bases.find(place)?;
    if place.base == Base::Var && mount::is_mount_point(&source)? {
        return Ok(true);
    }
    let (source, there) = (fs::stat_fd(source)?, fs::stat_fd(bases.find(expected.at)?)?);
    Ok((source.device, source.inode) == (there.device, there.inode))
}

fn device(mount: &MountInfo) -> String {
    format!("{}:{}", mount.device.0, mount.device.1)
}

/// It is looked up as the booted system will: symlinks mean what they mean in the new root.
fn init_is_executable(init: &str, bases: &Bases<'_>) -> Result<()> {
    let on = format!("/{}", init.trim_start_matches('/'));
    let root = bases.anchor(Base::New).or_fail("cannot open", "/")?;
    let program = match fs::open_target_in(&root, init) {
        Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => {
            return Err(Error::deterministic(format!("the deployment has no init program \"{on}\"")));
        }
        opened => opened.or_fail("cannot open the init program", &on)?,
    };
    let stat = fs::stat_fd(&program).or_fail("cannot look at the init program", &on)?;
    if stat.file_type != FileType::Regular || stat.mode & EXECUTABLE == 0 {
        return Err(Error::deterministic(format!("the init program \"{on}\" is not an executable file")));
    }
    let flags = mount::flags_of(&program).or_fail("cannot look at the init program", &on)?;
    if flags.contains(Flags::NOEXEC) {
        return Err(Error::transient(format!("the init program \"{on}\" is on a noexec mount: take noexec out of rootflags=")));
    }
    can_be_read(&root, init, &on)
}

/// Where fs-verity is required, the kernel looks for it when a file is opened.
fn can_be_read(root: &OwnedFd, init: &str, on: &str) -> Result<()> {
    match fs::open_file_in(root, init) {
        Err(Errno::EIO) => Err(Error::deterministic(format!(
            "the init program \"{on}\" cannot be opened: {}; on a composefs with verity its content is missing, is not the image's, or has no fs-verity",
            Errno::EIO
        ))),
        opened => opened.map(drop).or_fail("cannot open the init program", on),
    }
}

/// Warnings on mounts of this table that were read-only and are not any more: root can remount.
pub fn opened_since(table: &[Mounted]) -> Result<Vec<String>> {
    let mounts = read_mounts()?;
    let mut opened = Vec::new();
    for mounted in table.iter().filter(|mounted| mounted.access == Access::ReadOnly.word()) {
        let target = &mounted.target;
        let there = fs::open_dir(target).or_fail("cannot open", target)?;
        let now = mount_of(&there, &mounts).or_fail("cannot look at the mount at", target)?;
        if now.is_some_and(|mount| device(mount) == mounted.device && table::access(mount) == Access::Writable) {
            opened.push(format!("{target} was made writable after the boot: what is changed there is not listed, and stays"));
        }
    }
    Ok(opened)
}

/// Whether what is mounted at `path` is the `/` of this table: the same file system and the same directory of it.
pub fn is_root(path: &str, table: &[Mounted]) -> Result<bool> {
    match table.iter().find(|mounted| mounted.target == "/") {
        Some(expected) => Ok(compare(path, expected)? == Stands::AsBooted),
        None => Ok(false),
    }
}

/// What stands at a path of the running system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stands {
    AsBooted,
    /// Nothing, or something else: the type of its file system, empty for nothing.
    Other(String),
    /// The table has no such mount.
    NotDeclared,
}

/// The mount on top at `target`, compared with this table's.
pub fn standing(target: &str, table: &[Mounted]) -> Result<Stands> {
    match table.iter().find(|mounted| mounted.target == target) {
        Some(expected) => compare(target, expected),
        None => Ok(Stands::NotDeclared),
    }
}

fn compare(path: &str, expected: &Mounted) -> Result<Stands> {
    let there = match fs::open_dir(path) {
        Err(Errno::ENOENT) => return Ok(Stands::Other(String::new())),
        opened => opened.or_fail("cannot open", path)?,
    };
    let mounts = read_mounts()?;
    let found = mount_of(&there, &mounts).or_fail("cannot look at the mount at", path)?;
    let same = found.is_some_and(|mount| device(mount) == expected.device && mount.root == expected.root);
    Ok(if same { Stands::AsBooted } else { Stands::Other(found.map(|mount| mount.fstype.clone()).unwrap_or_default()) })
}
