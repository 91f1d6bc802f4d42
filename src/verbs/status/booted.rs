//! What `status` tells of the deployment that runs.

use super::super::access::View;
use super::super::diff::summary::Summary;
use super::super::ostree::{self, Chooser, Shown};
use super::super::verify::Verified;
use bedplate::boot::carry;
use bedplate::decide::cmdline::Cmdline;
use bedplate::decide::health::Health;
use bedplate::decide::kernel::ENTRY;
use bedplate::decide::model::{Carried, Chosen, FailedCandidate, Id, PreviousBoot, ResetDone, ResetKind};
use bedplate::decide::record::{Outcome, Slot, Status as Standing};
use bedplate::sys::host;
use serde::Serialize;

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Booted {
    id: String,
    version: String,
    /// Of its usr.manifest: it names the content of /usr.
    digest: Option<String>,
    /// Where it stands in OSTree's layout, where it is one of OSTree's.
    ostree: Option<Shown>,
    /// `None`: no record says whether it is good.
    #[serde(skip)]
    verdict: Option<&'static str>,
    /// What `bedplate verify` came to in this boot; `None`: it has not run.
    verified: Option<Verified>,
    pub choice: Chosen,
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

impl Booted {
    pub fn of(view: &View, health: Option<Health>, verified: Option<Verified>, drift: Option<Summary>) -> Option<Self> {
        let report = view.report.as_ref()?;
        let deployment = view.booted();
        let slot = view.booted_key().and_then(|key| view.ledger.record.slot(key));
        let previous = report.previous.clone().map(|previous| known_now(view, previous));
        Some(Self {
            id: report.deployment.id.to_string(),
            version: report.deployment.version.clone(),
            digest: deployment.filter(|_| report.ostree.is_none()).and_then(|deployment| deployment.manifest.as_ref()?.digest.clone()),
            ostree: deployment.and_then(|deployment| Shown::of(view, deployment)),
            verdict: (ostree::chooser(view) != Some(Chooser::BootLoader)).then(|| verdict(slot)),
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

    pub fn lines(&self, line: &mut impl FnMut(&str, &str)) {
        let version = if self.version.is_empty() { String::new() } else { format!(" (version {})", self.version) };
        let verdict = self.verdict.map(|verdict| format!(", {verdict}")).unwrap_or_default();
        line("booted", &format!("{}{version}{verdict}", self.id));
        if let Some(ostree) = &self.ostree {
            line("commit", &ostree.text());
        }
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

fn verdict(slot: Option<&Slot>) -> &'static str {
    match slot.map(|slot| slot.status) {
        Some(Standing::Good) => "good",
        Some(Standing::MarkedBad) => "marked bad",
        _ => "not marked good yet",
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

fn done(reset: &ResetDone) -> String {
    match reset.kind {
        ResetKind::Reset => format!("done in this boot: {}; undo with bedplate reset --undo", reset.what),
        ResetKind::Undo => format!("undone in this boot: {}", reset.what),
    }
}
