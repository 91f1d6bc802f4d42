//! What a root tree has to bring, as `deploy` and `lint` look for it. Reads only.

use bedplate::boot::facts;
pub use bedplate::boot::tree::vendor_etc;
use bedplate::decide::deploy::{Part, UNITS};
use bedplate::error::{Errno, Error, OrFail, Result};
use bedplate::sys::fs::{self, FileType};
use bedplate::sys::{OwnedFd, fs::Stat};

/// Mount points that every root needs; `deploy` makes them where the tree has none. etc is the mount point of the overlay where
/// usr/etc is the vendor's; else it is the vendor's and there.
pub const MOUNT_POINTS: [(&str, u16); 8] =
    [("sysroot", 0o755), ("var", 0o755), ("tmp", 0o1777), ("proc", 0o555), ("sys", 0o555), ("dev", 0o755), ("run", 0o755), ("etc", 0o755)];

/// bedplate's booted half: the program, and units where systemd runs.
const PROGRAM: &str = "usr/bin/bedplate";
const SYSTEMD: &str = "usr/lib/systemd/systemd";
const EXECUTABLE: u16 = 0o111;

/// What is missing of the booted half. The link to a unit that is not there is not worth a word.
pub fn missing_half(tree: &OwnedFd) -> Result<Vec<(Part, String)>> {
    let mut missing = Vec::new();
    if stat(tree, PROGRAM)?.is_none() {
        missing.push((Part::MarkGood, PROGRAM.to_string()));
    }
    if stat(tree, SYSTEMD)?.is_none() {
        return Ok(missing);
    }
    for (part, unit, target) in UNITS {
        let missed = match no_unit(tree, unit)? {
            None => no_unit(tree, &format!("{target}.wants/{unit}"))?,
            missed => missed,
        };
        missing.extend(missed.map(|path| (part, path)));
    }
    Ok(missing)
}

/// Where a unit or link should be, if it is in none of the places where the service manager looks.
fn no_unit(tree: &OwnedFd, name: &str) -> Result<Option<String>> {
    let unit = |place: &str| format!("{place}/systemd/system/{name}");
    for place in ["usr/lib", "usr/etc", "etc"] {
        if stat(tree, &unit(place))?.is_some() {
            return Ok(None);
        }
    }
    Ok(Some(unit("usr/lib")))
}

pub fn is_dir(tree: &OwnedFd, path: &str) -> Result<bool> {
    Ok(stat(tree, path)?.is_some_and(|stat| stat.file_type == FileType::Directory))
}

/// Of the thing itself, where it is there.
pub fn stat(tree: &OwnedFd, path: &str) -> Result<Option<Stat>> {
    found(fs::stat_in(tree, path)).or_fail("cannot look at", path)
}

/// Only "not found" means "not there".
pub fn found<T>(result: std::result::Result<T, Errno>) -> std::result::Result<Option<T>, Errno> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// The init program where the kernel would look, if it is one that can be run.
pub fn init(tree: &OwnedFd) -> Result<String> {
    let path = facts::find_init(tree, None)?;
    let stat = fs::stat_target_in(tree, &path).or_fail("cannot look at", &path)?;
    if stat.file_type == FileType::Regular && stat.mode & EXECUTABLE != 0 {
        return Ok(path);
    }
    Err(Error::deterministic(format!("the init program \"/{path}\" is not an executable file")))
}
