use crate::decide::model::{Counting, Rule};
use crate::decide::ostree::asked::{Heeded, heed};
use crate::decide::record::change::{Attempt, Failure};
use crate::decide::record::{Key, Record, SLOTS, Status};

const A: Key = Key([1; 8]);
const B: Key = Key([2; 8]);
const C: Key = Key([3; 8]);

/// A is the incumbent.
fn record() -> Record {
    let mut record = Record::default();
    record.arm_good(A, 3).unwrap();
    record
}

fn ask(record: &mut Record, asked: Key) -> Heeded {
    heed(record, Some(asked), 3, |_| true)
}

fn boot(record: &mut Record, key: Key, rule: Rule, number: u8) {
    record.count(Attempt { key, rule, boot: [number; 8], argument: None });
}

#[test]
fn the_incumbent_is_as_the_rules_have_it_and_changes_nothing() {
    let mut record = record();
    let before = record.clone();
    assert_eq!(ask(&mut record, A), Heeded::AsTheRules);
    assert_eq!(record, before);
}

#[test]
fn what_was_never_seen_is_a_trial_until_its_tries_are_spent() {
    let mut record = record();
    assert_eq!(ask(&mut record, B), Heeded::NewTrial);
    assert_eq!(record.trial().map(|slot| (slot.key, slot.left)), Some((B, 3)));
    for number in 1..=3 {
        assert_eq!(ask(&mut record, B), Heeded::AsTheRules);
        boot(&mut record, B, Rule::Trial, number);
    }
    assert_eq!(ask(&mut record, B), Heeded::Spent);
    assert_eq!((record.incumbent, record.default), (Some(A), None));
}

#[test]
fn a_person_who_puts_the_old_one_first_gets_it_while_the_new_one_waits() {
    let mut record = record();
    ask(&mut record, B);
    assert_eq!(ask(&mut record, A), Heeded::AsDefault);
    assert_eq!(record.default, Some(A));
    assert_eq!(ask(&mut record, B), Heeded::AsTheRules);
    assert_eq!(record.default, None, "the word of an earlier boot is forgotten");
}

#[test]
fn one_that_was_good_once_becomes_the_incumbent_again_by_success() {
    let mut record = record();
    ask(&mut record, B);
    boot(&mut record, B, Rule::Trial, 1);
    record.succeed(B, Rule::Trial, 3, None);
    assert_eq!(ask(&mut record, A), Heeded::AsDefault);
    boot(&mut record, A, Rule::Default, 2);
    record.succeed(A, Rule::Default, 3, None);
    assert_eq!((ask(&mut record, A), record.incumbent), (Heeded::AsTheRules, Some(A)));
}

#[test]
fn what_is_bad_or_barred_is_not_booted_by_the_loader() {
    let mut bad = record();
    ask(&mut bad, B);
    bad.mark_bad(B);
    assert_eq!(ask(&mut bad, B), Heeded::Spent);
    let mut broken = record();
    ask(&mut broken, B);
    broken.fail(Attempt { key: B, rule: Rule::Trial, boot: [1; 8], argument: None }, Counting::Counted, Failure::Deterministic);
    assert_eq!(broken.slot(B).map(|slot| slot.status), Some(Status::Broken));
    assert_eq!(ask(&mut broken, B), Heeded::Spent);
    let mut barred = record();
    ask(&mut barred, B);
    boot(&mut barred, B, Rule::Trial, 1);
    barred.succeed(B, Rule::Trial, 3, None);
    barred.roll_back(Some(B), A, 3);
    assert_eq!(ask(&mut barred, B), Heeded::Spent);
}

#[test]
fn slots_of_what_was_undeployed_make_room_and_name_nothing() {
    let mut record = record();
    for number in 10..10 + u8::try_from(SLOTS).unwrap() {
        record.arm(Key([number; 8]), 3, &[]).unwrap();
    }
    assert_eq!(heed(&mut record, Some(C), 3, |key| key == C), Heeded::NewTrial);
    assert_eq!(record.slots.len(), 1);
    assert_eq!(record.incumbent, None);
}

#[test]
fn a_waiting_trial_that_is_gone_is_in_nobodys_way() {
    let mut record = record();
    ask(&mut record, B);
    assert_eq!(heed(&mut record, Some(A), 3, |key| key == A), Heeded::AsTheRules);
}

#[test]
fn nobody_asks() {
    let mut record = record();
    record.default = Some(A);
    assert_eq!(heed(&mut record, None, 3, |_| true), Heeded::Spent);
    assert_eq!(record.default, None);
}
