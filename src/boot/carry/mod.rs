//! Carries /etc forward: the local changes of the deployment that this one came from become those of this one, before its first
//! boot and again until it has proved itself. The rules are in `decide::merge`.
//!
//! The new layer is written beside, flushed and renamed; whatever ends it in between, the next boot begins anew. The old layer is
//! read through a mount that lets nothing be changed.

mod accounts;
mod kept;
mod layer;
mod paths;
mod root;
mod sides;
mod source;

pub use layer::{Layer, Trees, carry_layer};
pub use root::empty_layer;
pub use source::is_proven;

use super::attempt::Ground;
use super::copy::{clear_inherited, remove_tree_in};
use super::store::{STORE, Store};
use crate::decide::config::EtcMode;
use crate::decide::inventory::Entry;
use crate::decide::merge::conflicts::{self, Conflicts};
use crate::decide::merge::when::{Need, Past, aside, need};
use crate::decide::model::{Carried, Deployment, Disk, Facts};
use crate::decide::record::{Key, Record};
use crate::decide::reset::{What, Word};
use crate::error::{Errno, Error, OrFail, Result};
use crate::sys::{AsFd, OwnedFd, fs, host};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use source::Source;

/// In a deployment's state: its layer of /etc with all that belongs to it; and the same in the making.
const ETC: &str = "etc";
const NEW: &str = ".etc.new";
/// One that was set aside, on its way out.
const OLD_ASIDE: &str = ".etc.aside.old";
/// In `etc`: what came of the carry.
pub const CARRIED: &str = "etc/carried";
/// In `etc`: the paths that a person should look at.
pub const CONFLICTS: &str = "etc/conflicts";
/// In `etc`: the booted system of another deployment has run since.
pub const OVERTAKEN: &str = "etc/overtaken";

/// What was done, and what a person should know of it.
#[derive(Debug, Default)]
pub struct Outcome {
    pub carried: Option<Carried>,
    pub warnings: Vec<String>,
}

/// Brings the changes to /etc, and the declared paths, from the deployment that this one came from, where that is due. A boot
/// for which nothing is due writes nothing. What a reset has not finished with is not due: it may be on its way out.
pub fn carry(ground: &Ground<'_>, deployment: &Deployment, unfinished: Option<&What>) -> Result<Outcome> {
    let mut outcome = Outcome::default();
    let Some((from, state)) = deployment.manifest.as_ref().and_then(|manifest| {
        let state = format!("state/{}@{}", manifest.id, manifest.instance);
        Some((manifest.from.as_ref()?, state))
    }) else {
        return Ok(outcome);
    };
    let free = |word| !unfinished.is_some_and(|what| what.includes(word));
    let overlay = ground.request.config.etc.mode == EtcMode::Overlay;
    let need = if overlay && free(Word::Etc) { need(past(ground, deployment, &state)?) } else { Need::Nothing };
    let paths = if free(Word::All) { paths::due(ground, deployment, &state)? } else { Vec::new() };
    if need == Need::Nothing && paths.is_empty() {
        return Ok(outcome);
    }
    if let Disk::ReadOnly(why) = ground.disk {
        outcome.warnings.push(format!(
            "changes to /etc are not carried forward from {from}: the disk cannot be written ({why}), a boot with one that can does it"
        ));
        return Ok(outcome);
    }
    let Some(source) = Source::find(ground, from)? else {
        outcome.warnings.push(format!("{from}, which {} came from, is gone: no local changes are carried forward", deployment.id));
        return Ok(outcome);
    };
    paths::carry(ground, &source, &state, &paths, &mut outcome.warnings)?;
    if need != Need::Nothing {
        etc(ground, &source, deployment, &state, need, &mut outcome)?;
    }
    Ok(outcome)
}

fn past(ground: &Ground<'_>, deployment: &Deployment, state: &str) -> Result<Past> {
    let exists = |name: &str| {
        let path = format!("{state}/{name}");
        match fs::stat_in(&ground.store.dir, &path) {
            Ok(_) => Ok(true),
            Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(false),
            Err(errno) => Err(errno).or_fail("cannot look at", &format!("{STORE}/{path}")),
        }
    };
    Ok(Past {
        has_layer: exists("etc/upper")?,
        is_carried: exists(CARRIED)?,
        is_proven: is_proven(deployment, ground.record),
        is_overtaken: exists(OVERTAKEN)?,
        follows_another: ground.before.is_some_and(|key| deployment.key() != Some(key)),
    })
}

/// Makes the layer, whole, and puts it in its place. What is left of a failure is cleared away by the next try, at the latest.
fn etc(ground: &Ground<'_>, source: &Source, deployment: &Deployment, state: &str, need: Need, outcome: &mut Outcome) -> Result<()> {
    let on = format!("{STORE}/{state}");
    fs::make_dirs(&ground.store.dir, state, 0o700).or_fail("cannot make", &on)?;
    let dir = fs::open_dir_in(&ground.store.dir, state).or_fail("cannot open", &on)?;
    let result = place_for_old(&dir, &on, need).and_then(|aside| {
        let carried = make(ground, source, deployment, &dir, &on, aside.as_deref())?;
        put_in_place(&dir, &on, aside.as_deref()).map(|()| carried)
    });
    match result {
        Ok(carried) => {
            log::info!("/etc carried forward {}", carried.summary());
            outcome.warnings.extend(carried.warning());
            outcome.warnings.extend(carried.notes.iter().cloned());
            outcome.warnings.extend(carried.aside.as_ref().map(|aside| {
                format!(
                    "another deployment has run since the last boot of {}: its own changes to /etc are set aside at {aside}",
                    deployment.id
                )
            }));
            outcome.carried = Some(carried);
            Ok(())
        }
        Err(error) => {
            let _ = remove_tree_in(dir.as_fd(), &on, NEW);
            Err(Error::new(error.kind, format!("cannot carry /etc forward from {}: {error}", source.name)))
        }
    }
}

/// Where the layer goes that is replaced, if one is.
fn place_for_old(dir: &OwnedFd, on: &str, need: Need) -> Result<Option<String>> {
    let names = fs::names_in(dir, ".").or_fail("cannot read", on)?;
    Ok((need == Need::Again).then(|| aside(|name| names.iter().any(|taken| taken == name))))
}

fn make(ground: &Ground<'_>, source: &Source, deployment: &Deployment, dir: &OwnedFd, on: &str, aside: Option<&str>) -> Result<Carried> {
    for leftover in [NEW, OLD_ASIDE] {
        remove_tree_in(dir.as_fd(), on, leftover)?;
    }
    fs::make_dir(dir, NEW, 0o700).or_fail("cannot make", NEW)?;
    let place = fs::open_dir_in(dir, NEW).or_fail("cannot open", NEW)?;
    clear_inherited(place.as_fd()).or_fail("cannot clear the inherited ACL of", NEW)?;
    let new = source.vendor_of(&deployment.id)?;
    let layer = match &source.layer {
        Some(local) => {
            let trees = Trees { old: source.vendor.as_fd(), local: local.as_fd(), new: new.as_fd() };
            carry_layer(trees, place.as_fd(), &ground.request.config.etc.derived)?
        }
        None => empty_layer(new.as_fd(), place.as_fd())?,
    };
    fs::make_dir(&place, "work", 0o700).or_fail("cannot make", "work")?;
    let carried = summary(ground, source, &layer, aside.map(|aside| format!("{on}/{aside}")));
    write(&place, &layer.conflicts, &carried)?;
    fs::sync_fs(&place).or_fail("cannot flush", on)?;
    Ok(carried)
}

fn summary(ground: &Ground<'_>, source: &Source, layer: &Layer, aside: Option<String>) -> Carried {
    let shown = layer.conflicts.0.iter().take(Carried::SHOWN);
    let left_out = layer.left_out.first.iter().map(|sentence| format!("{sentence}, going on without it"));
    Carried {
        from: source.name.clone(),
        boot_id: ground.facts.boot_id.clone(),
        time: host::unix_time(),
        carried: layer.carried,
        dropped: layer.dropped,
        conflicts: layer.conflicts.0.len() as u64,
        first_conflicts: shown.map(|conflict| format!("/etc/{} ({})", shown_path(&conflict.local), conflict.kind.word())).collect(),
        notes: layer.notes.iter().cloned().chain(left_out).take(Carried::SHOWN).collect(),
        aside,
    }
}

fn shown_path(entry: &Entry) -> String {
    String::from_utf8_lossy(&entry.path).escape_debug().to_string()
}

fn write(place: &OwnedFd, conflicts: &Conflicts, carried: &Carried) -> Result<()> {
    if !conflicts.0.is_empty() {
        fs::write_new_in(place, "conflicts", 0o600, conflicts.to_string().as_bytes()).or_fail("cannot write", "conflicts")?;
    }
    let text = serde_json::to_string_pretty(carried).map_err(|error| Error::transient(format!("cannot write \"carried\": {error}")))?;
    fs::write_new_in(place, "carried", 0o600, text.as_bytes()).or_fail("cannot write", "carried")
}

/// The one that is replaced goes aside first. A cut in between leaves no layer at all: then this is a first boot again.
fn put_in_place(dir: &OwnedFd, on: &str, aside: Option<&str>) -> Result<()> {
    if let Some(aside) = aside {
        match fs::rename_in(dir, aside, OLD_ASIDE) {
            Ok(()) | Err(Errno::ENOENT) => {}
            Err(errno) => return Err(errno).or_fail("cannot move out of the way", aside),
        }
        fs::rename_in(dir, ETC, aside).or_fail("cannot set aside", ETC)?;
        fs::sync(dir).or_fail("cannot flush", on)?;
    }
    fs::rename_in(dir, NEW, ETC).or_fail("cannot put in place", ETC)?;
    fs::sync(dir).or_fail("cannot flush", on)?;
    // It is gone when it is gone: the next carry clears it away, too.
    let _ = remove_tree_in(dir.as_fd(), on, OLD_ASIDE);
    Ok(())
}

/// What came of the carry to the layer in a deployment's state (`ID@INSTANCE`); `None`: it was never carried.
pub fn read_carried(store: &Store, state: &str) -> Result<Option<Carried>> {
    let path = format!("state/{state}/{CARRIED}");
    let Some(text) = read(store, &path)? else { return Ok(None) };
    serde_json::from_str(&text).map(Some).map_err(|error| Error::transient(format!("cannot read \"{STORE}/{path}\": {error}")))
}

/// The same for a deployment.
pub fn carried_to(store: &Store, deployment: &Deployment) -> Result<Option<Carried>> {
    let instance = deployment.instance();
    instance.map_or(Ok(None), |instance| read_carried(store, &format!("{}@{instance}", deployment.id)))
}

/// The conflicts of that carry; none where there are none.
pub fn read_conflicts(store: &Store, state: &str) -> Result<Conflicts> {
    let path = format!("state/{state}/{CONFLICTS}");
    let Some(text) = read(store, &path)? else { return Ok(Conflicts::default()) };
    conflicts::parse(&text).map_err(|problem| Error::transient(format!("cannot read \"{STORE}/{path}\": {problem}")))
}

fn read(store: &Store, path: &str) -> Result<Option<String>> {
    match fs::read_text(&store.dir, path) {
        Ok(text) => Ok(Some(text)),
        Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(None),
        Err(errno) => Err(errno).or_fail("cannot read", &format!("{STORE}/{path}")),
    }
}

/// The booted system says that it runs: layers of others that were carried and have not proved themselves are out of date. The
/// note is part of the layer: it goes with it when that is replaced.
pub fn overtake(store: &Store, facts: &Facts, record: &Record, booted: Key) -> Result<()> {
    let others = facts.deployments.iter().filter(|deployment| deployment.key().is_some_and(|key| key != booted));
    for deployment in others.filter(|deployment| !is_proven(deployment, record)) {
        let Some(instance) = deployment.instance() else { continue };
        let state = format!("state/{}@{instance}", deployment.id);
        let exists = |name| fs::stat_in(&store.dir, &format!("{state}/{name}")).is_ok();
        if exists(CARRIED) && !exists(OVERTAKEN) {
            let path = format!("{state}/{OVERTAKEN}");
            fs::replace_in(&store.dir, &path, 0o600, b"").or_fail("cannot write", &format!("{STORE}/{path}"))?;
        }
    }
    Ok(())
}
