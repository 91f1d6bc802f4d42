//! One attempt at one deployment: look, plan, apply, verify, hand over. A failure leaves nothing mounted.

use super::apply::{self, Bases};
use super::carry;
use super::ostree::{self, Wanted};
use super::prepare::Options;
use super::reset::Given;
use super::stage::Stage;
use super::store::Store;
use super::{clean, reset, tree, verify};
use crate::decide::model::{Carried, Counting, Deployment, Disk, Facts, Mounted, OstreeHome, Plan, Request, ResetDone, Timing};
use crate::decide::ostree::conf::Conf;
use crate::decide::plan::validate::validate;
use crate::decide::plan::{self, units};
use crate::decide::record::{Key, Record};
use crate::error::{Error, OrFail, Result};
use crate::sys::{AsFd, OwnedFd, fs, host};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// A verified root at SYSROOT.
#[derive(Debug)]
pub struct Standing {
    pub plan: Plan,
    pub mounts: Vec<Mounted>,
    pub timing: Vec<Timing>,
    pub warnings: Vec<String>,
    pub reset: Option<ResetDone>,
    pub carried: Option<Carried>,
}

/// What an attempt is made with, whichever deployment it is.
#[derive(Debug, Clone, Copy)]
pub struct Ground<'a> {
    pub options: &'a Options,
    pub request: &'a Request,
    pub store: &'a Store,
    pub facts: &'a Facts,
    pub record: &'a Record,
    pub disk: &'a Disk,
    /// Whose boot the one before this one was.
    pub before: Option<Key>,
    /// prepare-root.conf, on an OSTree system.
    pub conf: Option<&'a Conf>,
}

/// Brings one deployment to SYSROOT, whole and verified, or undoes everything.
pub fn attempt(ground: &Ground<'_>, deployment: &Deployment, counting: Counting) -> Result<Standing> {
    let Ground { options, request, store, disk, .. } = *ground;
    if let Some(home) = deployment.ostree() {
        return ostree(ground, deployment, home, counting);
    }
    let reset = reset::run(&Given { store, deployment, disk, boot: &ground.facts.boot_id, request });
    let began = host::monotonic_micros();
    let carry::Outcome { carried, warnings: carry_warnings } = carry::carry(ground, deployment, reset.unfinished.as_ref())?;
    let carry = carried.as_ref().map(|_| Timing { step: "carry /etc forward".into(), micros: host::monotonic_micros() - began });
    let cleaned = clean::clean(ground, deployment);
    let started = host::monotonic_micros();
    let tree = tree::gather(store, deployment, &request.config, disk, request.init.as_deref())?;
    let plan = plan::build(&request.config, &tree, counting);
    validate(&plan)?;
    let planned = Timing { step: "look and plan".into(), micros: host::monotonic_micros() - started };
    let root = format!("deployments/{}/root", deployment.id);
    let root = fs::open_dir_in(&store.dir, &root).or_fail("cannot open the tree", &root)?;
    let (mounts, applied) = raise(options, &store.sysroot, &root, &plan)?;
    let timing = carry.into_iter().chain([planned]).chain(applied.timing).collect();
    let warnings = reset.warnings.into_iter().chain(carry_warnings).chain(cleaned).chain(applied.warnings).collect();
    Ok(Standing { plan, mounts, timing, warnings, reset: reset.done, carried })
}

/// OSTree merges /etc by itself, and has no state of ours: nothing is reset, carried or cleaned.
fn ostree(ground: &Ground<'_>, deployment: &Deployment, home: &OstreeHome, counting: Counting) -> Result<Standing> {
    let Ground { options, request, store, .. } = *ground;
    let Some(conf) = ground.conf else { return Err(Error::transient("nobody has read prepare-root.conf: this is a bug of bedplate")) };
    let init = request.init.as_deref();
    let wanted = Wanted { options, conf, sysroot: &store.sysroot, id: &deployment.id, path: &home.path, init };
    let mut standing = ostree::stand(&wanted)?;
    standing.plan.run_files.extend(units::bounds(&request.config, counting));
    Ok(standing)
}

/// Applies a plan, verifies what stands, and puts it in the place of the physical root.
pub(super) fn raise(options: &Options, sysroot: &OwnedFd, tree: &OwnedFd, plan: &Plan) -> Result<(Vec<Mounted>, apply::Applied)> {
    // Dropped with everything on it, unless it is handed over.
    let stage = Stage::begin(&options.run)?;
    let run = fs::open_dir(&options.run).or_fail("cannot open", &options.run)?;
    let bases = Bases { sysroot: sysroot.as_fd(), deployment: tree.as_fd(), run: run.as_fd(), stage: &stage };
    let applied = apply::apply(plan, &bases)?;
    let mounts = verify::verify(plan, &bases)?;
    stage.hand_over(&options.sysroot)?;
    Ok((mounts, applied))
}
