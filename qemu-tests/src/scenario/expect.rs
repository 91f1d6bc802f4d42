//! What must hold of a boot: in the guest's hello, on the console, and on the disk afterwards.

use serde::Deserialize;
use std::collections::BTreeMap;

/// What is not given is not looked at, but `ended`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Expect {
    /// What booted.
    pub deployment: Option<String>,
    /// The rule's word: argument, one-shot, default, trial, incumbent, once-good, incumbent-counted, last-resort.
    pub rule: Option<String>,
    pub counted: Option<bool>,
    /// `2/3`: the second try of three.
    pub r#try: Option<String>,
    /// What would boot if this one failed; "none".
    pub fallback: Option<String>,
    /// "none": the machine did not fall back.
    pub fell_back_from: Option<String>,
    /// IDs that failed in this boot, in order.
    pub failed: Option<Vec<String>>,
    /// Values of boot.json by JSON pointer.
    pub report: BTreeMap<String, serde_json::Value>,
    /// Texts that stand in the warnings of boot.json, each.
    pub warnings: Vec<String>,
    pub mounts: Vec<ExpectMount>,
    /// How many mounts there are at these paths or below.
    pub mount_count: BTreeMap<String, usize>,
    /// poweroff, reboot, panic, watchdog, cut; by default what the boot's `end` leads to.
    pub ended: Option<Ended>,
    /// Texts on the console, each.
    pub console: Vec<String>,
    /// Texts that must not be there.
    pub console_lacks: Vec<String>,
    /// The record on the disk afterwards: "valid", "lost", "newer".
    pub record: Option<String>,
    /// Slots of the record on the disk afterwards, by ID.
    pub slots: BTreeMap<String, ExpectSlot>,
    /// "none", or an ID.
    pub default: Option<String>,
    pub one_shot: Option<String>,
    pub incumbent: Option<String>,
    /// With `block-log`: how often a copy of the record was written before the guest said hello.
    pub record_writes: Option<usize>,
    /// With `block-log`: how many writes and flushes the disk got before that, at most.
    pub disk_writes: Option<usize>,
    /// Files on the disk afterwards, by path in the sysroot, where `ID@` stands for `ID@INSTANCE`.
    pub disk: BTreeMap<String, ExpectFile>,
    /// Trees of the sysroot, named as above, that are after the boot what they were before it: names, contents, modes, owners,
    /// times, links and all extended attributes. Read while the machine is off.
    pub unchanged: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ended {
    Poweroff,
    Reboot,
    Panic,
    /// The hardware watchdog reset it.
    Watchdog,
    /// The harness cut the power.
    Cut,
}

impl Ended {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Poweroff => "poweroff",
            Self::Reboot => "reboot",
            Self::Panic => "panic",
            Self::Watchdog => "watchdog",
            Self::Cut => "cut",
        }
    }
}

/// One line of the mount table: the topmost mount at a path.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ExpectMount {
    pub target: String,
    /// "none": nothing may be mounted there.
    pub fstype: Option<String>,
    /// ro or rw
    pub access: Option<String>,
    /// Flags that must be set, as nosuid.
    #[serde(default)]
    pub flags: Vec<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ExpectSlot {
    /// The deployment has no slot.
    pub none: bool,
    /// trial, good, superseded, marked-bad, broken, unarmed
    pub status: Option<String>,
    pub left: Option<u8>,
    pub done: Option<u8>,
    pub forced: Option<u8>,
    pub refunds_used: Option<u8>,
    pub started: Option<u8>,
    /// open, success, clean-reboot, health-failed, mounts-failed, deadline, watchdog, panic, lost
    pub outcome: Option<String>,
    pub pinned: Option<bool>,
    pub barred: Option<bool>,
    pub once_good: Option<bool>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ExpectFile {
    pub absent: bool,
    pub contains: Vec<String>,
    pub equals: Option<String>,
    /// Names in a directory: exactly these.
    pub names: Option<Vec<String>>,
}
