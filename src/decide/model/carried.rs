//! What came of carrying /etc forward: the `carried` file beside the layer, and the boot report.

use super::BootId;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Carried {
    /// `ID@INSTANCE` of the deployment that it came from.
    pub from: String,
    /// The boot in which it was carried.
    pub boot_id: BootId,
    /// Seconds since 1970 by the clock of the initramfs: shown, never compared.
    pub time: u64,
    /// Paths in the new layer; directories that only lead to others are not counted.
    pub carried: u64,
    /// Local changes that are not: the vendor's content is seen there again, or nothing is left to change.
    pub dropped: u64,
    /// Paths that the vendor and somebody here changed; the file `conflicts` lists all of them.
    pub conflicts: u64,
    /// The first of them, as `/etc/PATH (KIND)`.
    pub first_conflicts: Vec<String>,
    /// What else a person should know, as sentences.
    pub notes: Vec<String>,
    /// Where the layer is that this one has taken the place of, below the store.
    #[serde(default)]
    pub aside: Option<String>,
}

impl Carried {
    /// How many conflicts and notes are kept here at most.
    pub const SHOWN: usize = 16;

    /// In one line, for people.
    pub fn summary(&self) -> String {
        let from = self.from.split('@').next().unwrap_or_default();
        let counted = |n: u64, one: &str, many: &str| alloc::format!("{n} {}", if n == 1 { one } else { many });
        let (changes, conflicts) = (counted(self.carried, "change", "changes"), counted(self.conflicts, "conflict", "conflicts"));
        let aside = self.aside.as_ref().map(|aside| alloc::format!("; what it had of its own is in {aside}")).unwrap_or_default();
        alloc::format!("from {from}: {changes}, {} dropped, {conflicts}{aside}", self.dropped)
    }

    /// The conflicts as one sentence, where there are any.
    pub fn warning(&self) -> Option<String> {
        let more = self.conflicts.saturating_sub(self.first_conflicts.len() as u64);
        let more = if more > 0 { alloc::format!(" and {more} more") } else { String::new() };
        let listed = self.first_conflicts.join(", ");
        (self.conflicts > 0).then(|| {
            alloc::format!(
                "changed in /etc by the vendor and locally: {listed}{more}; the local versions stay, the vendor's are kept beside"
            )
        })
    }
}
