//! The steps that make directories and files. What is there already is never changed.

use super::bases::{Bases, shown};
use crate::boot::copy;
use crate::decide::model::{Base, Owner, Place};
use crate::error::{Errno, OrFail, Result};
use crate::sys::{AsFd, OwnedFd, SysResult, fs};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Makes a directory and its missing parents. A symlink that leads to nothing gets the directory that it means inside its
/// base.
pub(super) fn directory(bases: &Bases<'_>, at: &Place, owner: Owner) -> Result<()> {
    let on = shown(at);
    match bases.find(at) {
        Ok(there) => return is_directory(&there, &on),
        Err(Errno::ENOENT) => {}
        Err(errno) => return Err(errno).or_fail("cannot look at", &on),
    }
    let anchor = bases.anchor(at.base).or_fail("cannot open the base of", &on)?;
    let path = meant(&anchor, at).or_fail("cannot look at", &on)?;
    fs::make_dirs(&anchor, &path, owner.mode).or_fail("cannot make", &on)?;
    let made = fs::open_target_in(&anchor, &path).or_fail("cannot open", &on)?;
    fs::set_owner(made, owner.uid, owner.gid).or_fail("cannot set the owner of", &on)
}

fn is_directory(there: &OwnedFd, on: &str) -> Result<()> {
    match fs::stat_fd(there).or_fail("cannot look at", on)?.file_type {
        fs::FileType::Directory => Ok(()),
        _ => Err(Errno::ENOTDIR).or_fail("what is there cannot be used:", on),
    }
}

/// Where a symlink leads, which may be nowhere yet; any other path as it is. In /var, absolute names are the booted system's.
fn meant(anchor: &OwnedFd, at: &Place) -> SysResult<String> {
    let path = at.path.as_str();
    let link = match fs::stat_in(anchor, path) {
        Ok(stat) if stat.file_type == fs::FileType::Symlink => fs::read_link_in(anchor, path)?,
        Ok(_) | Err(Errno::ENOENT) => return Ok(path.into()),
        Err(errno) => return Err(errno),
    };
    if let Some(in_var) = link.strip_prefix("/var/").filter(|_| at.base == Base::Var) {
        return Ok(in_var.into());
    }
    if link.starts_with('/') { Ok(link) } else { Ok(format!("{}/{link}", fs::split(path).0)) }
}

/// Makes a file and its directory, unless something is there.
pub(super) fn file(bases: &Bases<'_>, at: &Place, mode: u16, content: &str) -> Result<()> {
    let on = shown(at);
    let anchor = bases.anchor(at.base).or_fail("cannot open the base of", &on)?;
    match fs::stat_in(&anchor, &at.path) {
        Ok(_) => return Ok(()),
        Err(Errno::ENOENT) => {}
        Err(errno) => return Err(errno).or_fail("cannot look at", &on),
    }
    fs::make_dirs(&anchor, fs::split(&at.path).0, 0o755).or_fail("cannot make the directory of", &on)?;
    let file = fs::create_in(&anchor, &at.path, mode).or_fail("cannot create", &on)?;
    fs::write_all(file, content.as_bytes()).or_fail("cannot write", &on)
}

/// The result are warnings.
pub(super) fn fill(bases: &Bases<'_>, from: &Place, to: &Place) -> Result<Vec<String>> {
    let on = shown(to);
    let anchor = bases.anchor(to.base).or_fail("cannot open the base of", &on)?;
    let source = || fs::open_dir_in(bases.source(from)?, "").or_fail("cannot open", &shown(from));
    Ok(copy::fill(anchor.as_fd(), &to.path, &on, source)?.warnings(&on))
}
