use super::super::change::{Armed, Failure, Full, NewIncumbent};
use super::*;
use crate::decide::model::Counting;
use alloc::vec;

#[test]
fn arming_adds_the_newest_and_supersedes() {
    let mut record = with(pair(), |r| (r.default, r.one_shot) = (Some(key(1)), Some(key(1))));
    let armed = record.arm(key(3), 4, &[]);
    assert_eq!(armed, Ok(Armed { superseded: Some(key(2)), evicted: None, cleared_default: Some(key(1)) }));
    let second = Slot { done: 1, ..slot(2, Status::Superseded) };
    let third = Slot { left: 4, ..slot(3, Status::Trial) };
    assert_eq!(record, Record { incumbent: Some(key(1)), ..super::record(vec![good(1), second, third]) });
}

#[test]
fn a_trial_that_was_good_once_is_good_again_when_superseded() {
    let trial = Slot { once_good: OnceGood::Yes, left: 1, ..slot(1, Status::Trial) };
    let mut record = record(vec![trial]);
    record.arm(key(2), 5, &[]).expect("there is room");
    assert_eq!(record.slots[0], Slot { left: 5, ..good(1) });
}

#[test]
fn arming_renumbers_in_order() {
    let slots = vec![Slot { order: 200, ..good(1) }, Slot { order: 7, ..good(2) }, Slot { order: 255, ..good(3) }];
    let mut record = record(slots);
    record.arm(key(4), 3, &[]).expect("there is room");
    let order: Vec<(Key, u8)> = record.slots.iter().map(|slot| (slot.key, slot.order)).collect();
    assert_eq!(order, [(key(2), 1), (key(1), 2), (key(3), 3), (key(4), 4)]);
}

#[test]
fn a_full_record_evicts_the_oldest_that_nothing_needs() {
    let full = || record((1..=16).map(good).collect());
    let evicted = |edit: fn(&mut Record), protected: &[Key]| {
        let mut record = with(full(), edit);
        record.arm(key(77), 3, protected).map(|armed| armed.evicted)
    };
    assert_eq!(evicted(|_| {}, &[]), Ok(Some(key(1))));
    assert_eq!(evicted(|r| r.incumbent = Some(key(1)), &[]), Ok(Some(key(2))));
    assert_eq!(evicted(|r| r.default = Some(key(1)), &[]), Ok(Some(key(2))));
    assert_eq!(evicted(|r| r.one_shot = Some(key(1)), &[]), Ok(Some(key(2))));
    assert_eq!(evicted(|r| r.slots[0].pinned = Pinned::Yes, &[]), Ok(Some(key(2))));
    assert_eq!(evicted(|_| {}, &[key(1), key(2)]), Ok(Some(key(3))));
    assert_eq!(evicted(|r| r.slots[8].order = 0, &[]), Ok(Some(key(9))));
    assert_eq!(evicted(|r| r.slots.iter_mut().for_each(|slot| slot.pinned = Pinned::Yes), &[]), Err(Full));
    let mut fifteen = record((1..=15).map(good).collect());
    assert_eq!(fifteen.arm(key(77), 3, &[]).map(|armed| armed.evicted), Ok(None));
    assert_eq!(fifteen.slots.len(), 16);
}

#[test]
fn the_first_deployment_can_be_known_to_work() {
    let mut record = Record::default();
    record.arm_good(key(1), 3).expect("there is room");
    assert_eq!(record.slots, [Slot { outcome: Outcome::Success, ..good(1) }]);
    assert_eq!(record.incumbent, Some(key(1)));
}

#[test]
fn removing_forgets_every_mention() {
    let named = |n| Record { default: Some(key(n)), one_shot: Some(key(n)), ..with(pair(), |r| r.incumbent = Some(key(n))) };
    check("named", named(2), |r| r.remove(key(2)), record(vec![good(1)]));
    let kept = Record { slots: vec![good(1)], ..named(1) };
    check("another", named(1), |r| r.remove(key(2)), kept);
    check("unknown", pair(), |r| r.remove(key(9)), pair());
}

#[test]
fn counting_consumes_one_try_a_boot() {
    let counted = |rule, forced| Slot {
        attempt: [9; 8],
        rule: Some(rule),
        left: 1,
        done: 2,
        forced,
        took_try: TookTry::Yes,
        ..slot(2, Status::Trial)
    };
    let second = |slot: Slot| with(pair(), |r| (r.slots[1], r.last) = (slot, last(2, 9, Phase::Begun)));
    for (rule, forced) in [
        (Rule::Argument, 1),
        (Rule::OneShot, 0),
        (Rule::Default, 1),
        (Rule::Trial, 0),
        (Rule::Incumbent, 0),
        (Rule::OnceGood, 0),
        (Rule::IncumbentCounted, 0),
        (Rule::LastResort, 0),
    ] {
        let named = |r: &mut Record| r.default = Some(key(2));
        let after = || with(second(counted(rule, forced)), named);
        check(rule.word(), with(pair(), named), |r| r.count(attempt(2, rule)), after());
        check("again", after(), |r| r.count(attempt(2, rule)), after());
    }
    let one_shot = |r: &mut Record| r.one_shot = Some(key(2));
    check("one-shot", with(pair(), one_shot), |r| r.count(attempt(2, Rule::OneShot)), second(counted(Rule::OneShot, 0)));
    let after = with(second(counted(Rule::Trial, 0)), one_shot);
    check("the one-shot waits", with(pair(), one_shot), |r| r.count(attempt(2, Rule::Trial)), after);
    let spent = |r: &mut Record| (r.slots[0].done, r.slots[1].left, r.slots[1].done) = (7, 0, 255);
    let after = with(second(counted(Rule::Trial, 0)), |r| {
        (r.slots[0].done, r.slots[1].left, r.slots[1].done, r.slots[1].took_try) = (3, 0, 128, TookTry::No);
    });
    check("bounds", with(pair(), spent), |r| r.count(attempt(2, Rule::Trial)), after);
    let at_the_bound = || with(second(counted(Rule::Trial, 0)), |r| (r.slots[0].done, r.slots[1].done) = (7, 255));
    check("bounds, again", at_the_bound(), |r| r.count(attempt(2, Rule::Trial)), at_the_bound());
    let failed = with(pair(), |r| r.slots[1].outcome = Outcome::Deadline);
    check("open again", failed, |r| r.count(attempt(2, Rule::Trial)), second(counted(Rule::Trial, 0)));
}

#[test]
fn who_is_no_longer_named_has_a_clean_slate() {
    let forced = |r: &mut Record| r.slots.iter_mut().for_each(|slot| slot.forced = 2);
    let slates = |edit: fn(&mut Record), argument| {
        let mut record = with(with(pair(), forced), edit);
        record.slots.push(Slot { forced: 2, ..slot(3, Status::Superseded) });
        record.count(Attempt { argument, ..attempt(2, Rule::Trial) });
        record.slots.iter().map(|slot| slot.forced).collect::<Vec<_>>()
    };
    assert_eq!(slates(|_| {}, None), [0, 0, 0]);
    assert_eq!(slates(|r| r.default = Some(key(1)), None), [2, 0, 0]);
    assert_eq!(slates(|r| r.default = Some(key(1)), Some(key(3))), [2, 0, 2]);
}

#[test]
fn one_put_there_by_hand_gets_a_slot_of_its_own() {
    let mut record = pair();
    record.count(Attempt { argument: Some(key(5)), ..attempt(5, Rule::Argument) });
    let unarmed = Slot { attempt: [9; 8], rule: Some(Rule::Argument), order: 3, done: 1, forced: 1, ..slot(5, Status::Unarmed) };
    assert_eq!(record.slots[2], unarmed);
    let full = super::record((1..=16).map(good).collect());
    check("no room", full.clone(), |r| r.count(attempt(77, Rule::Argument)), full);
}

#[test]
fn a_spent_default_is_dropped() {
    for (forced, tries, dropped) in [(0, 3, false), (2, 3, false), (3, 3, true), (4, 3, true), (3, 4, false)] {
        let mut record = with(pair(), |r| (r.default, r.slots[0].forced) = (Some(key(1)), forced));
        let expected = dropped.then_some(key(1));
        assert_eq!(record.drop_spent_default(tries, [9; 8], None), expected);
        assert_eq!(record.default.is_none(), dropped, "{forced} of {tries}");
        assert_eq!(record.slots[0].forced, if dropped { 0 } else { forced }, "an argument begins anew");
    }
    let mut gone = with(pair(), |r| r.default = Some(key(9)));
    assert_eq!(gone.drop_spent_default(3, [9; 8], None), Some(key(9)));
    assert_eq!(pair().drop_spent_default(3, [9; 8], None), None);
    let mut named_twice = Record { default: Some(key(1)), ..record(vec![Slot { forced: 3, ..good(1) }]) };
    assert_eq!(named_twice.drop_spent_default(3, [9; 8], Some(key(1))), Some(key(1)));
    assert_eq!(named_twice.slot(key(1)).map(|slot| slot.forced), Some(3), "the argument is spent, too, for as long as it stands");
    let mut in_its_last_boot = with(pair(), |r| (r.default, r.slots[0].forced, r.slots[0].attempt) = (Some(key(1)), 3, [9; 8]));
    assert_eq!(in_its_last_boot.drop_spent_default(3, [9; 8], None), None, "it may still succeed");
    assert_eq!(in_its_last_boot.drop_spent_default(3, [8; 8], None), Some(key(1)));
}

#[test]
fn failures_take_a_deployment_out_of_this_boot() {
    let failed = |slot: Slot| Slot { attempt: [9; 8], rule: Some(Rule::Trial), outcome: Outcome::MountsFailed, ..slot };
    let fails = |counting, failure| {
        let mut record = pair();
        record.fail(attempt(2, Rule::Trial), counting, failure);
        record.slots.remove(1)
    };
    let trial = pair().slots.remove(1);
    assert_eq!(fails(Counting::Counted, Failure::Transient), failed(trial.clone()));
    assert_eq!(fails(Counting::Counted, Failure::Deterministic), failed(Slot { status: Status::Broken, left: 0, ..trial.clone() }));
    assert_eq!(fails(Counting::Uncounted, Failure::Transient), failed(Slot { done: 2, started: 1, ..trial }));
    check("unknown", pair(), |r| r.fail(attempt(9, Rule::Trial), Counting::Counted, Failure::Transient), pair());
}

#[test]
fn success_makes_the_incumbent() {
    use NewIncumbent::{No, Yes};
    let after = |n: u8, rule, edit: fn(&mut Record)| {
        let mut record = with(pair(), |r| r.slots.push(slot(3, Status::Superseded)));
        edit(&mut record);
        let new = record.succeed(key(n), rule, 5, None);
        (new, record.incumbent, record.slot(key(n)).map(|slot| (slot.status, slot.once_good, slot.outcome)))
    };
    let good = Some((Status::Good, OnceGood::Yes, Outcome::Success));
    for rule in Rule::ALL {
        assert_eq!(after(2, rule, |_| {}), (Yes, Some(key(2)), good), "a trial, by {}", rule.word());
        assert_eq!(after(1, rule, |_| {}), (No, Some(key(1)), good), "the incumbent, by {}", rule.word());
        let guest = matches!(rule, Rule::Argument | Rule::OneShot);
        let expected = if guest { (No, Some(key(1))) } else { (Yes, Some(key(3))) };
        assert_eq!(after(3, rule, |_| {}), (expected.0, expected.1, good), "another, by {}", rule.word());
        assert_eq!(after(3, rule, |r| r.incumbent = None), (Yes, Some(key(3)), good), "without an incumbent");
        assert_eq!(after(3, rule, |r| r.slots[0].status = Status::Broken), (Yes, Some(key(3)), good), "a broken incumbent");
        assert_eq!(after(3, rule, |r| r.incumbent = Some(key(8))), (Yes, Some(key(3)), good), "an incumbent that is gone");
    }
    assert_eq!(after(9, Rule::Trial, |_| {}), (No, Some(key(1)), None));
}

#[test]
fn success_starts_afresh() {
    let worn = |slot: Slot| Slot { left: 1, done: 2, forced: 2, refunds_used: 1, started: 2, barred: Barred::Yes, ..slot };
    let fresh = |slot: Slot| Slot { left: 5, outcome: Outcome::Success, ..slot };
    let before = |slot: Slot| Record { incumbent: Some(key(1)), ..record(vec![good(1), worn(slot)]) };
    let by = |rule, expected| move |r: &mut Record| assert_eq!(r.succeed(key(2), rule, 5, None), expected);
    let after = Record { incumbent: Some(key(2)), ..record(vec![good(1), fresh(good(2))]) };
    check("by the rules", before(good(2)), by(Rule::OnceGood, NewIncumbent::Yes), after);
    let barred = Slot { barred: Barred::Yes, ..fresh(good(2)) };
    let after = Record { incumbent: Some(key(1)), ..record(vec![good(1), barred]) };
    check("by argument it stays barred", before(good(2)), by(Rule::Argument, NewIncumbent::No), after);
    let others = |default, argument| {
        let mut record = Record { default, ..record(vec![Slot { forced: 2, ..good(1) }, good(2), Slot { forced: 2, ..good(3) }]) };
        record.succeed(key(2), Rule::Default, 5, argument);
        record.slots.iter().map(|slot| slot.forced).collect::<Vec<_>>()
    };
    assert_eq!(others(None, None), [0, 0, 0]);
    assert_eq!(others(Some(key(1)), None), [2, 0, 0]);
    assert_eq!(others(None, Some(key(3))), [0, 0, 2]);
}

#[test]
fn marked_bad_is_final() {
    let named = |n| Record { default: Some(key(n)), one_shot: Some(key(n)), ..with(pair(), |r| r.incumbent = Some(key(n))) };
    let bad = Slot { status: Status::MarkedBad, left: 0, ..pair().slots.remove(1) };
    check("named", named(2), |r| r.mark_bad(key(2)), record(vec![good(1), bad.clone()]));
    check("another", named(1), |r| r.mark_bad(key(2)), Record { slots: vec![good(1), bad], ..named(1) });
    check("unknown", named(1), |r| r.mark_bad(key(9)), named(1));
}

#[test]
fn rollback_bars_the_booted_and_arms_the_target() {
    let worn = |slot: Slot| Slot { left: 1, done: 2, forced: 1, refunds_used: 1, started: 3, barred: Barred::Yes, ..slot };
    let before = |incumbent, target: Slot| Record {
        default: Some(key(1)),
        one_shot: Some(key(1)),
        incumbent: Some(key(incumbent)),
        ..record(vec![worn(target), good(2), Slot { left: 2, ..slot(3, Status::Trial) }])
    };
    let after = |incumbent, target: Slot| Record {
        incumbent: Some(key(incumbent)),
        ..record(vec![Slot { left: 6, ..target }, Slot { barred: Barred::Yes, ..good(2) }, slot(3, Status::Superseded)])
    };
    let roll = |r: &mut Record| r.roll_back(Some(key(2)), key(1), 6);
    let trial = || Slot { once_good: OnceGood::Yes, ..slot(1, Status::Trial) };
    check("an older one", before(2, good(1)), roll, after(2, trial()));
    check("the incumbent", before(1, good(1)), roll, after(1, good(1)));
    check("one marked bad", before(2, slot(1, Status::MarkedBad)), roll, after(2, slot(1, Status::Trial)));
    check("an incumbent that was never good", before(1, slot(1, Status::Superseded)), roll, after(1, slot(1, Status::Trial)));
    let from_nowhere = with(after(2, trial()), |r| r.slots[1].barred = Barred::No);
    check("nothing booted", before(2, good(1)), |r| r.roll_back(None, key(1), 6), from_nowhere);
    let good_trial = Record { incumbent: Some(key(1)), ..record(vec![good(1), trial_once()]) };
    let superseded = with(good_trial.clone(), |r| (r.slots[1].status, r.slots[1].left) = (Status::Good, 3));
    check("a trial that was good gets fresh tries", good_trial, |r| r.roll_back(None, key(1), 3), superseded);
}

fn trial_once() -> Slot {
    Slot { once_good: OnceGood::Yes, left: 2, ..slot(2, Status::Trial) }
}

#[test]
fn naming_a_default_makes_it_choosable() {
    let becomes = |before: Slot| {
        let mut record = record(vec![Slot { forced: 3, barred: Barred::Yes, ..before }]);
        record.set_default(key(1));
        assert_eq!(record.default, Some(key(1)));
        record.slots.remove(0)
    };
    assert_eq!(becomes(good(1)), good(1));
    assert_eq!(becomes(slot(1, Status::MarkedBad)), slot(1, Status::Superseded));
    assert_eq!(becomes(slot(1, Status::Broken)), slot(1, Status::Superseded));
    let bad_once = Slot { once_good: OnceGood::Yes, ..slot(1, Status::MarkedBad) };
    assert_eq!(becomes(bad_once.clone()), Slot { status: Status::Good, ..bad_once });
    assert_eq!(becomes(slot(1, Status::Trial)), slot(1, Status::Trial));
    check("unknown", pair(), |r| r.set_default(key(9)), pair());
}
