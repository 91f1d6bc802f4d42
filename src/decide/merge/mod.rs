//! Carrying /etc forward: what becomes of one local change, from the vendor's content that it was made on (old), the change
//! itself (local), and the vendor's content that it comes to (new). The rules of the design's section 7.
//!
//! | local | old | new | what becomes of it |
//! |---|---|---|---|
//! | equals new | any | there | dropped: it follows the vendor again |
//! | equals old | there | any | dropped: nobody changed it |
//! | differs | equals new | there | carried |
//! | differs | absent | absent | carried |
//! | differs | there | absent | carried, a conflict: removed by the vendor |
//! | differs | differs | there | carried, a conflict; accounts are merged by line |
//! | deleted | there | there | carried as a deletion; a conflict where a file became a directory or the other way round |
//! | deleted | any | absent | dropped: there is nothing left to delete |
//! | deleted | absent | there | dropped: it deleted nothing |
//!
//! A directory is decided by its mode, owner and attributes alone; what is in it is decided for itself. One that replaced a
//! directory of the vendor (opaque) is that directory with everything else in it deleted: so it becomes deletions, one by one,
//! and what the new vendor adds to it is seen.

pub mod conflicts;
pub mod derived;
pub mod lines;
#[cfg(test)]
mod tests;
pub mod when;

use crate::decide::drift::Sameness;

/// What kind of thing stands at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Regular,
    Directory,
    /// Symlinks and special files.
    Other,
}

/// What a layer has at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Local {
    There(Kind),
    /// A whiteout, or nothing in a directory that replaced the vendor's.
    Deleted,
    /// Made with metacopy or redirects: its content is not in the layer.
    Incomplete,
}

/// The three at one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Three {
    pub old: Option<Kind>,
    pub local: Local,
    pub new: Option<Kind>,
}

/// Two of the three, to be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pair {
    LocalNew,
    LocalOld,
    OldNew,
}

/// What becomes of a local change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is in the new layer, too.
    Carry,
    /// It is not: the new vendor's content is seen.
    Drop,
    /// A directory without a change of its own: it is made where something in it is carried.
    Lead,
}

/// Why a person should look at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConflictKind {
    /// Both changed it.
    Edited,
    /// Both changed mode, owner or attributes of a directory.
    Metadata,
    /// Changed locally, removed by the vendor.
    Removed,
    /// A file against a directory, or the like.
    Type,
    /// Made with metacopy or redirects by somebody else's mount: it cannot be carried, and stays where it was.
    Incomplete,
}

impl ConflictKind {
    pub const ALL: [Self; 5] = [Self::Edited, Self::Metadata, Self::Removed, Self::Type, Self::Incomplete];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Edited => "edited",
            Self::Metadata => "metadata",
            Self::Removed => "removed",
            Self::Type => "type",
            Self::Incomplete => "incomplete",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.word() == word)
    }
}

/// The conflict of a directory that only leads is one only where it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    pub fate: Fate,
    pub conflict: Option<ConflictKind>,
}

impl Decision {
    const DROP: Self = Self { fate: Fate::Drop, conflict: None };
    const CARRY: Self = Self { fate: Fate::Carry, conflict: None };

    const fn contested(conflict: ConflictKind) -> Self {
        Self { fate: Fate::Carry, conflict: Some(conflict) }
    }
}

/// Decides on one path. `compare` is asked only for what is there, and only as far as needed; of directories it compares
/// mode, owner and attributes. Its error is passed on.
pub fn decide<E>(three: Three, compare: &mut dyn FnMut(Pair) -> Result<Sameness, E>) -> Result<Decision, E> {
    match three.local {
        Local::Incomplete => Ok(Decision { fate: Fate::Drop, conflict: Some(ConflictKind::Incomplete) }),
        Local::Deleted => Ok(deleted(three.old, three.new)),
        Local::There(Kind::Directory) => directory(three, compare),
        Local::There(kind) => file(kind, three, compare),
    }
}

const fn is_directory(kind: Kind) -> bool {
    matches!(kind, Kind::Directory)
}

fn deleted(old: Option<Kind>, new: Option<Kind>) -> Decision {
    match (old, new) {
        (None, _) | (_, None) => Decision::DROP,
        (Some(old), Some(new)) if is_directory(old) != is_directory(new) => Decision::contested(ConflictKind::Type),
        _ => Decision::CARRY,
    }
}

fn file<E>(kind: Kind, three: Three, compare: &mut dyn FnMut(Pair) -> Result<Sameness, E>) -> Result<Decision, E> {
    let mut same = |pair| compare(pair).map(|sameness| sameness == Sameness::Same);
    if three.new.is_some() && same(Pair::LocalNew)? || three.old.is_some() && same(Pair::LocalOld)? {
        return Ok(Decision::DROP);
    }
    Ok(match (three.old, three.new) {
        (None, None) => Decision::CARRY,
        (Some(_), None) => Decision::contested(ConflictKind::Removed),
        (_, Some(new)) if is_directory(new) => Decision::contested(ConflictKind::Type),
        (Some(old), Some(_)) if !is_directory(old) && same(Pair::OldNew)? => Decision::CARRY,
        (_, Some(new)) if new != kind => Decision::contested(ConflictKind::Type),
        _ => Decision::contested(ConflictKind::Edited),
    })
}

fn directory<E>(three: Three, compare: &mut dyn FnMut(Pair) -> Result<Sameness, E>) -> Result<Decision, E> {
    let mut same = |pair| compare(pair).map(|sameness| sameness == Sameness::Same);
    let was_directory = three.old.is_some_and(is_directory);
    let unchanged = was_directory && same(Pair::LocalOld)?;
    let lead = |conflict| Decision { fate: Fate::Lead, conflict };
    Ok(match (three.old, three.new) {
        (_, Some(new)) if !is_directory(new) && unchanged => lead(Some(ConflictKind::Type)),
        (_, Some(new)) if !is_directory(new) => Decision::contested(ConflictKind::Type),
        (_, Some(_)) if unchanged || same(Pair::LocalNew)? => lead(None),
        (_, Some(_)) if was_directory && same(Pair::OldNew)? => Decision::CARRY,
        (_, Some(_)) => Decision::contested(ConflictKind::Metadata),
        (_, None) if unchanged => lead(None),
        (None, None) => Decision::CARRY,
        (Some(_), None) => Decision::contested(ConflictKind::Removed),
    })
}
