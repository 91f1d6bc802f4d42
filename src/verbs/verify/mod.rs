//! `verify`: is /usr bit for bit what was deployed? Looks at all of it, with all cores, and changes nothing.

mod device;
mod kept;
mod outcome;
mod running;
mod tree;

pub use kept::{Verified, last};

use super::access::View;
use super::{Exit, ostree, say, say_json};
use crate::cli;
use bedplate::boot::inventory::{ETC, USR, name_of};
use bedplate::decide::model::{Deployment, VendorEtc};
use bedplate::error::{Error, OrFail, Result};
use bedplate::sys::program::interrupt::Interrupts;
use bedplate::sys::{OwnedFd, fs};
use outcome::{Found, Outcome};
use std::io::Write;
use tree::Checked;

pub fn run(args: &cli::Verify, out: &mut dyn Write) -> Result<Exit> {
    let view = View::open(args.sysroot.as_deref(), &args.run)?;
    view.warnings.iter().for_each(|warning| log::warn!("{warning}"));
    let deployment = chosen(&view, args.id.as_deref())?;
    ostree::refuse(deployment, "ostree fsck verifies the repository that it is made from; composefs.enabled = verity or signed each read")?;
    let interrupts = Interrupts::hold().or_fail("cannot hold signals for", "verify")?;
    let result = check(&view, deployment, &interrupts)?;
    if view.booted().is_some_and(|booted| booted.id == deployment.id) {
        kept::keep(&args.run, &result.kept(&view))
            .unwrap_or_else(|error| log::warn!("{error}, going on: status does not show this result"));
    }
    if args.json {
        say_json(out, &result)?;
    } else {
        say(out, &result.text())?;
    }
    Ok(if result.ok { Exit::Done } else { Exit::Failed })
}

/// The one that is named, else the one that runs.
fn chosen<'a>(view: &'a View, named: Option<&str>) -> Result<&'a Deployment> {
    match named {
        Some(id) => view.deployment(id),
        None => view.booted().ok_or_else(|| {
            let ids: Vec<&str> = view.facts.deployments.iter().map(|deployment| deployment.id.as_str()).collect();
            Error::refused(format!("this machine runs no deployment of this store: name one (there are: {})", ids.join(", ")))
        }),
    }
}

fn check(view: &View, deployment: &Deployment, interrupts: &Interrupts) -> Result<Outcome> {
    let dir = format!("deployments/{}", deployment.id);
    let dir = fs::open_dir_in(&view.store.dir, &dir).or_fail("cannot open", &dir)?;
    let (digest, checked) = check_tree(deployment, &dir, interrupts)?;
    let runs = view.booted().is_some_and(|booted| booted.id == deployment.id);
    let running = match view.report.as_ref().filter(|_| runs) {
        Some(report) => running::look(report)?,
        None => None,
    };
    // After all was read: what the kernel has found in that counts.
    let verity = device::under(&usr(&dir)?)?;
    Ok(Outcome::of(deployment, Found { digest, checked, running, verity, changed_in_place: kept::changed_in_place(&dir)? }))
}

fn usr(deployment: &OwnedFd) -> Result<OwnedFd> {
    let path = "root/usr";
    fs::open_dir_in(deployment, path).or_fail("cannot open", path)
}

/// What the tree differs in, and the digest of the manifest that says so. Without a manifest, what the kernel guards as a whole is
/// read, so that it looks at each block.
fn check_tree(deployment: &Deployment, dir: &OwnedFd, interrupts: &Interrupts) -> Result<(Option<String>, Checked)> {
    let named = deployment.manifest.as_ref().and_then(|manifest| manifest.digest.as_ref());
    let Some(text) = manifest(deployment, dir, USR)? else {
        if named.is_some() || device::under(&usr(dir)?)?.is_none() {
            return Err(no_manifest(deployment, USR));
        }
        return Ok((None, tree::read(dir, "root", interrupts)?));
    };
    let digest = name_of(text.as_bytes());
    if named.is_some_and(|named| *named != digest) {
        let id = &deployment.id;
        return Err(Error::refused(format!("usr.manifest of {id} is not the one that was deployed: it tells nothing, deploy {id} again")));
    }
    let mut checked = tree::check(dir, "root/usr", &text, interrupts)?;
    if tree::vendor_etc(dir)? == Some(VendorEtc::Etc) {
        let text = manifest(deployment, dir, ETC)?.ok_or_else(|| no_manifest(deployment, ETC))?;
        checked.add(tree::check(dir, "root/etc", &text, interrupts)?);
    }
    Ok((Some(digest), checked))
}

fn no_manifest(deployment: &Deployment, name: &str) -> Error {
    let id = &deployment.id;
    let why = "it was deployed by an older bedplate, or put there by hand";
    Error::refused(format!("{id} has no {name} and cannot be verified: {why}; deploy the tree again under another ID"))
}

/// The text of a manifest, which stays as it is: of a large /usr it is the largest thing here.
fn manifest(deployment: &Deployment, dir: &OwnedFd, name: &str) -> Result<Option<String>> {
    const LARGEST: usize = 1 << 30;
    let file = super::root_tree::found(fs::open_file_in(dir, name));
    let bytes = file.and_then(|file| file.map(|file| fs::read_up_to(file, LARGEST)).transpose()).or_fail("cannot read", name)?;
    let text = bytes.map(String::from_utf8).transpose();
    text.map_err(|_| Error::refused(format!("{name} of {} is no text: it tells nothing, deploy it again", deployment.id)))
}
