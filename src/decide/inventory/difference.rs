//! How a path differs from its line in an inventory.

use super::{Attributes, Entry, Kind};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

/// What became of one path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    Missing,
    /// Nothing of that name was deployed. What is below a directory like this is not listed.
    Extra,
    Changed(Vec<Change>),
    /// Why nothing can be said.
    Unreadable(String),
}

/// One way in which something differs: what is there, and what was deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    Type {
        is: &'static str,
        was: &'static str,
    },
    Content,
    /// Another target of a symlink.
    Target,
    /// Another device number.
    Device,
    Mode {
        is: u16,
        was: u16,
    },
    Owner {
        is: (u32, u32),
        was: (u32, u32),
    },
    Attributes,
    /// It had fs-verity.
    VerityGone,
    /// The kernel guards other content, or hashes it in another way.
    VerityOther,
}

/// The words of several changes, for people and for programs.
pub type Kinds = Vec<&'static str>;

/// All ways in which what was found differs from what was deployed; none, and it is the same. Of another type, nothing else is
/// said.
pub fn changes(was: &Entry, is: &Entry) -> Vec<Change> {
    let content = match (&was.kind, &is.kind) {
        (Kind::File(was), Kind::File(is)) => (was != is).then_some(Change::Content),
        (Kind::Symlink(was), Kind::Symlink(is)) => (was != is).then_some(Change::Target),
        (Kind::Character(was), Kind::Character(is)) | (Kind::Block(was), Kind::Block(is)) => (was != is).then_some(Change::Device),
        (was, is) if was.letter() != is.letter() => return Vec::from([Change::Type { is: is.word(), was: was.word() }]),
        _ => None,
    };
    let owner = |entry: &Entry| (entry.uid, entry.gid);
    let mode = (was.mode != is.mode).then_some(Change::Mode { is: is.mode, was: was.mode });
    let owner = (owner(was) != owner(is)).then_some(Change::Owner { is: owner(is), was: owner(was) });
    let looked = ![was.attributes, is.attributes].contains(&Attributes::Unknown);
    let attributes = (looked && was.attributes != is.attributes).then_some(Change::Attributes);
    let verity = match (&was.verity, &is.verity) {
        (Some(_), None) => Some(Change::VerityGone),
        (Some(was), Some(is)) if was != is => Some(Change::VerityOther),
        _ => None,
    };
    [content, mode, owner, attributes, verity].into_iter().flatten().collect()
}

impl Difference {
    /// missing, extra, unreadable, or the words of the changes.
    pub fn kinds(&self) -> Kinds {
        match self {
            Self::Missing => Vec::from(["missing"]),
            Self::Extra => Vec::from(["extra"]),
            Self::Unreadable(_) => Vec::from(["unreadable"]),
            Self::Changed(changes) => changes.iter().map(Change::word).collect(),
        }
    }
}

impl Change {
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Type { .. } => "type",
            Self::Content => "content",
            Self::Target => "target",
            Self::Device => "device",
            Self::Mode { .. } => "mode",
            Self::Owner { .. } => "owner",
            Self::Attributes => "attributes",
            Self::VerityGone | Self::VerityOther => "fs-verity",
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("missing"),
            Self::Extra => f.write_str("extra"),
            Self::Unreadable(why) => write!(f, "cannot be read: {why}"),
            Self::Changed(changes) => f.write_str(&changes.iter().map(ToString::to_string).collect::<Vec<String>>().join(", ")),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Type { is, was } => format!("{is} instead of {was}"),
            Self::Content => "other content".into(),
            Self::Target => "other target".into(),
            Self::Device => "other device number".into(),
            Self::Mode { is, was } => format!("mode {is:04o} instead of {was:04o}"),
            Self::Owner { is, was } => format!("owner {}:{} instead of {}:{}", is.0, is.1, was.0, was.1),
            Self::Attributes => "other extended attributes".into(),
            Self::VerityGone => "no fs-verity any more".into(),
            Self::VerityOther => "other fs-verity digest".into(),
        };
        f.write_str(&text)
    }
}
