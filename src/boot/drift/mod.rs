//! Drift: walks a layer of local changes next to the vendor content that it covers, and hands out each change with its cause.
//! Reads only, and the layer from beside, also where it is mounted: what changes meanwhile is seen before or after.

mod hidden;
mod lasting;
mod ostree;
mod pairs;
mod past;
#[cfg(test)]
mod tests;

pub use hidden::{Covered, covered, covered_file};
pub use lasting::{Layer, etc, kept, kept_paths, lasting};
pub use ostree::ostree;
pub use past::{KEPT, MANIFESTS, Past};

use super::carry;
use super::copy::Flow;
use super::layer::{Entry, attributes, compare, compare_dress};
use super::store::Store;
use crate::decide::drift::{Cause, Finding, Mark, Origin, Sameness, Shape};
use crate::decide::inventory::{Entry as Known, Inventory};
use crate::decide::merge::conflicts::Conflicts;
use crate::error::{OrFail, Result};
use crate::sys::copy::{self as sys, Meta, Subject};
use crate::sys::{AsFd, BorrowedFd, SysResult};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::ffi::CStr;
use pairs::{Next, Pair};

/// A path that differs from the deployment.
#[derive(Debug, Clone, Copy)]
pub struct Change<'a> {
    /// Below the layer, as bytes, without leading slash; `.` is its root.
    pub path: &'a [u8],
    pub cause: Cause,
    pub mark: Mark,
    /// In the layer itself: also of a whiteout, which stands for nothing. Where nothing stands for what is deleted, the vendor's.
    pub local: Meta,
    pub vendor: Option<Meta>,
    /// Of a directory that hides what the vendor has in it, whatever its cause: the vendor's files that nothing local stands for.
    pub hides: Option<u64>,
    /// The layer's directory that has it, and its name there.
    pub dir: BorrowedFd<'a>,
    pub name: &'a CStr,
}

/// How local content is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The upper of an overlay: what is in it is a change.
    Upper,
    /// All that there is: what equals the vendor's is none.
    Whole,
    /// The same, as OSTree makes it: each file has the label of its place, and none the vendor's.
    Labelled,
}

impl Kind {
    const fn is_whole(self) -> bool {
        matches!(self, Self::Whole | Self::Labelled)
    }
}

/// What is compared.
#[derive(Debug)]
pub struct Layers<'a> {
    pub kind: Kind,
    /// The upper of an overlay, or all that there is.
    pub upper: BorrowedFd<'a>,
    /// What it covers; `None`: nothing.
    pub vendor: Option<BorrowedFd<'a>>,
    /// What it is, for messages.
    pub place: &'a str,
    /// What was kept against the vendor's when the changes were carried forward, as it was then.
    pub conflicts: &'a Inventory,
}

/// As the booted system names a path below /etc; bytes that are no UTF-8 are replaced.
pub fn etc_path(path: &[u8]) -> String {
    match path {
        b"." => "/etc".into(),
        path => format!("/etc/{}", String::from_utf8_lossy(path)),
    }
}

/// Where they cannot be read, they show as what they are without them.
fn conflicts(store: &Store, state: &str, past: &mut Past<'_>) -> Inventory {
    let kept = carry::read_conflicts(store, state).unwrap_or_else(|error| {
        past.warnings.push(format!("{error}: conflicts show as edited"));
        Conflicts::default()
    });
    Inventory { entries: kept.0.into_iter().map(|conflict| conflict.local).collect() }
}

/// Hands each change to `each`, parents first, until it says stop.
pub fn walk(layers: &Layers<'_>, past: &mut Past<'_>, each: &mut dyn FnMut(&Change<'_>) -> Flow) -> Result<()> {
    let mut walker = Walker { kind: layers.kind, conflicts: layers.conflicts, past, buffer: Vec::new(), opaque: None, each };
    if walker.root(layers).or_fail("cannot look at", layers.place)? == Flow::Stop {
        return Ok(());
    }
    let result = match (layers.kind, layers.vendor) {
        (Kind::Upper, vendor) => pairs::walk(layers.upper, vendor, &mut |pair| walker.entry(pair)),
        (Kind::Whole | Kind::Labelled, None) => Ok(()),
        (Kind::Whole | Kind::Labelled, Some(vendor)) => pairs::walk(layers.upper, Some(vendor), &mut |pair| walker.entry(pair))
            .and_then(|()| pairs::walk(vendor, Some(layers.upper), &mut |pair| Ok(walker.missing(pair)))),
    };
    result.map_err(|stuck| stuck.error(layers.place))
}

/// Something, open or by name, with what is known of it.
type Side<'a> = (&'a Meta, Subject<'a>);

/// The attribute that says what a file is to SELinux.
const LABEL: &CStr = c"security.selinux";

struct Walker<'a, 'p> {
    kind: Kind,
    conflicts: &'a Inventory,
    past: &'a mut Past<'p>,
    buffer: Vec<u8>,
    /// The opaque directory in which the walk is: what is below it was told with it.
    opaque: Option<Vec<u8>>,
    each: &'a mut dyn FnMut(&Change<'_>) -> Flow,
}

impl Walker<'_, '_> {
    /// The merged directory shows what the layer's root has.
    fn root(&mut self, layers: &Layers<'_>) -> SysResult<Flow> {
        let Some(vendor) = layers.vendor else { return Ok(Flow::Continue) };
        let (local, meta) = (sys::look_open(layers.upper)?, sys::look_open(vendor)?);
        let sides = ((&local, Subject::Open(layers.upper)), (&meta, Subject::Open(vendor)));
        let sameness = self.but_for_labels(compare_dress(sides.0, sides.1)?, sides)?;
        let entry = Entry { dir: layers.upper, name: c".", meta: local };
        let pair = Pair { path: b".", one: entry, other: Some(Entry { dir: vendor, name: c".", meta }) };
        let finding = Finding { mark: Mark::Plain, shape: Shape::Directory, vendor: Some(sameness), origin: self.origin(&pair)? };
        self.tell(finding, &pair, None)
    }

    fn entry(&mut self, pair: &Pair<'_>) -> SysResult<Next> {
        let local = &pair.one;
        let mark = self.mark(pair)?;
        let shape = if local.is_directory() { Shape::Directory } else { Shape::Leaf };
        let vendor = match (&pair.other, mark) {
            (None, _) => None,
            (Some(_), Mark::Whiteout) => Some(Sameness::Type),
            (Some(vendor), _) => {
                let sides = ((&local.meta, local.subject()), (&vendor.meta, vendor.subject()));
                Some(self.but_for_labels(compare(local, vendor)?, sides)?)
            }
        };
        let finding = Finding { mark, shape, vendor, origin: self.origin(pair)? };
        let hides = self.hides(finding, pair)?;
        if self.tell(finding, pair, hides)? == Flow::Stop {
            return Ok(Next::End);
        }
        Ok(match (shape, mark) {
            (Shape::Leaf, _) => Next::Beside,
            // What is below it belongs to another name of the vendor's.
            (Shape::Directory, Mark::Redirect) => Next::Below,
            (Shape::Directory, _) => Next::BelowBoth,
        })
    }

    /// Where labels always differ, they are no difference.
    fn but_for_labels(&self, sameness: Sameness, (local, vendor): (Side<'_>, Side<'_>)) -> SysResult<Sameness> {
        if self.kind != Kind::Labelled || sameness != Sameness::Metadata {
            return Ok(sameness);
        }
        let owner = |meta: &Meta| (meta.mode, meta.uid, meta.gid);
        let rest = |subject| attributes(subject).map(|all| all.into_iter().filter(|(key, _)| key.as_c_str() != LABEL).collect::<Vec<_>>());
        let same = owner(local.0) == owner(vendor.0) && rest(local.1)? == rest(vendor.1)?;
        Ok(if same { Sameness::Same } else { Sameness::Metadata })
    }

    /// In a whole /etc, a name of the vendor's that is not there.
    fn missing(&mut self, pair: &Pair<'_>) -> Next {
        let Pair { path, one: vendor, other } = *pair;
        match other {
            Some(local) if local.is_directory() && vendor.is_directory() => return Next::BelowBoth,
            Some(_) => return Next::Beside,
            None => {}
        }
        let Entry { dir, name, meta } = vendor;
        let (cause, mark) = (Cause::Deleted, Mark::Plain);
        match (self.each)(&Change { path, cause, mark, local: meta, vendor: Some(meta), hides: None, dir, name }) {
            Flow::Continue => Next::Beside,
            Flow::Stop => Next::End,
        }
    }

    fn mark(&mut self, pair: &Pair<'_>) -> SysResult<Mark> {
        let is_below = |above: &Vec<u8>| pair.path.strip_prefix(above.as_slice()).is_some_and(|rest| rest.starts_with(b"/"));
        if self.kind.is_whole() {
            return Ok(Mark::Plain);
        }
        let within = self.opaque.as_ref().is_some_and(is_below);
        match pair.one.mark()? {
            Mark::Opaque if within => Ok(Mark::Plain),
            mark => Ok(mark),
        }
    }

    /// Whether it is a conflict that nobody has answered. Whoever changed anything of it has.
    fn origin(&mut self, pair: &Pair<'_>) -> SysResult<Origin> {
        let (local, kept) = (&pair.one, self.conflicts.find(pair.path));
        let dressed = |kept: &&Known| (kept.mode, kept.uid, kept.gid) == (local.meta.mode, local.meta.uid, local.meta.gid);
        Ok(match kept.filter(dressed) {
            Some(kept) if past::is_kind(&kept.kind, local, &mut None, &mut self.buffer)? => Origin::Conflict,
            _ => Origin::Unknown,
        })
    }

    /// Of what is opaque, how much.
    fn hides(&mut self, finding: Finding, pair: &Pair<'_>) -> SysResult<Option<u64>> {
        let Some(vendor) = pair.other.as_ref().filter(|_| finding.hides_vendor()) else { return Ok(None) };
        self.opaque = Some(pair.path.into());
        let (vendor, local) = (sys::open_dir_at(vendor.dir, vendor.name)?, sys::open_dir_at(pair.one.dir, pair.one.name)?);
        hidden::absent(vendor.as_fd(), local.as_fd()).map(Some)
    }

    fn tell(&mut self, mut finding: Finding, pair: &Pair<'_>, hides: Option<u64>) -> SysResult<Flow> {
        let (local, vendor) = (pair.one, pair.other.map(|vendor| vendor.meta));
        if finding.may_be_stale() && self.past.had(pair.path, &local, vendor.as_ref().zip(finding.vendor))? {
            finding.origin = Origin::OlderVendor;
        }
        let cause = match (finding.cause(), self.kind) {
            (None, _) | (Some(Cause::Duplicate), Kind::Whole | Kind::Labelled) => return Ok(Flow::Continue),
            (Some(cause), _) => cause,
        };
        let change =
            Change { path: pair.path, cause, mark: finding.mark, local: local.meta, vendor, hides, dir: local.dir, name: local.name };
        Ok((self.each)(&change))
    }
}
