//! What is kept of a deployment that was changed in place: `deployments/ID/unlocked.json`, one array.

use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// One command that ran while /usr was open for it. It is written before the command starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Opened {
    /// Seconds since 1970, by a clock that may have been wrong.
    pub time: u64,
    pub boot_id: String,
    /// The unit that it ran in, or a person.
    pub by: String,
    pub command: Vec<String>,
    /// Its exit status; 128 and the signal that ended it; none while it runs, and for ever if the machine went down meanwhile.
    pub exit: Option<i32>,
}

/// Reads the whole file. The error says what is wrong with it.
pub fn parse(text: &[u8]) -> Result<Vec<Opened>, serde_json::Error> {
    serde_json::from_slice(text)
}

/// The file's text.
pub fn to_text(opened: &[Opened]) -> String {
    // Only a map with keys that are no strings, or an error of the writer, can fail.
    serde_json::to_string_pretty(opened).unwrap_or_default() + "\n"
}
