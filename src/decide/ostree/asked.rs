//! What the boot loader's word for a deployment is worth: OSTree deploys without telling us, and the loader asks for what is new,
//! or for what a person has put first.

use crate::decide::record::{Barred, Key, Record, Status};

/// What became of the loader's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Heeded {
    /// Never seen before: it is the trial from now on.
    NewTrial,
    /// The rules come to it by themselves: it is the trial, or the incumbent with no trial beside it.
    AsTheRules,
    /// The rules would choose another, so the word counts as the default that a person has set.
    AsDefault,
    /// It has had its tries, or a person or its own failure speaks against it: the rules choose.
    Spent,
    /// It is new, and the record has no room for it: the rules choose.
    NoRoom,
}

/// Works the word into the record, in memory. On an OSTree system the default is always the loader's: what an earlier one has left
/// there goes. `stands` tells which deployments there are.
pub fn heed(record: &mut Record, asked: Option<Key>, tries: u8, stands: impl Fn(Key) -> bool) -> Heeded {
    record.default = None;
    let Some(asked) = asked else { return Heeded::Spent };
    if record.slot(asked).is_none() {
        record.forget_gone(&stands);
        return if record.arm(asked, tries, &[]).is_ok() { Heeded::NewTrial } else { Heeded::NoRoom };
    }
    let waiting = record.trial().filter(|slot| slot.left > 0 && stands(slot.key)).map(|slot| slot.key);
    let Some(slot) = record.slot(asked) else { return Heeded::Spent };
    let bad = matches!(slot.status, Status::MarkedBad | Status::Broken) || slot.barred == Barred::Yes;
    let exhausted = matches!(slot.status, Status::Trial | Status::Good) && slot.left == 0;
    if bad || exhausted {
        return Heeded::Spent;
    }
    if waiting == Some(asked) || (waiting.is_none() && record.incumbent == Some(asked)) {
        return Heeded::AsTheRules;
    }
    record.default = Some(asked);
    Heeded::AsDefault
}
