//! What `--keep` names: found in what was set aside, and moved back with all that it has.

use crate::boot::copy::walk::{DirStack, Trail};
use crate::boot::copy::{LeftOut, dress_directory, remove_named};
use crate::decide::reset::glob::{Fate, Glob, fate};
use crate::error::{Errno, Error, OrFail, Result};
use crate::sys::copy::{self as sys, Node};
use crate::sys::{AsFd, BorrowedFd, OwnedFd};
use alloc::ffi::CString;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// Paths below `root` that a glob names, as bytes; `prefix` is where the root is in the booted system. What is below one of
/// them is not listed again. Other mounts and links are not entered.
pub fn find(root: BorrowedFd<'_>, prefix: &[Vec<u8>], globs: &[Glob]) -> Result<Vec<Vec<u8>>> {
    let mut found = Vec::new();
    if globs.is_empty() || fate(globs, prefix) == Fate::Gone {
        return Ok(found);
    }
    let top = sys::open_again(root).or_fail("cannot open", ".")?;
    let mount = sys::look_open(&top).or_fail("cannot look at", ".")?.mount;
    let mut levels: Vec<vec::IntoIter<CString>> = Vec::from([sys::list(&top).or_fail("cannot list", ".")?.into_iter()]);
    let (mut at, mut path, mut trail) = (DirStack::new(top), prefix.to_vec(), Trail::default());
    while let Some(names) = levels.last_mut() {
        let Some(name) = names.next() else {
            levels.pop();
            at.leave().map_err(|errno| trail.error("cannot leave", errno))?;
            path.pop();
            trail.pop();
            continue;
        };
        trail.push(&name);
        path.push(name.to_bytes().to_vec());
        let meta = sys::look(at.top(), &name).map_err(|errno| trail.error("cannot look at", errno))?;
        match fate(globs, &path) {
            Fate::Kept => found.push(trail.bytes().to_vec()),
            Fate::Above if meta.node == Node::Directory && meta.mount == mount => {
                let dir = sys::open_dir_at(at.top(), &name).map_err(|errno| trail.error("cannot open", errno))?;
                levels.push(sys::list(&dir).map_err(|errno| trail.error("cannot list", errno))?.into_iter());
                at.enter(dir).map_err(|errno| trail.error("cannot enter", errno))?;
                continue;
            }
            Fate::Above | Fate::Gone => {}
        }
        path.pop();
        trail.pop();
    }
    Ok(found)
}

/// Kept paths of one tree.
pub(super) struct Kept {
    /// Where they are.
    pub root: OwnedFd,
    /// Where they go, and the tree's path below it.
    pub store: OwnedFd,
    pub to: Vec<u8>,
    pub paths: Vec<Vec<u8>>,
}

impl Kept {
    /// The directories that lead to them, like those that they were in.
    pub fn make_parents(&mut self) -> Result<()> {
        make_root(&self.store, &self.to, &self.root)?;
        let to = sys::open_deep(&self.store, &self.to).or_fail("cannot open", &shown(&self.to))?;
        self.paths.iter().try_for_each(|path| make_parents(&self.root, &to, path))
    }

    /// What the deployment has put there meanwhile makes way. The results are warnings.
    pub fn rename(&self) -> Result<Vec<String>> {
        let to = sys::open_deep(&self.store, &self.to).or_fail("cannot open", &shown(&self.to))?;
        let warnings = self.paths.iter().map(|path| rename(&self.root, &to, path));
        Ok(warnings.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    }
}

fn shown(path: &[u8]) -> String {
    format!("{}", String::from_utf8_lossy(path).escape_debug())
}

/// The tree's own directory, and what leads to it in the store.
fn make_root(store: &OwnedFd, path: &[u8], like: &OwnedFd) -> Result<()> {
    let (parent, name) = sys::split(path);
    let parent_dir = sys::open_deep(store, parent).or_fail("cannot open", &shown(parent))?;
    make_like(parent_dir.as_fd(), name, like.as_fd(), path)
}

fn make_like(parent: BorrowedFd<'_>, name: &[u8], like: BorrowedFd<'_>, path: &[u8]) -> Result<()> {
    let name = CString::new(name).map_err(|_| Error::transient("a name with a NUL"))?;
    match sys::make_dir_at(parent, &name) {
        Ok(()) => {}
        Err(Errno::EEXIST) => return Ok(()),
        Err(errno) => return Err(errno).or_fail("cannot make", &shown(path)),
    }
    let made = sys::open_dir_at(parent, &name).or_fail("cannot open", &shown(path))?;
    dress_directory(like, made.as_fd(), &mut LeftOut::default())
}

fn make_parents(from: &OwnedFd, to: &OwnedFd, path: &[u8]) -> Result<()> {
    let cuts = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(cut, _)| cut);
    for parent in cuts.filter_map(|cut| path.get(..cut)) {
        let like = sys::open_deep(from, parent).or_fail("cannot open", &shown(parent))?;
        let (above, name) = sys::split(parent);
        match sys::open_deep(to, above) {
            Ok(dir) => make_like(dir.as_fd(), name, like.as_fd(), parent)?,
            // Something else is there now: the rename says so.
            Err(Errno::ENOTDIR | Errno::ELOOP) => return Ok(()),
            Err(errno) => return Err(errno).or_fail("cannot open", &shown(above)),
        }
    }
    Ok(())
}

fn rename(from: &OwnedFd, to: &OwnedFd, path: &[u8]) -> Result<Option<String>> {
    let on = shown(path);
    let (above, name) = sys::split(path);
    let c_name = CString::new(name).map_err(|_| Error::transient("a name with a NUL"))?;
    let dirs = sys::open_deep(from, above).and_then(|from| Ok((from, sys::open_deep(to, above)?)));
    let moved = dirs.and_then(|(from, to)| {
        if sys::look(&from, &c_name).is_ok() {
            // A failure shows in the rename.
            let _ = remove_named(to.as_fd(), "", &c_name);
        }
        sys::rename_new_at(&from, &c_name, &to, &c_name)
    });
    match moved {
        Ok(()) | Err(Errno::ENOENT) => Ok(None),
        Err(errno @ (Errno::EEXIST | Errno::ENOTDIR | Errno::ELOOP | Errno::EBUSY | Errno::EPERM | Errno(18))) => {
            Ok(Some(format!("\"{on}\" is to be kept, but cannot be put back ({errno}): it stays among what is set aside")))
        }
        Err(errno) => Err(errno).or_fail("cannot put back", &on),
    }
}
