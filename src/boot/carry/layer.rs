//! Makes the new layer of /etc from the old one, entry by entry. It walks the old layer alone, next to both vendors' trees: the
//! cost is that of the changes, not of /etc.

use super::accounts;
use super::kept::Kept;
use super::root::{Below, Level, make_root, root_level};
use super::sides::{Side, Target};
use crate::boot::copy::walk::{DirStack, Trail};
use crate::boot::copy::{Dress, Flow, LeftOut, Singles, Way};
use crate::boot::layer::{Entry, Mark, compare};
use crate::decide::drift::Sameness;
use crate::decide::merge::conflicts::Conflicts;
use crate::decide::merge::derived::is_derived;
use crate::decide::merge::lines::Table;
use crate::decide::merge::{ConflictKind, Decision, Fate, Kind, Local, Pair, Three, decide};
use crate::error::{Errno, OrFail, Result};
use crate::sys::copy::{self as sys, Device, Meta, Node};
use crate::sys::{AsFd, BorrowedFd, SysResult};
use alloc::ffi::CString;
use alloc::string::String;
use alloc::vec::Vec;
use core::ffi::CStr;

/// The three directories: the old vendor's /etc, the layer of local changes on it, the new vendor's /etc. They are only read.
#[derive(Debug, Clone, Copy)]
pub struct Trees<'a> {
    pub old: BorrowedFd<'a>,
    pub local: BorrowedFd<'a>,
    pub new: BorrowedFd<'a>,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Layer {
    pub carried: u64,
    pub dropped: u64,
    pub conflicts: Conflicts,
    /// Sentences for a person.
    pub notes: Vec<String>,
    pub left_out: LeftOut,
}

/// Makes `upper` in `place`, and beside it `vendor` where there are conflicts. `derived` are paths that are not carried, besides
/// those that never are. Nothing is flushed.
pub fn carry_layer(trees: Trees<'_>, place: BorrowedFd<'_>, derived: &[String]) -> Result<Layer> {
    Walker::begin(trees, place, derived)?.run()
}

struct Walker<'a> {
    local: DirStack,
    old: Side,
    new: Side,
    to: Target,
    singles: Singles,
    kept: Kept<'a>,
    levels: Vec<Level>,
    trail: Trail,
    derived: &'a [String],
    layer: Layer,
}

/// The same path in the three trees.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    pub old: Option<Meta>,
    pub local: Meta,
    pub new: Option<Meta>,
}

fn kind_of(meta: &Meta) -> Kind {
    match meta.node {
        Node::Directory => Kind::Directory,
        Node::Regular => Kind::Regular,
        _ => Kind::Other,
    }
}

impl<'a> Walker<'a> {
    fn begin(trees: Trees<'a>, place: BorrowedFd<'a>, derived: &'a [String]) -> Result<Self> {
        let to = make_root(place)?;
        let open = |dir: BorrowedFd<'_>| sys::open_again(dir).or_fail("cannot open", "etc");
        let mut walker = Self {
            local: DirStack::new(open(trees.local)?),
            old: Side::new(open(trees.old)?),
            new: Side::new(open(trees.new)?),
            singles: Singles::new(open(to.as_fd())?),
            to: Target::new(to),
            kept: Kept::new(place),
            levels: Vec::new(),
            trail: Trail::default(),
            derived,
            layer: Layer::default(),
        };
        let root = root_level(trees).map_err(|errno| walker.trail.error("cannot look at", errno))?;
        walker.levels.push(root);
        Ok(walker)
    }

    fn run(mut self) -> Result<Layer> {
        while let Some(level) = self.levels.last_mut() {
            if let Some(name) = level.names.next() {
                self.entry(&name)?;
            } else if let Some(name) = level.gone.next() {
                self.trail.push(&name);
                self.gone(&name)?;
                self.trail.pop();
            } else {
                self.leave()?;
            }
        }
        let Self { kept, mut layer, singles, .. } = self;
        layer.conflicts = kept.into_conflicts();
        layer.left_out = singles.copied.left_out;
        Ok(layer)
    }

    fn failed<T>(&self, what: &str, result: SysResult<T>) -> Result<T> {
        result.map_err(|errno| self.trail.error(what, errno))
    }

    fn entry(&mut self, name: &CStr) -> Result<()> {
        self.trail.push(name);
        let looked = self.look(name);
        let (found, mark) = self.failed("cannot look at", looked)?;
        if is_derived(self.trail.bytes(), self.derived) {
            self.layer.dropped += 1;
        } else if mark == Mark::Whiteout {
            self.deleted(name, found.old, found.new)?;
        } else {
            let decision = self.decide(name, &found, mark)?;
            if found.local.node == Node::Directory && mark != Mark::Redirect {
                return self.enter(name, &found, mark, decision);
            }
            self.single(name, &found, decision)?;
        }
        self.trail.pop();
        Ok(())
    }

    fn look(&self, name: &CStr) -> SysResult<(Found, Mark)> {
        let local = Entry { dir: self.local.top(), name, meta: sys::look(self.local.top(), name)? };
        let [old, new] = [self.old.find(name)?, self.new.find(name)?].map(|entry| entry.map(|entry| entry.meta));
        Ok((Found { old, local: local.meta, new }, local.mark()?))
    }

    fn decide(&self, name: &CStr, found: &Found, mark: Mark) -> Result<Decision> {
        let local = match mark {
            Mark::Metacopy | Mark::Redirect => Local::Incomplete,
            Mark::Whiteout => Local::Deleted,
            Mark::Plain | Mark::Opaque => Local::There(kind_of(&found.local)),
        };
        let three = Three { old: found.old.as_ref().map(kind_of), local, new: found.new.as_ref().map(kind_of) };
        let local = Entry { dir: self.local.top(), name, meta: found.local };
        let old = self.old.here().zip(found.old).map(|(dir, meta)| Entry { dir, name, meta });
        let new = self.new.here().zip(found.new).map(|(dir, meta)| Entry { dir, name, meta });
        let decided = decide(three, &mut |pair| match (pair, &old, &new) {
            (Pair::LocalNew, _, Some(new)) => compare(&local, new),
            (Pair::LocalOld, Some(old), _) => compare(&local, old),
            (Pair::OldNew, Some(old), Some(new)) => compare(old, new),
            _ => Ok(Sameness::Type),
        });
        self.failed("cannot compare", decided)
    }

    /// Something that only the old vendor has, in a directory that replaces its own.
    fn gone(&mut self, name: &CStr) -> Result<()> {
        let find = |side: &Side| side.find(name).map(|entry| entry.map(|entry| entry.meta));
        let found = find(&self.old).and_then(|old| Ok((old, find(&self.new)?)));
        let (old, new) = self.failed("cannot look at", found)?;
        if is_derived(self.trail.bytes(), self.derived) {
            return Ok(());
        }
        self.deleted(name, old, new)
    }

    fn deleted(&mut self, name: &CStr, old: Option<Meta>, new: Option<Meta>) -> Result<()> {
        let three = Three { old: old.as_ref().map(kind_of), local: Local::Deleted, new: new.as_ref().map(kind_of) };
        let decided = decide(three, &mut |_| Ok::<_, Errno>(Sameness::Type));
        let decision = self.failed("cannot compare", decided)?;
        if decision.fate == Fate::Drop {
            self.layer.dropped += 1;
            return Ok(());
        }
        let whiteout = Node::Character(Device { major: 0, minor: 0 });
        let made = self.to.make().and_then(|()| sys::make_special_at(self.to.here(), name, whiteout));
        let made = made.and_then(|()| sys::set_mode_at(self.to.here(), name, 0));
        self.failed("cannot delete", made)?;
        self.layer.carried += 1;
        self.contest(name, decision.conflict)
    }

    /// Anything but a directory.
    fn single(&mut self, name: &CStr, found: &Found, decision: Decision) -> Result<()> {
        match decision {
            Decision { fate: Fate::Carry, conflict: Some(ConflictKind::Edited) } if self.is_account(found) => {
                return self.account(name, found);
            }
            Decision { fate: Fate::Carry, .. } => {
                let made = self.to.make();
                self.failed("cannot make the directory of", made)?;
                let way = Way { from: self.local.top(), meta: &found.local, to: self.to.here(), name };
                self.singles.copy(&self.trail, way, &mut |_| Flow::Continue)?;
                self.layer.carried += 1;
            }
            Decision { fate: Fate::Drop | Fate::Lead, .. } => self.layer.dropped += 1,
        }
        if decision.conflict == Some(ConflictKind::Incomplete) {
            return self.kept.conflict(ConflictKind::Incomplete, &self.trail, (self.local.top(), name));
        }
        self.contest(name, decision.conflict)
    }

    /// What has just been carried is a conflict; the vendor's version is kept where there is one.
    fn contest(&mut self, name: &CStr, conflict: Option<ConflictKind>) -> Result<()> {
        let Some(kind) = conflict else { return Ok(()) };
        self.kept.conflict(kind, &self.trail, (self.to.here(), name))?;
        match self.new.find(name).map_err(|errno| self.trail.error("cannot look at", errno))? {
            Some(vendor) => self.kept.vendor(kind, &self.trail, &vendor),
            None => Ok(()),
        }
    }

    fn is_account(&self, found: &Found) -> bool {
        let fits = |meta: &Meta| meta.node == Node::Regular && meta.size <= crate::decide::merge::lines::LARGEST;
        Table::of(self.trail.bytes()).is_some()
            && fits(&found.local)
            && found.new.as_ref().is_some_and(fits)
            && found.old.as_ref().is_none_or(fits)
    }

    fn account(&mut self, name: &CStr, found: &Found) -> Result<()> {
        let Some((table, new)) = Table::of(self.trail.bytes()).zip(self.new.here()) else { return Ok(()) };
        let made = self.to.make();
        self.failed("cannot make the directory of", made)?;
        let dirs = accounts::Dirs { old: self.old.here(), local: self.local.top(), new, to: self.to.here() };
        let merged = accounts::merge(table, &dirs, name, found, &self.trail, &mut self.singles.copied.left_out)?;
        match merged.made {
            accounts::Made::Nothing => self.layer.dropped += 1,
            accounts::Made::File => self.layer.carried += 1,
        }
        self.layer.notes.extend(merged.notes);
        self.contest(name, merged.contested.then_some(ConflictKind::Edited))
    }

    fn enter(&mut self, name: &CStr, found: &Found, mark: Mark, decision: Decision) -> Result<()> {
        let replaced = mark == Mark::Opaque || self.levels.last().is_some_and(|level| level.below == Below::Replaced);
        let below = if replaced { Below::Replaced } else { Below::Merged };
        let local = self.failed("cannot open", sys::open_dir_at(self.local.top(), name))?;
        let names = self.failed("cannot list", sys::list(&local))?;
        let entered = self.old.enter(name, found.old.as_ref()).and_then(|()| self.new.enter(name, found.new.as_ref()));
        let entered = entered.and_then(|()| self.local.enter(local));
        self.failed("cannot enter", entered)?;
        self.to.enter(name.into());
        if decision.fate == Fate::Carry {
            let made = self.to.make();
            self.failed("cannot make", made)?;
        }
        let gone = match self.old.here().filter(|_| below == Below::Replaced) {
            Some(old) => self.failed("cannot list", hidden(old, &names))?,
            None => Vec::new(),
        };
        self.levels.push(Level {
            name: name.into(),
            names: names.into_iter(),
            gone: gone.into_iter(),
            below,
            local: found.local,
            new: found.new,
            decision,
        });
        Ok(())
    }

    /// What is in the directory is done: it gets its owner, mode and times.
    fn leave(&mut self) -> Result<()> {
        let Some(level) = self.levels.pop() else { return Ok(()) };
        let left = (self.local.leave(), self.old.leave(), self.new.leave(), self.to.leave());
        let (local, new) = (self.failed("cannot leave", left.0)?, self.failed("cannot leave", left.2)?);
        self.failed("cannot leave", left.1)?;
        let to = self.failed("cannot leave", left.3)?;
        if self.levels.is_empty() {
            return self.dress_root(&level);
        }
        if let (Some(to), Some(local)) = (to, local) {
            let mut dress = Dress { trail: &self.trail, left_out: &mut self.singles.copied.left_out };
            match (&new, &level.new, level.decision.fate) {
                (Some(new), Some(meta), Fate::Lead) => dress.open(new.as_fd(), to.as_fd(), meta)?,
                _ => dress.open(local.as_fd(), to.as_fd(), &level.local)?,
            }
            if level.decision.fate == Fate::Carry {
                self.layer.carried += 1;
            }
            self.contest(&level.name, level.decision.conflict)?;
        }
        self.trail.pop();
        Ok(())
    }

    /// The layer's root shows as /etc itself.
    fn dress_root(&mut self, level: &Level) -> Result<()> {
        let mut dress = Dress { trail: &self.trail, left_out: &mut self.singles.copied.left_out };
        match (self.new.here(), &level.new, level.decision.fate) {
            (Some(new), Some(meta), Fate::Lead) => dress.open(new, self.to.here(), meta)?,
            _ => dress.open(self.local.top(), self.to.here(), &level.local)?,
        }
        if level.decision.conflict.is_some() {
            self.kept.conflict_of_root(&level.local);
        }
        Ok(())
    }
}

/// Names in the old vendor's directory that the layer does not have.
fn hidden(old: BorrowedFd<'_>, names: &[CString]) -> SysResult<Vec<CString>> {
    let mut gone = sys::list(old)?;
    gone.retain(|name| names.binary_search(name).is_err());
    Ok(gone)
}
