//! What a verdict on the running deployment may change, and where `rollback` goes.

use super::marker::{Marker, Verdict};
use super::model::{BootId, Candidate, Deployment, Facts, Id, Rule};
use super::record::{Barred, Key, OnceGood, Record, Slot, Status};

/// Why a success is not noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// It was marked bad in this boot.
    Bad,
    /// A person has left it with `rollback` in this boot.
    Left,
}

impl Said {
    /// In words that follow the deployment's name.
    pub const fn words(self) -> &'static str {
        match self {
            Self::Bad => "was marked bad in this boot",
            Self::Left => "was left with bedplate rollback in this boot",
        }
    }
}

/// What a person or a health check has said of the running deployment in this boot, that a success does not undo. `rule` chose it,
/// `marker` is its newest one.
pub fn said(slot: &Slot, rule: Rule, marker: Option<&Marker>, boot: &BootId) -> Option<Said> {
    let bad_now = |marker: &Marker| marker.verdict == Verdict::Failure && marker.boot_id == boot.as_str();
    if slot.status == Status::MarkedBad && marker.is_some_and(bad_now) {
        return Some(Said::Bad);
    }
    // Barred since this boot began: by no rule but these two would it have been chosen.
    let left = slot.barred == Barred::Yes && !matches!(rule, Rule::Argument | Rule::LastResort);
    left.then_some(Said::Left)
}

/// The revision of a new boot-success marker, once the record says `key` has succeeded. When the record is lost, the highest
/// tells the incumbent: a success that makes none, as a one-shot's, stays below it, and above the deployment's own failure.
pub fn success_revision(record: &Record, key: Key, incumbent: Option<&Marker>, own: Option<&Marker>) -> u64 {
    let next = record.revision.saturating_add(1);
    match incumbent.filter(|_| record.incumbent != Some(key)) {
        None => next,
        Some(incumbent) => {
            let least = own.map_or(0, |own| own.revision.saturating_add(1));
            incumbent.revision.saturating_sub(1).max(least).min(next)
        }
    }
}

/// Where `rollback` goes: what would be chosen if the booted one did not exist, of those that were good once, are not marked
/// otherwise, and are whole as far as one can see.
pub fn rollback_target(candidates: &[Candidate], facts: &Facts, record: &Record, booted: Option<Key>) -> Option<Key> {
    let usable = |key: &Key| {
        let slot = record.slot(*key);
        Some(*key) != booted && slot.is_some_and(|slot| slot.status == Status::Good && slot.once_good == OnceGood::Yes)
    };
    let whole = |deployment: &&Deployment| deployment.defect.is_none();
    let key_of = |id: &Id| facts.deployment(id).filter(whole).and_then(Deployment::key);
    candidates.iter().filter_map(|candidate| key_of(&candidate.id)).find(usable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::model::Instance;
    use alloc::string::String;

    fn marker(verdict: Verdict, revision: u64) -> Marker {
        let instance = Instance::from_random([1; 8]);
        Marker { verdict, instance, revision, time: 0, boot_id: "b".into(), how: String::new() }
    }

    #[test]
    fn the_newest_success_is_the_incumbents() {
        let (one, two) = (Key([1; 8]), Key([2; 8]));
        let record = Record { revision: 20, incumbent: Some(one), ..Record::default() };
        let of_one = marker(Verdict::Success, 12);
        for (key, incumbent, own, expected) in [
            (one, Some(&of_one), None, 21),
            (two, Some(&of_one), None, 11),
            (two, None, None, 21),
            (two, Some(&of_one), Some(&marker(Verdict::Failure, 5)), 11),
            (two, Some(&of_one), Some(&marker(Verdict::Failure, 15)), 16),
        ] {
            assert_eq!(success_revision(&record, key, incumbent, own), expected);
        }
    }
}
