//! Tests of the codec and of the transitions.

mod change;
mod codec;
mod life;

use super::change::Attempt;
use super::*;
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
    Record { revision: 7, default: None, one_shot: None, incumbent: None, slots }
}

fn attempt(n: u8, rule: Rule) -> Attempt {
    Attempt { key: key(n), rule, boot: [9; 8], argument: None }
}
