//! What is kept of a check, for `status`; and what is known of changes that were made on purpose.

use crate::verbs::{access, counted, root_tree};
use bedplate::decide::dm_verity::State;
use bedplate::decide::model::{BootId, Deployment, Instance};
use bedplate::error::{OrFail, Result};
use bedplate::sys::{OwnedFd, fs};
use serde::{Deserialize, Serialize};

/// Below /run.
const KEPT: &str = "bedplate/verified.json";
/// Beside the tree.
const UNLOCKED: &str = "unlocked.json";

/// The last check of the booted deployment in this boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Verified {
    pub schema: u32,
    pub boot_id: BootId,
    pub id: String,
    pub instance: Option<String>,
    /// `None`: it has no manifest, the kernel alone has compared it.
    pub digest: Option<String>,
    pub ok: bool,
    pub differences: u64,
    /// Of its device.
    #[serde(default)]
    pub verity: Option<State>,
    /// Seconds since 1970, by the clock.
    pub time: u64,
}

impl Verified {
    /// An ID may have been used again.
    pub fn is_of(&self, deployment: &Deployment) -> bool {
        self.id == deployment.id.as_str() && self.instance.as_deref() == deployment.instance().map(Instance::as_str)
    }

    /// As a person reads it.
    pub fn text(&self) -> String {
        match (self.ok, self.differences) {
            (true, _) => "verified in this boot".into(),
            (false, 0) if self.verity == Some(State::Corrupted) => "its device is corrupted".into(),
            (false, 0) => "verified, but something else stands at /usr".into(),
            (false, many) => format!("differs from it in {}", counted(many, "place", "places")),
        }
    }
}

pub fn keep(run: &str, verified: &Verified) -> Result<()> {
    let on = format!("{run}/{KEPT}");
    let text = serde_json::to_string(verified).unwrap_or_default() + "\n";
    fs::open_dir(run).and_then(|run| fs::replace_in(run, KEPT, 0o644, text.as_bytes())).or_fail("cannot write", &on)
}

/// What `verify` has found in this boot, if it was run.
pub fn last(run: &str, boot_id: &BootId) -> Result<Option<Verified>> {
    Ok(access::read_for_this_boot(run, KEPT)?.filter(|verified: &Verified| verified.boot_id == *boot_id))
}

#[derive(Deserialize)]
struct Opened {
    command: Vec<String>,
}

/// The commands of `unlock --live`.
pub fn changed_in_place(deployment: &OwnedFd) -> Result<Vec<String>> {
    let Some(text) = root_tree::found(fs::read_text(deployment, UNLOCKED)).or_fail("cannot read", UNLOCKED)? else { return Ok(Vec::new()) };
    match serde_json::from_str::<Vec<Opened>>(&text) {
        Ok(opened) => Ok(opened.iter().map(|opened| opened.command.join(" ")).collect()),
        Err(error) => Ok(vec![format!("commands that cannot be read: {UNLOCKED}: {error}")]),
    }
}
