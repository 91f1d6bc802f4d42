//! The verbs, one file each. They gather, call `decide`, and write.

pub mod access;
pub mod boot_partition;
pub mod crew;
pub mod deploy;
pub mod diff;
pub mod health;
pub mod history;
pub mod hooks;
pub mod init_store;
pub mod kept;
pub mod lint;
pub mod list;
pub mod loader;
pub mod mark;
pub mod note;
pub mod ostree;
pub mod pid1;
pub mod plan;
pub mod prefer;
pub mod prepare_root;
pub mod progress;
pub mod remove;
pub mod reset;
pub mod rollback;
pub mod root_tree;
pub mod status;
pub mod unlock;
pub mod verify;
pub mod watchdog;
pub mod who;

use bedplate::error::{Error, Kind, Result};
use std::io::{ErrorKind, Write};

/// How a verb ends, as the exit code tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Done; also when there was nothing left to do.
    Done,
    /// Failed or refused.
    Failed,
    /// A wrong command line or configuration.
    Usage,
    /// Not a bedplate system.
    NoStore,
    /// `status --check`: the machine fell back.
    FellBack,
}

impl Exit {
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::NoStore => 3,
            Self::FellBack => 4,
        }
    }

    pub const fn of(error: &Error) -> Self {
        match error.kind {
            Kind::Usage => Self::Usage,
            Kind::NoStore => Self::NoStore,
            Kind::Deterministic | Kind::Transient | Kind::Refused => Self::Failed,
        }
    }
}

/// Writes text for the person. A reader that has gone away wants no more of it.
pub fn say(out: &mut dyn Write, text: &str) -> Result<()> {
    match out.write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(Error::transient(format!("cannot write the output: {error}"))),
        _ => Ok(()),
    }
}

/// Text from a file, for one line on a terminal: a control character in it could do anything there.
pub fn plain(text: &str) -> String {
    text.replace(char::is_control, "\u{fffd}")
}

/// A number with its noun: `1 try`, `2 tries`.
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Writes a value as JSON, one document.
pub fn say_json(out: &mut dyn Write, value: &impl serde::Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Error::transient(format!("cannot write JSON: {error}")))?;
    say(out, &format!("{text}\n"))
}
