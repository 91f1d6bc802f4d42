//! `health`: runs the checks of the booted deployment, and says whether all passed that must.

mod run;

use super::access::{self, View};
use super::{Exit, ostree, say, say_json};
use crate::cli;
use bedplate::boot::facts;
use bedplate::decide::health::{HEALTH_JSON, Health, KEPT, Purpose, Verdict, time_for_all};
use bedplate::decide::model::{BootId, Report};
use bedplate::decide::record::Outcome;
use bedplate::error::{Error, OrFail, Result};
use bedplate::sys::{fs, host};
use run::Runner;
use std::io::Write;

/// Seconds for all scripts of green.d or red.d together.
const AFTERWARDS: u64 = 120;

pub fn run(args: &cli::Health, out: &mut dyn Write) -> Result<Exit> {
    match args.after.as_deref() {
        None => check(args, out),
        Some("green") => act(Purpose::Green, args, out),
        Some("red") => act(Purpose::Red, args, out),
        Some(other) => Err(Error::usage(format!("--after takes green or red, not \"{other}\""))),
    }
}

fn check(args: &cli::Health, out: &mut dyn Write) -> Result<Exit> {
    let (report, boot_id) = (access::this_boot(&args.run)?, facts::boot_id()?);
    if let Some(why) = if args.check_only { None } else { ostree::left_alone(args.sysroot.as_deref(), &args.run)? } {
        log::info!("{why}: nothing depends on its health (bedplate health --check-only checks all the same)");
        return Ok(Exit::Done);
    }
    if report.is_none() && !args.check_only {
        let why = "boot.json is missing or from another boot: this boot did not go through prepare-root";
        return Err(Error::refused(format!("\"{}/bedplate/{why} (bedplate health --check-only checks all the same)", args.run)));
    }
    let before = last(&args.run, &boot_id)?;
    let health = checks(args, report.as_ref(), boot_id, (!args.json).then_some(&mut *out))?;
    if !args.check_only {
        publish(&args.run, &health)?;
        if health.verdict == Verdict::Red && before.is_none_or(|before| before.verdict == Verdict::Green) {
            keep(args, &health).unwrap_or_else(|error| log::warn!("{error}, going on: record and history do not know of this failure"));
        }
    }
    answer(args, &health, out)
}

/// Required ones first; the others only where those passed.
fn checks<'a>(args: &'a cli::Health, report: Option<&Report>, boot_id: BootId, out: Option<&'a mut dyn Write>) -> Result<Health> {
    let deadline = report.filter(|report| report.choice.counted).and_then(|report| report.config.boot.deadline);
    let all = time_for_all(args.limit_all, deadline, host::monotonic_micros() / 1_000_000);
    let mut runner = Runner::new(args, all, report, out)?;
    let disabled = runner.disabled()?;
    let required = runner.list(Purpose::Required, &disabled)?;
    let wanted = runner.list(Purpose::Wanted, &disabled)?;
    required.skipped.iter().chain(&wanted.skipped).for_each(|skipped| log::info!("{skipped}, leaving it out"));
    let unknown = disabled.iter().filter(|name| !required.disabled.contains(name) && !wanted.disabled.contains(name));
    unknown.for_each(|name| log::warn!("greenboot.conf disables \"{name}\", and there is no such check: nothing is left out for it"));
    let mut checks = runner.run(Purpose::Required, &required.scripts)?;
    if checks.iter().all(|check| check.passed) {
        checks.extend(runner.run(Purpose::Wanted, &wanted.scripts)?);
    }
    Ok(Health::of(boot_id, checks))
}

fn answer(args: &cli::Health, health: &Health, out: &mut dyn Write) -> Result<Exit> {
    match (args.json, health.verdict) {
        (true, verdict) => {
            say_json(out, health)?;
            Ok(if verdict == Verdict::Green { Exit::Done } else { Exit::Failed })
        }
        (false, Verdict::Green) => say(out, &format!("health: {}\n", health.sentence())).map(|()| Exit::Done),
        (false, Verdict::Red) => Err(Error::transient(format!("health: {}", health.sentence()))),
    }
}

/// What is done after the verdict; what fails there changes nothing.
fn act(purpose: Purpose, args: &cli::Health, out: &mut dyn Write) -> Result<Exit> {
    let report = access::this_boot(&args.run)?;
    let mut runner = Runner::new(args, args.limit_all.min(AFTERWARDS), report.as_ref(), (!args.json).then_some(&mut *out))?;
    let scripts = runner.list(purpose, &[])?.scripts;
    let all = runner.run(purpose, &scripts)?;
    Ok(if all.iter().all(|script| script.passed) { Exit::Done } else { Exit::Failed })
}

/// For this boot: what status shows. Outputs of scripts are for root alone.
fn publish(run: &str, health: &Health) -> Result<()> {
    let text = serde_json::to_string_pretty(health).map_err(|error| Error::transient(format!("cannot write JSON: {error}")))?;
    let dir = fs::open_dir(run).or_fail("cannot open", run)?;
    fs::replace_in(&dir, HEALTH_JSON, 0o600, text.as_bytes()).or_fail("cannot write", HEALTH_JSON)
}

/// The last result in this boot.
pub fn last(run: &str, boot_id: &BootId) -> Result<Option<Health>> {
    let health: Option<Health> = access::read_for_this_boot(run, HEALTH_JSON)?;
    Ok(health.filter(|health| health.boot_id == *boot_id))
}

/// A failure, in the record of a counted boot and in history. This process writes in a mount namespace of its own from here on: no
/// script may run in it any more.
fn keep(args: &cli::Health, health: &Health) -> Result<()> {
    if ostree::keeps_nothing(args.sysroot.as_deref()) {
        return Ok(());
    }
    let mut view = View::open_for_change(args.sysroot.as_deref(), &args.run)?;
    note_outcome(&mut view)?;
    let Some(id) = view.booted().map(|booted| booted.id.clone()) else { return Ok(()) };
    for check in health.failed().take(KEPT) {
        let why = format!("{}: {}", check.script, check.end);
        let silent = check.output.is_empty();
        let more = if silent { serde_json::json!({ "why": why }) } else { serde_json::json!({ "why": why, "output": check.output }) };
        view.note_more("unhealthy", &id, more);
    }
    Ok(())
}

/// A counted boot that is under way has failed; the try stays spent, whatever ends the boot.
pub fn note_outcome(view: &mut View) -> Result<()> {
    let before = view.ledger.record.clone();
    let boot = view.facts.boot_id.short();
    if let Some(key) = view.booted_key() {
        view.ledger.record.note_outcome(key, boot, Outcome::HealthFailed);
    }
    if view.ledger.record == before { Ok(()) } else { view.commit() }
}
