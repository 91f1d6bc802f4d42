//! Removes a tree, whatever it holds. Follows no symlink, enters no other mount, changes no file's flags.

use super::component;
use super::walk::{DirStack, Level, Trail};
use crate::error::{Errno, Error, OrFail, Result};
use crate::sys::copy::{self as sys};
use crate::sys::{AsFd, BorrowedFd};
use alloc::ffi::CString;
use alloc::vec::Vec;
use core::ffi::CStr;

struct Remover {
    at: DirStack,
    mount: u64,
    levels: Vec<Level>,
    /// Names of the directories that were entered.
    entered: Vec<CString>,
    trail: Trail,
}

/// Removes `name` in `parent` with everything below it; nothing there is no error. What was removed before a failure
/// stays removed.
pub fn remove_tree(parent: BorrowedFd<'_>, name: &str) -> Result<()> {
    remove_tree_in(parent, "", name)
}

/// The same, with the path of `parent` for messages.
pub fn remove_tree_in(parent: BorrowedFd<'_>, place: &str, name: &str) -> Result<()> {
    remove_named(parent, place, &component(name)?)
}

/// The same, by a name that may be any bytes.
pub fn remove_named(parent: BorrowedFd<'_>, place: &str, name: &CStr) -> Result<()> {
    let shown = name.to_string_lossy();
    let root = sys::open_again(parent).or_fail("cannot open the directory of", &shown)?;
    let mount = sys::look_open(&root).or_fail("cannot look at the directory of", &shown)?.mount;
    let mut remover = Remover { at: DirStack::new(root), mount, levels: Vec::new(), entered: Vec::new(), trail: Trail::below(place) };
    match sys::look(remover.at.top(), name) {
        Err(Errno::ENOENT) => Ok(()),
        Err(errno) => Err(errno).or_fail("cannot look at", &shown),
        Ok(_) => remover.run(name),
    }
}

impl Remover {
    fn run(&mut self, name: &CStr) -> Result<()> {
        self.entry(name)?;
        while let Some(level) = self.levels.last_mut() {
            match level.names.next() {
                Some(name) => self.entry(&name)?,
                None => self.leave()?,
            }
        }
        Ok(())
    }

    fn failed<T>(&self, what: &str, result: core::result::Result<T, Errno>) -> Result<T> {
        result.map_err(|errno| self.trail.error(what, errno))
    }

    fn entry(&mut self, name: &CStr) -> Result<()> {
        const EISDIR: Errno = Errno(21);
        self.trail.push(name);
        match sys::unlink_at(self.at.top(), name) {
            Err(EISDIR) => return self.enter(name),
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(errno) => return Err(self.explain(name, errno)),
        }
        self.trail.pop();
        Ok(())
    }

    fn enter(&mut self, name: &CStr) -> Result<()> {
        let dir = self.failed("cannot open", sys::open_dir_at(self.at.top(), name))?;
        let meta = self.failed("cannot look at", sys::look_open(&dir))?;
        if meta.mount != self.mount {
            return Err(self.explain(name, Errno::EBUSY));
        }
        let names = self.failed("cannot list", sys::list(&dir))?.into_iter();
        let entered = self.at.enter(dir);
        self.failed("cannot enter", entered)?;
        self.entered.push(name.into());
        self.levels.push(Level { meta, names });
        Ok(())
    }

    /// Removes the directory that is empty now.
    fn leave(&mut self) -> Result<()> {
        let left = self.at.leave();
        self.failed("cannot leave", left)?;
        self.levels.pop();
        if let Some(name) = self.entered.pop() {
            sys::remove_dir_at(self.at.top(), &name).map_err(|errno| self.explain(&name, errno))?;
        }
        self.trail.pop();
        Ok(())
    }

    /// Says what stands in the way, and what to do about it.
    fn explain(&self, name: &CStr, errno: Errno) -> Error {
        let path = self.trail.text();
        let locked = |meta: core::result::Result<sys::Meta, Errno>| meta.is_ok_and(|meta| meta.locked);
        let text = match errno {
            Errno::EBUSY => alloc::format!("cannot remove \"{path}\": something is mounted there; unmount it first"),
            Errno::EPERM if locked(sys::look(self.at.top(), name)) => {
                alloc::format!("cannot remove \"{path}\": it is immutable or append-only; clear that with chattr -ia")
            }
            Errno::EPERM if locked(sys::look_open(self.at.top().as_fd())) => {
                alloc::format!("cannot remove \"{path}\": its directory is immutable or append-only; clear that with chattr -ia")
            }
            errno => return self.trail.error("cannot remove", errno),
        };
        Error::refused(text)
    }
}
