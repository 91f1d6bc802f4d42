//! `status`: what runs and why, what would run next, and how much differs from the deployment.

use super::access::View;
use super::diff::summary::Summary;
use super::health;
use super::history::NothingBooted;
use super::verify::{self, Verified};
use super::{Exit, plain, say, say_json};
use crate::cli;
use bedplate::boot::{carry, reset, verify as mounts};
use bedplate::decide::cmdline::Cmdline;
use bedplate::decide::health::Health;
use bedplate::decide::kernel::ENTRY;
use bedplate::decide::loader::state::State;
use bedplate::decide::model::{
    Carried, Chosen, Deployment, FailedCandidate, Id, PreviousBoot, ResetDone, ResetKind, Rule, SCHEMA, Selection,
};
use bedplate::decide::record::{Outcome, Status as Standing};
use bedplate::decide::reset::journal::Wish;
use bedplate::error::{Error, Kind, Result};
use bedplate::sys::host;
use serde::Serialize;
use std::fmt::Write as _;
use std::io::Write;

pub fn run(args: &cli::Status, out: &mut dyn Write) -> Result<Exit> {
    let view = View::open(args.sysroot.as_deref(), &args.run)?;
    let status = Status::of(&view, health::last(&args.run, &view.facts.boot_id)?, &args.run)?;
    if args.check {
        return check(&status);
    }
    if args.json {
        say_json(out, &status)?;
    } else {
        say(out, &status.text())?;
    }
    Ok(Exit::Done)
}

/// For units and monitoring: silent, the exit code says it.
fn check(status: &Status) -> Result<Exit> {
    match &status.booted {
        None => Err(Error::new(Kind::Refused, "this boot did not go through prepare-root, or its report is damaged: nothing to check")),
        Some(booted) if booted.choice.fell_back_from.is_some() => Ok(Exit::FellBack),
        Some(_) => Ok(Exit::Done),
    }
}

fn asked(view: &View, warnings: &mut Vec<String>) -> Option<Wish> {
    match reset::read(&view.store) {
        Ok(journal) => journal?.asked,
        Err(error) => {
            warnings.push(format!("{error}: no reset is done"));
            None
        }
    }
}

fn done(reset: &ResetDone) -> String {
    match reset.kind {
        ResetKind::Reset => format!("done in this boot: {}; undo with bedplate reset --undo", reset.what),
        ResetKind::Undo => format!("undone in this boot: {}", reset.what),
    }
}

/// Only where / is this boot's: in a container or a chroot the mounts are others.
fn opened(view: &View) -> Result<Vec<String>> {
    match &view.report {
        Some(report) if mounts::is_root("/", &report.mounts)? => {
            let mut opened = mounts::opened_since(&report.mounts)?;
            opened.extend(super::unlock::warning(&report.mounts)?);
            Ok(opened)
        }
        _ => Ok(Vec::new()),
    }
}

/// Not said twice: the boot may have found the same.
fn cannot_boot(deployment: &Deployment, said: &[String]) -> Option<String> {
    let (id, defect) = (&deployment.id, deployment.defect.as_ref()?);
    let warning = format!("{id} cannot boot: {defect}");
    (!said.iter().any(|said| said.starts_with(&warning))).then(|| format!("{warning}, the next boot passes it over"))
}

/// Everything that status shows; its JSON form is stable under [`SCHEMA`].
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Status {
    schema: u32,
    booted: Option<Booted>,
    /// What boots next if nothing else happens.
    next: Option<Next>,
    /// What boots if that fails.
    fallback: Option<String>,
    default: Option<String>,
    one_shot: Option<String>,
    incumbent: Option<String>,
    nothing_booted: Option<NothingBooted>,
    /// What the next boot is asked to reset or to bring back.
    reset_asked: Option<Wish>,
    /// What the boot loader counts, where `boot.record` names one.
    loader: Option<State>,
    warnings: Vec<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Booted {
    id: String,
    version: String,
    /// Of its usr.manifest: it names the content of /usr.
    digest: Option<String>,
    /// What `bedplate verify` came to in this boot; `None`: it has not run.
    verified: Option<Verified>,
    choice: Chosen,
    /// How the last boot of the one that it fell back from ended, as the record has it.
    fell_back_why: Option<&'static str>,
    /// The boot before this one, where its end was not noted in it.
    previous: Option<PreviousBoot>,
    failed: Vec<FailedCandidate>,
    /// The reset, or its undoing, that was done in this boot.
    reset: Option<ResetDone>,
    /// What came of carrying /etc forward to it, in this boot or an earlier one.
    carried: Option<Carried>,
    /// The kernel that the boot loader had started has started this one.
    by_kexec: bool,
    /// What the health checks of this boot came to; `None`: they have not run.
    health: Option<Health>,
    /// Whose kernel the boot loader has started, where that is another one's (`bedplate.entry=`).
    kernel_of: Option<String>,
    marked_good: bool,
    marked_bad: bool,
    /// Changes to /etc; `None`: they could not be read.
    etc_changes: Option<u64>,
    /// All changes by cause, and what is no path.
    drift: Option<Summary>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Next {
    id: String,
    rule: &'static str,
    reason: &'static str,
    tries_left: Option<u8>,
    /// Why it cannot boot, where one can see that.
    defect: Option<String>,
}

impl Status {
    fn of(view: &View, health: Option<Health>, run: &str) -> Result<Self> {
        let record = &view.ledger.record;
        let name = |key| view.id_of(key).map(ToString::to_string);
        let selection = view.next_boot();
        let mut warnings: Vec<String> = view.report.iter().flat_map(|report| report.warnings.clone()).collect();
        warnings.extend(view.warnings.iter().chain(&selection.notes).cloned());
        warnings.extend(opened(view)?);
        let torn: Vec<String> = view.facts.deployments.iter().filter_map(|deployment| cannot_boot(deployment, &warnings)).collect();
        warnings.extend(torn);
        let drift = Summary::of(view, run, &mut warnings);
        warnings.sort();
        warnings.dedup();
        Ok(Self {
            schema: SCHEMA,
            booted: Booted::of(view, health, verify::last(run, &view.facts.boot_id)?, drift),
            next: Next::of(view, &selection),
            fallback: view.fallback(&selection).map(|candidate| candidate.id.to_string()),
            default: record.default.and_then(name),
            one_shot: record.one_shot.and_then(name),
            incumbent: record.incumbent.and_then(name),
            nothing_booted: NothingBooted::find(&view.store, &view.facts.boot_id),
            reset_asked: asked(view, &mut warnings),
            loader: view.loader.clone(),
            warnings,
        })
    }

    fn text(&self) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let mut line = |name: &str, value: &str| {
            let _ = writeln!(text, "{name:<10} {}", plain(value));
        };
        match &self.booted {
            Some(booted) => booted.lines(&mut line),
            None => line("booted", "not through bedplate (there is no report of this boot)"),
        }
        if let Some(nothing) = &self.nothing_booted {
            line("no root", &nothing.text());
        }
        match &self.next {
            Some(next) => line("next boot", &next.text(self.fallback.as_deref())),
            None => line("next boot", "nothing: no deployment can be chosen (deploy one, or see bedplate list)"),
        }
        line("fallback", self.fallback.as_deref().unwrap_or("none"));
        for (name, value) in [("default", &self.default), ("one-shot", &self.one_shot)] {
            if let Some(value) = value {
                line(name, value);
            }
        }
        match &self.reset_asked {
            Some(Wish::Reset { what, .. }) => {
                line("reset", &format!("asked for: {what}; it happens at the next boot (bedplate reset --undo cancels it)"));
            }
            Some(Wish::Undo) => line("reset", "the next boot brings back what the last one took away"),
            None => {}
        }
        if let Some(loader) = &self.loader {
            line("loader", &loader.to_string());
        }
        self.warnings.iter().for_each(|warning| line("warning", warning));
        text
    }
}

impl Booted {
    fn of(view: &View, health: Option<Health>, verified: Option<Verified>, drift: Option<Summary>) -> Option<Self> {
        let report = view.report.as_ref()?;
        let deployment = view.booted();
        let slot = view.booted_key().and_then(|key| view.ledger.record.slot(key));
        let previous = report.previous.clone().map(|previous| known_now(view, previous));
        Some(Self {
            id: report.deployment.id.to_string(),
            version: report.deployment.version.clone(),
            digest: deployment.and_then(|deployment| deployment.manifest.as_ref()?.digest.clone()),
            verified: verified.filter(|verified| deployment.is_some_and(|deployment| verified.is_of(deployment))),
            choice: report.choice.clone(),
            fell_back_why: report.choice.fell_back_from.as_ref().and_then(|id| last_end(view, previous.as_ref(), id)),
            previous,
            failed: report.failed.clone(),
            reset: report.reset.clone(),
            carried: deployment.and_then(|deployment| carry::carried_to(&view.store, deployment).ok().flatten()),
            by_kexec: report.kexec_from.is_some(),
            health,
            kernel_of: kernel_of().filter(|id| *id != report.deployment.id.as_str()),
            marked_good: slot.is_some_and(|slot| slot.status == Standing::Good),
            marked_bad: slot.is_some_and(|slot| slot.status == Standing::MarkedBad),
            etc_changes: drift.as_ref().map(|drift| drift.etc),
            drift,
        })
    }

    fn lines(&self, line: &mut impl FnMut(&str, &str)) {
        let version = if self.version.is_empty() { String::new() } else { format!(" (version {})", self.version) };
        let verdict = match self {
            Self { marked_good: true, .. } => "good",
            Self { marked_bad: true, .. } => "marked bad",
            _ => "not marked good yet",
        };
        line("booted", &format!("{}{version}, {verdict}", self.id));
        if let Some(digest) = &self.digest {
            let verified = self.verified.as_ref().map_or_else(|| "not verified in this boot".into(), Verified::text);
            line("digest", &format!("{} ({verified})", short(digest)));
        } else if let Some(verified) = &self.verified {
            line("digest", &format!("none ({})", verified.text()));
        }
        let tries = match (self.choice.try_number, self.choice.try_of) {
            (Some(number), Some(of)) => format!("; try {number} of {of}"),
            _ => String::new(),
        };
        line("why", &format!("{}{tries}", self.choice.reason));
        if let Some(health) = &self.health {
            line("health", &health.sentence());
        }
        if let Some(from) = &self.choice.fell_back_from {
            let why = self.fell_back_why.map(|why| format!(": {why}")).unwrap_or_default();
            line("fell back", &format!("from {from}, which did not prove itself{why}"));
        }
        if self.by_kexec {
            line("kernel", &format!("its own, by kexec: {} has no modules for the one that the boot loader started", self.id));
        }
        if let Some(id) = &self.kernel_of {
            line("kernel", &format!("that of {id}: its loader entry was started"));
        }
        // Not said twice.
        if let Some(previous) = self.previous.as_ref().filter(|previous| previous.id != self.choice.fell_back_from) {
            let id = previous.id.as_ref().map_or("a deployment that is gone", Id::as_str);
            line("before", &format!("{id}: {}", previous.ended.sentence()));
        }
        if let Some(reset) = &self.reset {
            line("reset", &done(reset));
        }
        if let Some(carried) = &self.carried {
            line("carried", &carried.summary());
        }
        for failed in &self.failed {
            line("failed", &format!("{}: {}", failed.id, failed.why));
        }
        match &self.drift {
            Some(drift) => drift.lines(&self.id, line),
            None => line("state", "unknown: the local changes cannot be read"),
        }
    }
}

/// What the machine kept may have come to light after prepare-root: then the record has it.
fn known_now(view: &View, previous: PreviousBoot) -> PreviousBoot {
    let key = previous.id.as_ref().and_then(|id| view.facts.deployment(id)?.key());
    let slot = key.and_then(|key| view.ledger.record.slot(key)).filter(|_| previous.ended == Outcome::Lost);
    let found = slot.map(|slot| slot.outcome).filter(|outcome| matches!(outcome, Outcome::Panic | Outcome::Watchdog));
    PreviousBoot { ended: found.unwrap_or(previous.ended), ..previous }
}

fn kernel_of() -> Option<String> {
    Cmdline::parse(&host::read_path("/proc/cmdline").ok()?).get(ENTRY).map(String::from)
}

fn last_end(view: &View, previous: Option<&PreviousBoot>, id: &Id) -> Option<&'static str> {
    let slot = view.ledger.record.slot(view.facts.deployment(id)?.key()?)?;
    Some(match (slot.status, slot.outcome) {
        (Standing::Broken, _) => "it can never boot as it is",
        (Standing::MarkedBad, _) => "it was marked bad",
        (_, outcome) => previous.filter(|previous| previous.id.as_ref() == Some(id)).map_or(outcome, |previous| previous.ended).sentence(),
    })
}

/// Enough of a digest to tell two apart.
fn short(digest: &str) -> String {
    const SHOWN: usize = "sha256:".len() + 16;
    digest.chars().take(SHOWN).collect()
}

impl Next {
    fn of(view: &View, selection: &Selection) -> Option<Self> {
        let first = selection.first()?;
        let key = view.facts.deployment(&first.id)?.key();
        let counted = first.counting == bedplate::decide::model::Counting::Counted;
        let slot = key.and_then(|key| view.ledger.record.slot(key)).filter(|_| counted);
        Some(Self {
            id: first.id.to_string(),
            rule: first.rule.word(),
            reason: first.rule.sentence(),
            // A preference and the last resort do not go by the tries that are left.
            tries_left: slot.filter(|_| !first.rule.is_preference() && first.rule != Rule::LastResort).map(|slot| slot.left),
            defect: view.defect(first).map(ToString::to_string),
        })
    }

    fn text(&self, fallback: Option<&str>) -> String {
        let tries = self.tries_left.map(|left| format!("; tries left: {left}")).unwrap_or_default();
        let then = fallback.map_or("nothing else boots".into(), |id| format!("then {id}"));
        let defect = self.defect.as_ref().map(|defect| format!(" (cannot boot: {defect}; {then})")).unwrap_or_default();
        format!("{}: {}{tries}{defect}", self.id, self.reason)
    }
}
