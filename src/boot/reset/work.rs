//! What a reset does to the disk, step by step; each step done twice comes to the same.

use super::keep::{self, Kept};
use super::{Given, RESET, fill};
use crate::boot::copy::{LeftOut, dress_directory, remove_tree};
use crate::boot::store::{STORE, Store};
use crate::boot::tree;
use crate::decide::config::{EtcMode, Scope};
use crate::decide::plan::ETC_KEEP;
use crate::decide::reset::glob::Glob;
use crate::decide::reset::journal::{Reset, StateName};
use crate::decide::reset::{Name, Part, Word, began, kept};
use crate::error::{Errno, Error, OrFail, Result};
use crate::sys::copy as sys;
use crate::sys::{AsFd, OwnedFd, SysResult, fs};
use alloc::ffi::CString;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

/// Below the directory of a reset: what /var begins with.
const FILL: &str = "fill";
/// Bytes that a disk has to have left beside it.
const SPARE: usize = 256 << 10;

/// Names in the state of a deployment, and in the shared /var.
pub fn own_names(store: &Store, state: &StateName) -> Result<(Vec<Name>, Vec<Name>)> {
    Ok((names(store, &format!("state/{}", state.as_str()))?, names(store, "var")?))
}

fn names(store: &Store, path: &str) -> Result<Vec<Name>> {
    let on = format!("{STORE}/{path}");
    match sys::open_deep(&store.dir, path.as_bytes()) {
        Ok(dir) => {
            let names = sys::list(dir).or_fail("cannot read", &on)?;
            Ok(names.iter().filter_map(|name| Name::new(name.to_bytes())).collect())
        }
        Err(Errno::ENOENT) => Ok(Vec::new()),
        Err(errno) => Err(errno).or_fail("cannot open", &on),
    }
}

/// The next number that no directory has: what a journal that was lost has left behind is nobody's to overwrite.
pub(super) fn free_number(store: &Store, place: &str, next: u32) -> Result<u32> {
    let names = match fs::names_in(&store.dir, place) {
        Err(Errno::ENOENT) => Vec::new(),
        names => names.or_fail("cannot read", &format!("{STORE}/{place}"))?,
    };
    let taken = names.iter().filter_map(|name| name.parse::<u32>().ok()).max();
    Ok(taken.map_or(next, |taken| next.max(taken.saturating_add(1))))
}

/// All that takes room, on the disk before anything is taken away: the directories that things are set aside to, and what /var
/// begins with. The results are warnings.
pub(super) fn prepare(given: &Given<'_>, reset: &Reset) -> Result<Vec<String>> {
    let store = given.store;
    let place = format!("{RESET}/{}", reset.number);
    let prepared = make_room(store, &place).and_then(|()| {
        let fills = reset.what.includes(Word::Var);
        let warnings = if fills { fill::copy(store, given.deployment, &format!("{place}/{FILL}"))? } else { Vec::new() };
        has_room(store, &place)?;
        fs::sync_fs(&store.dir).or_fail("cannot flush", STORE).map(|()| warnings)
    });
    if prepared.is_err() {
        // What is left of it goes after the next success.
        let _ = fs::open_dir_in(&store.dir, RESET).map(|dir| remove_tree(dir.as_fd(), &reset.number.to_string()));
    }
    prepared
}

fn make_room(store: &Store, place: &str) -> Result<()> {
    for path in [RESET, place] {
        private(store, path)?;
    }
    ["state", "var", "undone", "undone/state", "undone/var"].iter().try_for_each(|group| private(store, &format!("{place}/{group}")))
}

/// For the layer, the directories and the journal that come after it. What a file system says of its space is not what it gives.
fn has_room(store: &Store, place: &str) -> Result<()> {
    let spare = format!("{place}/spare");
    fs::write_new_in(&store.dir, &spare, 0o600, &vec![0; SPARE])
        .and_then(|()| fs::unlink_in(&store.dir, &spare))
        .or_fail("cannot take the room that a reset needs at", &format!("{STORE}/{place}"))
}

fn private(store: &Store, path: &str) -> Result<()> {
    match fs::make_dir(&store.dir, path, 0o700) {
        Err(Errno::EEXIST) => Ok(()),
        made => made.or_fail("cannot make", &format!("{STORE}/{path}")),
    }
}

pub(super) struct Work<'a> {
    given: &'a Given<'a>,
    reset: &'a Reset,
    globs: Vec<Glob>,
    pub warnings: Vec<String>,
}

impl<'a> Work<'a> {
    pub fn new(given: &'a Given<'a>, reset: &'a Reset) -> Self {
        Self { given, reset, globs: kept(&reset.what, &reset.keep), warnings: Vec::new() }
    }

    pub fn reset(&mut self) -> Result<()> {
        let set_aside = self.reset.parts.iter().try_for_each(|part| self.shift(part, &part.directory(self.state()), &self.aside(part)));
        // Before anything else gets the same names.
        self.sync()?;
        // Also where not all could be set aside: a boot before the next try must not bring anything else.
        fill::put(self.given.store, &format!("{RESET}/{}/{FILL}", self.reset.number))?;
        if self.reset.what.includes(Word::Etc) {
            self.begin_etc()?;
        }
        if self.reset.what.includes(Word::All) {
            self.begin_paths()?;
        }
        set_aside?;
        self.bring_back(&self.reset.parts, |work, part| (work.aside(part), part.directory(work.state())))
    }

    /// What was made since the reset is set aside in turn.
    pub fn undo(&mut self) -> Result<()> {
        let mut all = self.reset.parts.clone();
        if self.is_removed()? {
            self.warnings.push(format!("{} was removed: its own data is not brought back", self.reset.state.id()));
            all.retain(|part| matches!(part, Part::Var(_)));
        }
        let parts: Vec<&Part> = all.iter().filter(|part| self.is_at(part, &self.aside(part))).collect();
        let began = began(&self.reset.what, &self.globs, &self.reset.parts);
        for part in parts.iter().copied().chain(&began) {
            let (live, undone) = (part.directory(self.state()), self.undone(part));
            // An undo that could not be completed, and a boot since then.
            let again = self.is_at(part, &undone) && self.is_at(part, &live);
            let to = if again { self.undone_again()? } else { undone };
            self.shift(part, &live, &to)?;
        }
        self.sync()?;
        for part in &parts {
            self.shift(part, &self.aside(part), &part.directory(self.state()))?;
        }
        self.all_are_back(&parts)?;
        self.bring_back(&all, |work, part| (work.undone(part), part.directory(work.state())))
    }

    /// With the state of the deployment went all that its data could be brought back to.
    fn is_removed(&self) -> Result<bool> {
        let state = format!("state/{}", self.state());
        tree::found(fs::stat_in(&self.given.store.dir, &state)).map(|stat| stat.is_none()).or_fail("cannot look at", &state)
    }

    /// Another place for what was made since, on the disk before anything is there.
    fn undone_again(&self) -> Result<String> {
        let undone = format!("{RESET}/{}/undone", self.reset.number);
        let again = format!("{undone}/{}", free_number(self.given.store, &undone, 1)?);
        private(self.given.store, &again)?;
        self.sync().map(|()| again)
    }

    /// What is still aside would be removed after the next success.
    fn all_are_back(&self, parts: &[&Part]) -> Result<()> {
        let Some(left) = parts.iter().find(|part| self.is_at(part, &self.aside(part))) else { return Ok(()) };
        let (name, directory) = (String::from_utf8_lossy(left.name()), left.directory(self.state()));
        Err(Error::transient(format!("\"{STORE}/{directory}/{}\" cannot be brought back, something else is there", name.escape_debug())))
    }

    fn state(&self) -> &str {
        self.reset.state.as_str()
    }

    fn aside(&self, part: &Part) -> String {
        format!("{RESET}/{}/{}", self.reset.number, part.group())
    }

    fn undone(&self, part: &Part) -> String {
        format!("{RESET}/{}/undone/{}", self.reset.number, part.group())
    }

    fn sync(&self) -> Result<()> {
        fs::sync_fs(&self.given.store.dir).or_fail("cannot flush", STORE)
    }

    fn open(&self, path: &str) -> SysResult<OwnedFd> {
        sys::open_deep(&self.given.store.dir, path.as_bytes())
    }

    fn is_at(&self, part: &Part, directory: &str) -> bool {
        let there = self.open(directory).and_then(|dir| sys::look(dir, &c_name(part)?));
        there.is_ok()
    }

    /// Renames a part as a whole. One that is at its new place is there since an earlier try, one that is nowhere has gone.
    fn shift(&mut self, part: &Part, from: &str, to: &str) -> Result<()> {
        const EXDEV: Errno = Errno(18);
        let on = format!("{STORE}/{from}/{}", String::from_utf8_lossy(part.name()).escape_debug());
        let moved = match (self.open(from), self.open(to)) {
            (Ok(from), Ok(to)) => c_name(part).and_then(|name| sys::rename_new_at(&from, &name, &to, &name)),
            (Err(errno), _) | (_, Err(errno)) => Err(errno),
        };
        match moved {
            Ok(()) | Err(Errno::ENOENT | Errno::EEXIST) => Ok(()),
            Err(errno @ (EXDEV | Errno::EBUSY | Errno::ELOOP)) => {
                self.warnings.push(format!("\"{on}\" stays as it is: a mount, a subvolume or a link is in the way ({errno})"));
                Ok(())
            }
            Err(errno @ Errno::EPERM) => {
                self.warnings.push(format!("\"{on}\" stays as it is: it is immutable, or can only be appended to ({errno})"));
                Ok(())
            }
            Err(errno) => Err(errno).or_fail("cannot set aside", &on),
        }
    }

    /// An empty layer: where one is that nobody has carried forward, nothing is. What a transient /etc keeps begins empty, too.
    fn begin_etc(&self) -> Result<()> {
        let state = format!("state/{}", self.state());
        let path = format!("{state}/etc");
        let keeps = self.given.request.config.etc.mode == EtcMode::Transient;
        let kept = keeps.then(|| format!("{state}/{ETC_KEEP}"));
        for directory in [&state, &path].into_iter().chain(&kept) {
            private(self.given.store, directory)?;
        }
        let Some(vendor) = self.vendor_etc()? else { return Ok(()) };
        let on = format!("{STORE}/{path}/upper");
        let etc = self.open(&path).or_fail("cannot open", &path)?;
        match sys::make_dir_at(&etc, c"upper") {
            Err(Errno::EEXIST) => return Ok(()),
            made => made.or_fail("cannot make", &on)?,
        }
        let upper = sys::open_dir_at(&etc, c"upper").or_fail("cannot open", &on)?;
        // The merged directory shows what the upper one has.
        dress_directory(vendor.as_fd(), upper.as_fd(), &mut LeftOut::default())
    }

    /// Declared paths that there are, and empty: the data of the deployment that this one came from is not theirs any more.
    fn begin_paths(&self) -> Result<()> {
        let declared = self.given.request.config.path.iter().filter(|path| path.scope == Scope::Deployment);
        for path in declared {
            let path = format!("state/{}/paths/{}", self.state(), path.target.trim_matches('/'));
            private(self.given.store, &format!("state/{}", self.state()))?;
            fs::make_dirs(&self.given.store.dir, &path, 0o755).or_fail("cannot make", &format!("{STORE}/{path}"))?;
        }
        Ok(())
    }

    /// Of the deployment whose /etc it is, which need not be the one that boots.
    fn vendor_etc(&self) -> Result<Option<OwnedFd>> {
        let root = format!("deployments/{}/root", self.reset.state.id());
        let tree = match fs::open_dir_in(&self.given.store.dir, &root) {
            Err(Errno::ENOENT) => return Ok(None),
            tree => tree.or_fail("cannot open the tree", &root)?,
        };
        let Some(vendor) = tree::vendor_etc(&tree)? else { return Ok(None) };
        fs::open_dir_in(&tree, vendor.path()).map(Some).or_fail("cannot open", vendor.path())
    }

    /// Moves what is kept from where its part is now to where the part was: first the directories that lead to it, then itself.
    fn bring_back(&mut self, parts: &[Part], way: impl Fn(&Self, &Part) -> (String, String)) -> Result<()> {
        let mut all = Vec::new();
        for part in parts {
            let (from, to) = way(self, part);
            all.extend(self.kept_of(part, &from, &to)?);
        }
        all.iter_mut().try_for_each(Kept::make_parents)?;
        self.sync()?;
        for kept in &all {
            self.warnings.extend(kept.rename()?);
        }
        self.sync()
    }

    fn kept_of(&self, part: &Part, from: &str, to: &str) -> Result<Option<Kept>> {
        let (below, prefix) = part.tree();
        let inside = |directory: &str| {
            let path: [&[u8]; 3] = [directory.as_bytes(), part.name(), below.as_bytes()];
            path.into_iter().filter(|piece| !piece.is_empty()).collect::<Vec<_>>().join(&b'/')
        };
        let (from, to) = (inside(from), inside(to));
        let on = String::from_utf8_lossy(&from).escape_debug().to_string();
        let root = match sys::open_deep(&self.given.store.dir, &from) {
            Ok(root) => root,
            // Nothing was there, or a file: that is kept as a whole or not at all.
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => return Ok(None),
            Err(errno) => return Err(errno).or_fail("cannot open", &on),
        };
        let paths = keep::find(root.as_fd(), &prefix, &self.globs)?;
        let store = sys::open_again(&self.given.store.dir).or_fail("cannot open", STORE)?;
        Ok((!paths.is_empty()).then_some(Kept { root, store, to, paths }))
    }
}

pub(super) fn c_name(part: &Part) -> SysResult<CString> {
    CString::new(part.name()).map_err(|_| Errno::EINVAL)
}
