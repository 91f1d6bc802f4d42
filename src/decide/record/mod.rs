//! The record: which deployments exist for booting, in which order, with how many tries, good or bad.
//!
//! [`codec`] turns it into bytes and back, [`change`] has the transitions up to a boot, [`ending`] those of its end. Nothing here touches a disk.

pub mod change;
pub mod codec;
pub mod ending;
#[cfg(test)]
mod tests;

use super::model::{Id, Instance, Rule};
use alloc::vec::Vec;
use ending::LastBoot;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How many deployments a record can hold.
pub const SLOTS: usize = 16;
/// How many panic records it remembers.
pub const PANICS: usize = 8;

/// What ties a slot to a deployment: the first 8 bytes of SHA-256 of ID, NUL, instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key(pub [u8; 8]);

impl Key {
    pub fn of(id: &Id, instance: &Instance) -> Self {
        let digest = Sha256::new().chain_update(id.as_str()).chain_update([0]).chain_update(instance.as_str()).finalize();
        let mut key = [0; 8];
        for (to, from) in key.iter_mut().zip(digest) {
            *to = from;
        }
        Self(key)
    }
}

/// The first 8 bytes of a boot id; see [`BootId::short`](super::model::BootId::short).
pub type ShortBootId = [u8; 8];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Armed, and not marked good yet. Without tries left it is exhausted.
    Trial,
    /// Was marked good and nothing has said otherwise since.
    Good,
    /// Was armed once, gave way to another, and was never good.
    Superseded,
    /// Marked bad by a person or a health check.
    MarkedBad,
    /// Failed in a way that repeats at every boot.
    Broken,
    /// Put into deployments/ by hand and booted by argument: known, but no rule chooses it.
    Unarmed,
}

/// How the last boot ended that the record knows of: a counted attempt, or a boot of the incumbent whose end was noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Nothing is known yet: it is running now, or no boot has looked at its end.
    Open,
    Success,
    /// A person's reboot before success; the try may have been given back.
    CleanReboot,
    HealthFailed,
    /// prepare-root could not build its root.
    MountsFailed,
    Deadline,
    /// The hardware watchdog reset the machine.
    Watchdog,
    /// The kernel panicked.
    Panic,
    /// Nothing noted the end: power, a hang, or a reset from outside.
    Lost,
}

impl Outcome {
    /// As status and history name it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Success => "success",
            Self::CleanReboot => "clean-reboot",
            Self::HealthFailed => "health-failed",
            Self::MountsFailed => "mounts-failed",
            Self::Deadline => "deadline",
            Self::Watchdog => "watchdog",
            Self::Panic => "panic",
            Self::Lost => "lost",
        }
    }

    /// What a person reads of the last boot of a deployment.
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Open | Self::Lost => "nothing noted the end of its last boot (power, hang, reset, or a panic that left no record)",
            Self::Success => "it worked once and does not any more",
            Self::CleanReboot => "its last boot was restarted in good order before it was good",
            Self::HealthFailed => "in its last boot a health check failed",
            Self::MountsFailed => "in its last boot its root could not be mounted",
            Self::Deadline => "its last boot was not marked good in time",
            Self::Watchdog => "its last boot was ended by the hardware watchdog",
            Self::Panic => "in its last boot the kernel panicked",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    pub key: Key,
    /// The boot of the last counted or failed attempt; zeros: none yet.
    pub attempt: ShortBootId,
    /// The rule of that attempt.
    pub rule: Option<Rule>,
    pub outcome: Outcome,
    /// Higher is newer; no two slots share one.
    pub order: u8,
    pub status: Status,
    pub left: u8,
    /// Fruitless boots since it was armed or last succeeded.
    pub done: u8,
    /// Fruitless boots in a row that an argument or the default caused.
    pub forced: u8,
    pub refunds_used: u8,
    /// Starts of the booted system since the last success or clean shutdown.
    pub started: u8,
    pub pinned: Pinned,
    /// By `rollback`: not chosen by rules 5 and 6 until it is named again.
    pub barred: Barred,
    pub once_good: OnceGood,
    /// Whether the last counted attempt took one of the tries that were left: a deployment that a person names boots without.
    pub took_try: TookTry,
}

/// Defines a two-valued property that reads as a word where a bare `true` would say nothing.
macro_rules! two_valued {
    ($($(#[$doc:meta])* $name:ident),*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { No, Yes }
    )*};
}

two_valued!(
    /// Never removed or evicted.
    Pinned,
    Barred,
    /// Was marked good at least once.
    OnceGood,
    TookTry
);

/// The content of one valid copy.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    pub revision: u64,
    pub default: Option<Key>,
    pub one_shot: Option<Key>,
    pub incumbent: Option<Key>,
    /// Whose boot it was that is known of last.
    pub last: Option<LastBoot>,
    /// Digests of the panic records that were there when this was written; 0: a free place.
    pub panics: [u32; PANICS],
    /// At most [`SLOTS`], with distinct keys.
    pub slots: Vec<Slot>,
}

impl Record {
    pub fn slot(&self, key: Key) -> Option<&Slot> {
        self.slots.iter().find(|slot| slot.key == key)
    }

    pub fn slot_mut(&mut self, key: Key) -> Option<&mut Slot> {
        self.slots.iter_mut().find(|slot| slot.key == key)
    }

    /// The one deployment on trial, exhausted or not.
    pub fn trial(&self) -> Option<&Slot> {
        self.slots.iter().find(|slot| slot.status == Status::Trial)
    }
}
