//! A tree with all that a person could have put into it, line by line: what two looks at it are compared by.

use crate::error::{OrSay, Result};
use rustix::fs::{lgetxattr, llistxattr};
use rustix::io::Errno;
use sha2::{Digest, Sha256};
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Bytes of the longest value of an attribute, and of the longest list of names (Linux).
const LONGEST: usize = 1 << 16;

/// Of these trees, by path in the sysroot, where `ID@` stands for `ID@INSTANCE`. A tree that is not there is an error.
pub fn of(sysroot: &Path, paths: &[String]) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    for path in paths {
        let found = find(sysroot, path)?;
        walk(&found, Path::new(path), &mut lines).or_say(format!("cannot list {path}"))?;
    }
    Ok(lines)
}

fn find(sysroot: &Path, path: &str) -> Result<PathBuf> {
    path.split('/').try_fold(sysroot.to_path_buf(), |dir, part| match part.strip_suffix('@') {
        Some(_) => {
            let mut names = fs::read_dir(&dir).or_say(format!("cannot read {}", dir.display()))?.flatten().map(|entry| entry.file_name());
            let name = names.find(|name| name.as_bytes().starts_with(part.as_bytes()));
            name.map(|name| dir.join(name)).or_say(format!("nothing is named {part}INSTANCE in {}", dir.display()))
        }
        None => Ok(dir.join(part)),
    })
}

fn walk(file: &Path, shown: &Path, lines: &mut Vec<String>) -> Result<()> {
    let meta = file.symlink_metadata().or_say(shown.display())?;
    lines.push(line(file, shown, &meta).or_say(shown.display())?);
    if !meta.is_dir() {
        return Ok(());
    }
    let mut names: Vec<OsString> = fs::read_dir(file).or_say(shown.display())?.flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    names.iter().try_for_each(|name| walk(&file.join(name), &shown.join(name), lines))
}

/// The time of the last access is nobody's change.
fn line(file: &Path, shown: &Path, meta: &Metadata) -> Result<String> {
    let content = match meta {
        meta if meta.is_file() => format!("size={} sha256={}", meta.size(), digest(&fs::read(file).or_say("cannot read")?)),
        meta if meta.is_symlink() => format!("target={:?}", fs::read_link(file).or_say("cannot read")?.into_os_string()),
        meta => format!("device={}", meta.rdev()),
    };
    let time = format!("{}.{:09}", meta.mtime(), meta.mtime_nsec());
    let attributes = attributes(file)?.join(" ");
    let (mode, links) = (meta.mode(), if meta.is_dir() { 0 } else { meta.nlink() });
    Ok(format!(
        "{:?} mode={mode:o} owner={}:{} links={links} time={time} {content} {attributes}",
        shown.as_os_str(),
        meta.uid(),
        meta.gid()
    ))
}

fn attributes(file: &Path) -> Result<Vec<String>> {
    let mut names = vec![0; LONGEST];
    let length = match llistxattr(file, names.as_mut_slice()) {
        Err(Errno::NOTSUP) => 0,
        listed => listed.or_say("cannot list attributes")?,
    };
    let names = names.get(..length).unwrap_or_default().split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let mut all = names.map(|name| attribute(file, OsStr::from_bytes(name))).collect::<Result<Vec<_>>>()?;
    all.sort();
    Ok(all)
}

fn attribute(file: &Path, name: &OsStr) -> Result<String> {
    let mut value = vec![0; LONGEST];
    let length = lgetxattr(file, name, value.as_mut_slice()).or_say(format!("cannot read {name:?}"))?;
    Ok(format!("{name:?}={}", digest(value.get(..length).unwrap_or_default())))
}

fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"))
}

/// What is in only one of two listings, with a sign as in a diff.
pub fn differences(before: &[String], after: &[String]) -> Vec<String> {
    let only = |these: &[String], those: &[String], sign: &str| -> Vec<String> {
        these.iter().filter(|line| !those.contains(line)).map(|line| format!("{sign} {line}")).collect()
    };
    [only(before, after, "-"), only(after, before, "+")].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache;
    use std::os::unix::fs::symlink;

    #[test]
    fn every_change_is_seen() {
        let root = std::env::temp_dir().join(format!("listing-{}", std::process::id()));
        let tree = root.join("state/v1@ab/etc");
        fs::create_dir_all(&tree).unwrap();
        fs::write(tree.join("file"), "one").unwrap();
        symlink("file", tree.join("link")).unwrap();
        let paths = ["state/v1@/etc".to_string()];
        let list = || of(&root, &paths).unwrap();
        let before = list();
        assert_eq!((before.len(), differences(&before, &list())), (3, Vec::new()));
        let time = tree.join("file").metadata().unwrap().modified().unwrap();
        fs::write(tree.join("file"), "two").unwrap();
        fs::File::options().write(true).open(tree.join("file")).unwrap().set_modified(time).unwrap();
        let found = differences(&before, &list());
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("- \"state/v1@/etc/file\" mode=100644"), "{found:?}");
        assert!(of(&root, &["state/v2@/etc".to_string()]).is_err() && of(&root, &["nothing".to_string()]).is_err());
        cache::remove(&root).unwrap();
    }
}
