//! Finds all drift of a deployment: its /etc, what is laid over its /usr, mounts that hide its content, commands that changed it
//! in place, and the kernel that runs. Reads only.

use super::listed::{Listed, Side};
use super::{kernel, ostree, usr};
use crate::verbs::access::View;
use crate::verbs::root_tree;
use bedplate::boot::copy::Flow;
use bedplate::boot::drift::{self, Kind, Layers, Past, covered, covered_file};
use bedplate::boot::layer::Entry;
use bedplate::boot::{tree, verify};
use bedplate::decide::config::EtcMode;
use bedplate::decide::drift::{Cause, covers};
use bedplate::decide::inventory::Inventory;
use bedplate::decide::model::{Deployment, VendorEtc};
use bedplate::decide::mountinfo::{self, MountInfo};
use bedplate::decide::reset::queue::covers as is_below;
use bedplate::decide::table::is_as_booted;
use bedplate::error::{OrFail, Result};
use bedplate::sys::{AsFd, OwnedFd, copy, fs, host};
use serde::Serialize;
use std::ffi::CString;

/// How closely to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// Without reading kernels: for `status`.
    Quick,
    Close,
}

/// Drift that is no path of a layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Other {
    /// kernel, loader-entry, usr-in-place
    pub what: &'static str,
    /// What is so, and what to do about it.
    pub text: String,
}

/// What there is beside the changes, which are handed out one by one.
#[derive(Debug, Default)]
pub struct Rest {
    pub others: Vec<Other>,
    pub warnings: Vec<String>,
}

/// The deployment that is looked at, open.
#[derive(Debug)]
pub struct Subject<'a> {
    pub view: &'a View,
    pub deployment: &'a Deployment,
    pub tree: OwnedFd,
    pub vendor_etc: VendorEtc,
    /// What is mounted, where this system runs that deployment; else empty.
    pub mounts: Vec<MountInfo>,
    /// Of this system: where reports are.
    pub run: &'a str,
    /// The boot partition that a person has named.
    pub boot: Option<&'a str>,
}

impl<'a> Subject<'a> {
    pub fn open(view: &'a View, deployment: &'a Deployment, run: &'a str) -> Result<Self> {
        let path = deployment.tree_path();
        let tree = fs::open_dir_in(&view.store.sysroot, &path).or_fail("cannot open the tree", &path)?;
        let vendor_etc = tree::vendor_etc(&tree)?.unwrap_or(VendorEtc::Etc);
        let mounts = if is_here(view, deployment)? { mounts()? } else { Vec::new() };
        Ok(Self { view, deployment, tree, vendor_etc, mounts, run, boot: None })
    }

    /// The directory of its own data, in the store.
    pub fn state_path(&self) -> String {
        let instance = self.deployment.instance().map(ToString::to_string).unwrap_or_default();
        format!("state/{}@{instance}", self.deployment.id)
    }

    /// A part of that, where it is there.
    pub fn state(&self, part: &str) -> Result<Option<OwnedFd>> {
        let path = format!("{}/{part}", self.state_path());
        root_tree::found(fs::open_dir_in(&self.view.store.dir, &path)).or_fail("cannot open", &path)
    }

    /// Below /etc, what a transient one keeps; of the system that runs, where that boot has mounted it and it is not covered.
    pub fn kept(&self) -> Result<Vec<Vec<u8>>> {
        let Self { view, deployment, .. } = self;
        if view.config.etc.mode != EtcMode::Transient {
            return Ok(Vec::new());
        }
        let mut kept = drift::kept_paths(&view.store, deployment, &view.config.etc.keep)?;
        let table = view.report.as_ref().map(|report| report.mounts.as_slice()).unwrap_or_default();
        kept.retain(|path| !self.runs() || is_as_booted(&drift::etc_path(path), table, &self.mounts));
        Ok(kept)
    }

    /// Whether it is what this system runs, seen from inside.
    pub fn runs(&self) -> bool {
        !self.mounts.is_empty()
    }
}

/// In a container or a chroot the mounts are others.
fn is_here(view: &View, deployment: &Deployment) -> Result<bool> {
    match &view.report {
        Some(report) if view.booted().is_some_and(|booted| booted.id == deployment.id) => verify::is_root("/", &report.mounts),
        _ => Ok(false),
    }
}

fn mounts() -> Result<Vec<MountInfo>> {
    let path = "/proc/self/mountinfo";
    Ok(mountinfo::parse(&host::read_path(path).or_fail("cannot read", path)?))
}

/// Hands each change to `each`, those of /etc first.
pub fn gather(subject: &Subject<'_>, look: Look, each: &mut dyn FnMut(Listed)) -> Result<Rest> {
    let mut rest = Rest::default();
    etc(subject, each, &mut rest.warnings)?;
    usr::overlay(subject, each)?;
    hidden(subject, each, &mut rest.warnings);
    rest.others.extend(usr::in_place(subject)?);
    rest.others.extend(kernel::drift(subject, look)?);
    Ok(rest)
}

/// By what /etc is in this boot, or would be.
pub fn etc(subject: &Subject<'_>, each: &mut dyn FnMut(Listed), warnings: &mut Vec<String>) -> Result<()> {
    let Subject { view, deployment, .. } = subject;
    let mut past = Past::of(&view.store, &view.facts.deployments, &view.ledger.record, deployment);
    let mut list = |change: &drift::Change<'_>| {
        each(Listed::of(change, "/etc"));
        Flow::Continue
    };
    if let Some(home) = deployment.ostree() {
        let transient = ostree::is_etc_transient(subject);
        return if transient {
            ostree::transient_etc(subject, &mut past, &mut list)
        } else {
            drift::ostree(&view.store, home, &mut past, &mut list)
        };
    }
    match view.config.etc.mode {
        EtcMode::Overlay => drift::etc(&view.store, deployment, &mut past, &mut list)?,
        EtcMode::Ro => {}
        EtcMode::Transient => {
            let kept = subject.kept()?;
            drift::kept(&view.store, deployment, &kept, &mut past, &mut list)?;
            if subject.runs() {
                let etc = fs::open_dir("/etc").or_fail("cannot open", "/etc")?;
                let mut other = |change: &drift::Change<'_>| if is_below(&kept, change.path) { Flow::Continue } else { list(change) };
                whole(subject, &etc, &mut past, &mut other)?;
            }
        }
        // Without a vendor's beside it nobody can tell what was changed.
        EtcMode::Bind if subject.vendor_etc == VendorEtc::Etc => {
            warnings.push("etc.mode is \"bind\" and the tree has no usr/etc, so that changes to /etc cannot be told".into());
        }
        EtcMode::Bind => whole(subject, &fs::open_dir_in(&subject.tree, "etc").or_fail("cannot open", "etc")?, &mut past, &mut list)?,
    }
    warnings.append(&mut past.warnings);
    Ok(())
}

fn whole(subject: &Subject<'_>, local: &OwnedFd, past: &mut Past<'_>, each: &mut dyn FnMut(&drift::Change<'_>) -> Flow) -> Result<()> {
    let vendor = fs::open_dir_in(&subject.tree, subject.vendor_etc.path()).or_fail("cannot open", subject.vendor_etc.path())?;
    let (upper, vendor, conflicts) = (local.as_fd(), Some(vendor.as_fd()), &Inventory::default());
    drift::walk(&Layers { kind: Kind::Whole, upper, vendor, place: "/etc", conflicts }, past, each)
}

/// One line a mount that covers vendor content. One that cannot be looked at costs this line.
fn hidden(subject: &Subject<'_>, each: &mut dyn FnMut(Listed), warnings: &mut Vec<String>) {
    let kept = subject.kept().unwrap_or_default();
    for target in covers(&subject.mounts) {
        if target.strip_prefix("/etc/").is_some_and(|path| is_below(&kept, path.as_bytes())) {
            continue;
        }
        match hidden_by(subject, target) {
            Ok(None) => {}
            Ok(Some(listed)) => each(listed),
            Err(error) => warnings.push(format!("{error}, so that nobody knows what is hidden by the mount at {target}")),
        }
    }
}

fn hidden_by(subject: &Subject<'_>, target: &str) -> Result<Option<Listed>> {
    let path = subject.vendor_etc.source(target.trim_start_matches('/'));
    let Some((dir, name, vendor)) = find(&subject.tree, &path)? else { return Ok(None) };
    let vendor = Entry { dir: dir.as_fd(), name: &name, meta: vendor };
    let there = find(&fs::open_dir("/").or_fail("cannot open", "/")?, target.trim_start_matches('/'))?;
    let there = there.as_ref().map(|(dir, name, meta)| Entry { dir: dir.as_fd(), name, meta: *meta });
    let open = |entry: &Entry<'_>| copy::open_dir_at(entry.dir, entry.name).or_fail("cannot open", target);
    let covered = if vendor.is_directory() {
        let mounted = there.as_ref().filter(|there| there.is_directory()).map(open).transpose()?;
        covered(open(&vendor)?.as_fd(), mounted.as_ref().map(OwnedFd::as_fd)).or_fail("cannot look at", target)?
    } else {
        covered_file(&vendor, there.as_ref()).or_fail("cannot look at", target)?
    };
    let side = |entry: &Entry<'_>| Side::of(&entry.meta);
    let (local, vendor) = (there.as_ref().map(side), Some(side(&vendor)));
    let listed = Listed { path: target.into(), cause: Cause::Hidden, local, vendor, hides: Some(covered.count) };
    Ok((covered.count > 0).then_some(listed))
}

/// A path in a tree, itself, by the directory that holds it. `None`: nothing is there.
pub fn find(root: &OwnedFd, path: &str) -> Result<Option<(OwnedFd, CString, copy::Meta)>> {
    let (parent, name) = fs::split(path);
    let name = if name.is_empty() { "." } else { name };
    let Ok(name) = CString::new(name) else { return Ok(None) };
    let look = || {
        let dir = fs::open_dir_in(root, parent)?;
        let meta = copy::look(&dir, &name)?;
        Ok((dir, name.clone(), meta))
    };
    root_tree::found(look()).or_fail("cannot look at", path)
}
