//! May this be deployed, may that be removed? With the reason if not, and what a person should know if so.
//!
//! It decides on what the verbs have found. It looks at nothing and changes nothing.

mod half;
mod orphan;
#[cfg(test)]
mod tests;
mod text;

pub use half::{Part, UNITS, consequence};
pub use orphan::{lone, orphans};
pub use text::size_text;

use super::model::{Candidate, Id, Rule};
use super::record::{Key, OnceGood, Pinned, Record, Slot, Status};
use crate::error::{Error, Result};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// As what a deployment enters the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Trial,
    /// Known to work; only where nothing was ever good.
    Good,
}

/// What to do while the running deployment is still on trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhileOnTrial {
    Refuse,
    Force,
}

/// What a tree to be deployed has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    pub place: Nesting,
    /// What it cannot boot without and a copy would leave out, because something else is mounted there.
    pub covered: Option<String>,
    /// usr is a directory.
    pub has_usr: bool,
    /// usr/etc or etc is a directory.
    pub has_etc: bool,
    /// Why no init program was found, if none was.
    pub no_init: Option<String>,
    /// What the tree lacks of bedplate's booted half: paths with the part that each is of.
    pub missing: Vec<(Part, String)>,
    /// Permission bits of its own root: they become those of `/`.
    pub mode: u16,
}

/// Where the tree is, seen from the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nesting {
    Apart,
    InStore,
    AroundStore,
}

/// What copying the tree takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    /// With nothing shared.
    pub bytes: u64,
    pub inodes: u64,
    pub sharing: Sharing,
}

/// Whether the copy's files can share their blocks with the source's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    None,
    Blocks,
}

/// What the store's file system has left; `None`: inodes are made as needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Space {
    pub bytes: u64,
    pub inodes: Option<u64>,
}

/// What a deployment is added to.
#[derive(Debug, Clone, Copy)]
pub struct Store<'a> {
    /// Everything in deployments/, armed or not.
    pub existing: &'a [Id],
    pub record: &'a Record,
    pub booted: Option<Key>,
    /// What may lose its slot to no other, beside what the record itself protects.
    pub protected: &'a [Key],
}

/// Whether it may be deployed, room set aside. The result is a list of warnings.
pub fn may_deploy(id: &Id, standing: Standing, trial: WhileOnTrial, store: Store<'_>, source: &Source) -> Result<Vec<String>> {
    if store.existing.contains(id) {
        return Err(Error::refused(format!("there is a deployment \"{id}\" already: choose another ID, or remove that one first")));
    }
    is_whole(source)?;
    allows(standing, trial, store)?;
    Ok(warnings(source))
}

fn is_whole(source: &Source) -> Result<()> {
    let refusal = match source {
        Source { place: Nesting::InStore, .. } => "the source is inside the store".into(),
        Source { place: Nesting::AroundStore, .. } => "the source contains the store: the copy would contain itself".into(),
        Source { covered: Some(path), .. } => {
            format!("\"{path}\" of the source is another mount, and a copy stays within one: copy the tree into one directory first")
        }
        Source { has_usr: false, .. } => "the source has no directory usr: it is no root tree".into(),
        Source { has_etc: false, .. } => "the source has neither usr/etc nor etc: it is no root tree".into(),
        Source { no_init: Some(why), .. } => format!("the source cannot boot: {why}"),
        Source { .. } => return Ok(()),
    };
    Err(Error::refused(refusal))
}

fn allows(standing: Standing, trial: WhileOnTrial, store: Store<'_>) -> Result<()> {
    let running = store.booted.and_then(|key| store.record.slot(key));
    if trial == WhileOnTrial::Refuse && running.is_some_and(|slot| slot.status == Status::Trial) {
        return Err(Error::refused(
            "the running deployment is still on trial: deploy when it is marked good (bedplate status tells), or give --force",
        ));
    }
    if standing == Standing::Good && store.record.slots.iter().any(|slot| slot.once_good == OnceGood::Yes) {
        return Err(Error::refused(
            "--good is for the first deployment of a store, and another one was marked good already: deploy it on trial, without --good",
        ));
    }
    let mut record = store.record.clone();
    match record.arm(Key([0; 8]), 1, store.protected) {
        Ok(_) => Ok(()),
        Err(_) => Err(Error::refused("the record is full, and all in it is in use or pinned: remove or unpin a deployment first")),
    }
}

/// An inode and its directory entry, where blocks are shared: generous.
const METADATA: u64 = 1024;

/// Whether there is room for it: beside what the tree takes, a sixteenth of that and 4 MiB stay free (extent trees,
/// directories, the first changes in /etc).
pub fn has_room(need: Need, space: Space) -> Result<()> {
    let bytes = match need.sharing {
        Sharing::None => need.bytes,
        Sharing::Blocks => need.inodes.saturating_mul(METADATA),
    };
    let bytes = bytes.saturating_add(bytes / 16).saturating_add(4 << 20);
    let inodes = need.inodes.saturating_add(1000);
    let refusal = match space.inodes {
        _ if space.bytes < bytes => format!("{} are needed and {} are free", size_text(bytes), size_text(space.bytes)),
        Some(free) if free < inodes => format!("{inodes} inodes are needed and {free} are free"),
        _ => return Ok(()),
    };
    Err(Error::refused(format!("not enough space in the store: {refusal}; remove a deployment first (bedplate list shows them)")))
}

fn warnings(source: &Source) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(worst) = source.missing.iter().map(|(part, _)| *part).min() {
        let paths: Vec<&str> = source.missing.iter().map(|(_, path)| path.as_str()).collect();
        warnings.push(format!("the tree has no {}: {}", paths.join(", "), consequence(worst)));
    }
    if source.mode & 0o055 != 0o055 {
        warnings.push(format!("the source's own mode is {:04o}, and so will be that of /: only root can use such a system", source.mode));
    }
    warnings
}

/// What is known about a deployment that shall be removed.
#[derive(Debug, Clone, Copy)]
pub struct Removal<'a> {
    pub id: &'a Id,
    /// `None`: its manifest cannot be read, and which slot is its own is not known.
    pub key: Option<Key>,
    pub record: &'a Record,
    /// Slots that no readable manifest belongs to.
    pub orphans: &'a [&'a Slot],
    pub booted: Option<&'a Id>,
    /// What status shows as the fallback of the next boot.
    pub fallback: Option<&'a Candidate>,
    /// A deployment that will carry /etc and other state forward from this one.
    pub carrier: Option<&'a Id>,
}

/// Whether it may be removed.
pub fn may_remove(removal: Removal<'_>) -> Result<()> {
    let Removal { id, key, record, .. } = removal;
    let never_good = key.and_then(|key| record.slot(key)).is_none_or(|slot| slot.once_good == OnceGood::No);
    // The last resort is often what has just failed: that may go.
    let spared = |candidate: &&Candidate| candidate.id == *id && !(candidate.rule == Rule::LastResort && never_good);
    let why = if removal.booted == Some(id) {
        "it is running".into()
    } else if let Some(kept) = kept_by_record(id, key, record, removal.orphans) {
        kept
    } else if removal.fallback.is_some_and(|candidate| spared(&candidate)) {
        "it is the fallback of the next boot".into()
    } else if let Some(carrier) = removal.carrier {
        format!("{carrier} takes over its changes in /etc, and has not proved itself yet: remove that one first")
    } else {
        return Ok(());
    };
    Err(Error::refused(format!("\"{id}\" is not removed: {why}")))
}

/// Why the record itself stands against a removal, if it does.
pub fn kept_by_record(id: &Id, key: Option<Key>, record: &Record, orphans: &[&Slot]) -> Option<String> {
    match key {
        None => orphan::kept(id, record, orphans),
        Some(_) if record.incumbent == key => Some("it is the incumbent, which boots when nothing else is asked for".into()),
        Some(key) if record.slot(key)?.pinned == Pinned::Yes => Some(format!("it is pinned: bedplate unpin {id} first")),
        Some(_) => None,
    }
}
