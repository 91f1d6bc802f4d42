//! A tree with all that a person could have put into it, line by line: what two looks at it are compared by.

use rustix::fs::{lgetxattr, llistxattr};
use rustix::io::Errno;
use sha2::{Digest, Sha256};
use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Bytes of the longest value of an attribute, and of the longest list of names (Linux).
const LONGEST: usize = 1 << 16;

/// A failure is one line: on what, and why.
pub type Result<T> = std::result::Result<T, String>;

fn say<E: Display>(what: impl Display) -> impl FnOnce(E) -> String {
    move |why| format!("{what}: {why}")
}

/// One line for `file`, under the name `shown`, and one for each thing below it, in the order of their names.
pub fn walk(file: &Path, shown: &Path, lines: &mut Vec<String>) -> Result<()> {
    let meta = file.symlink_metadata().map_err(say(shown.display()))?;
    lines.push(line(file, shown, &meta).map_err(say(shown.display()))?);
    if !meta.is_dir() {
        return Ok(());
    }
    let mut names: Vec<OsString> = fs::read_dir(file).map_err(say(shown.display()))?.flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    names.iter().try_for_each(|name| walk(&file.join(name), &shown.join(name), lines))
}

/// The time of the last access is nobody's change.
fn line(file: &Path, shown: &Path, meta: &Metadata) -> Result<String> {
    let content = match meta {
        meta if meta.is_file() => format!("size={} sha256={}", meta.size(), digest(&fs::read(file).map_err(say("cannot read"))?)),
        meta if meta.is_symlink() => format!("target={:?}", fs::read_link(file).map_err(say("cannot read"))?.into_os_string()),
        meta => format!("device={}", meta.rdev()),
    };
    let time = format!("{}.{:09}", meta.mtime(), meta.mtime_nsec());
    let attributes = attributes(file)?.join(" ");
    let (mode, links) = (meta.mode(), if meta.is_dir() { 0 } else { meta.nlink() });
    let name = shown.as_os_str();
    Ok(format!("{name:?} mode={mode:o} owner={}:{} links={links} time={time} {content} {attributes}", meta.uid(), meta.gid()))
}

fn attributes(file: &Path) -> Result<Vec<String>> {
    let mut names = vec![0; LONGEST];
    let length = match llistxattr(file, names.as_mut_slice()) {
        Err(Errno::NOTSUP) => 0,
        listed => listed.map_err(say("cannot list attributes"))?,
    };
    let names = names.get(..length).unwrap_or_default().split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let mut all = names.map(|name| attribute(file, OsStr::from_bytes(name))).collect::<Result<Vec<_>>>()?;
    all.sort();
    Ok(all)
}

fn attribute(file: &Path, name: &OsStr) -> Result<String> {
    let mut value = vec![0; LONGEST];
    let length = lgetxattr(file, name, value.as_mut_slice()).map_err(say(format!("cannot read {name:?}")))?;
    Ok(format!("{name:?}={}", digest(value.get(..length).unwrap_or_default())))
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}
