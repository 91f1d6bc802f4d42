//! For everybody, until the next boot: overlays whose changes are in memory.

use super::mounts::{Sources, mount_all};
use super::{System, hold};
use crate::cli;
use crate::verbs::access::{View, lock};
use crate::verbs::{Exit, say};
use bedplate::boot::stage::detach_all;
use bedplate::decide::model::Id;
use bedplate::decide::unlock::{PLACE, Usr, may_open, until_reboot};
use bedplate::error::{Error, OrFail, Result};
use bedplate::sys::mount::{self, Parameter};
use bedplate::sys::{OwnedFd, fs};
use std::io::Write;

/// Of memory, at most: what a package manager installs is there twice before it is done.
const SIZE: &str = "50%";

pub fn run(args: &cli::Unlock, out: &mut dyn Write) -> Result<Exit> {
    let Some(id) = open(args)? else {
        say(out, "/usr is unlocked already, until the next boot\n")?;
        return Ok(Exit::Done);
    };
    if let Err(error) = remember(args, &id) {
        log::warn!("{error}, going on without a line of history");
    }
    say(out, "/usr is unlocked: it takes changes, and the next boot starts without them\n")?;
    Ok(Exit::Done)
}

/// Mounts in the namespace that all see. (Opened for a change, the store might be writable in a private one alone.) `None`: it
/// is open already.
fn open(args: &cli::Unlock) -> Result<Option<Id>> {
    let view = View::open(args.sysroot.as_deref(), &args.run)?;
    lock(&view.store.dir)?;
    let system = System::look(&view)?;
    if may_open(&system.running(&view))? == Usr::Unlocked {
        return Ok(None);
    }
    let (deployment, tree) = system.booted()?;
    // An overlay does not take it well when what it covers is changed.
    drop(hold(&view, &deployment.id)?);
    let place = place(&args.run)?;
    let changes = fs::open_dir_in(&place, PLACE).or_fail("cannot open", PLACE)?;
    let sources = Sources { tree, changes: Some(&changes) };
    if let Err(error) = mount_all(&until_reboot(&system.mounts), sources) {
        let gone = detach_all(&place, PLACE).or_fail("cannot take away again what was mounted at", PLACE);
        return Err(gone.err().map_or(error.clone(), |more| Error::new(error.kind, format!("{error}; and then: {more}"))));
    }
    Ok(Some(deployment.id.clone()))
}

/// A tmpfs for the changes, new; the directory is that below which it is.
fn place(run: &str) -> Result<OwnedFd> {
    let dir = fs::open_dir(run).or_fail("cannot open", run)?;
    fs::make_dirs(&dir, fs::split(PLACE).0, 0o755).or_fail("cannot make the directory of", PLACE)?;
    fs::make_dirs(&dir, PLACE, 0o700).or_fail("cannot make", PLACE)?;
    detach_all(&dir, PLACE).or_fail("cannot detach what an earlier run left at", PLACE)?;
    let parameters = [("source", "bedplate-unlock"), ("size", SIZE), ("mode", "700")];
    let memory = mount::make_fs("tmpfs", &parameters.map(|(key, value)| Parameter::Text(key, value)))?;
    fs::open_target_in(&dir, PLACE).and_then(|at| mount::attach(&memory, at)).or_fail("cannot mount", PLACE)?;
    Ok(dir)
}

fn remember(args: &cli::Unlock, id: &Id) -> Result<()> {
    let view = View::open_for_change(args.sysroot.as_deref(), &args.run)?;
    view.note("unlocked", id, "/usr takes changes until the next boot");
    Ok(())
}
