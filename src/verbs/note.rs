//! `note`: what the units tell the store as a boot goes on. Not for people.

use super::Exit;
use super::access::View;
use crate::cli;
use bedplate::boot::countdown;
use bedplate::decide::record::{Outcome, Record};
use bedplate::error::{Error, OrFail, Result};
use bedplate::sys::fs;

pub fn run(args: &cli::Note) -> Result<Exit> {
    match args.event.as_str() {
        "started" => started(args),
        "shutdown" => shutdown(args),
        "deadline" => deadline(args),
        "countdown" => Ok(countdown(args)),
        other => Err(Error::usage(format!("note takes started, shutdown, deadline or countdown, not \"{other}\""))),
    }
}

fn open(args: &cli::Note) -> Result<View> {
    let view = View::open_for_change(args.sysroot.as_deref(), &args.run)?;
    if view.report.is_some() { Ok(view) } else { Err(Error::refused("this boot did not go through prepare-root: nothing to note")) }
}

/// Right after local-fs.target: the boot came this far. A default that was given up is cleared here, and the
/// configuration is kept for verbs that run without a report.
fn started(args: &cli::Note) -> Result<Exit> {
    let mut view = open(args)?;
    let before = view.ledger.record.clone();
    if let Some(key) = view.booted_key() {
        view.ledger.record.note_started(key, view.facts.boot_id.short());
    }
    for failed in view.report.iter().flat_map(|report| &report.failed) {
        view.note("failed", &failed.id, &failed.why);
    }
    let (tries, boot) = (view.config.boot.tries, view.facts.boot_id.short());
    if let Some(id) = view.ledger.record.drop_spent_default(tries, boot).and_then(|key| view.id_of(key)) {
        view.note("default", id, "given up: too many boots without success");
    }
    if view.ledger.record != before {
        view.commit()?;
    }
    keep_config(&view)?;
    Ok(Exit::Done)
}

fn keep_config(view: &View) -> Result<()> {
    let text = serde_json::to_string_pretty(&view.config).map_err(|error| Error::transient(format!("cannot write JSON: {error}")))?;
    if fs::read_text(&view.store.dir, "config.json").is_ok_and(|kept| kept == text) {
        return Ok(());
    }
    fs::replace_in(&view.store.dir, "config.json", 0o600, text.as_bytes()).or_fail("cannot write", "bedplate/config.json")
}

fn shutdown(args: &cli::Note) -> Result<Exit> {
    let mut view = open(args)?;
    let before = view.ledger.record.clone();
    if let Some(key) = view.booted_key() {
        let boot = view.facts.boot_id.short();
        view.ledger.record.note_shutdown(key, boot, view.config.boot.refunds);
    }
    if view.ledger.record != before {
        view.commit()?;
    }
    let outcome = |record: &Record| view.booted_key().and_then(|key| record.slot(key)).map(|slot| slot.outcome);
    if outcome(&before) != outcome(&view.ledger.record)
        && let Some(booted) = view.booted()
    {
        view.note("restarted", &booted.id, "in good order, before it was marked good");
    }
    Ok(Exit::Done)
}

/// The unit reboots after this, whatever comes of it.
fn deadline(args: &cli::Note) -> Result<Exit> {
    let mut view = open(args)?;
    let Some((key, id)) = view.booted_key().and_then(|key| Some((key, view.id_of(key)?.clone()))) else { return Ok(Exit::Done) };
    let boot = view.facts.boot_id.short();
    view.ledger.record.note_outcome(key, boot, Outcome::Deadline);
    view.commit()?;
    view.note("deadline", &id, "not marked good in time, rebooting");
    Ok(Exit::Done)
}

/// Done: a key was pressed, the prompt may come. Failed: the unit reboots.
fn countdown(args: &cli::Note) -> Exit {
    match countdown::run(&args.run) {
        countdown::End::Key | countdown::End::NotAsked => Exit::Done,
        countdown::End::TimeIsUp => Exit::Failed,
    }
}
