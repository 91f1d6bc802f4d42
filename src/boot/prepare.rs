//! prepare-root: from a mounted physical root to the root of the chosen deployment, in one boot.
//!
//! The flow reads like the design's section 2; every decision is made in `decide`.

use super::attempt::{self, Ground, Standing};
use super::evidence::Within;
use super::ledger::Ledger;
use super::loader::{self, Seen};
use super::ostree::{Asked, keeps_record};
use super::store::Store;
use super::watchdog::Guard;
use super::{announce, evidence, facts, kexec, load, nothing_boots, ostree, sysroot};
use crate::decide::cmdline::Cmdline;
use crate::decide::model::{Candidate, Counting, Deployment, Disk, Facts, FailedCandidate, Id, Report, Request, Selection};
use crate::decide::nothing_boots::Scene;
use crate::decide::ostree::target::target;
use crate::decide::plan::units;
use crate::decide::record::Key;
use crate::decide::record::change::{Attempt, Failure};
use crate::decide::record::ending::{Ending, Phase};
use crate::decide::select::{Input, select};
use crate::error::{Error, Kind, OrFail, Result};
use crate::sys::fs;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Where to work; the defaults are those of an initramfs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// The mounted physical root, replaced by the new root.
    pub sysroot: String,
    /// Instead of /proc/cmdline.
    pub cmdline: Option<String>,
    /// The root below which the configuration is looked up.
    pub config_root: String,
    pub run: String,
}

impl Default for Options {
    fn default() -> Self {
        Self { sysroot: "/sysroot".into(), cmdline: None, config_root: "/".into(), run: "/run".into() }
    }
}

/// What prepare-root came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// A verified root stands at SYSROOT.
    Stands(Box<Report>),
    /// It stood already: an earlier run in this boot made it.
    StoodAlready,
    /// `bedplate=0`.
    Disabled,
}

/// Chooses, counts, mounts, verifies; on a failure takes the next candidate. Fails only when none is left.
pub fn prepare(options: &Options) -> Result<Outcome> {
    let text = load::cmdline(options.cmdline.as_deref())?;
    let (mut request, mut warnings) = load::request(&options.config_root, &text)?;
    say(&warnings);
    let cmdline = Cmdline::parse(&text);
    let asked = target(&cmdline)?;
    if request.disabled && asked.is_none() {
        return Ok(Outcome::Disabled);
    }
    // It names this program where the kernel has started it from the disk.
    request.init.take_if(|init| init.ends_with("/ostree-prepare-root"));
    let boot_id = facts::boot_id()?;
    if announce::stands_already(&options.run, &options.sysroot, &boot_id)? {
        return Ok(Outcome::StoodAlready);
    }
    let asked = asked.map(|link| Asked::look(options, &cmdline, link, &mut warnings)).transpose()?;
    if let Some(asked) = &asked
        && !keeps_record(options, &request)?
    {
        return ostree::prepare(options, request, asked, warnings).map(|report| Outcome::Stands(Box::new(report)));
    }
    let policy = request.config.boot.when_nothing_boots;
    match Boot::look(options, request, asked, warnings) {
        Ok(boot) => boot.bring_up().map(|report| Outcome::Stands(Box::new(report))),
        Err(error) => {
            nothing_boots::leave(options, policy, &error, None);
            Err(error)
        }
    }
}

fn say(warnings: &[String]) {
    for warning in warnings {
        log::warn!("{warning}");
    }
}

/// What a disk that cannot be written means for the choice.
fn uncounted(disk: &Disk) -> Option<String> {
    let Disk::ReadOnly(why) = disk else { return None };
    Some(format!("the record cannot be written ({why}): choosing without counting, a deployment on trial has to wait"))
}

/// The counters of the loader, and whose kernel it has started, by what it says or else by the entry's own word.
fn look_at_loader(request: &Request, store: &Store, facts: &Facts) -> Seen {
    let ids: Vec<Id> = facts.deployments.iter().map(|deployment| deployment.id.clone()).collect();
    let mut seen = loader::look(request.config.boot.record, &store.sysroot, &ids);
    seen.running = seen.running.or_else(|| request.entry.clone());
    seen
}

/// No slot is known to belong to a deployment without a readable manifest: no rule comes to it, and only this says why.
fn torn(deployment: &Deployment) -> Option<String> {
    let error = deployment.defect.as_ref().filter(|_| deployment.manifest.is_none())?;
    Some(format!("{} cannot boot: {error}, passing it over", deployment.id))
}

/// One boot's work in progress.
struct Boot<'a> {
    options: &'a Options,
    request: Request,
    store: Store,
    facts: Facts,
    ledger: Ledger,
    disk: Disk,
    guard: Guard,
    loader: Seen,
    /// Whose boot the one before this one was.
    before: Option<Key>,
    asked: Option<Asked>,
    failed: Vec<FailedCandidate>,
    warnings: Vec<String>,
}

impl<'a> Boot<'a> {
    fn look(options: &'a Options, request: Request, asked: Option<Asked>, mut warnings: Vec<String>) -> Result<Self> {
        let (root, disk) = sysroot::open(&options.sysroot)?;
        let store = Store::open(root, &options.sysroot)?;
        let heard = warnings.len();
        let mut facts = facts::gather(&store, request.init.as_deref(), &mut warnings)?;
        let mut ledger = Ledger::open(&store, &facts.deployments, &disk, request.config.boot.tries);
        if let Some(attempt) = &request.attempt {
            ledger.record.continue_boot(attempt.short(), facts.boot_id.short());
        }
        let before = ledger.record.ran_before(facts.boot_id.short());
        let within = if request.attempt.is_some() { Within::OneBoot } else { Within::NewBoot };
        evidence::find_out(&store, &mut facts, &mut ledger.record, within);
        let loader = look_at_loader(&request, &store, &facts);
        warnings.extend(ledger.warning().or_else(|| uncounted(&disk)));
        warnings.extend(loader.warning(request.config.boot.record, &ledger.record, &facts.deployments));
        warnings.extend(store.writable_by_others(facts.deployments.iter().map(|deployment| &deployment.id)));
        warnings.extend(facts.deployments.iter().filter_map(torn));
        let failed = asked.as_ref().and_then(|asked| asked.hear(&request, &mut ledger.record, &store, &facts));
        warnings.extend(failed.as_ref().map(|failed| format!("{}, trying another deployment", failed.why)));
        say(warnings.get(heard..).unwrap_or_default());
        let guard = Guard::new(&options.run, request.config.boot.watchdog);
        let failed = failed.into_iter().collect();
        Ok(Self { options, request, store, facts, ledger, disk, guard, loader, before, asked, failed, warnings })
    }

    fn bring_up(mut self) -> Result<Report> {
        let stands = self.first_that_stands();
        let left = |error: &Error| {
            let policy = self.request.config.boot.when_nothing_boots;
            nothing_boots::leave(self.options, policy, error, Some((&self.store, &self.scene())));
        };
        let (standing, selection) = stands.inspect_err(left)?;
        self.announce(standing, &selection)
    }

    fn scene(&self) -> Scene<'_> {
        Scene { facts: &self.facts, record: &self.ledger.record, disk: &self.disk, failed: &self.failed }
    }

    fn select(&self) -> Selection {
        let failed: Vec<Id> = self.failed.iter().map(|candidate| candidate.id.clone()).collect();
        let (request, facts) = (&self.request, &self.facts);
        let record = &self.loader.state.limit(&self.ledger.record, &facts.deployments, self.loader.running.as_ref());
        select(Input { request, facts, record, disk: &self.ledger.access, failed: &failed })
    }

    /// Tries candidates until one stands. Each failure takes one out, so there are at most as many rounds as deployments,
    /// and one more for a record that turns out not to be writable.
    fn first_that_stands(&mut self) -> Result<(Standing, Selection)> {
        loop {
            let selection = self.select();
            self.heed(&selection.notes);
            let Some(candidate) = selection.first().cloned() else { return Err(self.nothing_boots()) };
            if !self.count(&candidate) {
                continue;
            }
            let odd = self.guard.before(candidate.counting);
            self.heed(&odd);
            match self.attempt(&candidate) {
                Ok(standing) => return Ok((standing, selection)),
                Err(error) => {
                    self.fail(&candidate, &error);
                    self.reopen();
                }
            }
        }
    }

    /// A root that was taken back after it stood has left another mount of the disk at SYSROOT than the one that was open.
    fn reopen(&mut self) {
        let path = &self.options.sysroot;
        match fs::open_dir(path).or_fail("cannot open", path).and_then(|root| Store::open(root, path)) {
            Ok(store) => self.store = store,
            Err(error) => self.heed(&[format!("{error}, going on with what is open")]),
        }
    }

    /// Logs what was not said before.
    fn heed(&mut self, notes: &[String]) {
        for note in notes {
            if !self.warnings.contains(note) {
                log::warn!("{note}");
                self.warnings.push(note.clone());
            }
        }
    }

    fn as_attempt(&self, candidate: &Candidate) -> Option<Attempt> {
        let key_of = |id: &str| self.facts.deployments.iter().find(|d| d.id.as_str() == id).and_then(Deployment::key);
        let argument = self.request.deployment.as_deref().and_then(key_of);
        let boot = self.facts.boot_id.short();
        key_of(candidate.id.as_str()).map(|key| Attempt { key, rule: candidate.rule, boot, argument })
    }

    /// Consumes the try, durably, before anything of the deployment is touched. `false`: it could not be written down, and
    /// the choice has to be made again without counting.
    fn count(&mut self, candidate: &Candidate) -> bool {
        let attempt = match self.as_attempt(candidate) {
            Some(attempt) if candidate.counting == Counting::Counted => attempt,
            _ => {
                self.write_down_evidence();
                return true;
            }
        };
        let again = self.ledger.record.slot(attempt.key).is_some_and(|slot| slot.is_open_in(attempt.boot));
        self.ledger.record.drop_spent_default(self.request.config.boot.tries, attempt.boot, attempt.argument);
        self.ledger.record.count(attempt);
        if !self.ledger.is_changed() || cfg!(feature = "break-record") {
            return true;
        }
        match self.ledger.commit(&self.store) {
            Ok(()) if again => true,
            Ok(()) => {
                announce::history_attempt(&self.store, candidate, &self.facts, &self.ledger.record);
                true
            }
            Err(error) => {
                self.heed(&[format!("cannot count the try of {}: {error}, choosing again without counting", candidate.id)]);
                self.ledger.take_back();
                self.look_at_disk_again();
                false
            }
        }
    }

    /// An incumbent's boot writes nothing, but for this: a reset or a panic that another deployment left would be taken for
    /// the incumbent's own, if this boot ended early, too.
    fn write_down_evidence(&mut self) {
        let hung = |ending: &Ending| ending.phase == Phase::Ended;
        let other = |ending: &Ending| hung(ending) || (ending.is_proven() && self.ledger.record.incumbent != Some(ending.key));
        if !self.ledger.is_writable() || !self.facts.previous.as_ref().is_some_and(other) {
            return;
        }
        if let Err(error) = self.ledger.commit(&self.store) {
            self.heed(&[format!("cannot write down how the last boot ended: {error}, going on without")]);
            self.look_at_disk_again();
        }
    }

    fn attempt(&self, candidate: &Candidate) -> Result<Standing> {
        let deployment = self.facts.deployment(&candidate.id).ok_or_else(|| Error::transient(format!("{} is gone", candidate.id)))?;
        if let Some(defect) = &deployment.defect {
            return Err(defect.clone());
        }
        if let Some(kernel) = &candidate.kernel {
            let running = load::cmdline(self.options.cmdline.as_deref())?;
            match kexec::jump(&self.store, deployment, kernel, &running, &self.facts.boot_id)? {}
        }
        let Self { options, request, store, facts, disk, before, .. } = self;
        let conf = self.asked.as_ref().map(|asked| &asked.conf);
        let ground = Ground { options, request, store, facts, record: &self.ledger.record, disk, before: *before, conf };
        attempt::attempt(&ground, deployment, candidate.counting)
    }

    /// Records the failure and takes the candidate out of this boot.
    fn fail(&mut self, candidate: &Candidate, error: &Error) {
        if let Some(attempt) = self.as_attempt(candidate) {
            self.ledger.record.fail(attempt, candidate.counting, self.verdict(error));
        }
        let written = if self.ledger.is_writable() { self.ledger.commit(&self.store).err() } else { None };
        if written.is_some() {
            self.look_at_disk_again();
        }
        let written = written.map(|error| format!(" ({error})"));
        let (id, written) = (&candidate.id, written.unwrap_or_default());
        self.heed(&[format!("{id} cannot boot: {error}{written}, trying the next deployment")]);
        self.failed.push(FailedCandidate { id: id.clone(), why: error.text.clone() });
    }

    /// With what somebody typed for this boot, a failure is no proof that the deployment fails at every boot.
    fn verdict(&self, error: &Error) -> Failure {
        if error.kind == Kind::Deterministic && !self.request.altered { Failure::Deterministic } else { Failure::Transient }
    }

    /// A file system that cannot be written may have turned itself read-only: what is planned from now on has to know.
    fn look_at_disk_again(&mut self) {
        if self.disk == Disk::Writable && fs::is_read_only(&self.store.sysroot) == Ok(true) {
            self.disk = Disk::ReadOnly("it turned read-only".into());
        }
    }

    fn nothing_boots(&self) -> Error {
        let each = self.scene().summary();
        Error::transient(format!(
            "no deployment boots; {each}. next step: boot with bedplate.deployment=ID to name one, or repair the store from another system"
        ))
    }

    fn announce(self, mut standing: Standing, selection: &Selection) -> Result<Report> {
        if self.guard.running().is_some() {
            units::ensure_keeper(&mut standing.plan.run_files);
        }
        announce::Announcement {
            options: self.options,
            request: self.request,
            facts: &self.facts,
            record: &self.ledger.record,
            failed: self.failed,
            warnings: self.warnings,
            standing,
            selection,
        }
        .publish()
    }
}
