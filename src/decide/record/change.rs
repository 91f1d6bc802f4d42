//! Every transition of the record, in memory. The caller writes the result with one commit, or not at all.
//!
//! A transition on a key without a slot changes nothing.

use super::ending::{LastBoot, Phase};
use super::{Barred, Key, OnceGood, Outcome, Pinned, Record, SLOTS, ShortBootId, Slot, Status, TookTry};
use crate::decide::model::{Counting, Rule};
use alloc::vec::Vec;

/// One attempt at booting a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    pub key: Key,
    pub rule: Rule,
    pub boot: ShortBootId,
    /// The deployment that the kernel command line names, whether or not it is this one.
    pub argument: Option<Key>,
}

/// Why a root could not be built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It will fail in the same way every time.
    Deterministic,
    /// The machine failed, not the deployment.
    Transient,
}

/// What arming a deployment changed beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Armed {
    pub superseded: Option<Key>,
    pub evicted: Option<Key>,
    pub cleared_default: Option<Key>,
}

/// No slot is free and none may be evicted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

/// What a marker tells when the record is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Remembered {
    pub key: Key,
    /// Revision and standing of its newest marker; `None`: it has none.
    pub marker: Option<(u64, OnceGood)>,
}

impl Slot {
    /// Whether an earlier run of prepare-root in this boot could not build its root.
    pub fn failed_in(&self, boot: ShortBootId) -> bool {
        self.attempt == boot && self.outcome == Outcome::MountsFailed
    }

    fn new(key: Key, status: Status) -> Self {
        Self {
            key,
            attempt: [0; 8],
            rule: None,
            outcome: Outcome::Open,
            order: 0,
            status,
            left: 0,
            done: 0,
            forced: 0,
            refunds_used: 0,
            started: 0,
            pinned: Pinned::No,
            barred: Barred::No,
            once_good: OnceGood::No,
            took_try: TookTry::No,
        }
    }

    /// Whether the boot is under way in which it was counted: nothing is known of its end.
    pub fn is_open_in(&self, boot: ShortBootId) -> bool {
        self.attempt == boot && self.outcome == Outcome::Open
    }

    fn refresh(&mut self, tries: u8) {
        (self.left, self.done, self.forced, self.refunds_used, self.started) = (tries, 0, 0, 0, 0);
    }

    /// What a trial becomes that gives way, and what a bad one becomes that a person names again.
    fn standing(&self) -> Status {
        if self.once_good == OnceGood::Yes { Status::Good } else { Status::Superseded }
    }
}

impl Record {
    /// `deploy`: a new deployment becomes the newest and the trial. Default and one-shot are cleared.
    /// `protected` are not evicted, beside those that the record itself protects.
    pub fn arm(&mut self, key: Key, tries: u8, protected: &[Key]) -> Result<Armed, Full> {
        let evicted = self.make_room(protected)?;
        let superseded = self.supersede_trial(tries);
        let cleared_default = self.default.take();
        self.one_shot = None;
        let slot = Slot { left: tries, ..Slot::new(key, Status::Trial) };
        self.push_newest(slot);
        Ok(Armed { superseded, evicted, cleared_default })
    }

    /// `deploy --good`: the first deployment of a store, known to work.
    pub fn arm_good(&mut self, key: Key, tries: u8) -> Result<Armed, Full> {
        let armed = self.arm(key, tries, &[])?;
        self.succeed(key, Rule::Trial, tries, None);
        Ok(armed)
    }

    fn push_newest(&mut self, slot: Slot) {
        self.slots.sort_by_key(|slot| slot.order);
        self.slots.push(slot);
        for (slot, order) in self.slots.iter_mut().zip(1..) {
            slot.order = order;
        }
    }

    fn make_room(&mut self, protected: &[Key]) -> Result<Option<Key>, Full> {
        if self.slots.len() < SLOTS {
            return Ok(None);
        }
        let named = [self.default, self.one_shot, self.incumbent];
        let spared = |slot: &Slot| slot.pinned == Pinned::Yes || protected.contains(&slot.key) || named.contains(&Some(slot.key));
        let oldest = self.slots.iter().filter(|slot| !spared(slot)).min_by_key(|slot| slot.order);
        let evicted = oldest.map(|slot| slot.key).ok_or(Full)?;
        self.remove(evicted);
        Ok(Some(evicted))
    }

    fn supersede_trial(&mut self, tries: u8) -> Option<Key> {
        let slot = self.slots.iter_mut().find(|slot| slot.status == Status::Trial)?;
        slot.status = slot.standing();
        slot.left = if slot.status == Status::Good { tries } else { 0 };
        Some(slot.key)
    }

    /// The slots of deployments that are not there any more go, as by `remove`.
    pub fn forget_gone(&mut self, stands: impl Fn(Key) -> bool) {
        let gone: Vec<Key> = self.slots.iter().map(|slot| slot.key).filter(|key| !stands(*key)).collect();
        for key in gone {
            self.remove(key);
        }
    }

    /// `remove`: the slot goes, and every mention of it.
    pub fn remove(&mut self, key: Key) {
        self.slots.retain(|slot| slot.key != key);
        for named in [&mut self.default, &mut self.one_shot, &mut self.incumbent] {
            named.take_if(|named| *named == key);
        }
        self.last.take_if(|last| last.key == key);
    }

    /// Before a counted boot: consumes a try. The second call in one boot changes nothing.
    /// A deployment without a slot gets one here, where there is room: it boots by argument only.
    pub fn count(&mut self, attempt: Attempt) {
        if self.slot(attempt.key).is_none() && self.slots.len() < SLOTS {
            self.push_newest(Slot::new(attempt.key, Status::Unarmed));
        }
        let default = self.default;
        self.make_countable(attempt);
        let Some(slot) = self.slot_mut(attempt.key).filter(|slot| slot.attempt != attempt.boot) else { return };
        slot.took_try = if slot.left > 0 { TookTry::Yes } else { TookTry::No };
        slot.left = slot.left.saturating_sub(1);
        slot.done = slot.done.saturating_add(1);
        (slot.attempt, slot.rule, slot.outcome) = (attempt.boot, Some(attempt.rule), Outcome::Open);
        self.last = Some(LastBoot { key: attempt.key, boot: attempt.boot, phase: Phase::Begun });
        self.settle(attempt, default);
    }

    /// Beside the slot itself: who is still named, and how often.
    fn settle(&mut self, attempt: Attempt, default: Option<Key>) {
        let Some(slot) = self.slot_mut(attempt.key) else { return };
        if matches!(attempt.rule, Rule::Argument | Rule::Default) {
            slot.forced = slot.forced.saturating_add(1);
        }
        if attempt.rule == Rule::OneShot {
            self.one_shot = None;
        }
        self.forget_forced([default, attempt.argument]);
    }

    /// The kernel of one boot has started another one by kexec: what was attempted in the one belongs to the other.
    pub fn continue_boot(&mut self, from: ShortBootId, to: ShortBootId) {
        for slot in self.slots.iter_mut().filter(|slot| slot.attempt == from && from != [0; 8]) {
            slot.attempt = to;
        }
        if let Some(last) = self.last.as_mut().filter(|last| last.boot == from) {
            last.boot = to;
        }
    }

    /// One more fruitless boot than a byte holds: all are halved, so that those with fewer still come first.
    fn make_countable(&mut self, attempt: Attempt) {
        if self.slot(attempt.key).is_some_and(|slot| slot.done == u8::MAX && slot.attempt != attempt.boot) {
            self.slots.iter_mut().for_each(|slot| slot.done /= 2);
        }
    }

    /// Whoever is no longer named has a clean slate for the next time.
    fn forget_forced(&mut self, named: [Option<Key>; 2]) {
        for slot in self.slots.iter_mut().filter(|slot| !named.contains(&Some(slot.key))) {
            slot.forced = 0;
        }
    }

    /// A default that has caused `tries` fruitless boots in a row is cleared; which one it was. An argument that names it
    /// later begins anew, but one that stands already stays spent. The boot that is under way may still succeed.
    pub fn drop_spent_default(&mut self, tries: u8, boot: ShortBootId, argument: Option<Key>) -> Option<Key> {
        let default = self.default?;
        if self.slot(default).is_some_and(|slot| slot.forced < tries || slot.is_open_in(boot)) {
            return None;
        }
        if let Some(slot) = self.slot_mut(default).filter(|_| argument != Some(default)) {
            slot.forced = 0;
        }
        self.default.take()
    }

    /// A root could not be built in this boot: it is not tried again before the next.
    pub fn fail(&mut self, attempt: Attempt, counting: Counting, failure: Failure) {
        let Some(slot) = self.slot_mut(attempt.key) else { return };
        if counting == Counting::Uncounted {
            slot.done = slot.done.saturating_add(1);
            slot.started = slot.started.saturating_add(1);
        }
        (slot.attempt, slot.rule, slot.outcome) = (attempt.boot, Some(attempt.rule), Outcome::MountsFailed);
        if failure == Failure::Deterministic {
            (slot.status, slot.left) = (Status::Broken, 0);
        }
        self.last = Some(LastBoot { key: attempt.key, boot: attempt.boot, phase: Phase::Begun });
    }

    /// `mark good`: a trial however it was chosen, and any other that the rules or the default chose, becomes the incumbent.
    /// `argument` is what the kernel command line of this boot names. Whether it became the incumbent is returned.
    pub fn succeed(&mut self, key: Key, rule: Rule, tries: u8, argument: Option<Key>) -> NewIncumbent {
        let no_incumbent = self.incumbent.and_then(|key| self.slot(key)).is_none_or(|slot| slot.status != Status::Good);
        let default = self.default;
        let Some(slot) = self.slot_mut(key) else { return NewIncumbent::No };
        let incumbent = slot.status == Status::Trial || !matches!(rule, Rule::Argument | Rule::OneShot) || no_incumbent;
        slot.refresh(tries);
        (slot.status, slot.once_good, slot.outcome) = (Status::Good, OnceGood::Yes, Outcome::Success);
        if incumbent {
            slot.barred = Barred::No;
        }
        self.forget_forced([default, argument]);
        if !incumbent || self.incumbent == Some(key) {
            return NewIncumbent::No;
        }
        self.incumbent = Some(key);
        NewIncumbent::Yes
    }

    /// `mark bad`: final until a person names it again.
    pub fn mark_bad(&mut self, key: Key) {
        let Some(slot) = self.slot_mut(key) else { return };
        (slot.status, slot.left) = (Status::MarkedBad, 0);
        for named in [&mut self.default, &mut self.one_shot, &mut self.incumbent] {
            named.take_if(|named| *named == key);
        }
    }

    /// `rollback`: away from the booted deployment, to `target`, which gets fresh tries.
    pub fn roll_back(&mut self, booted: Option<Key>, target: Key, tries: u8) {
        self.supersede_trial(tries);
        (self.default, self.one_shot) = (None, None);
        if let Some(slot) = booted.and_then(|key| self.slot_mut(key)) {
            slot.barred = Barred::Yes;
        }
        let is_incumbent = self.incumbent == Some(target);
        let Some(slot) = self.slot_mut(target) else { return };
        slot.refresh(tries);
        slot.barred = Barred::No;
        slot.status = if is_incumbent && slot.once_good == OnceGood::Yes { Status::Good } else { Status::Trial };
    }

    /// `set-default`: also makes a bad one choosable again.
    pub fn set_default(&mut self, key: Key) {
        let Some(slot) = self.slot_mut(key) else { return };
        (slot.forced, slot.barred) = (0, Barred::No);
        if matches!(slot.status, Status::MarkedBad | Status::Broken) {
            slot.status = slot.standing();
        }
        self.default = Some(key);
    }

    /// A lost record as its markers tell it: good ones in the order of their revisions, the highest is the incumbent;
    /// the others are known, but have no tries. The new revision is above every marker's.
    pub fn remembered(deployments: &[Remembered], tries: u8) -> Self {
        let mut newest_last: Vec<&Remembered> = deployments.iter().collect();
        newest_last.sort_by_key(|deployment| deployment.marker.map_or(0, |(revision, _)| revision));
        let mut record = Self::default();
        for deployment in newest_last.iter().rev().take(SLOTS).rev() {
            let mut slot = Slot::new(deployment.key, Status::Superseded);
            match deployment.marker {
                Some((_, OnceGood::Yes)) => {
                    (slot.status, slot.once_good, slot.left) = (Status::Good, OnceGood::Yes, tries);
                    record.incumbent = Some(deployment.key);
                }
                Some((_, OnceGood::No)) => slot.status = Status::MarkedBad,
                None => {}
            }
            record.push_newest(slot);
        }
        record.revision = newest_last.last().and_then(|newest| newest.marker).map_or(0, |(revision, _)| revision);
        record
    }
}

/// Whether a success made the deployment the incumbent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewIncumbent {
    No,
    Yes,
}
