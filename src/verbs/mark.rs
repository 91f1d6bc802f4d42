//! `mark`: the verdict on the booted deployment, as marker and in the record.

use super::access::{self, View};
use super::boot_partition::BootPartition;
use super::{Exit, init_store, ostree, say};
use crate::cli;
use bedplate::boot::verify;
use bedplate::decide::marker::{Marker, Verdict};
use bedplate::decide::model::{Deployment, Report, Rule};
use bedplate::decide::plan::units::{RUN_COUNTDOWN, RUN_MARKED_GOOD};
use bedplate::decide::record::Key;
use bedplate::decide::verdict::{said, success_revision};
use bedplate::error::{Error, OrFail, Result};
use bedplate::sys::{fs, host};
use std::io::Write;

pub fn run(args: &cli::Mark, out: &mut dyn Write) -> Result<Exit> {
    match (args.verdict.as_str(), &args.reason) {
        ("good", None) => good(args, out),
        ("bad", Some(reason)) => bad(args, reason, out),
        ("good", Some(_)) => Err(Error::usage("--reason goes with mark bad")),
        ("bad", None) => Err(Error::usage("mark bad needs --reason TEXT: the history keeps it")),
        (other, _) => Err(Error::usage(format!("mark takes good or bad, not \"{other}\""))),
    }
}

/// The deployment that this boot is the proof of; refused where this boot proves nothing.
struct Subject {
    view: View,
    report: Report,
    deployment: Deployment,
    key: Key,
}

impl Subject {
    fn open(args: &cli::Mark) -> Result<Self> {
        let view = Self::view(args)?;
        let Some(report) = view.report.clone() else {
            return Err(Error::refused(format!(
                "\"{}/bedplate/boot.json\" is missing or from another boot: this boot did not go through prepare-root",
                args.run
            )));
        };
        if !verify::is_root("/", &report.mounts)? {
            return Err(Error::refused(
                "/ is not the mount that prepare-root made: after a soft reboot (/run/nextroot) or a foreign kexec, mark nothing",
            ));
        }
        let booted = view.booted().cloned().and_then(|deployment| Some((deployment.key()?, deployment)));
        match booted {
            // The first on an OSTree system with a record: nobody has armed it.
            Some((key, deployment)) if view.ledger.record.slot(key).is_some() || report.ostree.is_some() => {
                Ok(Self { view, report, deployment, key })
            }
            _ => Err(Error::refused(format!("{} has no slot in the record any more", report.deployment.id))),
        }
    }

    /// With the store, which an OSTree system has none of until now.
    fn view(args: &cli::Mark) -> Result<View> {
        let sysroot = args.sysroot.as_deref();
        if args.verdict == "good" && ostree::keeps_nothing(sysroot) {
            let ours = |report: &Report| Ok(report.config.ostree.rollback && verify::is_root("/", &report.mounts)?);
            if access::this_boot(&args.run)?.as_ref().map(ours).transpose()? == Some(true) {
                init_store::make(&access::find_sysroot(sysroot))?;
            }
        }
        View::open_for_change(args.sysroot.as_deref(), &args.run)
    }

    fn write_marker(&self, verdict: Verdict, how: &str) -> Result<()> {
        let Some(instance) = self.deployment.instance().cloned() else { return Ok(()) };
        let record = &self.view.ledger.record;
        let revision = match verdict {
            Verdict::Failure => record.revision.saturating_add(1),
            Verdict::Success => success_revision(record, self.key, self.incumbents_marker(), self.deployment.marker.as_ref()),
        };
        let boot_id = self.view.facts.boot_id.as_str().into();
        let marker = Marker { verdict, instance, revision, time: host::unix_time(), boot_id, how: how.into() };
        self.view.store.write_marker(&self.deployment, &marker)
    }

    fn incumbents_marker(&self) -> Option<&Marker> {
        self.view.facts.owner(self.view.ledger.record.incumbent?)?.marker.as_ref()
    }

    /// The deployment that runs when a record is first kept: that it is good comes right after.
    fn arm_first(&mut self) -> Result<()> {
        let tries = self.view.config.boot.tries;
        let record = &mut self.view.ledger.record;
        match record.slot(self.key) {
            Some(_) => Ok(()),
            None => record.arm(self.key, tries, &[]).map(|_| ()).map_err(|_| Error::refused("the record is full")),
        }
    }

    /// Whether its newest marker says so. (One that another instance left does not count.)
    fn has_marker(&self, verdict: Verdict) -> bool {
        let own = self.deployment.marker.as_ref().filter(|marker| Some(&marker.instance) == self.deployment.instance());
        own.is_some_and(|marker| marker.verdict == verdict)
    }

    /// What a person or a health check has said in this boot is not undone by the unit that says that all went well.
    fn may_succeed(&self, rule: Rule) -> Result<()> {
        let Some(slot) = self.view.ledger.record.slot(self.key) else { return Ok(()) };
        let Some(said) = said(slot, rule, self.deployment.marker.as_ref(), &self.view.facts.boot_id) else { return Ok(()) };
        let (id, what) = (&self.deployment.id, said.words());
        Err(Error::refused(format!("{id} {what}, it stays so (bedplate set-default {id} takes it back)")))
    }
}

fn good(args: &cli::Mark, out: &mut dyn Write) -> Result<Exit> {
    use bedplate::decide::record::change::NewIncumbent;
    if let Some(why) = ostree::left_alone(args.sysroot.as_deref(), &args.run)? {
        log::info!("{why}: nothing is marked");
        return Ok(Exit::Done);
    }
    // What cannot be found there keeps nobody from being good.
    let boot = BootPartition::find(None);
    let mut subject = Subject::open(args)?;
    let rule = Rule::from_word(&subject.report.choice.rule).unwrap_or(Rule::Argument);
    subject.may_succeed(rule)?;
    let tries = subject.view.config.boot.tries;
    let before = subject.view.ledger.record.clone();
    let argument = subject.view.argument();
    ostree::forget_gone(&mut subject.view);
    subject.arm_first()?;
    let incumbent = subject.view.ledger.record.succeed(subject.key, rule, tries, argument);
    subject.view.ledger.record.drop_spent_default(tries, subject.view.facts.boot_id.short(), argument);
    if incumbent == NewIncumbent::Yes || !subject.has_marker(Verdict::Success) {
        // Without the marker the record still says good: a full disk must not make a good deployment roll back.
        if let Err(error) = subject.write_marker(Verdict::Success, "mark good") {
            log::warn!("{error}: the record alone says good until the next success");
        }
    }
    if subject.view.ledger.record != before {
        subject.view.commit()?;
    }
    end_the_trial(&args.run)?;
    let id = &subject.deployment.id;
    let first = before.slot(subject.key) != subject.view.ledger.record.slot(subject.key);
    if incumbent == NewIncumbent::Yes || (first && subject.report.choice.counted) {
        subject.view.note("good", id, "mark good");
    }
    if incumbent == NewIncumbent::Yes {
        if let Err(error) = boot.and_then(|boot| super::remove::prune(&mut subject.view, boot.as_ref())) {
            log::warn!("cannot remove deployments that nothing needs: {error}, trying again at the next success");
        }
    }
    if let Err(error) = bedplate::boot::reset::clear(&subject.view.store, &subject.view.facts.boot_id) {
        log::warn!("cannot remove what a reset has set aside: {error}, trying again at the next success");
    }
    // It is good all the same: the record says so.
    if let Err(error) = super::loader::good(&subject.view, id) {
        log::warn!("{error}");
    }
    say(out, &if first { format!("{id} is good\n") } else { format!("{id} is good already\n") })?;
    Ok(Exit::Done)
}

/// No deadline and no countdown any more.
fn end_the_trial(run: &str) -> Result<()> {
    let dir = fs::open_dir(run).or_fail("cannot open", run)?;
    fs::replace_in(&dir, RUN_MARKED_GOOD, 0o644, b"").or_fail("cannot write", RUN_MARKED_GOOD)?;
    fs::clear_in(&dir, RUN_COUNTDOWN).or_fail("cannot remove", RUN_COUNTDOWN)
}

fn bad(args: &cli::Mark, reason: &str, out: &mut dyn Write) -> Result<Exit> {
    let mut subject = Subject::open(args)?;
    let id = subject.deployment.id.clone();
    if !subject.has_marker(Verdict::Failure) {
        subject.write_marker(Verdict::Failure, reason)?;
    }
    let before = subject.view.ledger.record.clone();
    subject.view.ledger.record.mark_bad(subject.key);
    if subject.view.ledger.record == before {
        say(out, &format!("{id} is bad already\n"))?;
        return Ok(Exit::Done);
    }
    let next = subject.view.next_boot().first().map(|candidate| candidate.id.clone());
    let told = super::loader::leave(&subject.view, Some(&id), next.as_ref());
    subject.view.commit()?;
    subject.view.note("bad", &id, reason);
    told.map_err(|error| Error::new(error.kind, format!("{id} is bad, but {error}")))?;
    let next = subject.view.next_boot().first().map_or("nothing".into(), |candidate| candidate.id.to_string());
    say(out, &format!("{id} is bad; the next boot is {next}\n"))?;
    Ok(Exit::Done)
}
