//! One boot: the machine is switched on, things are done in it, and it ends.

use super::{Expect, Step};
use crate::error::{OrSay, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Boot {
    /// What it shows, as the demo tells it.
    #[serde(default)]
    pub title: String,
    /// Appended to the kernel command line.
    #[serde(default)]
    pub cmdline: String,
    /// Instead of the scenario's.
    pub config: Option<String>,
    /// More files of the initramfs, mode 0644, by path.
    #[serde(default)]
    pub initramfs: BTreeMap<String, String>,
    /// Done to the disk before.
    #[serde(default)]
    pub faults: Vec<Fault>,
    /// The disk refuses writes.
    #[serde(default)]
    pub read_only: bool,
    /// All that is written to the first disk is logged, and the power is cut at every point of the log: `power-cut`.
    #[serde(default)]
    pub block_log: bool,
    /// What the machine's clock shows, as QEMU's `-rtc base=` takes it.
    pub clock: Option<String>,
    /// So often the guest says hello and is reset by the watchdog, before the start of the same machine that this is about.
    #[serde(default)]
    pub resets: usize,
    #[serde(default)]
    pub steps: Vec<Step>,
    /// How it ends once the steps are done.
    #[serde(default)]
    pub end: End,
    /// Bound for the whole boot on a machine without KVM, instead of the tier's.
    pub seconds: Option<u64>,
    #[serde(default)]
    pub expect: Expect,
}

impl Boot {
    pub(super) fn check(&self) -> Result<()> {
        for (number, step) in (1..).zip(&self.steps) {
            step.action().map(drop).or_say(format!("step {number}"))?;
        }
        match self.end {
            End::Message if self.expect.console.is_empty() => Err("end = \"message\" needs expect.console".to_string()),
            _ if self.block_log && self.read_only => Err("block-log and read-only: there is nothing to log".to_string()),
            End::Message if !self.steps.is_empty() => Err("no guest is there to do the steps: end = \"message\"".to_string()),
            end if self.resets > 0 && end != End::Poweroff => Err("a machine that starts again ends with end = \"poweroff\"".to_string()),
            _ => Ok(()),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// In good order.
    #[default]
    Poweroff,
    /// In good order.
    Reboot,
    /// The kernel panics.
    Crash,
    /// What is not on the disk is lost.
    PowerCut,
    /// The guest says hello and ends by itself (its `init`), with what `expect.ended` says.
    Itself,
    /// No guest comes up: the power is cut once the console shows all of `expect.console`.
    Message,
    /// No guest comes up: the machine ends by itself, with what `expect.ended` says.
    Unreached,
}

/// Done to the disk while the machine is off. Paths are relative to the sysroot.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", tag = "do")]
pub enum Fault {
    /// Overwrites bytes of a file in place.
    Patch {
        path: String,
        offset: u64,
        hex: String,
    },
    /// A new file, or another content.
    Write {
        path: String,
        text: String,
    },
    Remove {
        path: String,
    },
    Directory {
        path: String,
    },
    Symlink {
        path: String,
        target: String,
    },
    /// A file or a directory; nothing is at the new place.
    Rename {
        path: String,
        to: String,
    },
    /// Both copies of the record are whole, and of a format that only a newer bedplate knows.
    NewerRecord,
}
