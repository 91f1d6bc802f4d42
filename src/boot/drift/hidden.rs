//! How much of the vendor's cannot be seen. Directories do not count: what is in them does.

use super::pairs::{self, Next, Pair, Stuck};
use crate::boot::layer::{Entry, compare};
use crate::decide::drift::Sameness;
use crate::sys::{BorrowedFd, SysResult};

/// What a mount hides, in files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Covered {
    pub count: u64,
    /// How many of the vendor's were compared; at [`MOST`] it was not looked further.
    pub seen: u64,
}

/// Enough for anything that is mounted over a part of a tree; it bounds what a look at the status may cost.
pub const MOST: u64 = 20_000;

/// Files of a vendor's directory without anything in their place in a local one.
pub(super) fn absent(vendor: BorrowedFd<'_>, local: BorrowedFd<'_>) -> SysResult<u64> {
    let mut count = 0_u64;
    let mut visit = |pair: &Pair<'_>| {
        if !pair.one.is_directory() && pair.other.is_none() {
            count = count.saturating_add(1);
        }
        Ok(way(pair))
    };
    pairs::walk(vendor, Some(local), &mut visit).map_err(Stuck::errno)?;
    Ok(count)
}

/// Files of a vendor's directory that a mount over it shows otherwise, or not at all. `None`: nothing is mounted that could be opened.
pub fn covered(vendor: BorrowedFd<'_>, mounted: Option<BorrowedFd<'_>>) -> SysResult<Covered> {
    let mut covered = Covered::default();
    let mut visit = |pair: &Pair<'_>| {
        if covered.seen >= MOST {
            return Ok(Next::End);
        }
        if !pair.one.is_directory() {
            covered.seen = covered.seen.saturating_add(1);
            covered.count = covered.count.saturating_add(u64::from(!is_seen(&pair.one, pair.other.as_ref())?));
        }
        Ok(way(pair))
    };
    pairs::walk(vendor, mounted, &mut visit).map_err(Stuck::errno)?;
    Ok(covered)
}

/// The same for a file that something is mounted over.
pub fn covered_file(vendor: &Entry<'_>, mounted: Option<&Entry<'_>>) -> SysResult<Covered> {
    Ok(Covered { count: u64::from(!is_seen(vendor, mounted)?), seen: 1 })
}

fn is_seen(vendor: &Entry<'_>, there: Option<&Entry<'_>>) -> SysResult<bool> {
    Ok(match there {
        Some(there) => matches!(compare(vendor, there)?, Sameness::Same | Sameness::Metadata),
        None => false,
    })
}

fn way(pair: &Pair<'_>) -> Next {
    match &pair.other {
        _ if !pair.one.is_directory() => Next::Beside,
        Some(other) if other.is_directory() => Next::BelowBoth,
        _ => Next::Below,
    }
}
