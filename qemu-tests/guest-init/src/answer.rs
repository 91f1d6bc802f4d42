//! One function a request.

mod device;
mod physical;
mod plant;
mod run;
mod verity;

use guest_init::{Reply, Request, Stat, listing};
use std::fmt::Write as _;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

pub fn answer(request: Request) -> Reply {
    let tried = match request {
        Request::Run { argv, kill_when } => run::run(&argv, kill_when.as_deref()).map(Reply::Ran),
        Request::Start { argv } => run::start(&argv).map(done),
        Request::Together { commands } => run::together(&commands).map(Reply::Together),
        Request::Read { path } => found(fs::read(&path)).map(|bytes| Reply::Text(bytes.map(|b| String::from_utf8_lossy(&b).into_owned()))),
        Request::Hex { path } => found(fs::read(&path)).map(|bytes| Reply::Text(bytes.as_deref().map(hex))),
        Request::List { path } => found(list(&path)).map(Reply::Names),
        Request::Stat { path } => found(stat(&path)).map(Reply::Stat),
        Request::Write { path, text } => fs::write(&path, text).map(done),
        Request::Append { path, text } => append(&path, &text).map(done),
        Request::Delete { path } => delete(&path).map(done),
        Request::Directory { path } => fs::create_dir_all(&path).map(done),
        Request::Chmod { path, mode } => chmod(&path, &mode).map(done),
        Request::Fill { path } => fill(&path).map(done),
        Request::Mount { device, target } => device::mount(&device, &target).map(done),
        Request::Physical { device, flags, cmdline } => physical::mount(&device, &flags, &cmdline).map(done),
        Request::Clear => physical::clear().map(done),
        Request::Listing { path } => listing(&path).map(Reply::Lines),
        Request::Plant { fault } => plant::plant(fault).map(done),
        Request::Unmount { target } => device::unmount(&target).map(done),
        Request::Corrupt { device, text } => device::corrupt(&device, &text).map(done),
        Request::Guard { path } => verity::guard(&path).map(done),
        Request::Verity { device, hashes } => verity::open(&device, &hashes).map(done),
        Request::Mounts => Ok(Reply::Mounts(super::mounts())),
        Request::Sync => {
            rustix::fs::sync();
            Ok(Reply::Done)
        }
        Request::Crash | Request::Hang | Request::Reboot | Request::Poweroff => Err(io::Error::other("ends the machine")),
    };
    tried.unwrap_or_else(|why| Reply::Failed(why.to_string()))
}

fn done((): ()) -> Reply {
    Reply::Done
}

/// What is not there is an answer, too.
fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(why) if why.kind() == ErrorKind::NotFound => Ok(None),
        Err(why) => Err(why),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn list(path: &str) -> io::Result<Vec<String>> {
    let entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    let mut names: Vec<_> = entries.iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}

fn listing(path: &str) -> io::Result<Vec<String>> {
    let mut lines = Vec::new();
    listing::walk(Path::new(path), Path::new(path), &mut lines).map_err(io::Error::other)?;
    Ok(lines)
}

fn stat(path: &str) -> io::Result<Stat> {
    let meta = fs::symlink_metadata(path)?;
    let kind = match meta.file_type() {
        t if t.is_file() => "file",
        t if t.is_dir() => "directory",
        t if t.is_symlink() => "symlink",
        _ => "other",
    };
    Ok(Stat { kind: kind.to_string(), mode: format!("{:04o}", meta.mode() & 0o7777), uid: meta.uid(), gid: meta.gid(), size: meta.len() })
}

fn append(path: &str, text: &str) -> io::Result<()> {
    OpenOptions::new().append(true).create(true).open(path)?.write_all(text.as_bytes())
}

fn delete(path: &str) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

fn chmod(path: &str, mode: &str) -> io::Result<()> {
    let mode = u32::from_str_radix(mode, 8).map_err(io::Error::other)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
}

fn fill(path: &str) -> io::Result<()> {
    let mut file = File::create(path)?;
    for size in [1 << 20, 4096, 1] {
        let block = vec![b'x'; size];
        while had_room(file.write(&block))? {}
    }
    Ok(())
}

fn had_room(result: io::Result<usize>) -> io::Result<bool> {
    match result {
        Ok(written) => Ok(written > 0),
        Err(why) if why.kind() == ErrorKind::StorageFull => Ok(false),
        Err(why) => Err(why),
    }
}
