//! `set-default`, `set-oneshot`, `pin`, `unpin`: what a person wants of the next boots and of removal.

use super::access::View;
use super::{Exit, ostree, say};
use crate::cli;
use bedplate::decide::record::Pinned;
use bedplate::error::{Error, Result};
use std::io::Write;

pub fn set_default(args: &cli::SetDefault, out: &mut dyn Write) -> Result<Exit> {
    let open = || View::open_for_change(args.sysroot.as_deref(), "/run");
    match (&args.id, args.clear) {
        (Some(id), false) => name_default(&mut open()?, id, out)?,
        (None, true) => clear_default(&mut open()?, out)?,
        _ => return Err(Error::usage("set-default takes either an ID or --clear")),
    }
    Ok(Exit::Done)
}

fn name_default(view: &mut View, id: &str, out: &mut dyn Write) -> Result<()> {
    ostree::refuse(view.deployment(id)?, "the boot loader's first entry is the default there (ostree admin set-default INDEX)")?;
    let key = view.armed(id)?;
    view.ledger.record.set_default(key);
    view.commit()?;
    view.note("default", &view.deployment(id)?.id.clone(), "set");
    say(out, &format!("{id} boots from now on; back to the rules: bedplate set-default --clear\n"))
}

fn clear_default(view: &mut View, out: &mut dyn Write) -> Result<()> {
    let Some(key) = view.ledger.record.default.take() else {
        return say(out, "there is no default: the rules choose already\n");
    };
    view.commit()?;
    if let Some(id) = view.id_of(key) {
        view.note("default", id, "cleared");
    }
    say(out, "the rules choose again\n")
}

pub fn set_oneshot(args: &cli::SetOneshot, out: &mut dyn Write) -> Result<Exit> {
    let mut view = View::open_for_change(args.sysroot.as_deref(), "/run")?;
    let key = view.armed(&args.id)?;
    view.ledger.record.one_shot = Some(key);
    view.commit()?;
    view.note("one-shot", &view.deployment(&args.id)?.id.clone(), "set");
    say(out, &format!("{} boots the next time, and only then\n", args.id))?;
    Ok(Exit::Done)
}

pub fn pin(args: &cli::Pin, out: &mut dyn Write) -> Result<Exit> {
    set_pinned(&args.id, args.sysroot.as_deref(), Pinned::Yes)?;
    say(out, &format!("{} is never removed until bedplate unpin {}\n", args.id, args.id))?;
    Ok(Exit::Done)
}

pub fn unpin(args: &cli::Unpin, out: &mut dyn Write) -> Result<Exit> {
    set_pinned(&args.id, args.sysroot.as_deref(), Pinned::No)?;
    say(out, &format!("{} may be removed\n", args.id))?;
    Ok(Exit::Done)
}

fn set_pinned(id: &str, sysroot: Option<&str>, pinned: Pinned) -> Result<()> {
    let mut view = View::open_for_change(sysroot, "/run")?;
    let key = view.armed(id)?;
    match view.ledger.record.slot_mut(key) {
        Some(slot) if slot.pinned != pinned => slot.pinned = pinned,
        _ => return Ok(()),
    }
    view.commit()
}
