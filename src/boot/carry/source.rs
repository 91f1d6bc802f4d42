//! The deployment that another one came from: what its vendor had, and what was changed.

use crate::boot::attempt::Ground;
use crate::boot::copy::walk::View;
use crate::boot::store::STORE;
use crate::boot::tree::found;
use crate::decide::marker::Verdict;
use crate::decide::model::{Deployment, Id, VendorEtc};
use crate::decide::record::{OnceGood, Record};
use crate::error::{Error, OrFail, Result};
use crate::sys::{AsFd, OwnedFd, fs};
use alloc::format;
use alloc::string::String;

/// Everything is seen through a mount of the store that lets nothing be changed.
#[derive(Debug)]
pub struct Source {
    /// `ID@INSTANCE`.
    pub name: String,
    /// The vendor's /etc.
    pub vendor: OwnedFd,
    /// The layer of local changes; `None`: it never had one.
    pub layer: Option<OwnedFd>,
    view: View,
}

impl Source {
    /// `None`: it is not there any more.
    pub fn find(ground: &Ground<'_>, name: &str) -> Result<Option<Self>> {
        let Some(deployment) = ground.facts.deployments.iter().find(|deployment| deployment.is_named(name)) else { return Ok(None) };
        let view = View::quiet(ground.store.sysroot.as_fd())?;
        let Some(vendor) = vendor(&view, &deployment.id)? else { return Ok(None) };
        let path = format!("{STORE}/state/{name}/etc/upper");
        let layer = found(fs::open_dir_in(view.dir(), &path)).or_fail("cannot open", &path)?;
        Ok(Some(Self { name: name.into(), vendor, layer, view }))
    }

    /// The vendor's /etc of the deployment that it is carried to.
    pub fn vendor_of(&self, id: &Id) -> Result<OwnedFd> {
        vendor(&self.view, id)?.ok_or_else(|| Error::deterministic("the tree has neither /usr/etc nor /etc"))
    }

    /// The data of a declared path.
    pub fn path(&self, target: &str) -> Result<Option<OwnedFd>> {
        let path = format!("{STORE}/state/{}/paths/{target}", self.name);
        found(fs::open_dir_in(self.view.dir(), &path)).or_fail("cannot open", &path)
    }
}

fn vendor(view: &View, id: &Id) -> Result<Option<OwnedFd>> {
    for vendor in [VendorEtc::UsrEtc, VendorEtc::Etc] {
        let path = format!("{STORE}/deployments/{id}/root/{}", vendor.path());
        let is_directory = found(fs::stat_in(view.dir(), &path)).or_fail("cannot look at", &path)?;
        if is_directory.is_some_and(|stat| stat.file_type == fs::FileType::Directory) {
            return fs::open_dir_in(view.dir(), &path).or_fail("cannot open", &path).map(Some);
        }
    }
    Ok(None)
}

/// Whether it was marked good at least once, by the record or, where that is lost, by its marker.
pub fn is_proven(deployment: &Deployment, record: &Record) -> bool {
    let slot = deployment.key().and_then(|key| record.slot(key));
    let own = deployment.marker.as_ref().filter(|marker| Some(&marker.instance) == deployment.instance());
    slot.is_some_and(|slot| slot.once_good == OnceGood::Yes) || own.is_some_and(|marker| marker.verdict == Verdict::Success)
}
