//! `remove`: takes a deployment out of the record, then off the disk, with its state. Interrupted anywhere, the next
//! `deploy` or `remove` finishes it.

use super::access::View;
use super::boot_partition::{self, BootPartition};
use super::hooks::Hooks;
use super::{Exit, kept, ostree, say};
use crate::cli;
use bedplate::boot::copy::remove_tree_in;
use bedplate::boot::store::{STORE, Store};
use bedplate::decide::bls_entry;
use bedplate::decide::deploy::{Removal, lone, may_remove, orphans};
use bedplate::decide::manifest::{self, Manifest};
use bedplate::decide::model::{Deployment, Id};
use bedplate::decide::record::{Key, Status};
use bedplate::error::{Errno, OrFail, Result};
use bedplate::sys::{AsFd, OwnedFd, copy, fs};
use std::ffi::CString;
use std::io::Write;

const DEPLOYMENTS: &str = "bedplate/deployments";

pub fn run(args: &cli::Remove, out: &mut dyn Write) -> Result<Exit> {
    let boot = BootPartition::find(args.boot.as_deref())?;
    let mut view = View::open_for_change(args.sysroot.as_deref(), &args.run)?;
    let boot = boot.filter(|boot| boot.serves(&view));
    clear_leftovers(&view.store, boot.as_ref(), &args.id)?;
    let deployment = view.deployment(&args.id)?.clone();
    check(&view, &deployment)?;
    let was_preferred = take_away(&mut view, boot.as_ref(), &deployment, "asked for")?;
    say(out, &format!("removed {}\n{}", deployment.id, was_preferred.unwrap_or_default()))?;
    Ok(Exit::Done)
}

/// Whether nothing stands against the removal.
pub fn check(view: &View, deployment: &Deployment) -> Result<()> {
    ostree::refuse(deployment, "ostree admin undeploy INDEX removes it (ostree admin status counts them from 0)")?;
    may_remove(Removal {
        id: &deployment.id,
        key: deployment.key(),
        record: &view.ledger.record,
        orphans: &orphans(&view.ledger.record, &view.facts.deployments),
        booted: view.booted().map(|booted| &booted.id),
        fallback: view.fallback(&view.next_boot()),
        carrier: carrier(view, deployment)?,
    })
}

/// Removes a deployment that was checked. What it was preferred for is returned, as a sentence.
fn take_away(view: &mut View, boot: Option<&BootPartition>, deployment: &Deployment, why: &str) -> Result<Option<String>> {
    if let Err(error) = super::loader::leave(view, Some(&deployment.id), None) {
        log::warn!("{error}, removing {} all the same", deployment.id);
    }
    let was_preferred = disarm(view, deployment)?;
    Hooks::of(view, &deployment.id)?.remove();
    if let (Some(boot), Some(owner)) = (boot, boot_partition::owner(deployment)) {
        boot.clear(&owner)?;
    }
    set_aside(&view.store, &deployment.id)?;
    view.note("removed", &deployment.id, why);
    finish_removal(&view.store, &deployment.id)?;
    Ok(was_preferred)
}

/// Removes a deployment that was never armed, as if it had not been deployed.
pub fn take_back(store: &Store, boot: Option<&BootPartition>, manifest: &Manifest) -> Result<()> {
    if let Some(boot) = boot {
        boot.clear(&bls_entry::owner(&manifest.id, &manifest.instance))?;
    }
    set_aside(store, &manifest.id)?;
    finish_removal(store, &manifest.id)
}

/// From here on it is no deployment.
fn set_aside(store: &Store, id: &Id) -> Result<()> {
    let (from, to) = (format!("deployments/{id}"), format!("deployments/.{id}.del"));
    fs::rename_new_in(&store.dir, &from, &to).or_fail("cannot set aside", &from)?;
    sync_dir(store, "deployments")
}

/// After a success: of the deployments that nothing needs and nobody asked for, the newest `keep` stay. One that was put there
/// by hand is not ours.
pub fn prune(view: &mut View, boot: Option<&BootPartition>) -> Result<()> {
    let keep = usize::from(view.config.boot.keep);
    let mut spare = spare(view);
    spare.sort_by_key(|(order, _)| *order);
    let surplus = if keep == 0 { 0 } else { spare.len().saturating_sub(keep) };
    for (_, deployment) in spare.iter().take(surplus) {
        take_away(view, boot, deployment, "more than boot.keep")?;
    }
    Ok(())
}

/// With its place in the order.
fn spare(view: &View) -> Vec<(u8, Deployment)> {
    let record = &view.ledger.record;
    let next = view.next_boot().first().map(|candidate| candidate.id.clone());
    let asked_for = |key: Key| [record.default, record.one_shot].contains(&Some(key));
    let order = |deployment: &Deployment| {
        let slot = record.slot(deployment.key()?).filter(|slot| !asked_for(slot.key))?;
        (next.as_ref() != Some(&deployment.id) && check(view, deployment).is_ok()).then_some(slot.order)
    };
    view.facts.deployments.iter().filter_map(|deployment| Some((order(deployment)?, deployment.clone()))).collect()
}

/// The slot goes first: whatever happens then, nothing boots from what is half removed. What it was preferred for.
fn disarm(view: &mut View, deployment: &Deployment) -> Result<Option<String>> {
    let Some(key) = slot_of(view, deployment) else { return Ok(None) };
    let named = [(view.ledger.record.default, "default"), (view.ledger.record.one_shot, "one-shot")];
    let named: Vec<&str> = named.into_iter().filter(|(named, _)| *named == Some(key)).map(|(_, word)| word).collect();
    view.ledger.record.remove(key);
    view.commit()?;
    let sentence = |named: &str| format!("it was the {named}: there is none now\n");
    Ok((!named.is_empty()).then(|| sentence(&named.join(" and the "))))
}

/// Without a readable manifest it is the only slot that nothing else can own.
fn slot_of(view: &View, deployment: &Deployment) -> Option<Key> {
    let record = &view.ledger.record;
    match deployment.key() {
        Some(key) => record.slot(key).map(|slot| slot.key),
        None => lone(&orphans(record, &view.facts.deployments), &view.facts.deployments),
    }
}

/// A deployment that will take over the state of this one at its first boot, or again until it has proved itself.
fn carrier<'a>(view: &'a View, source: &Deployment) -> Result<Option<&'a Id>> {
    for deployment in &view.facts.deployments {
        let from = deployment.manifest.as_ref().and_then(|manifest| manifest.from.as_ref());
        if from.is_some_and(|from| source.is_named(from)) && carries(view, deployment)? {
            return Ok(Some(&deployment.id));
        }
    }
    Ok(None)
}

fn carries(view: &View, deployment: &Deployment) -> Result<bool> {
    let Some(instance) = deployment.instance() else { return Ok(false) };
    let slot = deployment.key().and_then(|key| view.ledger.record.slot(key));
    if slot.is_some_and(|slot| slot.status == Status::Trial) {
        return Ok(true);
    }
    let state = format!("state/{}@{instance}", deployment.id);
    match fs::stat_in(&view.store.dir, &state) {
        Ok(_) => Ok(false),
        Err(Errno::ENOENT) => Ok(true),
        Err(errno) => Err(errno).or_fail("cannot look at", &state),
    }
}

/// What runs that were interrupted left in deployments/ and on the boot partition: half-written copies go, removals are finished.
/// What cannot be cleared away stands in the way of its own ID alone.
pub fn clear_leftovers(store: &Store, boot: Option<&BootPartition>, wanted: &str) -> Result<()> {
    for name in fs::names_in(&store.dir, "deployments").or_fail("cannot read", DEPLOYMENTS)? {
        let leftover = |suffix: &str| name.strip_prefix('.')?.strip_suffix(suffix).and_then(Id::parse);
        let (id, cleared) = match (leftover(".new"), leftover(".del")) {
            (Some(id), _) => (id.clone(), drop_half_written(store, boot, &id)),
            (_, Some(id)) => (id.clone(), finish_removal(store, &id)),
            (None, None) => continue,
        };
        match cleared {
            Err(error) if id.as_str() == wanted => return Err(error),
            Err(error) => log::warn!("{error}, going on: the next deploy or remove tries it again"),
            Ok(()) => {}
        }
    }
    boot.map_or(Ok(()), |boot| boot.sweep(store))
}

/// `.ID.new`, and before it what it has on the boot partition: its manifest says whose that is.
fn drop_half_written(store: &Store, boot: Option<&BootPartition>, id: &Id) -> Result<()> {
    let name = format!(".{id}.new");
    let manifest =
        fs::read_text(&store.dir, &format!("deployments/{name}/deployment.toml")).ok().and_then(|text| manifest::parse(&text).ok());
    if let (Some(boot), Some(manifest)) = (boot, manifest) {
        boot.clear(&bls_entry::owner(&manifest.id, &manifest.instance))?;
    }
    remove_below(store, "deployments", &name)
}

fn remove_below(store: &Store, place: &str, name: &str) -> Result<()> {
    let on = format!("{STORE}/{place}");
    let dir = fs::open_dir_in(&store.dir, place).or_fail("cannot open", &on)?;
    remove_tree_in(dir.as_fd(), &on, name)
}

/// Deletes `.ID.del` and what is kept beside it. The manifest goes last: it says which state belongs to it.
fn finish_removal(store: &Store, id: &Id) -> Result<()> {
    let deployments = fs::open_dir_in(&store.dir, "deployments").or_fail("cannot open", DEPLOYMENTS)?;
    let aside = format!(".{id}.del");
    let name = CString::new(aside.as_str()).unwrap_or_default();
    match copy::open_dir_at(&deployments, &name) {
        Ok(dir) => clear(store, id, &dir)?,
        // Whatever was put there by hand is nothing but itself.
        Err(Errno::ENOTDIR | Errno::ELOOP) => {}
        Err(errno) => return Err(errno).or_fail("cannot open", &format!("{DEPLOYMENTS}/{aside}")),
    }
    remove_below(store, "deployments", &aside)
}

fn clear(store: &Store, id: &Id, dir: &OwnedFd) -> Result<()> {
    let aside = format!("{DEPLOYMENTS}/.{id}.del");
    let text = match fs::read_text(dir, "deployment.toml") {
        Ok(text) => Some(text),
        Err(Errno::ENOENT) => None,
        Err(errno) => return Err(errno).or_fail("cannot read", &format!("{aside}/deployment.toml")),
    };
    // A manifest that nobody can read has no state that anybody could find.
    if let Some(manifest) = text.and_then(|text| manifest::parse(&text).ok()).filter(|manifest| manifest.id == *id) {
        let name = format!("{id}@{}", manifest.instance);
        kept::keep(store, &format!("deployments/.{id}.del/etc.manifest"), &name)?;
        remove_below(store, "state", &name)?;
    }
    remove_tree_in(dir.as_fd(), &aside, "root")
}

pub fn sync_dir(store: &Store, name: &str) -> Result<()> {
    let dir = fs::open_dir_in(&store.dir, name).or_fail("cannot open", name)?;
    fs::sync(dir).or_fail("cannot flush", name)
}
