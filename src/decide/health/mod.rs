//! Health checks: which scripts run, how long they may take, and what came of them.
//!
//! The directories are greenboot's (README and src/lib/greenboot.rs of greenboot-rs 0.16): `check/required.d`, `check/wanted.d`,
//! `green.d` and `red.d` below usr/lib/greenboot and etc/greenboot. Differences are deliberate and few: a script in etc takes
//! the place of one with the same name in usr/lib, all required ones run even after one has failed, and each has a limit.

mod conf;
mod output;
mod script;
#[cfg(test)]
mod tests;

pub use conf::disabled;
pub use output::{LIMIT, Tail};
pub use script::{Found, Listing, Script, Start, list};

use crate::decide::config::Seconds;
use crate::decide::model::BootId;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Where the directories are, below the root; of two scripts with one name the later place counts.
pub const PLACES: [&str; 2] = ["usr/lib/greenboot", "etc/greenboot"];
/// greenboot's own configuration, below the root.
pub const CONF: &str = "etc/greenboot/greenboot.conf";
/// The result of this boot, below /run.
pub const HEALTH_JSON: &str = "bedplate/health.json";
/// Failed checks whose output is kept.
pub const KEPT: usize = 8;

/// What a script is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Purpose {
    /// A check that must pass.
    Required,
    /// A check that is only reported.
    Wanted,
    /// Run after a success.
    Green,
    /// Run after a failure.
    Red,
}

impl Purpose {
    /// Its directory below each of [`PLACES`].
    pub const fn directory(self) -> &'static str {
        match self {
            Self::Required => "check/required.d",
            Self::Wanted => "check/wanted.d",
            Self::Green => "green.d",
            Self::Red => "red.d",
        }
    }

    pub const fn word(self) -> &'static str {
        match self {
            Self::Required => "required",
            Self::Wanted => "wanted",
            Self::Green => "green",
            Self::Red => "red",
        }
    }
}

/// How a script ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    Exited(i32),
    Killed {
        signal: i32,
    },
    /// Stopped by us after so many seconds.
    TooLong(u64),
    /// The time for all scripts was used up before its turn.
    NoTimeLeft,
    NotStarted(String),
}

impl End {
    pub fn is_success(&self) -> bool {
        *self == Self::Exited(0)
    }

    pub fn sentence(&self) -> String {
        match self {
            Self::Exited(0) => "passed".into(),
            Self::Exited(code) => format!("exit status {code}"),
            Self::Killed { signal } => format!("killed by signal {signal}"),
            Self::TooLong(seconds) => format!("stopped after {seconds} s: it took too long"),
            Self::NoTimeLeft => "not run: the time for all checks was used up".into(),
            Self::NotStarted(why) => format!("cannot be started: {why}"),
        }
    }
}

/// One script that had its turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Check {
    pub purpose: Purpose,
    /// Absolute, below the root that was looked at.
    pub script: String,
    pub passed: bool,
    /// How it ended, as a sentence.
    pub end: String,
    /// Its last output, where it failed; plain text, at most 4096 bytes.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub output: String,
}

/// All checks passed that must.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    Green,
    Red,
}

/// What the checks of one boot came to: health.json.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Health {
    pub schema: u32,
    pub boot_id: BootId,
    pub verdict: Verdict,
    pub checks: Vec<Check>,
}

impl Health {
    /// Red where a required check has failed. Output is kept for the first [`KEPT`] failures.
    pub fn of(boot_id: BootId, mut checks: Vec<Check>) -> Self {
        let red = checks.iter().any(|check| check.purpose == Purpose::Required && !check.passed);
        for check in checks.iter_mut().filter(|check| !check.passed).skip(KEPT) {
            check.output = String::new();
        }
        Self { schema: super::model::SCHEMA, boot_id, verdict: if red { Verdict::Red } else { Verdict::Green }, checks }
    }

    /// The required checks that failed, in order.
    pub fn failed(&self) -> impl Iterator<Item = &Check> {
        self.checks.iter().filter(|check| check.purpose == Purpose::Required && !check.passed)
    }

    /// One line.
    pub fn sentence(&self) -> String {
        let all = |purpose| self.checks.iter().filter(move |check| check.purpose == purpose);
        let failed = |purpose| {
            let failed = all(purpose).filter(|check| !check.passed);
            failed.map(|check| format!("{} ({})", check.script, check.end)).collect::<Vec<_>>().join(", ")
        };
        let (required, wanted) = (failed(Purpose::Required), failed(Purpose::Wanted));
        let main = match self.verdict {
            Verdict::Red => format!("failed: {required}"),
            Verdict::Green if self.checks.is_empty() => "there are no checks".to_string(),
            Verdict::Green => format!("good, required checks that passed: {}", all(Purpose::Required).count()),
        };
        if wanted.is_empty() { main } else { format!("{main}; wanted checks that failed: {wanted}") }
    }
}

/// Seconds before the deadline by which all checks are over: the failure is still noted, and red.d runs.
const BEFORE_DEADLINE: u64 = 30;

/// How many seconds all checks together may take. A boot that has a deadline has to be over before it, so that what failed is
/// known; some time is left in any case. `uptime` in seconds, since the kernel's start, as the deadline counts.
pub fn time_for_all(limit: u64, deadline: Seconds, uptime: u64) -> u64 {
    let Some(deadline) = deadline else { return limit };
    let left = deadline.saturating_sub(uptime);
    limit.min(left.saturating_sub(BEFORE_DEADLINE.min(left / 2)).max(1))
}
