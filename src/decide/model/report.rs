//! The report of a boot: /run/bedplate/boot.json.

use super::{BootId, Carried, Id, Instance, OstreeHome};
use crate::decide::config::Config;
use crate::decide::record::Outcome;
use crate::decide::record::ending::Phase;
use crate::decide::reset::What;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// The number in `"schema"`; it changes when a key changes its meaning or goes away.
pub const SCHEMA: u32 = 1;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Report {
    pub schema: u32,
    /// bedplate's own version.
    pub bedplate: String,
    pub boot_id: BootId,
    pub deployment: Booted,
    /// Where it stands in OSTree's layout, where it is one of OSTree's.
    #[serde(default)]
    pub ostree: Option<OstreeHome>,
    pub choice: Chosen,
    /// The boot before this one, where its end was not noted in it.
    #[serde(default)]
    pub previous: Option<PreviousBoot>,
    /// The reset, or its undoing, that was done in this boot.
    #[serde(default)]
    pub reset: Option<ResetDone>,
    /// Candidates that failed in this boot before this one stood, in order.
    pub failed: Vec<FailedCandidate>,
    /// What came of carrying /etc forward, where this boot did that.
    #[serde(default)]
    pub carried: Option<Carried>,
    /// The declared mount table, as verified.
    pub mounts: Vec<Mounted>,
    pub warnings: Vec<String>,
    /// Microseconds, step by step.
    pub timing: Vec<Timing>,
    /// The boot of the kernel that has started this one by kexec.
    #[serde(default)]
    pub kexec_from: Option<BootId>,
    /// What `bedplate.deployment=` named, valid or not.
    pub argument: Option<String>,
    /// The init program that was verified, below the new root.
    pub init: String,
    pub config: Config,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Booted {
    pub id: Id,
    pub instance: Option<Instance>,
    pub version: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Chosen {
    /// The rule's word: argument, one-shot, default, trial, incumbent, once-good, incumbent-counted, last-resort.
    pub rule: String,
    /// The rule as a sentence.
    pub reason: String,
    /// Whether a try was consumed for this boot.
    pub counted: bool,
    /// Number of this try and how many there are, where it is counted.
    pub try_number: Option<u8>,
    pub try_of: Option<u8>,
    /// What boots if this one fails.
    pub fallback: Option<Id>,
    /// The deployment from which the machine fell back to this one.
    pub fell_back_from: Option<Id>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviousBoot {
    /// None: the deployment is gone.
    pub id: Option<Id>,
    /// The first 8 bytes of its boot id, in hexadecimal. None: it wrote nothing.
    pub boot: Option<String>,
    /// watchdog, panic or lost.
    pub ended: Outcome,
    /// begun or started: whether it came as far as its local file systems.
    pub reached: Phase,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResetDone {
    pub kind: ResetKind,
    pub what: What,
    /// The deployment whose own data it was.
    pub of: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResetKind {
    Reset,
    Undo,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedCandidate {
    pub id: Id,
    pub why: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mounted {
    /// As seen in the booted system: "/", "/usr".
    pub target: String,
    pub fstype: String,
    /// ro or rw.
    pub access: String,
    /// Kernel device number major:minor and mount root, as mountinfo has them: what `mark` compares.
    pub device: String,
    pub root: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    pub step: String,
    pub micros: u64,
}
