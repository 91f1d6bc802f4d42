//! Tells the booted system what happened: /run/bedplate, the service manager's runtime units, history.
//!
//! The root stands already when this runs: what cannot be written here is a warning, never a failed boot.

use super::attempt::Standing;
use super::prepare::Options;
use super::store::Store;
use crate::decide::model::{
    BootId, Booted, Candidate, Chosen, Counting, Deployment, Facts, FailedCandidate, Id, Plan, PreviousBoot, Report, Request, Rule,
    RunContent, SCHEMA, Selection,
};
use crate::decide::plan::units::{self, RUN_PROGRAM, RUN_SCREEN};
use crate::decide::record::Record;
use crate::decide::record::ending::{Ending, hex};
use crate::error::{Errno, Error, OrFail, Result};
use crate::sys::mount::{self, Flags};
use crate::sys::{OwnedFd, SysResult, fs, host};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// The report of this boot, below /run.
pub const BOOT_JSON: &str = "bedplate/boot.json";
/// Exists after a fallback, for units and monitoring; below /run.
pub const ROLLED_BACK: &str = "bedplate/rolled-back";

/// All that is known once a root stands.
#[derive(Debug)]
pub struct Announcement<'a> {
    pub options: &'a Options,
    pub request: Request,
    pub facts: &'a Facts,
    pub record: &'a Record,
    pub failed: Vec<FailedCandidate>,
    pub warnings: Vec<String>,
    pub standing: Standing,
    pub selection: &'a Selection,
}

impl Announcement<'_> {
    /// Writes everything below /run; the report is also returned.
    pub fn publish(mut self) -> Result<Report> {
        let candidate = self.selection.first().cloned().ok_or_else(|| Error::transient("nothing was chosen"))?;
        for warning in self.standing.warnings.iter().chain(&self.standing.plan.warnings) {
            log::warn!("{warning}");
            self.warnings.push(warning.clone());
        }
        self.write_for_booted_system();
        let options = self.options;
        let report = self.report(&candidate);
        if let Err(error) = write_report(options, &report) {
            log::warn!("{error}, going on without the report: this boot cannot be marked good");
        }
        log::info!("{}", headline(&report));
        Ok(report)
    }

    /// Each for itself: one that fails takes no other with it.
    fn write_for_booted_system(&mut self) {
        let run = match fs::open_dir(&self.options.run).or_fail("cannot open", &self.options.run) {
            Ok(run) => run,
            Err(error) => return self.warn_on_failure("the booted system's units are missing", Err(error)),
        };
        // Where none of it holds any more: a counted boot gets its countdown with its units.
        for stale in [RUN_SCREEN, units::RUN_COUNTDOWN] {
            let removed = fs::clear_in(&run, stale).or_fail("cannot remove", stale);
            self.warn_on_failure("what an earlier run says of this boot is still there", removed);
        }
        if units::needs_program(&self.standing.plan.run_files) {
            self.warn_on_failure("the units of this trial have no program", copy_program(&run));
        }
        self.warn_on_failure("the booted system's units are not complete", write_files(&run, &self.standing.plan));
        self.warn_on_failure("the fallback is not announced", self.announce_fallback(&run));
    }

    fn warn_on_failure(&mut self, so: &str, result: Result<()>) {
        if let Err(error) = result {
            let warning = format!("{so}: {error}, going on without");
            log::warn!("{warning}");
            self.warnings.push(warning);
        }
    }

    fn announce_fallback(&self, run: &OwnedFd) -> Result<()> {
        match &self.selection.fell_back_from {
            Some(from) => replace(run, ROLLED_BACK, 0o644, format!("{from}\n").as_bytes()),
            None => Ok(()),
        }
    }

    fn report(self, candidate: &Candidate) -> Report {
        let deployment = self.facts.deployment(&candidate.id);
        let manifest = deployment.and_then(|deployment| deployment.manifest.as_ref());
        Report {
            schema: SCHEMA,
            bedplate: env!("CARGO_PKG_VERSION").into(),
            boot_id: self.facts.boot_id.clone(),
            deployment: Booted {
                id: candidate.id.clone(),
                instance: manifest.map(|manifest| manifest.instance.clone()),
                version: manifest.map(|manifest| manifest.version.clone()).unwrap_or_default(),
            },
            ostree: deployment.and_then(Deployment::ostree).cloned(),
            choice: self.chosen(candidate),
            previous: self.facts.previous.as_ref().map(|ending| previous(self.facts, ending)),
            reset: self.standing.reset,
            failed: self.failed,
            carried: self.standing.carried,
            mounts: self.standing.mounts,
            warnings: self.warnings,
            timing: self.standing.timing,
            kexec_from: self.request.attempt,
            argument: self.request.deployment,
            init: self.standing.plan.init,
            config: self.request.config,
        }
    }

    /// On an OSTree system it is the boot loader that names a deployment.
    fn reason(&self, rule: Rule) -> &'static str {
        let ostree = self.facts.deployments.iter().any(|deployment| deployment.ostree().is_some());
        if ostree && self.request.deployment.is_none() { rule.sentence_of_loader() } else { rule.sentence() }
    }

    fn chosen(&self, candidate: &Candidate) -> Chosen {
        let key = self.facts.deployment(&candidate.id).and_then(Deployment::key);
        let slot = key.and_then(|key| self.record.slot(key)).filter(|_| candidate.counting == Counting::Counted);
        Chosen {
            rule: candidate.rule.word().into(),
            reason: self.reason(candidate.rule).into(),
            counted: candidate.counting == Counting::Counted,
            try_number: slot.map(|slot| slot.done),
            try_of: slot.map(|slot| slot.done.saturating_add(slot.left)),
            fallback: self.selection.fallback().cloned(),
            fell_back_from: self.selection.fell_back_from.clone(),
        }
    }
}

/// One line on what boots and why.
fn headline(report: &Report) -> String {
    let tries = match (report.choice.try_number, report.choice.try_of) {
        (Some(number), Some(of)) => format!(", try {number} of {of}"),
        _ => String::new(),
    };
    let fallback = report.choice.fallback.as_ref().map_or("nothing".to_string(), ToString::to_string);
    format!("booting {}: {}{tries}; if it fails: {fallback}", report.deployment.id, report.choice.reason)
}

fn replace(run: &OwnedFd, path: &str, mode: u16, content: &[u8]) -> Result<()> {
    fs::make_dirs(run, fs::split(path).0, 0o755).or_fail("cannot make the directory of", path)?;
    fs::replace_in(run, path, mode, content).or_fail("cannot write", path)
}

fn write_report(options: &Options, report: &Report) -> Result<()> {
    let run = fs::open_dir(&options.run).or_fail("cannot open", &options.run)?;
    let text = serde_json::to_string_pretty(report).map_err(|error| Error::transient(format!("cannot write \"{BOOT_JSON}\": {error}")))?;
    replace(&run, BOOT_JSON, 0o644, text.as_bytes())
}

fn write_files(run: &OwnedFd, plan: &Plan) -> Result<()> {
    for file in &plan.run_files {
        match &file.content {
            RunContent::Text(text) => replace(run, &file.path, 0o644, text.as_bytes())?,
            RunContent::Bytes(bytes) => replace(run, &file.path, 0o644, bytes)?,
            RunContent::Link(target) => {
                fs::make_dirs(run, fs::split(&file.path).0, 0o755).or_fail("cannot make the directory of", &file.path)?;
                match fs::make_symlink(run, &file.path, target) {
                    Ok(()) | Err(Errno::EEXIST) => {}
                    Err(errno) => return Err(errno).or_fail("cannot link", &file.path),
                }
            }
        }
    }
    Ok(())
}

/// The runtime units run this copy: the deployment's own may be missing or broken.
fn copy_program(run: &OwnedFd) -> Result<()> {
    let program = fs::open_dir("/proc/self/").and_then(fs::open_program).or_fail("cannot open", "/proc/self/exe")?;
    let directory = fs::split(RUN_PROGRAM).0;
    fs::make_dirs(run, directory, 0o755).or_fail("cannot make", directory)?;
    programs_run_in(run, directory).or_fail("cannot clear noexec of", directory)?;
    fs::clear_in(run, RUN_PROGRAM).or_fail("cannot remove", RUN_PROGRAM)?;
    let copy = fs::create_in(run, RUN_PROGRAM, 0o755).or_fail("cannot create", RUN_PROGRAM)?;
    fs::copy_content(&program, &copy).or_fail("cannot write", RUN_PROGRAM)
}

/// dracut without systemd mounts /run noexec: then the directory gets a mount of its own that is not.
fn programs_run_in(run: &OwnedFd, directory: &str) -> SysResult<()> {
    let there = fs::open_target_in(run, directory)?;
    if !mount::flags_of(&there)?.contains(Flags::NOEXEC) {
        return Ok(());
    }
    let clone = mount::clone_tree(&there)?;
    mount::make_private(&clone)?;
    mount::set_flags(&clone, Flags::default(), Flags::NOEXEC)?;
    mount::attach(&clone, &there)
}

fn previous(facts: &Facts, ending: &Ending) -> PreviousBoot {
    let boot = ending.boot.map(|boot| hex(&boot));
    PreviousBoot { id: facts.id_of(ending.key).cloned(), boot, ended: ending.outcome, reached: ending.phase }
}

/// One line for each counted attempt, without a flush; how the boot before ended is in it, since this one may not come as far
/// as to tell. A full disk costs the line, not the boot.
pub fn history_attempt(store: &Store, candidate: &Candidate, facts: &Facts, record: &Record) {
    let (time, boot_id, id, rule) = (host::unix_time(), &facts.boot_id, &candidate.id, candidate.rule.word());
    let slot = facts.deployment(id).and_then(Deployment::key).and_then(|key| record.slot(key));
    let tries = slot.map(|slot| format!(r#","try":{},"of":{}"#, slot.done, slot.done.saturating_add(slot.left))).unwrap_or_default();
    let ended = |ending: &Ending| {
        let id = facts.id_of(ending.key).map_or("-", Id::as_str);
        format!(r#","before":"{id}","outcome":"{}""#, ending.outcome.word())
    };
    let before = facts.previous.as_ref().map(ended).unwrap_or_default();
    let attempt =
        format!(r#"{{"time":{time},"boot-id":"{boot_id}","event":"attempt","deployment":"{id}","rule":"{rule}"{tries}{before}}}"#);
    if let Err(error) = store.append_history(&attempt) {
        log::warn!("{error}, going on without this line of history");
    }
}

/// Whether an earlier run of this boot has done it all: its report is there and SYSROOT is the root that it lists.
pub fn stands_already(run: &str, sysroot: &str, boot_id: &BootId) -> Result<bool> {
    let text = fs::open_dir(run).and_then(|run| fs::read_text(run, BOOT_JSON));
    let report: Option<Report> = text.ok().and_then(|text| serde_json::from_str(&text).ok());
    match report {
        Some(report) if report.boot_id == *boot_id => super::verify::is_root(sysroot, &report.mounts),
        _ => Ok(false),
    }
}
