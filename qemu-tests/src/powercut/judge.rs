//! What must hold of a disk after a power cut: the record, the deployments, and what the real reader chooses.

use super::trees::{self, names};
use crate::error::{OrSay, Result};
use crate::programs::Programs;
use crate::record::OnDisk;
use crate::run::Host;
use crate::scenario::Boot;
use crate::tool::Tool;
use bedplate::decide::record::codec::Reading;
use bedplate::decide::record::{Record, Status};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What a cut disk came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// Of the record; `None`: it is lost.
    pub revision: Option<u64>,
    /// Names record and deployments.
    pub fingerprint: String,
    /// What boots.
    pub choice: String,
}

/// Judges the disks of one log.
#[derive(Debug)]
pub struct Judge<'a> {
    programs: &'a Programs,
    /// What the machine boots with.
    cmdline: &'a str,
    /// What plan may say of: it cannot boot.
    broken: &'a [String],
    /// Deployments as they must be, by ID.
    whole: PathBuf,
    /// All contents that the record has had, by revision.
    records: BTreeMap<u64, Record>,
}

impl<'a> Judge<'a> {
    pub fn new(host: &'a Host, boot: &'a Boot, whole: &Path) -> Self {
        let broken = boot.expect.failed.as_deref().unwrap_or_default();
        Self { programs: &host.programs, cmdline: &boot.cmdline, broken, whole: whole.to_path_buf(), records: BTreeMap::new() }
    }

    /// An error says the first thing that does not hold.
    pub fn look(&mut self, sysroot: &Path) -> Result<State> {
        let store = sysroot.join("bedplate");
        let on_disk = OnDisk::read(&store)?;
        let record = self.record(&on_disk.reading)?;
        let deployments = names(&store.join("deployments"))?;
        self.are_whole(&store, &deployments)?;
        if let Some(record) = &record {
            every_slot_has_its_deployment(record, &on_disk)?;
            every_good_one_has_its_marker(record, &on_disk, &store)?;
            every_trial_is_counted_before_it_has_state(&on_disk, &store)?;
        }
        nothing_is_lost(sysroot)?;
        let revision = record.as_ref().map(|record| record.revision);
        let content = record.map(|record| Record { revision: 0, ..record });
        Ok(State { revision, fingerprint: format!("{content:?} {deployments:?}"), choice: self.choice(sysroot)? })
    }

    /// One revision has one content.
    fn record(&mut self, reading: &Reading) -> Result<Option<Record>> {
        match reading {
            Reading::Valid { record, .. } => {
                let known = self.records.entry(record.revision).or_insert_with(|| record.clone());
                if known == record { Ok(Some(record.clone())) } else { Err(format!("two contents of the record: {record:?}, {known:?}")) }
            }
            Reading::Lost { .. } => Ok(None),
            other => Err(format!("the record is {other:?}")),
        }
    }

    /// Whatever has a deployment's name is all of it; beside it there is only what is known to be unfinished.
    fn are_whole(&self, store: &Path, deployments: &[String]) -> Result<()> {
        for name in deployments {
            let unfinished = name.strip_prefix('.').and_then(|name| name.strip_suffix(".new").or_else(|| name.strip_suffix(".del")));
            if unfinished.is_some() {
                continue;
            }
            for part in ["root", "deployment.toml", "etc.manifest", "usr.manifest"] {
                let miss = trees::difference(&self.whole.join(name).join(part), &store.join("deployments").join(name).join(part))?;
                miss.map_or(Ok(()), |miss| Err(format!("{name} is not whole: {miss}")))?;
            }
        }
        Ok(())
    }

    /// By `plan` and by `status`. They agree, but where one that cannot boot stands before it.
    fn choice(&self, sysroot: &Path) -> Result<String> {
        let verb = |verb: &str| Tool::new(&self.programs.bedplate).args([verb, "--json", "--sysroot"]).arg(sysroot);
        let json = |text: String| serde_json::from_str::<Value>(&text).or_say("not JSON");
        let id = |value: &Value, at: &str| value.pointer(at).and_then(Value::as_str).map(str::to_string);
        let plan = json(verb("plan").args(["--cmdline", self.cmdline]).run()?)?;
        let status = json(verb("status").run()?)?;
        let choice = id(&plan, "/candidates/0/id").or_say("plan chooses nothing")?;
        let failed = plan.pointer("/failed").and_then(Value::as_array).or_say("plan does not say what fails")?;
        let failed: Vec<_> = failed.iter().filter_map(|failed| id(failed, "/id")).collect();
        let next = id(&status, "/next/id").or_say("status knows of no next boot")?;
        match failed.iter().find(|id| !self.broken.contains(id)) {
            Some(id) => Err(format!("{id} cannot boot: {plan}")),
            None if next == *failed.first().unwrap_or(&choice) => Ok(choice),
            None => Err(format!("plan chooses {choice}, status {next}")),
        }
    }
}

/// Armed after it is there, taken from the record before it is gone.
fn every_slot_has_its_deployment(record: &Record, on_disk: &OnDisk) -> Result<()> {
    let there: Vec<_> = on_disk.ids().filter_map(|id| on_disk.key(id)).collect();
    match record.slots.iter().find(|slot| !there.contains(&slot.key)) {
        Some(slot) => Err(format!("no deployment has the slot {slot:?}")),
        None => Ok(()),
    }
}

/// Written before the record.
fn every_good_one_has_its_marker(record: &Record, on_disk: &OnDisk, store: &Path) -> Result<()> {
    for id in on_disk.ids() {
        let good = on_disk.slot(id).is_some_and(|slot| slot.status == Status::Good);
        let marker = std::fs::read_to_string(store.join("deployments").join(id).join("boot-success")).unwrap_or_default();
        if good && bedplate::decide::marker::parse(&marker).is_err() {
            return Err(format!("{id} is good in revision {} of the record, and has no marker: {marker:?}", record.revision));
        }
    }
    Ok(())
}

/// A try is on the disk before anything of the deployment is touched.
fn every_trial_is_counted_before_it_has_state(on_disk: &OnDisk, store: &Path) -> Result<()> {
    let uncounted = |id: &&str| on_disk.slot(id).is_some_and(|slot| slot.status == Status::Trial && slot.attempt == [0; 8]);
    let touched = |id: &&str| store.join(on_disk.expand(&format!("state/{id}@"))).exists();
    match on_disk.ids().filter(uncounted).find(touched) {
        Some(id) => Err(format!("{id} has state, and no try of it was counted")),
        None => Ok(()),
    }
}

fn nothing_is_lost(sysroot: &Path) -> Result<()> {
    let place = sysroot.join("lost+found");
    let lost = if place.exists() { names(&place)? } else { Vec::new() };
    if lost.is_empty() { Ok(()) } else { Err(format!("in lost+found: {lost:?}")) }
}
