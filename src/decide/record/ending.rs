//! How boots go on and end: what the booted system notes, and what the boot after it finds out.

use super::{Key, Outcome, Record, ShortBootId, Status, TookTry};
use crate::decide::model::{Evidence, Rule};
use alloc::format;
use alloc::string::String;
use serde::{Deserialize, Serialize};

/// The last boot that the record knows of. The incumbent's boots are known from the start of the booted system on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LastBoot {
    pub key: Key,
    pub boot: ShortBootId,
    pub phase: Phase,
}

/// How far it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// It was counted, or failed, in the initramfs.
    Begun,
    /// Its local file systems were there.
    Started,
    /// It noted its end by itself, before it was over.
    Ended,
    /// A boot after it knows how it ended.
    Closed,
}

/// How the boot before this one ended, and whose it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ending {
    pub key: Key,
    /// `None`: a boot of the incumbent that wrote nothing.
    pub boot: Option<ShortBootId>,
    pub outcome: Outcome,
    pub phase: Phase,
}

impl Ending {
    /// The machine itself says that the boot went wrong; nothing is only guessed from silence. What went wrong once the boot had
    /// noted its end, as a shutdown that hangs, is nothing against its deployment.
    pub const fn is_proven(&self) -> bool {
        matches!(self.outcome, Outcome::Watchdog | Outcome::Panic) && !matches!(self.phase, Phase::Ended)
    }

    /// The same with evidence that came to light later: it tells more than silence.
    #[must_use]
    pub fn with(self, evidence: Evidence) -> Self {
        match evidence.outcome() {
            Some(outcome) if self.outcome == Outcome::Lost => Self { outcome, ..self },
            _ => self,
        }
    }
}

/// A short boot id as people see it.
pub fn hex(boot: &ShortBootId) -> String {
    format!("{:016x}", u64::from_be_bytes(*boot))
}

/// [`hex`] back to what it was.
pub fn unhex(text: &str) -> Option<ShortBootId> {
    let all = text.len() == 16 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    all.then(|| u64::from_str_radix(text, 16).ok()).flatten().map(u64::to_be_bytes)
}

impl Record {
    /// The booted system has come as far as its local file systems. The second call in one boot changes nothing.
    pub fn note_started(&mut self, key: Key, boot: ShortBootId) {
        let started = LastBoot { key, boot, phase: Phase::Started };
        if self.last == Some(started) {
            return;
        }
        let Some(slot) = self.slot_mut(key) else { return };
        slot.started = slot.started.saturating_add(1);
        self.last = Some(started);
    }

    /// A clean shutdown: starts are forgotten, and a counted attempt of this boot that has no outcome yet is given back as it
    /// was taken, at most `refunds` times per arming. What was marked bad gets nothing back.
    pub fn note_shutdown(&mut self, key: Key, boot: ShortBootId, refunds: u8) {
        let Some(slot) = self.slot_mut(key) else { return };
        slot.started = 0;
        self.give_back(key, boot, refunds);
        self.last = Some(LastBoot { key, boot, phase: Phase::Ended });
    }

    fn give_back(&mut self, key: Key, boot: ShortBootId, refunds: u8) {
        let Some(slot) = self.slot_mut(key).filter(|slot| slot.is_open_in(boot)) else { return };
        slot.outcome = Outcome::CleanReboot;
        if slot.refunds_used >= refunds || slot.status == Status::MarkedBad {
            return;
        }
        slot.refunds_used = slot.refunds_used.saturating_add(1);
        slot.done = slot.done.saturating_sub(1);
        if slot.took_try == TookTry::Yes {
            slot.left = slot.left.saturating_add(1);
        }
        if matches!(slot.rule, Some(Rule::Argument | Rule::Default)) {
            slot.forced = slot.forced.saturating_sub(1);
        }
    }

    /// How the counted attempt of this boot ended, where that is known and it was not a success.
    pub fn note_outcome(&mut self, key: Key, boot: ShortBootId, outcome: Outcome) {
        let Some(slot) = self.slot_mut(key).filter(|slot| slot.is_open_in(boot)) else { return };
        slot.outcome = outcome;
        self.last = Some(LastBoot { key, boot, phase: Phase::Ended });
    }

    /// How the boot before `now` ended, as far as anyone knows. Where a boot has noted its end and evidence is there all the same, it
    /// went wrong after that. Where that is known already, an incumbent's boot came between that wrote nothing. Once this boot
    /// is in the record, the question is answered: `None`.
    pub fn previous_end(&self, evidence: Evidence, now: ShortBootId) -> Option<Ending> {
        if self.last.is_some_and(|last| last.boot == now) {
            return None;
        }
        let found = evidence.outcome();
        let unwritten = |outcome| Some(Ending { key: self.incumbent?, boot: None, outcome, phase: Phase::Begun });
        match self.last {
            Some(last @ LastBoot { key, boot, phase }) if self.is_open(&last) => {
                Some(Ending { key, boot: Some(boot), outcome: found.unwrap_or(Outcome::Lost), phase })
            }
            Some(LastBoot { key, boot, phase: Phase::Ended }) => {
                Some(Ending { key, boot: Some(boot), outcome: found?, phase: Phase::Ended })
            }
            _ => found.and_then(unwritten),
        }
    }

    /// The deployment whose root stood in the last boot before `now` that the record knows of.
    pub fn ran_before(&self, now: ShortBootId) -> Option<Key> {
        let stood = |last: &LastBoot| last.boot != now && self.slot(last.key).is_some_and(|slot| !slot.failed_in(last.boot));
        self.last.filter(stood).map(|last| last.key)
    }

    /// Not one whose root could not be mounted either: after it the same boot went on with the incumbent, or with nothing.
    fn is_open(&self, last: &LastBoot) -> bool {
        matches!(last.phase, Phase::Begun | Phase::Started) && self.slot(last.key).is_some_and(|slot| !slot.failed_in(last.boot))
    }

    /// Writes down how the boot before `now` ended, where the deployment has not begun another boot since. What it noted by itself
    /// stays.
    pub fn close(&mut self, ending: &Ending, now: ShortBootId) {
        if let Some(slot) = self.slot_mut(ending.key).filter(|slot| slot.attempt != now && ending.phase != Phase::Ended) {
            slot.outcome = ending.outcome;
        }
        if let Some(last) = self.last.as_mut().filter(|last| last.boot != now) {
            last.phase = Phase::Closed;
        }
    }
}
