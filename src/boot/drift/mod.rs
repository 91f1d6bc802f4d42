//! Drift: walks a layer of local changes next to the vendor content that it covers, and hands out each change with its cause.
//! Reads only, and the layer from beside, also where it is mounted: what changes meanwhile is seen before or after.

mod pairs;
mod past;
#[cfg(test)]
mod tests;

pub use past::{KEPT, MANIFESTS, Past};

use super::copy::Flow;
use super::layer::{Entry, compare, compare_dress};
use super::store::{STORE, Store};
use super::tree;
use crate::decide::drift::{Cause, Finding, Mark, Origin, Sameness, Shape};
use crate::decide::etc_manifest::EtcManifest;
use crate::decide::model::Deployment;
use crate::error::{Errno, OrFail, Result};
use crate::sys::copy::{self as sys, Meta, Subject};
use crate::sys::{AsFd, BorrowedFd, OwnedFd, SysResult, fs};
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
    /// In the layer itself: also of a whiteout, which stands for nothing.
    pub local: Meta,
    pub vendor: Option<Meta>,
    /// Of an opaque directory: the vendor's files that nothing local stands for.
    pub hides: u64,
    /// The layer's directory that has it, and its name there.
    pub dir: BorrowedFd<'a>,
    pub name: &'a CStr,
}

/// What is compared.
#[derive(Debug)]
pub struct Layers<'a> {
    /// The upper of an overlay.
    pub upper: BorrowedFd<'a>,
    /// What it covers; `None`: nothing.
    pub vendor: Option<BorrowedFd<'a>>,
    /// What it is, for messages.
    pub place: &'a str,
    /// What was kept against the vendor's when the changes were carried forward, as it was then.
    pub conflicts: &'a EtcManifest,
}

/// As the booted system names a path below /etc; bytes that are no UTF-8 are replaced.
pub fn etc_path(path: &[u8]) -> String {
    match path {
        b"." => "/etc".into(),
        path => format!("/etc/{}", String::from_utf8_lossy(path)),
    }
}

/// The changes of a deployment's own layer of /etc, handed to `each`. One that never ran has none.
pub fn etc(store: &Store, deployment: &Deployment, past: &mut Past<'_>, each: &mut dyn FnMut(&Change<'_>) -> Flow) -> Result<()> {
    let Some(instance) = deployment.instance() else { return Ok(()) };
    let path = format!("state/{}@{instance}/etc/upper", deployment.id);
    let upper = match fs::open_dir_in(&store.dir, &path) {
        Err(Errno::ENOENT) => return Ok(()),
        upper => upper.or_fail("cannot open", &format!("{STORE}/{path}"))?,
    };
    let vendor = vendor_etc(store, deployment)?;
    let vendor = vendor.as_ref().map(OwnedFd::as_fd);
    walk(&Layers { upper: upper.as_fd(), vendor, place: "/etc", conflicts: &EtcManifest::default() }, past, each)
}

fn vendor_etc(store: &Store, deployment: &Deployment) -> Result<Option<OwnedFd>> {
    let path = format!("deployments/{}/root", deployment.id);
    let tree = fs::open_dir_in(&store.dir, &path).or_fail("cannot open the tree", &format!("{STORE}/{path}"))?;
    let Some(vendor) = tree::vendor_etc(&tree)? else { return Ok(None) };
    fs::open_dir_in(&tree, vendor.path()).map(Some).or_fail("cannot open", &format!("{STORE}/{path}/{}", vendor.path()))
}

/// Hands each change to `each`, parents first, until it says stop.
pub fn walk(layers: &Layers<'_>, past: &mut Past<'_>, each: &mut dyn FnMut(&Change<'_>) -> Flow) -> Result<()> {
    let mut walker = Walker { conflicts: layers.conflicts, past, buffer: Vec::new(), opaque: None, each };
    if walker.root(layers).or_fail("cannot look at", layers.place)? == Flow::Stop {
        return Ok(());
    }
    pairs::walk(layers.upper, layers.vendor, &mut |pair| walker.entry(pair)).map_err(|stuck| stuck.error(layers.place))
}

/// How many things that are no directories a vendor's directory has and a local one, if any, does not: what it hides.
pub fn hidden(vendor: BorrowedFd<'_>, local: Option<BorrowedFd<'_>>) -> SysResult<u64> {
    let mut count = 0_u64;
    let mut visit = |pair: &Pair<'_>| {
        let below = match &pair.other {
            None => Next::Below,
            Some(local) if local.is_directory() => Next::BelowBoth,
            Some(_) => Next::Beside,
        };
        if pair.one.is_directory() {
            return Ok(below);
        }
        count = count.saturating_add(u64::from(pair.other.is_none()));
        Ok(Next::Beside)
    };
    pairs::walk(vendor, local, &mut visit).map_err(|stuck| stuck.errno)?;
    Ok(count)
}

struct Walker<'a, 'p> {
    conflicts: &'a EtcManifest,
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
        let sameness = compare_dress((&local, Subject::Open(layers.upper)), (&meta, Subject::Open(vendor)))?;
        let finding = Finding { mark: Mark::Plain, shape: Shape::Directory, vendor: Some(sameness), origin: Origin::Unknown };
        let entry = Entry { dir: layers.upper, name: c".", meta: local };
        self.tell(finding, &Pair { path: b".", one: entry, other: Some(Entry { dir: vendor, name: c".", meta }) }, 0)
    }

    fn entry(&mut self, pair: &Pair<'_>) -> SysResult<Next> {
        let local = &pair.one;
        let mark = self.mark(pair)?;
        let shape = if local.is_directory() { Shape::Directory } else { Shape::Leaf };
        let vendor = match (&pair.other, mark) {
            (None, _) => None,
            (Some(_), Mark::Whiteout) => Some(Sameness::Type),
            (Some(vendor), _) => Some(compare(local, vendor)?),
        };
        let origin = if self.is_conflict(pair, mark)? { Origin::Conflict } else { Origin::Unknown };
        let finding = Finding { mark, shape, vendor, origin };
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

    fn mark(&mut self, pair: &Pair<'_>) -> SysResult<Mark> {
        let is_below = |above: &Vec<u8>| pair.path.strip_prefix(above.as_slice()).is_some_and(|rest| rest.starts_with(b"/"));
        let within = self.opaque.as_ref().is_some_and(is_below);
        match pair.one.mark()? {
            Mark::Opaque if within => Ok(Mark::Plain),
            mark => Ok(mark),
        }
    }

    fn is_conflict(&mut self, pair: &Pair<'_>, mark: Mark) -> SysResult<bool> {
        match self.conflicts.find(pair.path).filter(|_| mark == Mark::Plain) {
            Some(kept) => past::is_kind(&kept.kind, &pair.one, &mut None, &mut self.buffer),
            None => Ok(false),
        }
    }

    /// Of what is opaque, how much.
    fn hides(&mut self, finding: Finding, pair: &Pair<'_>) -> SysResult<u64> {
        let Some(vendor) = pair.other.as_ref().filter(|_| finding.cause() == Some(Cause::Opaque)) else { return Ok(0) };
        self.opaque = Some(pair.path.into());
        let (vendor, local) = (sys::open_dir_at(vendor.dir, vendor.name)?, sys::open_dir_at(pair.one.dir, pair.one.name)?);
        hidden(vendor.as_fd(), Some(local.as_fd()))
    }

    fn tell(&mut self, mut finding: Finding, pair: &Pair<'_>, hides: u64) -> SysResult<Flow> {
        let (local, vendor) = (pair.one, pair.other.map(|vendor| vendor.meta));
        if finding.may_be_stale() && self.past.had(pair.path, &local, vendor.as_ref().zip(finding.vendor))? {
            finding.origin = Origin::OlderVendor;
        }
        let Some(cause) = finding.cause() else { return Ok(Flow::Continue) };
        let change = Change { path: pair.path, cause, local: local.meta, vendor, hides, dir: local.dir, name: local.name };
        Ok((self.each)(&change))
    }
}
