//! `--preview`: exactly what would go, as the boot will find it; nothing is changed.

use super::super::access::View;
use super::super::{Exit, plain, say, say_json};
use super::refuse_ostree;
use crate::cli;
use bedplate::boot::copy::{Flow, measure};
use bedplate::boot::drift::{self, Past};
use bedplate::boot::reset::{kept_below, own_names, state_name};
use bedplate::boot::store::STORE;
use bedplate::decide::config::EtcMode;
use bedplate::decide::drift::Cause;
use bedplate::decide::model::{Deployment, SCHEMA};
use bedplate::decide::reset::glob::{Fate, Glob, fate};
use bedplate::decide::reset::{Part, What, kept, parts};
use bedplate::error::{Error, OrFail, Result};
use bedplate::sys::copy::{self as sys, Node};
use bedplate::sys::{AsFd, OwnedFd};
use serde::Serialize;
use std::ffi::CString;
use std::fmt::Write as _;
use std::io::Write;

/// Its JSON form is stable under [`SCHEMA`].
#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Preview<'a> {
    schema: u32,
    what: &'a What,
    /// Whose own data goes.
    deployment: String,
    /// Local changes to /etc that go.
    etc: Vec<Change>,
    /// Entries of /var, and declared paths of the deployment.
    data: Vec<Data>,
    /// What `--keep` names there, and what stays without being named.
    kept: Vec<String>,
}

#[derive(Serialize)]
struct Change {
    path: String,
    cause: Cause,
}

#[derive(Serialize)]
struct Data {
    path: String,
    /// What it takes on the disk, with what is kept of it.
    bytes: u64,
    /// Files and directories.
    entries: u64,
}

pub fn run(args: &cli::Reset, what: &What, out: &mut dyn Write) -> Result<Exit> {
    let view = View::open(args.sysroot.as_deref(), &args.run)?;
    refuse_ostree(&view)?;
    let next = view.next_boot().first().and_then(|candidate| view.facts.deployment(&candidate.id)).cloned();
    let deployment = next.ok_or_else(|| Error::refused("no deployment boots: there is nothing that could be reset"))?;
    let preview = Preview::of(&view, &deployment, what, &args.keep)?;
    if args.json {
        say_json(out, &preview)?;
    } else {
        say(out, &preview.text())?;
    }
    Ok(Exit::Done)
}

fn shown(path: &[u8]) -> String {
    plain(&String::from_utf8_lossy(path))
}

fn components(path: &[u8]) -> Vec<Vec<u8>> {
    path.split(|byte| *byte == b'/').filter(|part| !part.is_empty() && *part != b".").map(<[u8]>::to_vec).collect()
}

impl<'a> Preview<'a> {
    fn of(view: &View, deployment: &Deployment, what: &'a What, keep: &[String]) -> Result<Self> {
        let state = state_name(deployment)?;
        let globs = kept(what, keep);
        let (own, var) = own_names(&view.store, &state)?;
        let parts = parts(what, &globs, &own, &var);
        let mut preview =
            Self { schema: SCHEMA, what, deployment: deployment.id.to_string(), etc: Vec::new(), data: Vec::new(), kept: Vec::new() };
        if parts.contains(if view.config.etc.mode == EtcMode::Transient { &Part::EtcKeep } else { &Part::Etc }) {
            preview.etc(view, deployment, &globs)?;
        }
        for part in &parts {
            preview.part(view, part, state.as_str(), &globs)?;
        }
        preview.kept.sort();
        Ok(preview)
    }

    fn etc(&mut self, view: &View, deployment: &Deployment, globs: &[Glob]) -> Result<()> {
        let mut past = Past::of(&view.store, &view.facts.deployments, &view.ledger.record, deployment);
        drift::lasting(&view.store, deployment, &view.config.etc, &mut past, &mut |change| {
            let path = [vec![b"etc".to_vec()], components(change.path)].concat();
            if fate(globs, &path) != Fate::Kept {
                self.etc.push(Change { path: drift::etc_path(change.path), cause: change.cause });
            }
            Flow::Continue
        })
    }

    fn part(&mut self, view: &View, part: &Part, state: &str, globs: &[Glob]) -> Result<()> {
        let directory = part.directory(state);
        let on = format!("{STORE}/{directory}");
        let parent = sys::open_deep(&view.store.dir, directory.as_bytes()).or_fail("cannot open", &on)?;
        let name = CString::new(part.name()).map_err(|_| Error::transient(format!("an odd name in \"{on}\"")))?;
        let meta = sys::look(&parent, &name).or_fail("cannot look at", &on)?;
        let (below, prefix) = part.tree();
        let place = prefix.iter().fold(Vec::new(), |path, piece| [path.as_slice(), b"/", piece].concat());
        let mut data =
            Data { path: if *part == Part::Paths { "declared paths".into() } else { shown(&place) }, bytes: meta.allocated, entries: 1 };
        if meta.node == Node::Directory {
            let dir = sys::open_dir_at(&parent, &name).or_fail("cannot open", &on)?;
            let totals = measure(dir.as_fd())?;
            (data.bytes, data.entries) = (totals.bytes, totals.inodes());
            self.kept(&dir, below, &prefix, &place, globs)?;
        }
        if *part != Part::Etc {
            self.data.push(data);
        }
        Ok(())
    }

    fn kept(&mut self, dir: &OwnedFd, below: &str, prefix: &[Vec<u8>], place: &[u8], globs: &[Glob]) -> Result<()> {
        let Ok(root) = sys::open_deep(dir, below.as_bytes()) else { return Ok(()) };
        let found = kept_below(root.as_fd(), prefix, globs)?;
        self.kept.extend(found.iter().map(|path| shown(&[place, b"/", path].concat())));
        Ok(())
    }

    fn text(&self) -> String {
        let mut text = format!("reset of {}, with {}:\n", self.what, self.deployment);
        // Writing to a String cannot fail.
        for change in &self.etc {
            let _ = writeln!(text, "  {:<9} {}", change.cause.word(), plain(&change.path));
        }
        for data in &self.data {
            let _ = writeln!(text, "  {:<9} {} ({} entries, {} KiB)", "data", data.path, data.entries, data.bytes.div_ceil(1024));
        }
        for path in &self.kept {
            let _ = writeln!(text, "  {:<9} {path}", "kept");
        }
        if self.etc.is_empty() && self.data.is_empty() {
            text.push_str("  nothing would go\n");
        }
        text + "nothing is changed by this\n"
    }
}
