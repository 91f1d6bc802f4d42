//! `rollback`: away from the booted deployment.

use super::access::View;
use super::{Exit, counted, say};
use crate::cli;
use bedplate::decide::marker::{Marker, Verdict};
use bedplate::decide::model::Id;
use bedplate::decide::record::{Key, OnceGood};
use bedplate::decide::verdict::rollback_target;
use bedplate::error::{Error, Result};
use bedplate::sys::host;
use std::io::Write;

pub fn run(args: &cli::Rollback, out: &mut dyn Write) -> Result<Exit> {
    let mut view = View::open_for_change(args.sysroot.as_deref(), &args.run)?;
    if args.id.is_none() {
        if let Some(from) = view.report.as_ref().and_then(|report| report.choice.fell_back_from.clone()) {
            say(
                out,
                &format!("the machine has rolled back by itself already, from {from}: nothing is changed; to go elsewhere, name it\n"),
            )?;
            return Ok(Exit::Done);
        }
    }
    let booted = view.booted_key().or_else(|| next(&view).filter(|_| args.id.is_none()));
    let target = match &args.id {
        Some(id) => view.armed(id)?,
        None => fallback(&view, booted)?,
    };
    if Some(target) == booted {
        return Err(Error::refused("that deployment is running: name another, or see bedplate list"));
    }
    let tries = view.config.boot.tries;
    remember_target(&view, target)?;
    view.ledger.record.roll_back(booted, target, tries);
    let told = super::loader::leave(&view, booted.and_then(|key| view.id_of(key)), view.id_of(target));
    view.commit()?;
    let id = view.id_of(target).cloned().ok_or_else(|| Error::transient("the target is gone"))?;
    view.note("rollback", &id, "asked for");
    told.map_err(|error| Error::new(error.kind, format!("the next boot is {id}, but {error}")))?;
    say(out, &message(&view, &id))?;
    Ok(Exit::Done)
}

/// On another machine's disk nothing is booted: what would boot there is the one to leave.
fn next(view: &View) -> Option<Key> {
    view.facts.deployment(&view.next_boot().first()?.id)?.key()
}

fn fallback(view: &View, booted: Option<Key>) -> Result<Key> {
    let found = rollback_target(&view.next_boot().candidates, &view.facts, &view.ledger.record, booted);
    found.ok_or_else(|| Error::refused("there is no other deployment that was good once: name one to go to it all the same"))
}

/// The target's marker gets the newest revision, so that a lost record would lead to it, too.
fn remember_target(view: &View, target: Key) -> Result<()> {
    let good = view.ledger.record.slot(target).is_some_and(|slot| slot.once_good == OnceGood::Yes);
    let deployment = view.facts.owner(target);
    let Some((deployment, instance)) = deployment.filter(|_| good).and_then(|d| Some((d, d.instance()?.clone()))) else { return Ok(()) };
    let revision = view.ledger.record.revision.saturating_add(1);
    let boot_id = view.facts.boot_id.as_str().into();
    let marker = Marker { verdict: Verdict::Success, instance, revision, time: host::unix_time(), boot_id, how: "rollback".into() };
    view.store.write_marker(deployment, &marker)
}

fn message(view: &View, target: &Id) -> String {
    let changes = view.booted().map(|booted| view.etc_drift(booted).map(|(tally, _)| tally.total()));
    let stay = match changes {
        None | Some(Ok(0)) => String::new(),
        Some(Err(error)) => format!("; what stays behind in /etc is not known: {error}"),
        Some(Ok(n)) => format!("; {} behind with the deployment that runs now", counted(n, "change to /etc stays", "changes to /etc stay")),
    };
    format!("the next boot is {target}{stay}\n")
}
