//! `status`: what runs and why, what would run next, and how much differs from the deployment.

mod booted;

use super::access::View;
use super::diff::summary::Summary;
use super::health;
use super::history::NothingBooted;
use super::ostree::{self, Chooser};
use super::verify;
use super::{Exit, plain, say, say_json};
use crate::cli;
use bedplate::boot::{reset, verify as mounts};
use bedplate::decide::health::Health;
use bedplate::decide::loader::state::State;
use bedplate::decide::model::{Deployment, Rule, SCHEMA, Selection};
use bedplate::decide::reset::journal::Wish;
use bedplate::error::{Error, Kind, Result};
use booted::Booted;
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
    /// On an OSTree system, who chooses what boots.
    ostree_chooser: Option<Chooser>,
    nothing_booted: Option<NothingBooted>,
    /// What the next boot is asked to reset or to bring back.
    reset_asked: Option<Wish>,
    /// What the boot loader counts, where `boot.record` names one.
    loader: Option<State>,
    warnings: Vec<String>,
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
            ostree_chooser: ostree::chooser(view),
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
        if self.by_loader() {
            line("rollback", "off: the boot loader alone chooses ([ostree] rollback = true in the initramfs's bedplate.toml)");
        }
        if let Some(nothing) = &self.nothing_booted {
            line("no root", &nothing.text());
        }
        match &self.next {
            Some(next) => line("next boot", &next.text(self.fallback.as_deref())),
            None if self.by_loader() => line("next boot", "what the boot loader asks for"),
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

impl Status {
    fn by_loader(&self) -> bool {
        self.ostree_chooser == Some(Chooser::BootLoader)
    }
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
            reason: ostree::reason(view, first.rule),
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
