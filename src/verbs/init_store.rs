//! `init-store`: makes SYSROOT/bedplate, or completes one that an interrupted run left behind. Changes no deployment.

use super::{Exit, access, say};
use crate::cli;
use bedplate::boot::store::{STORE, Store};
use bedplate::decide::record::Record;
use bedplate::error::{Errno, Error, OrFail, Result};
use bedplate::sys::fs::{self, FileType};
use bedplate::sys::{AsFd, OwnedFd, copy, mount};
use std::io::Write;

/// The store's directories with their modes: state and deployments hold keys, passwords and setuid programs.
const DIRECTORIES: [(&str, u16); 5] = [
    ("bedplate", 0o700),
    ("bedplate/deployments", 0o700),
    ("bedplate/state", 0o700),
    ("bedplate/manifests", 0o700),
    ("bedplate/var", 0o755),
];

/// dracut's plain initramfs (before 106) unmounts a root that has none of these before any hook can put another in its place.
const FOR_DRACUT: [(&str, u16); 3] = [("proc", 0o755), ("sys", 0o755), ("dev", 0o755)];

pub fn run(args: &cli::InitStore, out: &mut dyn Write) -> Result<Exit> {
    let path = &access::find_sysroot(args.sysroot.as_deref());
    let verb = if make(path)? { "made the store" } else { "nothing to do: there is a store at" };
    say(out, &format!("{verb} {path}/{STORE}\n"))?;
    Ok(Exit::Done)
}

/// Makes what is missing of the store below a physical root, durably; whether anything was.
pub fn make(path: &str) -> Result<bool> {
    let sysroot = open_writable(path)?;
    let mut made = false;
    for (name, mode) in DIRECTORIES.into_iter().chain(FOR_DRACUT) {
        made |= directory(&sysroot, name, mode)?;
    }
    let store = Store::open(sysroot, path)?;
    access::lock(&store.dir)?;
    made |= record(&store)?;
    // Names and modes: a flush of the directories alone promises only the names.
    fs::sync_fs(&store.sysroot).or_fail("cannot flush", path)?;
    Ok(made)
}

fn open_writable(path: &str) -> Result<OwnedFd> {
    let sysroot = fs::open_dir(path).or_fail("cannot open", path)?;
    if !fs::is_read_only(&sysroot).or_fail("cannot look at", path)? {
        return Ok(sysroot);
    }
    mount::writable_in_private_namespace(path)?;
    fs::open_dir(path).or_fail("cannot open", path)
}

/// Makes a directory; whether it was missing. The mode of the store's private ones is set again if it was opened up.
fn directory(sysroot: &OwnedFd, name: &str, mode: u16) -> Result<bool> {
    match fs::make_dir(sysroot, name, mode) {
        Ok(()) => return Ok(true),
        Err(Errno::EEXIST) => {}
        Err(errno) => return Err(errno).or_fail("cannot make", name),
    }
    let stat = fs::stat_in(sysroot, name).or_fail("cannot look at", name)?;
    if stat.file_type != FileType::Directory {
        return Err(Error::refused(format!("\"{name}\" is there and no directory: move it away first")));
    }
    if mode == 0o700 && stat.mode != mode {
        let dir = fs::open_dir_in(sysroot, name).or_fail("cannot open", name)?;
        copy::set_mode_open(dir.as_fd(), mode).or_fail("cannot set the mode of", name)?;
        log::warn!("\"{name}\" had mode {:04o}, it has {mode:04o} now", stat.mode);
    }
    Ok(false)
}

/// An empty record where there is none and nothing that it could tell of. Where deployments are, the next verb that
/// changes anything rebuilds it from their markers.
fn record(store: &Store) -> Result<bool> {
    match fs::stat_in(&store.dir, "record") {
        Ok(_) => Ok(false),
        Err(Errno::ENOENT) if store.deployments()?.is_empty() => store.create_record(&Record::default()).map(|()| true),
        Err(Errno::ENOENT) => {
            log::warn!("the record is missing: the next deploy rebuilds it from the boot-success markers");
            Ok(false)
        }
        Err(errno) => Err(errno).or_fail("cannot look at", "bedplate/record"),
    }
}
