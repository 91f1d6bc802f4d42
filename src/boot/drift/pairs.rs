//! Goes through a tree next to another one, name by name, at any depth and with a bounded number of open directories. What
//! goes away meanwhile was not there. Knows nothing of causes.

use crate::boot::copy::walk::{DirStack, Trail};
use crate::boot::layer::Entry;
use crate::error::{Errno, Error};
use crate::sys::copy as sys;
use crate::sys::{BorrowedFd, SysResult};
use alloc::ffi::CString;
use alloc::vec::{self, Vec};
use core::ffi::CStr;

/// A name of the first tree, with what the other one has under the same path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pair<'a> {
    /// Below the roots, without leading slash.
    pub path: &'a [u8],
    pub one: Entry<'a>,
    pub other: Option<Entry<'a>>,
}

/// Where the walk goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// Not below this.
    Beside,
    /// Below this directory; the other tree has nothing there that counts.
    Below,
    /// Below this directory in both trees.
    BelowBoth,
    /// Nowhere.
    End,
}

/// How many of the two stand in a directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Trees {
    One,
    Both,
}

struct Level {
    names: vec::IntoIter<CString>,
    trees: Trees,
}

struct Walk {
    one: DirStack,
    other: Option<DirStack>,
    levels: Vec<Level>,
    trail: Trail,
}

/// Where a walk could not go on, and why.
#[derive(Debug)]
pub(super) struct Stuck {
    trail: Trail,
    errno: Errno,
}

impl Stuck {
    pub(super) fn errno(self) -> Errno {
        self.errno
    }

    /// `place` is the first tree's name.
    pub(super) fn error(&self, place: &str) -> Error {
        Error::transient(alloc::format!("cannot look at \"{}\" of {place}: {}", self.trail.text(), self.errno))
    }
}

/// Shows every name of `one` to `visit`, parents first.
pub(super) fn walk(
    one: BorrowedFd<'_>,
    other: Option<BorrowedFd<'_>>,
    visit: &mut dyn FnMut(&Pair<'_>) -> SysResult<Next>,
) -> Result<(), Stuck> {
    let stuck = |errno| Stuck { trail: Trail::default(), errno };
    let mut walk = Walk::begin(one, other).map_err(stuck)?;
    walk.run(visit).map_err(|errno| Stuck { trail: walk.trail, errno })
}

/// Whether it says that something was removed or replaced while the walk came to it.
fn is_gone(errno: Errno) -> bool {
    matches!(errno, Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP)
}

/// `None` for what is gone.
fn unless_gone<T>(result: SysResult<T>) -> SysResult<Option<T>> {
    match result {
        Err(errno) if is_gone(errno) => Ok(None),
        result => result.map(Some),
    }
}

impl Walk {
    fn begin(one: BorrowedFd<'_>, other: Option<BorrowedFd<'_>>) -> SysResult<Self> {
        let names = sys::list(one)?.into_iter();
        let trees = if other.is_some() { Trees::Both } else { Trees::One };
        let other = other.map(sys::open_again).transpose()?.map(DirStack::new);
        let levels = alloc::vec![Level { names, trees }];
        Ok(Self { one: DirStack::new(sys::open_again(one)?), other, levels, trail: Trail::default() })
    }

    fn run(&mut self, visit: &mut dyn FnMut(&Pair<'_>) -> SysResult<Next>) -> SysResult<()> {
        while let Some(level) = self.levels.last_mut() {
            let Some(name) = level.names.next() else {
                self.leave()?;
                continue;
            };
            let trees = level.trees;
            self.trail.push(&name);
            match unless_gone(self.look(&name, trees, visit))?.unwrap_or(Next::Beside) {
                Next::Beside => self.trail.pop(),
                Next::Below => self.enter(&name, Trees::One)?,
                Next::BelowBoth => self.enter(&name, trees)?,
                Next::End => return Ok(()),
            }
        }
        Ok(())
    }

    fn look(&self, name: &CStr, trees: Trees, visit: &mut dyn FnMut(&Pair<'_>) -> SysResult<Next>) -> SysResult<Next> {
        let Some(one) = Entry::find(self.one.top(), name)? else { return Ok(Next::Beside) };
        let other = self.other.as_ref().filter(|_| trees == Trees::Both);
        let other = other.map(|other| Entry::find(other.top(), name)).transpose()?.flatten();
        visit(&Pair { path: self.trail.bytes(), one, other })
    }

    fn enter(&mut self, name: &CStr, trees: Trees) -> SysResult<()> {
        let listed = sys::open_dir_at(self.one.top(), name).and_then(|dir| Ok((sys::list(&dir)?, dir)));
        let Some((names, dir)) = unless_gone(listed)? else {
            self.trail.pop();
            return Ok(());
        };
        let trees = self.enter_other(name, trees)?;
        self.one.enter(dir)?;
        self.levels.push(Level { names: names.into_iter(), trees });
        Ok(())
    }

    fn enter_other(&mut self, name: &CStr, trees: Trees) -> SysResult<Trees> {
        let Some(other) = self.other.as_mut().filter(|_| trees == Trees::Both) else { return Ok(Trees::One) };
        let Some(dir) = unless_gone(sys::open_dir_at(other.top(), name))? else { return Ok(Trees::One) };
        other.enter(dir)?;
        Ok(Trees::Both)
    }

    fn leave(&mut self) -> SysResult<()> {
        let left = self.levels.pop();
        self.trail.pop();
        if self.levels.is_empty() {
            return Ok(());
        }
        self.one.leave()?;
        match self.other.as_mut().filter(|_| left.is_some_and(|level| level.trees == Trees::Both)) {
            Some(other) => other.leave().map(drop),
            None => Ok(()),
        }
    }
}
