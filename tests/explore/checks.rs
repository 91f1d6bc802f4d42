//! What must hold, of every state and of every boot.

use crate::boot::{End, Log, boot, shut_down};
use crate::events::Next;
use crate::world::{Quality, Store, Tree, World};
use bedplate::decide::config::Count;
use bedplate::decide::model::{Counting, Rule};
use bedplate::decide::record::{Barred, Key, OnceGood, Slot, Status};
use std::collections::BTreeMap;

/// So many boots nobody has to wait for.
const UNATTENDED: usize = 24;

/// What was checked, and how often it was really put to the test.
pub type Tally = BTreeMap<&'static str, u64>;

/// Every name; one that was never put to the test shows nothing.
pub const INVARIANTS: [&str; 11] = [
    "the choice is that of the rules; prepare-root run again takes no second try",
    "chosen by itself, what was never good boots at most tries + refunds times",
    "the incumbent's boot by rule 5 writes no record",
    "at most two writes of the record for each candidate",
    "what failed for good is not chosen by itself",
    "24 unattended boots reach one that was good and works",
    "24 unattended boots reach one that works, where nothing that was good does",
    "what works stays, reboot after reboot",
    "what a person named boots next",
    "what was marked bad boots only as the last resort",
    "a lost record leads to the incumbent, or to where a person rolled back",
];

/// A name and what is wrong.
pub type Violation = (&'static str, String);

/// Of one step.
pub fn of_step(before: &World, next: &Next, tally: &mut Tally) -> Option<Violation> {
    match &next.log {
        Some(log) => of_boot(before, &next.world, log, tally),
        None if next.event == "record lost" => of_loss(before, &next.world, tally),
        None => of_word(next, tally),
    }
}

fn of_boot(before: &World, after: &World, log: &Log, tally: &mut Tally) -> Option<Violation> {
    let mut check = |at: usize, holds: bool, why: &dyn Fn() -> String| {
        *tally.entry(INVARIANTS[at]).or_default() += 1;
        (!holds).then(|| (INVARIANTS[at], why()))
    };
    let mut violation = check(0, log.wrong.is_none(), &|| log.wrong.clone().unwrap_or_default());
    let most = before.config.boot.tries + before.config.boot.refunds;
    for tree in after.live().filter(|tree| tree.alone > 0) {
        let why = || format!("{} was booted {} times, {most} are allowed", tree.deployment.id, tree.alone);
        violation = violation.or(check(1, tree.alone <= most, &why));
    }
    if let Some((key, Rule::Incumbent, Counting::Uncounted)) = log.chosen {
        let why = || format!("{} was written for", after.name(key));
        violation = violation.or(check(2, !log.writes.iter().any(|(other, _)| *other == key), &why));
    }
    for (key, times) in &log.writes {
        violation = violation.or(check(3, *times <= 2, &|| format!("{times} writes for {}", after.name(*key))));
    }
    let Some((key, rule, _)) = log.chosen.filter(|(_, rule, _)| !rule.is_preference() && !before.lost) else { return violation };
    let status = before.record.slot(key).map(|slot| slot.status);
    let why = || format!("{} by the rule {}", after.name(key), rule.word());
    violation = violation.or(check(4, !matches!(status, None | Some(Status::Broken | Status::Unarmed)), &why));
    let again = || log.refused.map(|(key, rule)| format!("{} by the rule {}", after.name(key), rule.word())).unwrap_or_default();
    violation = violation.or(check(4, log.refused.is_none(), &again));
    violation.or(check(9, !before.tree(key).is_some_and(|tree| tree.bad) || rule == Rule::LastResort, &why))
}

/// Who was named last is booted next, unless the command line names another.
fn of_word(next: &Next, tally: &mut Tally) -> Option<Violation> {
    let (verb, name) = next.event.split_once(' ')?;
    if !matches!(verb, "rollback" | "deploy" | "set-default" | "set-oneshot") || next.world.argument.is_some() {
        return None;
    }
    let name = name.trim_start_matches("(to ").split([' ', ')']).next()?;
    let named = next.world.live().find(|tree| tree.deployment.id.as_str() == name && tree.quality == Quality::Works)?.key();
    if verb == "set-default" && next.world.record.one_shot.is_some() {
        return None;
    }
    *tally.entry(INVARIANTS[8]).or_default() += 1;
    let mut world = next.world.clone();
    shut_down(&mut world);
    let log = boot(&mut world);
    let chosen = log.chosen.map(|(key, ..)| key);
    (chosen != Some(named))
        .then(|| (INVARIANTS[8], format!("{name} was named, {} boots", chosen.map_or("nothing".into(), |key| world.name(key)))))
}

/// What the markers remember.
fn of_loss(before: &World, after: &World, tally: &mut Tally) -> Option<Violation> {
    let good = |slot: &&Slot| slot.once_good == OnceGood::Yes && slot.barred == Barred::No;
    let incumbent = before.record.incumbent.and_then(|key| before.record.slot(key)).filter(good)?;
    let asked_for = before.record.trial().filter(good).map(|slot| slot.key);
    if after.argument.is_some() || after.tree(incumbent.key)?.quality != Quality::Works {
        return None;
    }
    *tally.entry(INVARIANTS[10]).or_default() += 1;
    let mut world = after.clone();
    let (key, ..) = boot(&mut world).chosen?;
    let leads = key == incumbent.key || Some(key) == asked_for;
    (!leads).then(|| (INVARIANTS[10], format!("{} boots, the incumbent is {}", world.name(key), world.name(incumbent.key))))
}

/// Of one state: left alone, where does it go?
pub fn of_state(world: &World, tally: &mut Tally) -> Option<Violation> {
    let mut settled = world.clone();
    let mut logs: Vec<Log> = Vec::new();
    while logs.len() < UNATTENDED && logs.last().is_none_or(|log| log.end != End::Up) {
        logs.push(boot(&mut settled));
    }
    let up = logs.last().is_some_and(|log| log.end == End::Up);
    if let Some(wrong) = logs.iter().find_map(|log| log.wrong.clone()) {
        return Some((INVARIANTS[0], wrong));
    }
    if let Some((key, rule)) = logs.iter().find_map(|log| log.refused).filter(|_| !world.lost) {
        return Some((INVARIANTS[4], format!("{} by the rule {}", world.name(key), rule.word())));
    }
    let most = world.config.boot.tries + world.config.boot.refunds;
    if let Some(tree) = settled.live().find(|tree| tree.alone > most) {
        return Some((INVARIANTS[1], format!("{} was booted {} times, {most} are allowed", tree.deployment.id, tree.alone)));
    }
    let works = |tree: &&Tree| tree.quality == Quality::Works && may_boot(world, tree.key());
    let good = world.live().filter(works).any(|tree| tree.once_good);
    let at = if good { 5 } else { 6 };
    if world.live().any(|tree| works(&tree)) && exception(world).is_none() {
        *tally.entry(INVARIANTS[at]).or_default() += 1;
        if !up {
            return Some((INVARIANTS[at], story(world, &logs)));
        }
    }
    // A lost record cannot count what an argument asks for: it is heard once the record is there again.
    let waits = world.lost && world.argument.is_some();
    if up && !waits { stays(&settled, tally) } else { None }
}

/// The rules may come to it: it is armed, and nobody has said that it is bad.
fn may_boot(world: &World, key: Key) -> bool {
    let (record, _) = world.read();
    record.slot(key).is_some_and(|slot| !matches!(slot.status, Status::MarkedBad | Status::Broken | Status::Unarmed))
}

/// What the rules cannot do, and why; as README says it.
pub fn exception(world: &World) -> Option<&'static str> {
    let (record, _) = world.read();
    let quality = |key: Key| world.tree(key).map(|tree| tree.quality);
    let by_rules = |slot: &&Slot| slot.status == Status::Good && slot.barred == Barred::No;
    if world.store != Store::Writable {
        return Some("the record cannot be written: nothing is counted");
    }
    if world.lost && world.live().any(|tree| matches!(tree.quality, Quality::DiesEarly | Quality::DiesSeen)) {
        return Some("the record is lost, and what dies before local-fs cannot have it rebuilt");
    }
    let incumbent = record.incumbent.and_then(|key| record.slot(key)).filter(by_rules).and_then(|slot| quality(slot.key));
    let needed = world.config.boot.count == Count::Needed;
    if world.config.boot.good_tries == 0 && needed && incumbent.is_some_and(|quality| quality != Quality::Works) {
        return Some("good-tries = 0: nobody counts the starts of an incumbent that has stopped working");
    }
    let silent = |slot: &Slot| quality(slot.key) == Some(Quality::DiesEarly);
    let any_silent = record.slots.iter().any(|slot| silent(slot) && slot.status == Status::Good);
    (any_silent && needed).then_some("a good one dies before local-fs and leaves no trace")
}

fn stays(up: &World, tally: &mut Tally) -> Option<Violation> {
    let running = up.running?;
    if running.rule == Rule::OneShot || up.record.one_shot.is_some() || up.store != Store::Writable {
        return None;
    }
    *tally.entry(INVARIANTS[7]).or_default() += 1;
    let mut world = up.clone();
    for _ in 0..3 {
        shut_down(&mut world);
        let log = boot(&mut world);
        if log.end != End::Up || world.running.map(|now| now.key) != Some(running.key) {
            let then = log.chosen.map_or("nothing".into(), |(key, rule, _)| format!("{} {}", world.name(key), rule.word()));
            return Some((INVARIANTS[7], format!("{} {}, then {then}", up.name(running.key), running.rule.word())));
        }
    }
    None
}

fn story(world: &World, logs: &[Log]) -> String {
    let line = |log: &Log| log.chosen.map_or("nothing".into(), |(key, rule, _)| format!("{} {}", world.name(key), rule.word()));
    logs.iter().map(line).collect::<Vec<_>>().join(", ")
}
