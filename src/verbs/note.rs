//! `note`: what the units tell the store as a boot goes on. Not for people.

use super::Exit;
use super::access::View;
use super::health;
use super::ostree;
use crate::cli;
use bedplate::boot::carry;
use bedplate::boot::countdown;
use bedplate::boot::evidence;
use bedplate::decide::evidence::{judge, remember};
use bedplate::decide::health::Verdict;
use bedplate::decide::model::PreviousBoot;
use bedplate::decide::record::ending::{Ending, Phase, hex, unhex};
use bedplate::decide::record::{Outcome, Record};
use bedplate::error::{Error, OrFail, Result};
use bedplate::sys::fs;
use std::process::Command;

/// Failed units that history names.
const SHOWN: usize = 8;

pub fn run(args: &cli::Note) -> Result<Exit> {
    // The countdown is this boot's alone, and the watchdog the machine's.
    let of_the_store = matches!(args.event.as_str(), "started" | "unhealthy" | "shutdown" | "deadline");
    if let Some(why) = if of_the_store { ostree::nothing_to_note(args.sysroot.as_deref(), &args.run)? } else { None } {
        log::info!("{why}: nothing is noted");
        return Ok(Exit::Done);
    }
    match args.event.as_str() {
        "started" => started(args),
        "unhealthy" => unhealthy(args),
        "shutdown" => shutdown(args),
        "deadline" => deadline(args),
        "countdown" => Ok(countdown(args)),
        "watchdog" => super::watchdog::run(args),
        other => Err(Error::usage(format!("note takes started, unhealthy, shutdown, deadline, countdown or watchdog, not \"{other}\""))),
    }
}

fn open(args: &cli::Note) -> Result<View> {
    let view = View::open_for_change(args.sysroot.as_deref(), &args.run)?;
    if view.report.is_some() { Ok(view) } else { Err(Error::refused("this boot did not go through prepare-root: nothing to note")) }
}

/// Right after local-fs.target: the boot came this far. How the one before ended is written down, a default that was given up
/// is cleared, and the configuration is kept for verbs that run without a report.
fn started(args: &cli::Note) -> Result<Exit> {
    let mut view = open(args)?;
    let before = view.ledger.record.clone();
    let boot = view.facts.boot_id.short();
    if before.last.is_none_or(|last| last.boot != boot || last.phase == Phase::Begun) {
        close_the_last(&mut view);
        for failed in view.report.iter().flat_map(|report| &report.failed) {
            view.note("failed", &failed.id, &failed.why);
        }
        if let Some((carried, booted)) = view.report.as_ref().and_then(|report| report.carried.as_ref()).zip(view.booted()) {
            view.note("carried", &booted.id, &format!("/etc carried forward {}", carried.summary()));
        }
    }
    if let Some(key) = view.booted_key() {
        view.ledger.record.note_started(key, boot);
        carry::overtake(&view.store, &view.facts, &view.ledger.record, key)?;
    }
    let argument = view.argument();
    if let Some(id) = view.ledger.record.drop_spent_default(view.config.boot.tries, boot, argument).and_then(|key| view.id_of(key)) {
        view.note("default", id, "given up: too many boots without success");
    }
    if view.ledger.record != before {
        view.commit()?;
    }
    keep_config(&view)?;
    Ok(Exit::Done)
}

/// How the boot before ended, as prepare-root found it; what the machine kept may have come to light only now. The line of a
/// counted attempt has told it already, if it was known then.
fn close_the_last(view: &mut View) {
    let now = view.facts.boot_id.short();
    let traces = evidence::look_when_booted();
    let found = judge(&traces, &view.ledger.record, &view.facts);
    let told = view.report.as_ref().and_then(|report| Some((report.previous.clone()?, report.choice.counted)));
    let ending = match &told {
        Some((told, _)) => ending(view, told).map(|ending| ending.with(found)),
        None => view.ledger.record.previous_end(found, now),
    };
    remember(&mut view.ledger.record, &traces);
    let Some(ending) = ending else { return };
    view.ledger.record.close(&ending, now);
    if told.is_some_and(|(told, counted)| counted && told.ended == ending.outcome) {
        return;
    }
    let boot = ending.boot.map(|boot| hex(&boot));
    let more = serde_json::json!({ "outcome": ending.outcome, "ended-boot": boot, "reached": ending.phase });
    view.note_more("ended", view.id_of(ending.key), more);
}

/// What the report tells of it, where the deployment is still there.
fn ending(view: &View, told: &PreviousBoot) -> Option<Ending> {
    let key = view.facts.deployment(told.id.as_ref()?)?.key()?;
    let boot = told.boot.as_deref().and_then(unhex);
    Some(Ending { key, boot, outcome: told.ended, phase: told.reached })
}

fn keep_config(view: &View) -> Result<()> {
    let text = serde_json::to_string_pretty(&view.config).map_err(|error| Error::transient(format!("cannot write JSON: {error}")))?;
    if fs::read_text(&view.store.dir, "config.json").is_ok_and(|kept| kept == text) {
        return Ok(());
    }
    fs::replace_in(&view.store.dir, "config.json", 0o600, text.as_bytes()).or_fail("cannot write", "bedplate/config.json")
}

/// A unit that boot-complete.target requires has failed. What the health checks had to say is in history already.
fn unhealthy(args: &cli::Note) -> Result<Exit> {
    let units = failed_units();
    let mut view = open(args)?;
    health::note_outcome(&mut view)?;
    let said = health::last(&args.run, &view.facts.boot_id)?.is_some_and(|health| health.verdict == Verdict::Red);
    if let Some(booted) = view.booted().filter(|_| !said) {
        view.note("unhealthy", &booted.id, &units);
    }
    Ok(Exit::Done)
}

/// As the service manager names them; only for the person who reads history.
fn failed_units() -> String {
    let list = ["list-units", "--state=failed", "--plain", "--no-legend"];
    let output = Command::new("systemctl").args(list).output().map(|output| output.stdout).unwrap_or_default();
    let names: Vec<String> = String::from_utf8_lossy(&output).lines().filter_map(|line| line.split(' ').next()).map(String::from).collect();
    let what = "what boot-complete.target requires failed";
    match names.split_at_checked(SHOWN) {
        _ if names.is_empty() => what.into(),
        Some((shown, rest)) if !rest.is_empty() => format!("{what}; failed units: {} and {} more", shown.join(", "), rest.len()),
        _ => format!("{what}; failed units: {}", names.join(", ")),
    }
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
