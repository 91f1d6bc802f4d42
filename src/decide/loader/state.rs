//! What a loader that counts knows of each deployment, whichever loader it is, and what that means for the choice.
//!
//! The record in the store stays the whole truth; the loader's counters cover the time before the initramfs. Its state is only
//! ever read there, and never makes more of a deployment than the record does: a kernel that died early has taken tries that
//! the record did not see, and a mark of success without a record that says so is worth nothing.
//!
//! **Order of the two.** What a loader may start is told to the record first, and what it may not start any more to the loader
//! first. So the loader never trusts more than the record does. Cut between the two, after `deploy`: the loader starts the old
//! kernel, and the trial waits or comes by kexec. After `mark good`: the loader still counts, and the next boot's mark says it
//! again. After `mark bad` or `rollback`: the loader starts the target's kernel, and the target is what fits it.

use crate::decide::model::{Deployment, Id};
use crate::decide::record::{OnceGood, Record, Status};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use serde::Serialize;

/// What a loader has of one deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// It starts it without counting.
    Good,
    /// It counts: so many starts are left.
    Counting { left: u32 },
    /// It does not start it, or only when nothing else is left.
    Exhausted,
}

/// One deployment that a loader knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Known {
    pub id: Id,
    pub standing: Standing,
}

/// The state of a loader.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct State {
    /// What it would start first comes first, where its order is known.
    pub known: Vec<Known>,
    /// Why its state cannot be gone by.
    pub defect: Option<String>,
    /// What is wrong with it and does no harm for now.
    pub damage: Option<String>,
}

impl State {
    pub fn defective(why: impl Into<String>) -> Self {
        Self { defect: Some(why.into()), ..Self::default() }
    }

    pub fn of(&self, id: &Id) -> Option<Standing> {
        self.known.iter().find(|known| known.id == *id).map(|known| known.standing)
    }

    /// The record as the rules are to read it: a trial that was never good has at most as many tries left as its loader gives it,
    /// and none while nobody knows what the loader counts. (What somebody rolled back to has worked, whatever a loader says.)
    /// `running` is the deployment whose kernel runs: its loader has taken this boot's try already, which the record has not, yet.
    /// Nothing of it is to be written.
    pub fn limit(&self, record: &Record, deployments: &[Deployment], running: Option<&Id>) -> Record {
        let mut limited = record.clone();
        let Some(slot) = limited.slots.iter_mut().find(|slot| slot.status == Status::Trial && slot.once_good == OnceGood::No) else {
            return limited;
        };
        let Some(Deployment { id, .. }) = Deployment::owner(deployments, slot.key) else { return limited };
        let this_boot = u32::from(running == Some(id));
        let most = match (&self.defect, self.of(id)) {
            (Some(_), _) => 0,
            (None, None | Some(Standing::Good)) => u32::MAX,
            (None, Some(Standing::Counting { left })) => left.saturating_add(this_boot),
            (None, Some(Standing::Exhausted)) => this_boot,
        };
        slot.left = slot.left.min(u8::try_from(most).unwrap_or(u8::MAX));
        limited
    }

    /// The deployment on trial, where the record has tries left for it and its loader has none.
    pub fn given_up<'a>(&self, record: &Record, deployments: &'a [Deployment], running: Option<&Id>) -> Option<&'a Id> {
        let trial = record.trial().filter(|slot| slot.left > 0)?;
        let left = self.limit(record, deployments, running).trial().map(|slot| slot.left);
        let deployment = Deployment::owner(deployments, trial.key)?;
        (left == Some(0) && self.defect.is_none()).then_some(&deployment.id)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(defect) = &self.defect {
            return write!(f, "its state cannot be gone by: {defect}");
        }
        if self.known.is_empty() {
            f.write_str("it counts for no deployment")?;
        }
        for (number, known) in self.known.iter().enumerate() {
            let comma = if number == 0 { "" } else { ", " };
            match known.standing {
                Standing::Good => write!(f, "{comma}{} good", known.id),
                Standing::Counting { left: 1 } => write!(f, "{comma}{} with 1 start left", known.id),
                Standing::Counting { left } => write!(f, "{comma}{} with {left} starts left", known.id),
                Standing::Exhausted => write!(f, "{comma}{} not to be started", known.id),
            }?;
        }
        self.damage.as_ref().map_or(Ok(()), |damage| write!(f, "; {damage}"))
    }
}

/// What is to become of a deployment in its loader.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// To be started first, with so many tries.
    Arm { tries: u8 },
    /// To be started first, without counting: it has proved itself.
    Good,
    /// Not to be started any more.
    Bad,
}
