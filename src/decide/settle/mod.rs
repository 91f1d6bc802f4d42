//! What a command changed in /etc, and what of that is content of a deployment.
//!
//! The command saw /etc with what was changed on this machine. Only what it changed itself becomes the vendor's.

#[cfg(test)]
mod tests;

use super::drift::{Mark, Sameness};
use super::merge::lines::Table;

/// What is kept beside account files: older versions, with the machine's own users and passwords, and locks.
const BESIDE: [&str; 5] = ["-", "+", "~", ".lock", ".edit"];

/// What is to be done about a path that the layer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Nothing: it says nothing new, or it is of this machine.
    Leave,
    /// The vendor has it no more.
    Remove,
    /// Its content as it is.
    Put,
    /// The same content with another mode, owner or attribute.
    Dress,
    /// Its lines, as far as they are new: an account file holds the machine's own users next to the vendor's.
    Lines(Table),
    /// A directory: what is in it is looked at.
    Enter,
    /// A directory that hides what was there: it begins empty.
    EnterEmpty,
}

/// What is known about a path below /etc.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    pub path: &'a [u8],
    pub mark: Mark,
    pub is_directory: bool,
    /// How it compares with what was there before; `None`: nothing was.
    pub before: Option<Sameness>,
    /// How the vendor's compares with it; `None`: the vendor has nothing there.
    pub vendor: Option<Sameness>,
}

/// Decides on one path.
pub fn decide(found: &Found<'_>) -> Action {
    match found.mark {
        Mark::Whiteout if found.vendor.is_some() => return Action::Remove,
        Mark::Whiteout => return Action::Leave,
        Mark::Opaque => return Action::EnterEmpty,
        Mark::Plain | Mark::Redirect | Mark::Metacopy => {}
    }
    if found.is_directory {
        return if found.before.is_some_and(|before| before == Sameness::Type) { Action::EnterEmpty } else { Action::Enter };
    }
    match (found.before, found.vendor) {
        _ if is_beside_a_table(found.path) => Action::Leave,
        (Some(Sameness::Metadata), Some(Sameness::Metadata | Sameness::Content)) => Action::Dress,
        // Where a mode alone has changed, all else is the machine's, and stays its own.
        (Some(Sameness::Same | Sameness::Metadata), _) | (_, Some(Sameness::Same)) => Action::Leave,
        (_, vendor) if vendor != Some(Sameness::Type) => Table::of(found.path).map_or(Action::Put, Action::Lines),
        _ => Action::Put,
    }
}

fn is_beside_a_table(path: &[u8]) -> bool {
    let beside = |end: &str| path.strip_suffix(end.as_bytes()).is_some_and(|table| Table::of(table).is_some());
    path == b".pwd.lock" || BESIDE.iter().any(|end| beside(end))
}
