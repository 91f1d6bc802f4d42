//! Tests of the codec and of the transitions.

mod change;
mod codec;
mod ending;
mod life;

use super::change::Attempt;
use super::ending::{LastBoot, Phase};
use super::*;
use alloc::vec;
use alloc::vec::Vec;

fn key(n: u8) -> Key {
    Key([n; 8])
}

fn slot(n: u8, status: Status) -> Slot {
    Slot {
        key: key(n),
        attempt: [0; 8],
        rule: None,
        outcome: Outcome::Open,
        order: n,
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

fn good(n: u8) -> Slot {
    Slot { left: 3, once_good: OnceGood::Yes, ..slot(n, Status::Good) }
}

fn record(slots: Vec<Slot>) -> Record {
    Record { revision: 7, default: None, one_shot: None, incumbent: None, last: None, panics: [0; PANICS], slots }
}

fn attempt(n: u8, rule: Rule) -> Attempt {
    Attempt { key: key(n), rule, boot: [9; 8], argument: None }
}

#[expect(clippy::unnecessary_wraps, reason = "as the record holds it")]
fn last(n: u8, boot: u8, phase: Phase) -> Option<LastBoot> {
    Some(LastBoot { key: key(n), boot: [boot; 8], phase })
}

/// Applies a change and compares the whole record.
fn check(what: &str, before: Record, change: impl FnOnce(&mut Record), after: Record) {
    let mut record = before;
    change(&mut record);
    assert_eq!([record], [after], "{what}");
}

fn with(base: Record, edit: impl FnOnce(&mut Record)) -> Record {
    let mut record = base;
    edit(&mut record);
    record
}

/// v1 good and incumbent, v2 on trial.
fn pair() -> Record {
    Record { incumbent: Some(key(1)), ..record(vec![good(1), Slot { left: 2, done: 1, ..slot(2, Status::Trial) }]) }
}
