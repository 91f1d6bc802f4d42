//! Which deployment boots: the rules of the design's section 3, in their order, as one pure function.
//!
//! It lists every candidate, best first. Whether one really boots is found out by trying; the next one is then the fallback.

#[cfg(test)]
mod tests;

use super::config::{Count, KernelMismatch, OnExhausted};
use super::kernel::OwnKernel;
use super::model::{Candidate, Counting, Deployment, Disk, Facts, Id, KernelFit, Kexec, Request, Rule, Selection};
use super::record::{Barred, Key, OnceGood, Record, SLOTS, Slot, Status};
use alloc::string::String;
use alloc::vec::Vec;

/// Everything that the choice depends on.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a> {
    pub request: &'a Request,
    pub facts: &'a Facts,
    /// The valid record, or what the markers remember where it is lost or of a newer format.
    pub record: &'a Record,
    /// Whether a try can be written down.
    pub disk: &'a Disk,
    /// Deployments that failed in this boot already.
    pub failed: &'a [Id],
}

/// Lists the candidates for this boot.
pub fn select(input: Input<'_>) -> Selection {
    let mut picker = Picker { input, selection: Selection::default() };
    picker.resume();
    picker.preferences();
    picker.trial();
    picker.incumbent();
    picker.once_good();
    picker.last_resort();
    picker.selection.fell_back_from = picker.fell_back_from();
    picker.selection
}

struct Picker<'a> {
    input: Input<'a>,
    selection: Selection,
}

impl<'a> Picker<'a> {
    /// prepare-root has run in this boot already: it goes on with what it chose, and takes no second try.
    fn resume(&mut self) {
        let open = self.input.record.slots.iter().find(|slot| self.is_open(slot));
        if let Some((slot, rule)) = open.and_then(|slot| Some((slot, slot.rule?))) {
            self.add_slot(slot, rule, Counting::Counted);
        }
    }

    fn preferences(&mut self) {
        self.argument();
        if self.writable() {
            if let Some(slot) = self.named(self.input.record.one_shot) {
                self.add_slot(slot, Rule::OneShot, Counting::Counted);
            }
            if let Some(slot) = self.named(self.input.record.default) {
                self.unless_spent(slot, Rule::Default);
            }
        }
    }

    fn argument(&mut self) {
        let Some(name) = &self.input.request.deployment else { return };
        let Some(deployment) = self.input.facts.deployments.iter().find(|d| d.id.as_str() == name) else {
            let existing: Vec<&str> = self.input.facts.deployments.iter().map(|d| d.id.as_str()).collect();
            let existing = if existing.is_empty() { "none".into() } else { existing.join(", ") };
            return self.note(alloc::format!("bedplate.deployment={name}: no such deployment (there are: {existing}), ignoring it"));
        };
        match self.slot_of(deployment) {
            Some(slot) if !self.writable() && slot.once_good == OnceGood::No => self.refuse_uncounted(&deployment.id),
            Some(slot) => self.unless_spent(slot, Rule::Argument),
            // It gets its slot when it is counted.
            None if self.writable() && self.input.record.slots.len() < SLOTS => self.add(deployment, Rule::Argument, Counting::Counted),
            None if self.writable() => self.note(alloc::format!(
                "bedplate.deployment={name}: the record has no free slot to count it in, ignoring it (bedplate remove frees one)"
            )),
            None => self.refuse_uncounted(&deployment.id),
        }
    }

    fn refuse_uncounted(&mut self, id: &Id) {
        self.note(alloc::format!("bedplate.deployment={id}: it was never good and a try cannot be written down, ignoring it"));
    }

    /// A preference that has caused `tries` fruitless boots in a row is ignored for as long as it stands.
    fn unless_spent(&mut self, slot: &'a Slot, rule: Rule) {
        let tries = self.input.request.config.boot.tries;
        if slot.forced < tries || self.is_open(slot) {
            return self.add_slot(slot, rule, Counting::Counted);
        }
        let Some(deployment) = self.deployment_of(slot.key) else { return };
        let (id, word) = (&deployment.id, rule.word());
        self.note(alloc::format!("{id}, chosen by the {word}, was booted {tries} times in a row without success, ignoring the {word}"));
    }

    fn trial(&mut self) {
        if !self.writable() {
            return;
        }
        let has_tries = |slot: &&Slot| slot.left > 0 || cfg!(feature = "break-fallback");
        if let Some(slot) = self.input.record.trial().filter(has_tries) {
            self.add_slot(slot, Rule::Trial, Counting::Counted);
        }
    }

    fn incumbent(&mut self) {
        let Some(slot) = self.good_incumbent() else { return };
        let boot = &self.input.request.config.boot;
        let failing = (boot.good_tries > 0 && slot.started >= boot.good_tries) || self.went_wrong(slot);
        if !self.writable() || (!failing && boot.count == Count::Needed) {
            self.add_slot(slot, Rule::Incumbent, Counting::Uncounted);
        } else if !failing && slot.left > 0 {
            self.add_slot(slot, Rule::Incumbent, Counting::Counted);
        }
    }

    /// The last boot was this one's, and the machine says that it went wrong.
    fn went_wrong(&self, slot: &Slot) -> bool {
        self.input.facts.previous.is_some_and(|ending| ending.key == slot.key && ending.is_proven())
    }

    fn good_incumbent(&self) -> Option<&'a Slot> {
        self.named(self.input.record.incumbent).filter(|slot| slot.status == Status::Good && slot.barred == Barred::No)
    }

    fn once_good(&mut self) {
        let usable = |slot: &&Slot| slot.status == Status::Good && slot.barred == Barred::No && slot.left > 0;
        let incumbent = self.input.record.incumbent;
        for slot in self.newest_first().into_iter().filter(usable).filter(|slot| Some(slot.key) != incumbent) {
            self.add_slot(slot, Rule::OnceGood, Counting::Counted);
        }
        if let Some(slot) = self.good_incumbent().filter(|slot| slot.left > 0) {
            self.add_slot(slot, Rule::IncumbentCounted, Counting::Counted);
        }
    }

    /// Every bootable deployment, fewest fruitless boots first; one marked bad starts with `tries` of them.
    fn last_resort(&mut self) {
        let boot = &self.input.request.config.boot;
        if boot.on_exhausted == OnExhausted::Stop {
            return;
        }
        let fruitless = |slot: &Slot| {
            let head_start = if slot.status == Status::MarkedBad { boot.tries } else { 0 };
            u16::from(slot.done) + u16::from(head_start)
        };
        let mut slots: Vec<&Slot> = self.input.record.slots.iter().filter(|slot| self.is_last_resort(slot)).collect();
        slots.sort_by_key(|slot| {
            (fruitless(slot), slot.once_good == OnceGood::No, slot.barred == Barred::Yes, core::cmp::Reverse(slot.order))
        });
        for slot in slots {
            self.add_slot(slot, Rule::LastResort, Counting::Counted);
        }
    }

    fn is_last_resort(&self, slot: &Slot) -> bool {
        let bootable = self.deployment_of(slot.key).is_some_and(|deployment| deployment.defect.is_none());
        bootable && !matches!(slot.status, Status::Broken | Status::Unarmed)
    }

    fn add_slot(&mut self, slot: &Slot, rule: Rule, counting: Counting) {
        if let Some(deployment) = self.deployment_of(slot.key) {
            self.add(deployment, rule, counting);
        }
    }

    /// Adds a candidate unless it stands there already, failed in this boot, or cannot get a kernel that it has modules for.
    fn add(&mut self, deployment: &Deployment, rule: Rule, counting: Counting) {
        let id = &deployment.id;
        let present = self.selection.candidates.iter().any(|candidate| candidate.id == *id);
        if present || self.input.failed.contains(id) || self.failed_before(deployment) {
            return;
        }
        let Ok(kernel) = self.other_kernel(deployment) else { return };
        let counting = if self.writable() { counting } else { Counting::Uncounted };
        self.selection.candidates.push(Candidate { id: id.clone(), rule, counting, kernel });
    }

    fn failed_before(&self, deployment: &Deployment) -> bool {
        let boot = self.input.facts.boot_id.short();
        self.slot_of(deployment).is_some_and(|slot| slot.failed_in(boot))
    }

    /// The kernel that has to be started before the deployment can be; an error, and a note, where that is not possible.
    fn other_kernel(&mut self, deployment: &Deployment) -> Result<Option<OwnKernel>, ()> {
        let KernelFit::Mismatch { releases, own } = &deployment.kernel else { return Ok(None) };
        if self.input.request.config.boot.kernel_mismatch == KernelMismatch::Ignore {
            return Ok(None);
        }
        let why = match (self.why_no_kexec(), own) {
            (None, Some(own)) => return Ok(Some(own.clone())),
            (None, None) => " (it brings no kernel with an initramfs along)".into(),
            (Some(why), _) => why,
        };
        let (id, running, has) = (&deployment.id, &self.input.facts.kernel, releases.join(", "));
        let note = alloc::format!("{id} has modules for kernel {has}, not for the running {running}{why}, skipping it");
        if !self.selection.notes.contains(&note) {
            self.note(note);
        }
        if own.is_some() && self.input.request.attempt.is_some() {
            self.selection.later.get_or_insert_with(|| id.clone());
        }
        Err(())
    }

    /// In words that follow the mismatch; none where nobody asked for kexec.
    fn why_no_kexec(&self) -> Option<String> {
        if self.input.request.config.boot.kernel_mismatch != KernelMismatch::Kexec {
            return Some(String::new());
        }
        if self.input.request.attempt.is_some() {
            return Some(" (which was itself started by kexec, and that is done once a boot)".into());
        }
        match &self.input.facts.kexec {
            Kexec::Possible => None,
            Kexec::Impossible(why) => Some(alloc::format!(" (kexec is not possible: {why})")),
        }
    }

    /// The deployment that should run but does not: one that failed in this boot, the trial if it is torn or exhausted, one
    /// that went bad after the first candidate was deployed, or the incumbent. `None` where a person chose, or nothing went wrong.
    fn fell_back_from(&self) -> Option<Id> {
        let first = self.selection.first()?;
        let failed_before = || self.input.facts.deployments.iter().find(|deployment| self.failed_before(deployment));
        if let Some(failed) = self.input.failed.first().or_else(|| failed_before().map(|deployment| &deployment.id)) {
            return Some(failed.clone());
        }
        if first.rule.is_preference() || first.rule == Rule::Trial {
            return None;
        }
        let record = self.input.record;
        let other = |slot: &&Slot| self.deployment_of(slot.key).is_some_and(|deployment| deployment.id != first.id);
        let exhausted = record.trial().filter(|slot| slot.left == 0).filter(other);
        let incumbent = || self.named(record.incumbent).filter(other).filter(|slot| slot.barred == Barred::No);
        let slot = exhausted.or_else(|| self.newest_bad(&first.id)).or_else(incumbent);
        self.torn_trial().or_else(|| slot.and_then(|slot| self.deployment_of(slot.key)).map(|deployment| deployment.id.clone()))
    }

    /// The trial is nowhere, and the manifest of a deployment cannot be read: that is the one (the last by name, of several).
    fn torn_trial(&self) -> Option<Id> {
        self.input.record.trial().filter(|slot| self.deployment_of(slot.key).is_none())?;
        self.input.facts.deployments.iter().rfind(|deployment| deployment.manifest.is_none()).map(|deployment| deployment.id.clone())
    }

    /// Of those deployed after this one, the newest that went bad.
    fn newest_bad(&self, id: &Id) -> Option<&'a Slot> {
        let of = |slot: &&Slot| self.deployment_of(slot.key).map(|deployment| &deployment.id);
        let mut newer = self.newest_first().into_iter().filter(|slot| of(slot).is_some()).take_while(|slot| of(slot) != Some(id));
        newer.find(|slot| matches!(slot.status, Status::MarkedBad | Status::Broken))
    }

    fn newest_first(&self) -> Vec<&'a Slot> {
        let mut slots: Vec<&Slot> = self.input.record.slots.iter().collect();
        slots.sort_by_key(|slot| core::cmp::Reverse(slot.order));
        slots
    }

    fn writable(&self) -> bool {
        *self.input.disk == Disk::Writable
    }

    fn is_open(&self, slot: &Slot) -> bool {
        slot.is_open_in(self.input.facts.boot_id.short())
    }

    fn note(&mut self, note: String) {
        self.selection.notes.push(note);
    }

    fn named(&self, key: Option<Key>) -> Option<&'a Slot> {
        key.and_then(|key| self.input.record.slot(key))
    }

    fn slot_of(&self, deployment: &Deployment) -> Option<&'a Slot> {
        self.input.record.slot(deployment.key()?)
    }

    fn deployment_of(&self, key: Key) -> Option<&'a Deployment> {
        self.input.facts.owner(key)
    }
}
