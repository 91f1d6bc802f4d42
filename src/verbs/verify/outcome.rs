//! What comes of a check, for people and for programs.

use super::device::Verity;
use super::kept::Verified;
use super::tree::{self, Checked};
use crate::verbs::access::View;
use crate::verbs::{counted, plain};
use bedplate::decide::deploy::size_text;
use bedplate::decide::model::{Deployment, SCHEMA};
use bedplate::sys::host;
use serde::Serialize;
use std::fmt::Write as _;

/// All that was looked at.
pub struct Found {
    pub digest: Option<String>,
    pub checked: Checked,
    pub running: Option<String>,
    pub verity: Option<Verity>,
    pub changed_in_place: Vec<String>,
}

/// All that is shown; its JSON form is stable under [`SCHEMA`].
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Outcome {
    schema: u32,
    id: String,
    instance: Option<String>,
    /// Of the manifest that it was compared with; without one, the kernel alone has compared it.
    digest: Option<String>,
    pub ok: bool,
    paths: u64,
    bytes: u64,
    /// Files that were deployed with it.
    fs_verity: u64,
    /// By path.
    differences: Vec<Line>,
    /// What stands at /usr of the running system is something else, or not only this tree.
    running: Option<String>,
    /// Of the device that the tree's file system is on.
    verity: Option<Verity>,
    /// Commands that changed it (bedplate unlock --live).
    changed_in_place: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Line {
    path: String,
    /// missing, extra, unreadable, or some of type, content, target, device, mode, owner, attributes, fs-verity
    kinds: Vec<&'static str>,
    text: String,
}

impl Outcome {
    pub fn of(deployment: &Deployment, found: Found) -> Self {
        let Found { digest, checked, running, verity, changed_in_place } = found;
        let line = |tree::Found { path, difference }: &tree::Found| Line {
            path: shown(path),
            kinds: difference.kinds(),
            text: difference.to_string(),
        };
        let is_corrupted = verity.as_ref().is_some_and(Verity::is_corrupted);
        Self {
            schema: SCHEMA,
            id: deployment.id.to_string(),
            instance: deployment.instance().map(ToString::to_string),
            digest,
            ok: checked.differences.is_empty() && running.is_none() && !is_corrupted,
            paths: checked.paths,
            bytes: checked.bytes,
            fs_verity: checked.guarded,
            differences: checked.differences.iter().map(line).collect(),
            running,
            verity,
            changed_in_place,
        }
    }

    pub fn kept(&self, view: &View) -> Verified {
        Verified {
            schema: SCHEMA,
            boot_id: view.facts.boot_id.clone(),
            id: self.id.clone(),
            instance: self.instance.clone(),
            digest: self.digest.clone(),
            ok: self.ok,
            differences: self.differences.len() as u64,
            verity: self.verity.as_ref().map(|verity| verity.state),
            time: host::unix_time(),
        }
    }

    pub fn text(&self) -> String {
        /// Of what differs; JSON has all.
        const SHOWN: usize = 20;
        let mut lines: Vec<String> =
            self.differences.iter().take(SHOWN).map(|line| format!("{}: {}", plain(&line.path), line.text)).collect();
        let more = self.differences.len().saturating_sub(SHOWN);
        if more > 0 {
            lines.push(format!("and {more} more (--json lists all)"));
        }
        lines.extend(self.changed_in_place.iter().map(|command| format!("changed in place by: {}", plain(command))));
        lines.extend(self.running.clone());
        lines.extend(self.verity.as_ref().map(ToString::to_string));
        lines.push(self.sentence());
        lines.join("\n") + "\n"
    }

    fn sentence(&self) -> String {
        let id = &self.id;
        let many = self.differences.len() as u64;
        if many > 0 {
            let places = counted(many, "place", "places");
            return format!(
                "{id} differs from what was deployed in {places}: deploy its tree again under another ID, or leave it with bedplate rollback"
            );
        }
        let looked = self.looked();
        match (&self.digest, self.ok) {
            (Some(digest), true) => format!("{id} is bit for bit what was deployed: {digest} ({looked})"),
            (None, true) => format!("{id} is what its root hash says, and has no manifest to be compared with ({looked})"),
            (_, false) if self.is_corrupted() => {
                format!("{id} is on a damaged device, even where all of its files could be read ({looked})")
            }
            (Some(digest), false) => {
                format!("the tree of {id} is bit for bit what was deployed, but it is not what runs: {digest} ({looked})")
            }
            (None, false) => format!("the tree of {id} is what its root hash says, but it is not what runs ({looked})"),
        }
    }

    fn is_corrupted(&self) -> bool {
        self.verity.as_ref().is_some_and(Verity::is_corrupted)
    }

    fn looked(&self) -> String {
        let mut looked = format!("{}, {}", counted(self.paths, "path", "paths"), size_text(self.bytes));
        if self.fs_verity > 0 {
            // Writing to a string cannot fail.
            let _ = write!(looked, ", {} with fs-verity", counted(self.fs_verity, "file", "files"));
        }
        looked
    }
}

/// As text where it is text, and else with its bytes escaped.
fn shown(path: &[u8]) -> String {
    std::str::from_utf8(path).map_or_else(|_| path.escape_ascii().to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bedplate::decide::dm_verity::{OnCorruption, State};
    use bedplate::decide::inventory::Difference;

    fn outcome(differences: usize) -> Outcome {
        let line = |at: usize| Line { path: format!("/usr/{at}\n"), kinds: vec!["missing"], text: Difference::Missing.to_string() };
        Outcome {
            schema: SCHEMA,
            id: "v1".into(),
            instance: None,
            digest: Some("sha256:00".into()),
            ok: differences == 0,
            paths: 3,
            bytes: 2048,
            fs_verity: 0,
            differences: (0..differences).map(line).collect(),
            running: None,
            verity: None,
            changed_in_place: Vec::new(),
        }
    }

    #[test]
    fn output_is_bounded_and_plain() {
        assert_eq!(outcome(0).text(), "v1 is bit for bit what was deployed: sha256:00 (3 paths, 2.0 KiB)\n");
        let guarded = Outcome { fs_verity: 1, ..outcome(0) };
        assert!(guarded.text().ends_with(" (3 paths, 2.0 KiB, 1 file with fs-verity)\n"));
        let many = outcome(22).text();
        assert_eq!(many.lines().count(), 22);
        assert!(many.starts_with("/usr/0\u{fffd}: missing\n") && many.contains("\nand 2 more (--json lists all)\n"), "{many}");
        let covered = Outcome { ok: false, running: Some("an overlay covers it".into()), ..outcome(0) };
        assert!(covered.text().starts_with("an overlay covers it\nthe tree of v1 is bit for bit what was deployed, but"));
    }

    #[test]
    fn what_the_kernel_says_of_the_device_is_told() {
        let on = |state, on_corruption| Some(Verity::sample(state, on_corruption));
        let text = |outcome: Outcome| outcome.text();
        let good = Outcome { verity: on(State::Verified, OnCorruption::Error), ..outcome(0) };
        let line = "verity: verified, root hash 00ff (sha256, device 254:0)\n";
        assert_eq!(text(good), format!("{line}v1 is bit for bit what was deployed: sha256:00 (3 paths, 2.0 KiB)\n"));
        let alone = Outcome { verity: on(State::Verified, OnCorruption::Error), digest: None, ..outcome(0) };
        assert_eq!(
            text(alone),
            format!("{line}v1 is what its root hash says, and has no manifest to be compared with (3 paths, 2.0 KiB)\n")
        );
        let bad = Outcome { ok: false, verity: on(State::Corrupted, OnCorruption::Ignore), ..outcome(0) };
        let expected = "verity: corrupted, root hash 00ff (sha256, device 254:0, damage is read as it is): the kernel has read blocks that are \
                        not those of this hash; write the image again, or leave it with bedplate rollback\n\
                        v1 is on a damaged device, even where all of its files could be read (3 paths, 2.0 KiB)\n";
        assert_eq!(text(bad), expected);
    }

    #[test]
    fn names_that_are_no_text_are_escaped() {
        assert_eq!([shown("/usr/ä".as_bytes()), shown(b"/usr/\xff")], ["/usr/ä", "/usr/\\xff"]);
    }
}
