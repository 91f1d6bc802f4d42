//! `reset PATH…`: single paths of /etc, at once, while the system runs.

use super::super::access::View;
use super::super::diff::gather::{self, Subject};
use super::super::diff::listed::{Listed, shown};
use super::super::{Exit, counted, plain, say, say_json};
use super::refuse_ostree;
use crate::cli;
use bedplate::boot::drift::{self, Layer};
use bedplate::boot::reset::state_name;
use bedplate::boot::restore::Restore;
use bedplate::boot::{clean, tree, verify};
use bedplate::decide::config::EtcMode;
use bedplate::decide::model::{Deployment, SCHEMA};
use bedplate::decide::reset::queue::covers;
use bedplate::error::{Error, OrFail, Result};
use bedplate::sys::{AsFd, OwnedFd, fs};
use serde::Serialize;
use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

/// What makes a machine and its users themselves: taken from it only by force.
const OWN: [&str; 5] = ["passwd", "group", "shadow", "gshadow", "machine-id"];

#[derive(Serialize)]
struct Json {
    schema: u32,
    /// Paths that show the deployment's now, or would.
    reset: Vec<String>,
}

pub fn run(args: &cli::Reset, out: &mut dyn Write) -> Result<Exit> {
    let paths = args.paths.iter().map(|path| below_etc(path)).collect::<Result<Vec<Vec<u8>>>>()?;
    let own = paths.iter().find(|path| OWN.iter().any(|own| own.as_bytes() == path.as_slice()));
    if let Some(own) = own.filter(|_| !args.force && !args.preview) {
        let own = drift::etc_path(own);
        return Err(Error::refused(format!(
            "\"{own}\" is what makes this machine and its users themselves: --force resets it all the same"
        )));
    }
    if args.preview {
        let view = View::open(args.sysroot.as_deref(), &args.run)?;
        refuse_ostree(&view)?;
        let deployment = booted(&view)?;
        let would = would_change(args, &view, &deployment, &paths)?;
        return tell(
            args,
            &would,
            &format!("{} would be reset, nothing is changed by this", counted(would.len() as u64, "path", "paths")),
            out,
        );
    }
    let view = View::open_for_change(args.sysroot.as_deref(), &args.run)?;
    refuse_ostree(&view)?;
    let deployment = booted(&view)?;
    let vendor = vendor_etc(&view, &deployment)?;
    let etc = fs::open_dir("/etc").or_fail("cannot open", "/etc")?;
    let kept = Subject::open(&view, &deployment, &args.run)?.kept()?;
    // First: what is left in the layer is never forgotten, and dropping what is equal changes nothing.
    queue(&view, &deployment, &paths, &kept)?;
    let mut restore = Restore { vendor: vendor.as_fd(), merged: etc.as_fd(), kept: &kept, changed: Vec::new() };
    let result = restore.paths(&paths);
    let changed: Vec<String> = restore.changed.iter().map(|path| drift::etc_path(path)).collect();
    if !changed.is_empty() {
        view.note("reset", &deployment.id, &changed.join(", "));
    }
    result?;
    let sentence = match changed.len() {
        0 => "nothing to reset: it is the deployment's".into(),
        n => format!("{} the deployment's again", counted(n as u64, "path is", "paths are")),
    };
    tell(args, &changed, &sentence, out)
}

/// Of a transient /etc, only what touches the part that is kept.
fn queue(view: &View, deployment: &Deployment, paths: &[Vec<u8>], kept: &[Vec<u8>]) -> Result<()> {
    let Some(layer) = Layer::of(view.config.etc.mode) else { return Ok(()) };
    let holds = |path: &Vec<u8>| kept.iter().any(|kept| covers(std::slice::from_ref(path), kept));
    let lasts = |path: &&Vec<u8>| view.config.etc.mode == EtcMode::Overlay || covers(kept, path) || holds(path);
    let queue: Vec<Vec<u8>> = paths.iter().filter(lasts).cloned().collect();
    if queue.is_empty() {
        return Ok(());
    }
    clean::enqueue(&view.store, state_name(deployment)?.as_str(), layer, &queue)
}

fn tell(args: &cli::Reset, paths: &[String], sentence: &str, out: &mut dyn Write) -> Result<Exit> {
    if args.json {
        say_json(out, &Json { schema: SCHEMA, reset: paths.to_vec() })?;
    } else {
        paths.iter().try_for_each(|path| say(out, &format!("  {}\n", plain(path))))?;
        say(out, &format!("{sentence}\n"))?;
    }
    Ok(Exit::Done)
}

/// Its directory resolved, its last name as it is: the path below /etc.
fn below_etc(text: &str) -> Result<Vec<u8>> {
    let path = Path::new(text);
    let Some(Component::Normal(name)) = path.components().next_back() else {
        return Err(Error::usage(format!("\"{text}\" does not end with a name")));
    };
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // One that is not there has to be plain as it is written.
    let parent = std::fs::canonicalize(parent).unwrap_or_else(|_| parent.to_path_buf());
    let whole = parent.join(name);
    let plain = whole.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
    if whole == Path::new("/etc") {
        return Err(Error::refused("that is all of /etc: bedplate reset --etc does it, at the next boot"));
    }
    let below = whole.strip_prefix("/etc").ok().filter(|_| plain).map(Path::as_os_str).map(OsStr::as_bytes);
    let next = "only paths below /etc are reset while the system runs; /usr is the deployment's already, and --var is for /var";
    below.map(<[u8]>::to_vec).ok_or_else(|| Error::refused(format!("\"{text}\" is not below /etc: {next}")))
}

fn booted(view: &View) -> Result<Deployment> {
    let report =
        view.report.as_ref().ok_or_else(|| Error::refused("this boot did not go through prepare-root: nothing is known of its /etc"))?;
    if !verify::is_root("/", &report.mounts)? {
        return Err(Error::refused("/ is not the mount that prepare-root made: its /etc is another one"));
    }
    match report.config.etc.mode {
        EtcMode::Overlay | EtcMode::Transient => {}
        mode @ (EtcMode::Ro | EtcMode::Bind) => {
            return Err(Error::refused(format!("with etc.mode = \"{}\" /etc is the deployment's own", mode.word())));
        }
    }
    view.booted().cloned().ok_or_else(|| Error::refused("the deployment that runs is not in the store any more"))
}

fn vendor_etc(view: &View, deployment: &Deployment) -> Result<OwnedFd> {
    let vendor = tree::open_vendor_etc(&view.store, &deployment.id)?;
    vendor.ok_or_else(|| Error::deterministic("the tree has neither /usr/etc nor /etc"))
}

fn would_change(args: &cli::Reset, view: &View, deployment: &Deployment, paths: &[Vec<u8>]) -> Result<Vec<String>> {
    let subject = Subject::open(view, deployment, &args.run)?;
    let mut found = Vec::new();
    let mut warnings = Vec::new();
    let mut each = |listed: Listed| {
        let below = listed.path.strip_prefix(b"/etc/".as_slice());
        if below.is_some_and(|path| covers(paths, path)) {
            found.push(shown(&listed.path));
        }
    };
    gather::etc(&subject, &mut each, &mut warnings)?;
    for warning in &warnings {
        log::warn!("{warning}");
    }
    Ok(found)
}
