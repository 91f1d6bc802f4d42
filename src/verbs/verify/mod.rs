//! `verify`: is /usr bit for bit what was deployed? Looks at all of it, with all cores, and changes nothing.

mod kept;
mod running;
mod tree;

pub use kept::{Verified, last};

use super::access::View;
use super::{Exit, counted, plain, say, say_json};
use crate::cli;
use bedplate::boot::inventory::{ETC, USR, name_of};
use bedplate::decide::deploy::size_text;
use bedplate::decide::model::{Deployment, SCHEMA, VendorEtc};
use bedplate::error::{Error, OrFail, Result};
use bedplate::sys::program::interrupt::Interrupts;
use bedplate::sys::{OwnedFd, fs, host};
use serde::Serialize;
use std::io::Write;
use tree::{Checked, Found};

pub fn run(args: &cli::Verify, out: &mut dyn Write) -> Result<Exit> {
    let view = View::open(args.sysroot.as_deref(), &args.run)?;
    view.warnings.iter().for_each(|warning| log::warn!("{warning}"));
    let deployment = chosen(&view, args.id.as_deref())?;
    let interrupts = Interrupts::hold().or_fail("cannot hold signals for", "verify")?;
    let result = check(&view, deployment, &interrupts)?;
    if view.booted().is_some_and(|booted| booted.id == deployment.id) {
        kept::keep(&args.run, &result.kept(&view))
            .unwrap_or_else(|error| log::warn!("{error}, going on: status does not show this result"));
    }
    if args.json {
        say_json(out, &result)?;
    } else {
        say(out, &result.text())?;
    }
    Ok(if result.ok { Exit::Done } else { Exit::Failed })
}

/// The one that is named, else the one that runs.
fn chosen<'a>(view: &'a View, named: Option<&str>) -> Result<&'a Deployment> {
    match named {
        Some(id) => view.deployment(id),
        None => view.booted().ok_or_else(|| {
            let ids: Vec<&str> = view.facts.deployments.iter().map(|deployment| deployment.id.as_str()).collect();
            Error::refused(format!("this machine runs no deployment of this store: name one (there are: {})", ids.join(", ")))
        }),
    }
}

/// All that is shown; its JSON form is stable under [`SCHEMA`].
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Outcome {
    schema: u32,
    id: String,
    instance: Option<String>,
    /// Of the manifest that it was compared with.
    digest: String,
    ok: bool,
    paths: u64,
    bytes: u64,
    /// By path.
    differences: Vec<Line>,
    /// What stands at /usr of the running system is something else, or not only this tree.
    running: Option<String>,
    /// Commands that changed it (bedplate unlock --live).
    changed_in_place: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Line {
    path: String,
    /// missing, extra, unreadable, or some of type, content, target, device, mode, owner, attributes
    kinds: Vec<&'static str>,
    text: String,
}

fn check(view: &View, deployment: &Deployment, interrupts: &Interrupts) -> Result<Outcome> {
    let dir = format!("deployments/{}", deployment.id);
    let dir = fs::open_dir_in(&view.store.dir, &dir).or_fail("cannot open", &dir)?;
    let usr = manifest(deployment, &dir, USR)?;
    let digest = name_of(usr.as_bytes());
    if deployment.manifest.as_ref().and_then(|manifest| manifest.digest.as_ref()).is_some_and(|named| *named != digest) {
        let id = &deployment.id;
        return Err(Error::refused(format!("usr.manifest of {id} is not the one that was deployed: it tells nothing, deploy {id} again")));
    }
    let mut checked = tree::check(&dir, "root/usr", &usr, interrupts)?;
    if tree::vendor_etc(&dir)? == Some(VendorEtc::Etc) {
        checked.add(tree::check(&dir, "root/etc", &manifest(deployment, &dir, ETC)?, interrupts)?);
    }
    let runs = view.booted().is_some_and(|booted| booted.id == deployment.id);
    let running = match view.report.as_ref().filter(|_| runs) {
        Some(report) => running::look(report)?,
        None => None,
    };
    Ok(Outcome::of(deployment, digest, &checked, running, kept::changed_in_place(&dir)?))
}

/// The text of a manifest, which stays as it is: of a large /usr it is the largest thing here.
fn manifest(deployment: &Deployment, dir: &OwnedFd, name: &str) -> Result<String> {
    const LARGEST: usize = 1 << 30;
    let bytes =
        super::root_tree::found(fs::open_file_in(dir, name)).and_then(|file| file.map(|file| fs::read_up_to(file, LARGEST)).transpose());
    let Some(bytes) = bytes.or_fail("cannot read", name)? else {
        let id = &deployment.id;
        let why = "it was deployed by an older bedplate, or put there by hand";
        return Err(Error::refused(format!("{id} has no {name} and cannot be verified: {why}; deploy the tree again under another ID")));
    };
    String::from_utf8(bytes)
        .map_err(|_| Error::refused(format!("{name} of {} is no text: it tells nothing, deploy it again", deployment.id)))
}

impl Outcome {
    fn of(deployment: &Deployment, digest: String, checked: &Checked, running: Option<String>, changed_in_place: Vec<String>) -> Self {
        let line = |Found { path, difference }: &Found| Line { path: shown(path), kinds: difference.kinds(), text: difference.to_string() };
        Self {
            schema: SCHEMA,
            id: deployment.id.to_string(),
            instance: deployment.instance().map(ToString::to_string),
            digest,
            ok: checked.differences.is_empty() && running.is_none(),
            paths: checked.paths,
            bytes: checked.bytes,
            differences: checked.differences.iter().map(line).collect(),
            running,
            changed_in_place,
        }
    }

    fn kept(&self, view: &View) -> Verified {
        Verified {
            schema: SCHEMA,
            boot_id: view.facts.boot_id.clone(),
            id: self.id.clone(),
            instance: self.instance.clone(),
            digest: self.digest.clone(),
            ok: self.ok,
            differences: self.differences.len() as u64,
            time: host::unix_time(),
        }
    }

    fn text(&self) -> String {
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
        lines.push(self.sentence());
        lines.join("\n") + "\n"
    }

    fn sentence(&self) -> String {
        let (id, digest) = (&self.id, &self.digest);
        let looked = format!("{}, {}", counted(self.paths, "path", "paths"), size_text(self.bytes));
        match self.differences.len() as u64 {
            0 if self.ok => format!("{id} is bit for bit what was deployed: {digest} ({looked})"),
            0 => format!("the tree of {id} is bit for bit what was deployed, but it is not what runs: {digest} ({looked})"),
            many => {
                let places = counted(many, "place", "places");
                format!(
                    "{id} differs from what was deployed in {places}: deploy its tree again under another ID, or leave it with bedplate rollback"
                )
            }
        }
    }
}

/// As text where it is text, and else with its bytes escaped.
fn shown(path: &[u8]) -> String {
    std::str::from_utf8(path).map_or_else(|_| path.escape_ascii().to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bedplate::decide::inventory::Difference;

    fn outcome(differences: usize) -> Outcome {
        let line = |at: usize| Line { path: format!("/usr/{at}\n"), kinds: vec!["missing"], text: Difference::Missing.to_string() };
        Outcome {
            schema: SCHEMA,
            id: "v1".into(),
            instance: None,
            digest: "sha256:00".into(),
            ok: differences == 0,
            paths: 3,
            bytes: 2048,
            differences: (0..differences).map(line).collect(),
            running: None,
            changed_in_place: Vec::new(),
        }
    }

    #[test]
    fn output_is_bounded_and_plain() {
        assert_eq!(outcome(0).text(), "v1 is bit for bit what was deployed: sha256:00 (3 paths, 2.0 KiB)\n");
        let many = outcome(22).text();
        assert_eq!(many.lines().count(), 22);
        assert!(many.starts_with("/usr/0\u{fffd}: missing\n") && many.contains("\nand 2 more (--json lists all)\n"), "{many}");
        let covered = Outcome { ok: false, running: Some("an overlay covers it".into()), ..outcome(0) };
        assert!(covered.text().starts_with("an overlay covers it\nthe tree of v1 is bit for bit what was deployed, but"));
    }

    #[test]
    fn names_that_are_no_text_are_escaped() {
        assert_eq!([shown("/usr/ä".as_bytes()), shown(b"/usr/\xff")], ["/usr/ä", "/usr/\\xff"]);
    }
}
