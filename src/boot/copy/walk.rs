//! Going through a tree of any depth with a bounded number of open directories. Knows nothing of copying.

use super::Mounts;
use crate::error::{Errno, Error, OrFail, Result};
use crate::sys::copy::{self as sys, BareView, FileId, Meta};
use crate::sys::{AsFd, BorrowedFd, OwnedFd};
use alloc::ffi::CString;
use alloc::string::{String, ToString};
use alloc::vec::{self, Vec};
use core::ffi::CStr;

/// The way from the root of a walk to where it stands. Only the lowest few directories are kept open; the others are
/// found again through `..`, and must be the same then.
#[derive(Debug)]
pub struct DirStack {
    top: OwnedFd,
    above: Vec<Above>,
}

#[derive(Debug)]
enum Above {
    Open(OwnedFd),
    Closed(FileId),
}

impl DirStack {
    const KEPT_OPEN: usize = 32;

    pub fn new(root: OwnedFd) -> Self {
        Self { top: root, above: Vec::new() }
    }

    pub fn top(&self) -> BorrowedFd<'_> {
        self.top.as_fd()
    }

    pub fn enter(&mut self, child: OwnedFd) -> core::result::Result<(), Errno> {
        self.above.push(Above::Open(core::mem::replace(&mut self.top, child)));
        let far = self.above.len().checked_sub(Self::KEPT_OPEN + 1);
        if let Some(above) = far.and_then(|far| self.above.get_mut(far)) {
            if let Above::Open(dir) = above {
                *above = Above::Closed(sys::look_open(&*dir)?.id);
            }
        }
        Ok(())
    }

    /// Goes back up and gives the directory that was left; `None` at the root. ESTALE: the tree was moved meanwhile.
    pub fn leave(&mut self) -> core::result::Result<Option<OwnedFd>, Errno> {
        let parent = match self.above.pop() {
            None => return Ok(None),
            Some(Above::Open(parent)) => parent,
            Some(Above::Closed(id)) => {
                let parent = sys::open_parent(&self.top)?;
                if sys::look_open(&parent)?.id != id {
                    return Err(Errno(116));
                }
                parent
            }
        };
        Ok(Some(core::mem::replace(&mut self.top, parent)))
    }
}

/// The path of the entry that is being worked on, relative to the root of the walk, as bytes.
#[derive(Debug, Default)]
pub struct Trail(Vec<u8>);

impl Trail {
    /// Begins below a place, so that messages name the whole path.
    pub fn below(place: &str) -> Self {
        Self(place.into())
    }

    pub fn push(&mut self, name: &CStr) {
        if !self.0.is_empty() {
            self.0.push(b'/');
        }
        self.0.extend_from_slice(name.to_bytes());
    }

    pub fn pop(&mut self) {
        let cut = self.0.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        self.0.truncate(cut);
    }

    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The directory part; empty is the root.
    pub fn parent(&self) -> &[u8] {
        self.0.iter().rposition(|byte| *byte == b'/').and_then(|cut| self.0.get(..cut)).unwrap_or_default()
    }

    /// For messages: control characters escaped, what is no UTF-8 replaced.
    pub fn text(&self) -> String {
        match self.0.as_slice() {
            [] => ".".into(),
            path => String::from_utf8_lossy(path).escape_debug().to_string(),
        }
    }

    /// `WHAT "PATH": why`.
    pub fn error(&self, what: &str, errno: Errno) -> Error {
        Error::transient(alloc::format!("{what} \"{}\": {errno}", self.text()))
    }
}

/// A directory on the way and the names in it that are still to come.
#[derive(Debug)]
pub struct Level {
    pub meta: Meta,
    pub names: vec::IntoIter<CString>,
}

/// The source of a walk.
#[derive(Debug)]
pub enum View {
    Bare(BareView),
    Plain(OwnedFd),
}

impl View {
    /// With [`Mounts::Stay`] a clone of the mount alone where the kernel allows it; without, other mounts are still
    /// recognised, but what they cover stays hidden.
    pub fn open(from: BorrowedFd<'_>, mounts: Mounts) -> Result<Self> {
        if mounts == Mounts::Stay {
            if let Ok(view) = sys::bare_view(from) {
                return Ok(Self::Bare(view));
            }
        }
        sys::open_again(from).map(Self::Plain).or_fail("cannot open", ".")
    }

    /// Like a bare one, and read-only: whatever is done with it, the source is not touched.
    pub fn quiet(from: BorrowedFd<'_>) -> Result<Self> {
        match sys::quiet_view(from) {
            Ok(view) => Ok(Self::Bare(view)),
            Err(_) => sys::open_again(from).map(Self::Plain).or_fail("cannot open", "."),
        }
    }

    pub fn dir(&self) -> BorrowedFd<'_> {
        match self {
            Self::Bare(view) => view.dir.as_fd(),
            Self::Plain(dir) => dir.as_fd(),
        }
    }
}
