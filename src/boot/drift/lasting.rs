//! Which changes to a deployment's /etc last: those of its overlay, or what a transient /etc keeps. Below its state, that is one
//! layer with the paths of /etc in either case.

use super::{Change, Kind, Layers, Past, conflicts, ostree, walk};
use crate::boot::copy::Flow;
use crate::boot::store::{STORE, Store};
use crate::boot::tree;
use crate::decide::config::{Etc, EtcMode};
use crate::decide::drift::Cause;
use crate::decide::inventory::Inventory;
use crate::decide::model::Deployment;
use crate::decide::plan::{ETC_KEEP, MACHINE_ID, below_etc};
use crate::decide::reset::queue::covers;
use crate::error::{Errno, OrFail, Result};
use crate::sys::{AsFd, OwnedFd, fs};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

const ID: &[u8] = b"machine-id";

/// The layer that lasts; the fields are paths below a deployment's state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Layer {
    pub upper: &'static str,
    /// Paths that were reset while the system ran.
    pub queue: &'static str,
}

impl Layer {
    /// `None`: nothing of /etc lasts, or it is the deployment's own.
    pub const fn of(mode: EtcMode) -> Option<Self> {
        match mode {
            EtcMode::Overlay => Some(Self { upper: "etc/upper", queue: "etc/queued" }),
            EtcMode::Transient => Some(Self { upper: ETC_KEEP, queue: "etc-keep-queued" }),
            EtcMode::Ro | EtcMode::Bind => None,
        }
    }
}

/// The changes to /etc that a deployment's next boot shows again, handed to `each`. One that never ran has none.
pub fn lasting(
    store: &Store,
    deployment: &Deployment,
    config: &Etc,
    past: &mut Past<'_>,
    each: &mut dyn FnMut(&Change<'_>) -> Flow,
) -> Result<()> {
    if let Some(home) = deployment.ostree() {
        return ostree(store, home, past, each);
    }
    match config.mode {
        EtcMode::Overlay => etc(store, deployment, past, each),
        EtcMode::Transient => kept(store, deployment, &kept_paths(store, deployment, &config.keep)?, past, each),
        EtcMode::Ro | EtcMode::Bind => Ok(()),
    }
}

/// Those of its overlay.
pub fn etc(store: &Store, deployment: &Deployment, past: &mut Past<'_>, each: &mut dyn FnMut(&Change<'_>) -> Flow) -> Result<()> {
    let Some(state) = state(deployment) else { return Ok(()) };
    let Some(upper) = open(store, &format!("state/{state}/etc/upper"))? else { return Ok(()) };
    layer(store, deployment, &upper, &conflicts(store, &state, past), past, each)
}

/// The paths below /etc that a transient one keeps. The machine-id that the machine has as an overlay is taken from there.
pub fn kept_paths(store: &Store, deployment: &Deployment, keep: &[String]) -> Result<Vec<Vec<u8>>> {
    let mut paths: Vec<Vec<u8>> = keep.iter().map(|path| below_etc(path).as_bytes().to_vec()).collect();
    let Some(state) = state(deployment) else { return Ok(paths) };
    let path = format!("state/{state}/{MACHINE_ID}");
    match fs::stat_in(&store.dir, &path) {
        Err(Errno::ENOENT) => paths.push(ID.to_vec()),
        found => found.map(drop).or_fail("cannot look at", &format!("{STORE}/{path}"))?,
    }
    Ok(paths)
}

/// The changes at these paths and below them. What else is in that layer leads to them, or was kept once and is not any more.
pub fn kept(
    store: &Store,
    deployment: &Deployment,
    paths: &[Vec<u8>],
    past: &mut Past<'_>,
    each: &mut dyn FnMut(&Change<'_>) -> Flow,
) -> Result<()> {
    let Some(state) = state(deployment) else { return Ok(()) };
    let Some(upper) = open(store, &format!("state/{state}/{ETC_KEEP}"))? else { return Ok(()) };
    layer(store, deployment, &upper, &Inventory::default(), past, &mut |change| {
        // The boot makes the file of the machine-id: as long as it says the vendor's, nobody has changed anything.
        let is_own = change.path == ID && change.cause == Cause::Duplicate;
        if covers(paths, change.path) && !is_own { each(change) } else { Flow::Continue }
    })
}

fn layer(
    store: &Store,
    deployment: &Deployment,
    upper: &OwnedFd,
    conflicts: &Inventory,
    past: &mut Past<'_>,
    each: &mut dyn FnMut(&Change<'_>) -> Flow,
) -> Result<()> {
    let vendor = tree::open_vendor_etc(store, &deployment.id)?;
    let vendor = vendor.as_ref().map(OwnedFd::as_fd);
    walk(&Layers { kind: Kind::Upper, upper: upper.as_fd(), vendor, place: "/etc", conflicts }, past, each)
}

fn state(deployment: &Deployment) -> Option<String> {
    deployment.instance().map(|instance| format!("{}@{instance}", deployment.id))
}

fn open(store: &Store, path: &str) -> Result<Option<OwnedFd>> {
    match fs::open_dir_in(&store.dir, path) {
        Err(Errno::ENOENT) => Ok(None),
        upper => upper.map(Some).or_fail("cannot open", &format!("{STORE}/{path}")),
    }
}
