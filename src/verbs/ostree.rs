//! What verbs make of an OSTree system: who chooses there, which deployment the boot loader asks for, and what is left to
//! OSTree's own tools.

use super::access::{self, View};
use bedplate::boot::copy::remove_tree_in;
use bedplate::boot::ostree;
use bedplate::boot::store::{Store, StoreKind};
use bedplate::decide::model::{Candidate, Counting, Deployment, Facts, Home, Id, OstreeHome, Report, Rule, Selection};
use bedplate::decide::ostree::asked::heed;
use bedplate::decide::ostree::name::Name;
use bedplate::decide::record::Record;
use bedplate::error::{Error, OrFail, Result};
use bedplate::sys::{AsFd, fs};
use serde::Serialize;

/// Where entries are, below a boot partition and below a physical root that has them itself.
const ENTRIES: [&str; 2] = ["boot/loader/entries", "loader/entries"];

/// Where the markers of OSTree's deployments are, below the store.
const MARKERS: &str = "ostree";

/// What is shown of a deployment of OSTree's, beside what is shown of every one.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Shown {
    /// Below the physical root.
    path: String,
    /// By which a boot loader asks for it.
    link: Option<String>,
    stateroot: String,
    /// Of the commit.
    pub checksum: String,
    serial: u32,
    /// What it was deployed from: REMOTE:REF.
    pub origin: Option<String>,
    /// `ostree admin pin`.
    pub pinned: bool,
    /// `ostree admin unlock`: hotfix, development or transient.
    unlocked: Option<String>,
}

impl Shown {
    /// `None`: it is none of OSTree's.
    pub fn of(view: &View, deployment: &Deployment) -> Option<Self> {
        let OstreeHome { path, link } = deployment.ostree()?.clone();
        let name = Name::parse(&path)?;
        let file = ostree::origin(&view.store.sysroot, &path);
        let text = |group, key| file.get(group, key).map(String::from);
        Some(Self {
            origin: text("origin", "refspec").or_else(|| text("origin", "container-image-reference")),
            pinned: file.boolean("libostree-transient", "pinned").is_ok_and(|pinned| pinned == Some(true)),
            unlocked: text("origin", "unlocked"),
            path,
            link,
            stateroot: name.os,
            checksum: name.checksum,
            serial: name.serial,
        })
    }

    /// The commit, and what was asked of OSTree.
    pub fn text(&self) -> String {
        [self.checksum.clone()].into_iter().chain(self.notes()).collect::<Vec<_>>().join(", ")
    }

    /// What the person has asked of OSTree.
    pub fn notes(&self) -> Vec<String> {
        let origin = self.origin.as_ref().map(|origin| format!("from {origin}"));
        let pinned = self.pinned.then(|| "pinned by ostree".to_string());
        let unlocked = self.unlocked.as_ref().map(|how| format!("unlocked ({how})"));
        [origin, pinned, unlocked].into_iter().flatten().collect()
    }
}

/// Who decides what boots on an OSTree system.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Chooser {
    /// `[ostree] rollback` is off, or nothing was marked good since it is on.
    BootLoader,
    Record,
}

/// `None`: this is no OSTree system.
pub fn chooser(view: &View) -> Option<Chooser> {
    let is_ostree = |deployment: &Deployment| deployment.home != Home::Store;
    let runs = view.report.as_ref().map(|report| report.ostree.is_some());
    if !runs.unwrap_or_else(|| view.facts.deployments.iter().any(is_ostree)) {
        return None;
    }
    let by_record = view.store.kind == StoreKind::Whole && (view.config.ostree.rollback || !view.facts.deployments.iter().all(is_ostree));
    Some(if by_record { Chooser::Record } else { Chooser::BootLoader })
}

/// The deployment that the first entry of the boot loader asks for. On the disk of another machine, /boot is that machine's.
pub fn asked(store: &Store, facts: &Facts, report: Option<&Report>) -> Option<Id> {
    let own = || ostree::first_link(&store.sysroot, ENTRIES[0]);
    let mounted = || ostree::first_link(&fs::open_dir("/boot").ok()?, ENTRIES[1]);
    let link = own().or_else(|| report.and_then(|_| mounted()))?;
    at(store, facts, &link).map(|deployment| deployment.id.clone())
}

/// The deployment that a link leads to.
pub fn at<'a>(store: &Store, facts: &'a Facts, link: &str) -> Option<&'a Deployment> {
    let path = ostree::resolve(&store.sysroot, link).ok()?;
    facts.ostree_at(&path)
}

/// The record as it is once the loader has asked for a deployment; as it is where nobody knows what it asks for.
pub fn heeded(record: &Record, asked: Option<&Deployment>, facts: &Facts, tries: u8) -> Record {
    let mut record = record.clone();
    if let Some(key) = asked.and_then(Deployment::key) {
        heed(&mut record, Some(key), tries, |key| facts.owner(key).is_some());
    }
    record
}

/// What the loader's word alone comes to.
pub fn by_loader(asked: Option<&Id>) -> Selection {
    let candidate = |id: &Id| Candidate { id: id.clone(), rule: Rule::Argument, counting: Counting::Uncounted, kernel: None };
    Selection { candidates: asked.map(candidate).into_iter().collect(), ..Selection::default() }
}

/// The rule as a sentence. On an OSTree system it is the boot loader that names a deployment.
pub fn reason(view: &View, rule: Rule) -> &'static str {
    if chooser(view).is_some() { rule.sentence_of_loader() } else { rule.sentence() }
}

/// Why nothing is noted or marked in this boot, where the boot loader alone chooses.
pub fn left_alone(sysroot: Option<&str>, run: &str) -> Result<Option<&'static str>> {
    let report = access::this_boot(run)?;
    if report.as_ref().is_some_and(|report| report.ostree.is_some() && !report.config.ostree.rollback) {
        return Ok(Some("the boot loader alone chooses on this OSTree system ([ostree] rollback is off)"));
    }
    let foreign = report.is_none() && keeps_nothing(sysroot);
    Ok(foreign.then_some("this OSTree system was not booted by bedplate, and keeps no record"))
}

/// The same; and until a boot was marked good, there is nothing to note it in.
pub fn nothing_to_note(sysroot: Option<&str>, run: &str) -> Result<Option<&'static str>> {
    let alone = left_alone(sysroot, run)?;
    Ok(alone.or_else(|| keeps_nothing(sysroot).then_some("this OSTree system keeps no record until a boot is marked good")))
}

/// An OSTree system without a store.
pub fn keeps_nothing(sysroot: Option<&str>) -> bool {
    let path = access::find_sysroot(sysroot);
    let store = fs::open_dir(&path).ok().and_then(|dir| Store::open_or_ostree(dir, &path).ok());
    store.is_some_and(|store| store.kind == StoreKind::OstreeAlone)
}

/// OSTree has undeployed without telling us: what the record and the markers have of deployments that are gone, goes. Where one
/// of those that are there cannot be looked at, nobody knows what is its own.
pub fn forget_gone(view: &mut View) {
    let facts = &view.facts;
    if view.report.as_ref().is_none_or(|report| report.ostree.is_none()) || facts.deployments.iter().any(|one| one.manifest.is_none()) {
        return;
    }
    view.ledger.record.forget_gone(|key| facts.owner(key).is_some());
    let homes: Vec<String> = facts.deployments.iter().map(Deployment::home_path).collect();
    let names = fs::names_in(&view.store.dir, MARKERS).unwrap_or_default();
    for name in names.iter().filter(|name| !homes.contains(&format!("{MARKERS}/{name}"))) {
        let removed = fs::open_dir_in(&view.store.dir, MARKERS).or_fail("cannot open", MARKERS);
        if let Err(error) = removed.and_then(|dir| remove_tree_in(dir.as_fd(), MARKERS, name)) {
            log::warn!("{error}, going on: the next success tries it again");
        }
    }
}

/// Refused on an OSTree system as a whole.
pub fn refuse_here(view: &View, instead: &str) -> Result<()> {
    match chooser(view) {
        None => Ok(()),
        Some(_) => Err(Error::refused(format!("this is an OSTree system: {instead}"))),
    }
}

/// Refused of a deployment that is OSTree's: `instead` says what does it there.
pub fn refuse(deployment: &Deployment, instead: &str) -> Result<()> {
    match deployment.home {
        Home::Store => Ok(()),
        Home::Ostree(_) => Err(Error::refused(format!("{} is a deployment of OSTree's: {instead}", deployment.id))),
    }
}
