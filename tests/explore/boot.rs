//! One boot: what prepare-root and the units of the booted system do around `decide`, in their order (src/boot/prepare.rs,
//! src/verbs/note.rs, src/verbs/mark.rs).

use crate::reference;
use crate::world::{Quality, Running, Store, World};
use bedplate::decide::evidence::{Traces, Watchdog, judge};
use bedplate::decide::marker::Verdict;
use bedplate::decide::model::{Candidate, Counting, Deployment, Disk, Facts, Id, Request, Rule, Selection};
use bedplate::decide::record::change::{Attempt, Failure, NewIncumbent};
use bedplate::decide::record::ending::{Ending, Phase};
use bedplate::decide::record::{Key, OnceGood, Outcome, Record, Status};
use bedplate::decide::select::{Input, select};
use bedplate::decide::verdict::{said, success_revision};

/// How a boot ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    Up,
    Failed,
    /// No candidate was left.
    Nothing,
}

/// What is checked of a boot.
#[derive(Debug, Clone)]
pub struct Log {
    pub end: End,
    /// What came as far as a root, and by which rule.
    pub chosen: Option<(Key, Rule, Counting)>,
    /// Of the record in the initramfs: the candidate and how often.
    pub writes: Vec<(Key, u8)>,
    /// A write for evidence alone.
    pub evidence_writes: u8,
    /// What the record has known for good to fail, and was tried all the same.
    pub refused: Option<(Key, Rule)>,
    /// What is wrong with it, whatever comes after.
    pub wrong: Option<String>,
}

struct Boot<'a> {
    world: &'a mut World,
    request: Request,
    facts: Facts,
    record: Record,
    disk: Disk,
    failed: Vec<Id>,
    log: Log,
}

/// Switches the machine on.
pub fn boot(world: &mut World) -> Log {
    world.boot += 1;
    world.running = None;
    let (record, disk) = world.read();
    let (request, facts) = (world.request(), world.facts());
    let log = Log { end: End::Nothing, chosen: None, writes: vec![], evidence_writes: 0, refused: None, wrong: None };
    let mut boot = Boot { world, request, facts, record, disk, failed: vec![], log };
    boot.find_out();
    match boot.first_that_stands() {
        Some((candidate, selection)) => boot.go_on(&candidate, &selection),
        None => boot.world.reset_seen = false,
    }
    boot.log
}

impl Boot<'_> {
    /// How the last boot ended (src/boot/evidence.rs).
    fn find_out(&mut self) {
        let watchdog = if self.world.reset_seen { Watchdog::Reset } else { Watchdog::Silent };
        let found = judge(&Traces { watchdog, panics: vec![] }, &self.record, &self.facts);
        let now = self.facts.boot_id.short();
        self.facts.previous = self.record.previous_end(found, now);
        if let Some(ending) = self.facts.previous {
            self.record.close(&ending, now);
        }
    }

    fn select(&mut self) -> Selection {
        let input = Input { request: &self.request, facts: &self.facts, record: &self.record, disk: &self.disk, failed: &self.failed };
        let selection = select(input);
        if let Some(difference) = reference::difference(input, &selection) {
            self.log.wrong.get_or_insert(difference);
        }
        selection
    }

    fn first_that_stands(&mut self) -> Option<(Candidate, Selection)> {
        loop {
            let selection = self.select();
            let candidate = selection.first()?.clone();
            let key = self.key_of(&candidate.id);
            if !self.count(key, &candidate) {
                continue;
            }
            let again = self.prepare_again(key, &candidate);
            self.log.wrong = self.log.wrong.take().or(again);
            let failure = match self.world.tree(key)?.quality {
                Quality::NoRoot => Failure::Deterministic,
                Quality::NoRootNow => Failure::Transient,
                _ => return Some((candidate, selection)),
            };
            self.fail(key, &candidate, failure);
            self.failed.push(candidate.id);
        }
    }

    fn fail(&mut self, key: Key, candidate: &Candidate, failure: Failure) {
        if self.world.tree(key).is_some_and(|tree| tree.refused) && !candidate.rule.is_preference() {
            self.log.refused = Some((key, candidate.rule));
        }
        let attempt = self.attempt(key, candidate.rule);
        self.record.fail(attempt, candidate.counting, failure);
        if self.disk == Disk::Writable && self.commit() {
            self.note_write(key);
            if let Some(tree) = self.world.tree_mut(key) {
                tree.refused |= failure == Failure::Deterministic;
            }
        }
    }

    fn key_of(&self, id: &Id) -> Key {
        self.facts.deployment(id).and_then(Deployment::key).unwrap()
    }

    fn attempt(&self, key: Key, rule: Rule) -> Attempt {
        Attempt { key, rule, boot: self.facts.boot_id.short(), argument: self.world.argument }
    }

    fn count(&mut self, key: Key, candidate: &Candidate) -> bool {
        if candidate.counting == Counting::Uncounted {
            let hung = |ending: &Ending| ending.phase == Phase::Ended;
            let other = |ending: &Ending| hung(ending) || (ending.is_proven() && self.record.incumbent != Some(ending.key));
            if self.disk == Disk::Writable && self.facts.previous.as_ref().is_some_and(other) && self.commit() {
                self.log.evidence_writes += 1;
            }
            return true;
        }
        let before = self.world.record.clone();
        let attempt = self.attempt(key, candidate.rule);
        self.record.drop_spent_default(self.request.config.boot.tries, attempt.boot, attempt.argument);
        self.record.count(attempt);
        if self.record == before {
            return true;
        }
        if self.commit() {
            self.note_write(key);
            return true;
        }
        self.record = before;
        false
    }

    /// `false`: the disk refuses, and is not asked again.
    fn commit(&mut self) -> bool {
        if self.world.store != Store::Writable {
            self.disk = Disk::ReadOnly("explored".into());
            return false;
        }
        self.world.write(&self.record);
        self.record = self.world.record.clone();
        true
    }

    fn note_write(&mut self, key: Key) {
        match self.log.writes.iter_mut().find(|(other, _)| *other == key) {
            Some((_, times)) => *times += 1,
            None => self.log.writes.push((key, 1)),
        }
    }

    /// prepare-root is run once more in the same boot: it goes on with the same candidate, and no second try is taken.
    fn prepare_again(&mut self, key: Key, candidate: &Candidate) -> Option<String> {
        if self.disk != Disk::Writable {
            return None;
        }
        let input = Input { request: &self.request, facts: &self.facts, record: &self.record, disk: &self.disk, failed: &[] };
        let first = select(input).first().cloned();
        if first.as_ref().map(|first| &first.id) != Some(&candidate.id) {
            return Some(format!("prepare-root run again goes on with {first:?} instead of {candidate:?}"));
        }
        let mut record = self.record.clone();
        if candidate.counting == Counting::Counted {
            record.count(self.attempt(key, candidate.rule));
        }
        (record != self.record).then(|| format!("prepare-root run again takes a second try of {}", candidate.id))
    }

    fn go_on(&mut self, candidate: &Candidate, selection: &Selection) {
        let key = self.key_of(&candidate.id);
        self.log.chosen = Some((key, candidate.rule, candidate.counting));
        self.log.end = End::Failed;
        self.count_alone(key, candidate.rule);
        let Some(quality) = self.world.tree(key).map(|tree| tree.quality) else { return };
        let seen = core::mem::replace(&mut self.world.reset_seen, quality == Quality::DiesSeen);
        if matches!(quality, Quality::DiesEarly | Quality::DiesSeen) {
            return;
        }
        self.world.running = Some(Running { key, rule: candidate.rule, fell_back: selection.fell_back_from.is_some() });
        booted(self.world, key, quality, (seen, self.facts.previous));
        if quality == Quality::Works {
            self.log.end = End::Up;
        } else {
            self.world.running = None;
        }
    }

    /// The rules alone boot what was never good, although something that was is left.
    fn count_alone(&mut self, key: Key, rule: Rule) {
        let good_is_left = self.record.slots.iter().any(|slot| slot.once_good == OnceGood::Yes && slot.status == Status::Good);
        let Some(tree) = self.world.tree_mut(key) else { return };
        if !tree.once_good && good_is_left && !rule.is_preference() && rule != Rule::LastResort {
            tree.alone += 1;
        }
    }
}

/// The units of the booted system.
fn booted(world: &mut World, key: Key, quality: Quality, (reset_seen, told): (bool, Option<Ending>)) {
    if world.store != Store::Writable {
        return;
    }
    open_for_change(world);
    let boot = world.boot_id().short();
    let mut record = world.record.clone();
    let watchdog = if reset_seen { Watchdog::Reset } else { Watchdog::Silent };
    let found = judge(&Traces { watchdog, panics: vec![] }, &record, &world.facts());
    if let Some(ending) = told.or_else(|| record.previous_end(found, boot)) {
        record.close(&ending, boot);
    }
    record.note_started(key, boot);
    record.drop_spent_default(world.config.boot.tries, boot, world.argument);
    match quality {
        Quality::Hangs => record.note_outcome(key, boot, Outcome::Deadline),
        Quality::FailsHealth => {
            record.note_outcome(key, boot, Outcome::HealthFailed);
            record.note_shutdown(key, boot, world.config.boot.refunds);
        }
        Quality::RebootsItself => record.note_shutdown(key, boot, world.config.boot.refunds),
        _ => {}
    }
    world.write(&record);
    if quality == Quality::Works {
        mark_good(world, key);
    }
}

/// Every verb that changes something makes a lost record anew before (src/verbs/access.rs).
pub fn open_for_change(world: &mut World) {
    if world.lost && world.store == Store::Writable {
        let record = world.remembered();
        world.write(&record);
        world.lost = false;
    }
}

/// `mark good`; refused after what was said in this boot.
pub fn mark_good(world: &mut World, key: Key) {
    let Some(running) = world.running.filter(|_| world.store == Store::Writable) else { return };
    open_for_change(world);
    let marker = world.tree(key).and_then(|tree| tree.deployment.marker.clone());
    let refused = world.record.slot(key).is_none_or(|slot| said(slot, running.rule, marker.as_ref(), &world.boot_id()).is_some());
    if refused {
        return;
    }
    let tries = world.config.boot.tries;
    let mut record = world.record.clone();
    let incumbent = record.succeed(key, running.rule, tries, world.argument);
    record.drop_spent_default(tries, world.boot_id().short(), world.argument);
    if incumbent == NewIncumbent::Yes || marker.as_ref().is_none_or(|marker| marker.verdict != Verdict::Success) {
        let of_incumbent = record.incumbent.and_then(|key| world.tree(key)).and_then(|tree| tree.deployment.marker.as_ref());
        let revision = success_revision(&record, key, of_incumbent, marker.as_ref());
        world.mark(key, Verdict::Success, revision);
    }
    if record != world.record {
        world.write(&record);
    }
    if let Some(tree) = world.tree_mut(key) {
        (tree.once_good, tree.bad, tree.alone) = (true, false, 0);
    }
}

/// A shutdown in good order.
pub fn shut_down(world: &mut World) {
    let Some(running) = world.running.take() else { return };
    if world.store == Store::Writable {
        open_for_change(world);
        let mut record = world.record.clone();
        record.note_shutdown(running.key, world.boot_id().short(), world.config.boot.refunds);
        if record != world.record {
            world.write(&record);
        }
    }
}
