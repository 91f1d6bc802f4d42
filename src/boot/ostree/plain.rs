//! A boot of an OSTree system without a record: the deployment that the boot loader asks for, or none.

use super::find::manifest;
use super::{Asked, Wanted, resolve, stand};
use crate::boot::announce::Announcement;
use crate::boot::facts;
use crate::boot::prepare::Options;
use crate::decide::model::{
    Candidate, Counting, Deployment, Facts, Home, Id, KernelFit, Kexec, OstreeHome, Report, Request, Rule, Selection,
};
use crate::decide::ostree::name::Name;
use crate::decide::record::Record;
use crate::error::{OrFail, Result};
use crate::sys::{OwnedFd, fs, host};
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

/// Makes the root of the deployment that is asked for.
pub fn prepare(options: &Options, request: Request, asked: &Asked, warnings: Vec<String>) -> Result<Report> {
    let Asked { link, conf } = asked;
    let sysroot = fs::open_dir(&options.sysroot).or_fail("cannot open", &options.sysroot)?;
    let path = resolve(&sysroot, link)?;
    let id = id_of(&path);
    let init = request.init.clone();
    let wanted = Wanted { options, conf, sysroot: &sysroot, id: &id, path: &path, init: init.as_deref() };
    let standing = stand(&wanted)?;
    let facts = facts_of(&sysroot, &id, &path, link)?;
    let candidate = Candidate { id, rule: Rule::Argument, counting: Counting::Uncounted, kernel: None };
    let selection = Selection { candidates: vec![candidate], ..Selection::default() };
    let record = Record::default();
    let failed = Vec::new();
    Announcement { options, request, facts: &facts, record: &record, failed, warnings, standing, selection: &selection }.publish()
}

/// A link may lead anywhere on the disk; what does not follow the layout has a name, too.
fn id_of(path: &str) -> Id {
    let named = Name::parse(path).and_then(|name| name.id());
    let plain = || Id::parse(&path.rsplit('/').next().unwrap_or_default().chars().take(64).collect::<String>());
    named.or_else(plain).unwrap_or_else(Id::unnamed)
}

/// The one deployment of this boot: nothing else was looked at.
fn facts_of(sysroot: &OwnedFd, id: &Id, path: &str, link: &str) -> Result<Facts> {
    let home = Home::Ostree(OstreeHome { path: path.to_string(), link: Some(link.to_string()) });
    let manifest = Name::parse(path).and_then(|name| manifest(sysroot, &fs::open_dir_in(sysroot, path).ok()?, &name));
    let deployment = Deployment { id: id.clone(), manifest, defect: None, marker: None, kernel: KernelFit::Fits, home };
    Ok(Facts {
        deployments: vec![deployment],
        boot_id: facts::boot_id()?,
        previous: None,
        kernel: host::release(),
        kexec: Kexec::Impossible("it was not looked at".to_string()),
    })
}
