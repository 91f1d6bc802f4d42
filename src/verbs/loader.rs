//! The boot loader that counts (`boot.record`), told by the verbs what becomes of deployments. The record comes first where a
//! deployment may boot from now on, the loader first where it may not: see `bedplate::decide::loader::state`.

use super::access::View;
use bedplate::boot::loader::Loader;
use bedplate::decide::config::RecordKind;
use bedplate::decide::loader::state::{Change, State};
use bedplate::decide::model::{Facts, Id, Report};
use bedplate::decide::record::Status;
use bedplate::error::{Error, Result};
use bedplate::sys::OwnedFd;

/// Opens it; `None`: the record alone counts. On the disk of another machine, /boot is that machine's, and the entries on the
/// boot partition are nobody's that is known.
fn open(kind: RecordKind, sysroot: &OwnedFd, path: &str, report: Option<&Report>) -> Result<Option<Loader>> {
    match report {
        None if kind == RecordKind::Bls => Ok(None),
        None => Loader::open(kind, sysroot, path),
        Some(_) => Loader::open(kind, sysroot, "/"),
    }
}

fn ids(facts: &Facts) -> Vec<Id> {
    facts.deployments.iter().map(|deployment| deployment.id.clone()).collect()
}

/// What it counts; `None`: nothing, the record alone does.
pub fn state(kind: RecordKind, sysroot: &OwnedFd, path: &str, report: Option<&Report>, facts: &Facts) -> Option<State> {
    match open(kind, sysroot, path, report) {
        Ok(loader) => loader.map(|loader| loader.state(&ids(facts))),
        Err(error) => Some(State::defective(error.text)),
    }
}

/// The loader of a view, for changing it.
pub fn of(view: &View) -> Result<Option<Loader>> {
    open(view.config.boot.record, &view.store.sysroot, &view.path, view.report.as_ref())
}

/// Before anything is changed: a loader that cannot count a deployment's starts is a refusal.
pub fn prove(view: &View, id: &Id) -> Result<()> {
    of(view)?.map_or(Ok(()), |mut loader| loader.prove(id))
}

/// After the record: the deployment that is armed.
pub fn arm(view: &View, id: &Id, change: Change) -> Result<()> {
    let Some(mut loader) = of(view)? else { return Ok(()) };
    loader.change(id, change).map_err(|error| {
        let next = format!("its kernel does not start by itself: bedplate remove {id}, and deploy it again");
        Error::new(error.kind, format!("{id} is armed, but the boot loader could not be told: {error}; {next}"))
    })
}

/// After the record: a deployment that has proved itself, where the loader knows it and the rules would choose it.
pub fn good(view: &View, id: &Id) -> Result<()> {
    let told = |error: Error| {
        Error::new(error.kind, format!("{id} is good, but the boot loader could not be told: {error}; the next boot tells it again"))
    };
    let Some(mut loader) = of(view).map_err(told)? else { return Ok(()) };
    let chosen = view.next_boot().first().is_some_and(|candidate| candidate.id == *id);
    if !chosen || !loader.takes(id, &loader.state(&ids(&view.facts))) {
        return Ok(());
    }
    loader.change(id, Change::Good).map_err(told)
}

/// Before the record: `next`, which will be chosen instead, comes first, and the deployment that is left is not started any
/// more. The record in memory has the change already. What the loader does not know stays the record's business.
pub fn leave(view: &View, left: Option<&Id>, next: Option<&Id>) -> Result<()> {
    let Some(mut loader) = of(view)? else { return Ok(()) };
    let state = loader.state(&ids(&view.facts));
    let known = |id: &&Id| state.of(id).is_some();
    let told = next
        .filter(|id| loader.takes(id, &state))
        .filter(|id| Some(*id) != left)
        .into_iter()
        .map(|id| (id, entry(view, id)))
        .chain(left.filter(known).map(|id| (id, Change::Bad)))
        .collect::<Vec<_>>();
    for (id, change) in told {
        loader.change(id, change).map_err(|error| Error::new(error.kind, format!("the boot loader could not be told: {error}")))?;
    }
    Ok(())
}

/// How the next one is to be started: what was not good, or is not any more, with the tries that it has.
fn entry(view: &View, id: &Id) -> Change {
    let slot = view.facts.deployment(id).and_then(|deployment| view.ledger.record.slot(deployment.key()?));
    match slot {
        Some(slot) if slot.status == Status::Trial => Change::Arm { tries: slot.left.max(1) },
        _ => Change::Good,
    }
}
