//! Drift: how local content differs from the deployment's, and why. Words of the design's section 7.

mod cause;
mod covers;
mod drops;
mod kept;
mod tally;

pub use cause::{Finding, Mark, Origin, Shape};
pub use covers::covers;
pub use drops::{Seen, drops};
pub use kept::oldest_first;
use serde::Serialize;
pub use tally::{Count, Tally};

/// How two things compare, by what matters first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Sameness {
    /// In type, content, mode, owner and extended attributes.
    Same,
    /// The same content (or none of its own, as directories), with another mode, owner or extended attribute.
    Metadata,
    /// Of one type, with other bytes, another target or another device number.
    Content,
    /// A file against a directory, say.
    Type,
}

/// Why a path differs from the deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cause {
    /// The vendor has nothing there.
    Added,
    /// Another content than the vendor's.
    Edited,
    /// The vendor's content with another mode, owner or extended attribute.
    Metadata,
    /// The vendor has it, and it was removed.
    Deleted,
    /// Changed by the vendor and locally: the local one was kept when the changes were carried forward.
    Conflict,
    /// Equal to what an older deployment had: nobody edited it, it only shadows the update.
    Stale,
    /// Equal to the vendor's: it only shadows the next update.
    Duplicate,
    /// A directory that hides all that the vendor has there.
    Opaque,
    /// A file where the vendor has a directory, or the like.
    Type,
    /// A mount covers vendor content.
    Hidden,
}

impl Cause {
    /// In the order in which they are listed.
    pub const ALL: [Self; 10] = [
        Self::Added,
        Self::Edited,
        Self::Metadata,
        Self::Deleted,
        Self::Conflict,
        Self::Stale,
        Self::Duplicate,
        Self::Opaque,
        Self::Type,
        Self::Hidden,
    ];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Edited => "edited",
            Self::Metadata => "metadata",
            Self::Deleted => "deleted",
            Self::Conflict => "conflict",
            Self::Stale => "stale",
            Self::Duplicate => "duplicate",
            Self::Opaque => "opaque",
            Self::Type => "type",
            Self::Hidden => "hidden",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.word() == word)
    }
}
