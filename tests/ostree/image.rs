//! A composefs image: a tree whose files are holes of the right size, and name their content and its fs-verity digest.

use super::{Stored, run, verity, walk};
use rustix::fs::{XattrFlags, setxattr};
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

/// FS_VERITY_HASH_ALG_SHA256
const SHA256: u8 = 1;

pub fn make(tree: &Path, stored: &[Stored], image: &Path) -> io::Result<()> {
    let staging = image.with_extension("staging");
    fs::create_dir(&staging)?;
    for path in walk(tree)?.into_iter().filter(|path| !staging.ends_with(path)) {
        let (from, to) = (tree.join(&path), staging.join(&path));
        let meta = from.symlink_metadata()?;
        if meta.is_symlink() {
            symlink(fs::read_link(&from)?, &to)?;
        } else if meta.is_dir() {
            fs::create_dir(&to)?;
            fs::set_permissions(&to, fs::Permissions::from_mode(meta.mode() & 0o7777))?;
        }
    }
    stored.iter().try_for_each(|stored| hole(tree, &staging, stored))?;
    run("mkfs.erofs", &[image.as_ref(), staging.as_ref()])?;
    fs::remove_dir_all(&staging)
}

fn hole(tree: &Path, staging: &Path, stored: &Stored) -> io::Result<()> {
    let (from, to) = (tree.join(&stored.file), staging.join(&stored.file));
    let meta = from.metadata()?;
    File::create(&to)?.set_len(meta.len())?;
    fs::set_permissions(&to, fs::Permissions::from_mode(meta.mode() & 0o7777))?;
    let set = |name: &str, value: &[u8]| {
        let set = setxattr(to.as_os_str().as_bytes(), format!("trusted.overlay.{name}"), value, XattrFlags::empty());
        set.map_err(|errno| io::Error::from_raw_os_error(errno.raw_os_error()))
    };
    set("metacopy", &metacopy(&verity::digest(&fs::read(&from)?)))?;
    set("redirect", format!("/{}", stored.object).as_bytes())
}

/// `struct ovl_metacopy`: version, length, flags, algorithm, digest.
fn metacopy(digest: &[u8; 32]) -> Vec<u8> {
    [&[0, 36, 0, SHA256], digest.as_slice()].concat()
}
