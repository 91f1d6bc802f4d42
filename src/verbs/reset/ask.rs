//! What the next boot is asked for.

use super::super::access::View;
use super::super::{Exit, say, say_json};
use super::refuse_ostree;
use crate::cli;
use bedplate::boot::reset;
use bedplate::decide::config::VarMode;
use bedplate::decide::model::SCHEMA;
use bedplate::decide::reset::journal::{Journal, Stage, Undo, Wish};
use bedplate::decide::reset::{What, Word};
use bedplate::error::{Error, Result};
use serde::Serialize;
use std::io::Write;

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Asked<'a> {
    schema: u32,
    /// For the next boot.
    what: &'a What,
    keep: &'a [String],
    /// What was asked for before and is not any more.
    instead_of: Option<Wish>,
    /// The deployment that boots next, as far as one can tell.
    next: Option<String>,
}

#[derive(Serialize)]
struct Undone {
    schema: u32,
    undo: &'static str,
}

/// The journal of a store that may be written.
fn journal(view: &View) -> Result<Journal> {
    refuse_ostree(view)?;
    let journal = reset::read(&view.store);
    let journal = journal.map_err(|error| Error::new(error.kind, format!("{error}; remove that file to begin anew")))?;
    Ok(journal.unwrap_or_default())
}

pub fn reset(args: &cli::Reset, what: &What, out: &mut dyn Write) -> Result<Exit> {
    let view = View::open_for_change(args.sysroot.as_deref(), &args.run)?;
    let mut journal = journal(&view)?;
    let had = journal.last.as_ref().map(|last| last.stage);
    let before = journal.ask(what.clone(), args.keep.clone());
    reset::write(&view.store, &journal)?;
    view.note("reset-asked", None, &what.to_string());
    warn(&view, what, had);
    let next = view.next_boot().first().map(|candidate| candidate.id.to_string());
    if args.json {
        say_json(out, &Asked { schema: SCHEMA, what, keep: &args.keep, instead_of: before, next })?;
        return Ok(Exit::Done);
    }
    let deployment = next.map_or(String::new(), |id| format!(" (of {id}, if that boots)"));
    let instead = match before {
        Some(Wish::Reset { what, .. }) => format!("that was not done yet, and is not any more: {what}\n"),
        Some(Wish::Undo) => "the last reset is not undone any more\n".into(),
        None => String::new(),
    };
    say(out, &format!("the next boot resets: {what}{deployment}\n{instead}bedplate reset --undo cancels it\n"))?;
    Ok(Exit::Done)
}

/// What a person may not expect of it.
fn warn(view: &View, what: &What, had: Option<Stage>) {
    let elsewhere = [Word::Var, Word::Home].into_iter().any(|word| what.includes(word));
    if elsewhere && view.config.var.mode != VarMode::Bind {
        let mode = view.config.var.mode.word();
        log::warn!("with var.mode = \"{mode}\" /var is not in the store: what runs now stays as it is, the store's own var is reset");
    }
    if had.is_some() {
        log::warn!("what the last reset has set aside cannot be brought back any more once this one is done");
    }
}

pub fn undo(args: &cli::Reset, out: &mut dyn Write) -> Result<Exit> {
    let view = View::open_for_change(args.sysroot.as_deref(), &args.run)?;
    let mut journal = journal(&view)?;
    let before = journal.clone();
    let undo = journal.undo();
    if journal != before {
        reset::write(&view.store, &journal)?;
    }
    let (word, sentence) = match undo {
        Undo::Cancelled => ("cancelled", "the reset that was asked for is cancelled"),
        Undo::Asked => ("asked", "the next boot brings back what the last reset took away; what came in its place is set aside"),
        Undo::Already => ("asked", "that is asked for already: it happens at the next boot"),
        Undo::Nothing => ("nothing", "nothing to undo: no reset is asked for, and nothing is set aside by one that was done"),
    };
    match undo {
        Undo::Cancelled => view.note("reset-cancelled", None, "asked for"),
        Undo::Asked => view.note("undo-asked", None, "asked for"),
        Undo::Already | Undo::Nothing => {}
    }
    if args.json {
        say_json(out, &Undone { schema: SCHEMA, undo: word })?;
    } else {
        say(out, &format!("{sentence}\n"))?;
    }
    Ok(Exit::Done)
}
