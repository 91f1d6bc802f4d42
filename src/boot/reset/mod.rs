//! The reset that was asked for, before the deployment's /etc and /var are mounted. Everything moves by rename, within one file
//! system, by descriptor: no link is followed and no mount entered.
//!
//! The journal is written before anything moves and after all of it has; between two steps of which the second alone would lose
//! something everything is flushed. A cut anywhere is gone on from at the next boot: what was renamed already is found at its new place.

mod fill;
mod keep;
#[cfg(test)]
mod tests;
mod work;

pub use keep::find as kept_below;
pub use work::own_names;

use super::store::{STORE, Store};
use crate::decide::model::{BootId, Deployment, Disk, Request, ResetDone, ResetKind};
use crate::decide::reset::journal::{Journal, Reset, Stage, StateName, Todo};
use crate::decide::reset::{What, kept, parts};
use crate::error::{Errno, Error, OrFail, Result};
use crate::sys::{AsFd, fs, host};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use work::Work;

/// Below the store: the journal, and what was set aside.
pub const RESET: &str = "reset";
const JOURNAL: &str = "reset/journal";
/// In one boot: what was cut off, an undo, a new one, and to spare.
const ROUNDS: usize = 6;

/// The boot that looks.
#[derive(Debug)]
pub struct Given<'a> {
    pub store: &'a Store,
    pub deployment: &'a Deployment,
    pub disk: &'a Disk,
    pub boot: &'a BootId,
    pub request: &'a Request,
}

/// What a boot did of it. A reset that cannot be done keeps no machine from booting.
#[derive(Debug, Default)]
pub struct Outcome {
    pub done: Option<ResetDone>,
    /// What of the deployment that boots is taken away, or brought back, only in part yet.
    pub unfinished: Option<What>,
    pub warnings: Vec<String>,
}

/// The journal; `None` where there is none: nothing was ever asked for, or nothing of it is left.
pub fn read(store: &Store) -> Result<Option<Journal>> {
    let on = format!("{STORE}/{JOURNAL}");
    let text = match fs::read_text(&store.dir, JOURNAL) {
        Ok(text) => text,
        Err(Errno::ENOENT) => return Ok(None),
        Err(errno) => return Err(errno).or_fail("cannot read", &on),
    };
    let parsed = Journal::parse(&text);
    parsed.map(Some).map_err(|error| Error::new(error.kind, format!("cannot understand \"{on}\": {error}")))
}

/// Writes it, durably; one that has nothing to say is removed.
pub fn write(store: &Store, journal: &Journal) -> Result<()> {
    let on = format!("{STORE}/{JOURNAL}");
    if journal.is_empty() {
        fs::clear_in(&store.dir, JOURNAL).or_fail("cannot remove", &on)?;
        // A reset that is told to be cancelled must not come back.
        return fs::open_dir_in(&store.dir, RESET).and_then(fs::sync).or_fail("cannot flush", &format!("{STORE}/{RESET}"));
    }
    match fs::make_dir(&store.dir, RESET, 0o700) {
        Ok(()) => fs::sync(&store.dir).or_fail("cannot flush", STORE)?,
        Err(Errno::EEXIST) => {}
        Err(errno) => return Err(errno).or_fail("cannot make", &format!("{STORE}/{RESET}")),
    }
    fs::replace_in(&store.dir, JOURNAL, 0o600, journal.format().as_bytes()).or_fail("cannot write", &on)
}

/// Does what is asked for, or what was cut off.
pub fn run(given: &Given<'_>) -> Outcome {
    let mut outcome = Outcome::default();
    if let Err(error) = try_run(given, &mut outcome) {
        outcome.warnings.push(format!("{error}, booting without it"));
    }
    outcome
}

fn try_run(given: &Given<'_>, outcome: &mut Outcome) -> Result<()> {
    let journal = read(given.store).map_err(|error| Error::new(error.kind, format!("{error}: nothing is reset")))?;
    if journal.is_none() && given.request.reset.is_empty() {
        return Ok(());
    }
    let mut journal = journal.unwrap_or_default();
    if let Disk::ReadOnly(why) = given.disk {
        if journal.todo(&given.request.reset) != Todo::Nothing {
            outcome.warnings.push(format!("a reset is asked for, but the disk cannot be written ({why}): it stays asked for"));
        }
        return Ok(());
    }
    if journal.rearm(&given.request.reset) {
        write(given.store, &journal)?;
    }
    let mut boot = Boot { given, journal, outcome };
    let result = boot.rounds();
    boot.remember();
    result
}

struct Boot<'a> {
    given: &'a Given<'a>,
    journal: Journal,
    outcome: &'a mut Outcome,
}

impl Boot<'_> {
    fn rounds(&mut self) -> Result<()> {
        for _ in 0..ROUNDS {
            match self.journal.todo(&self.given.request.reset) {
                Todo::Nothing => break,
                Todo::Begin { what, keep, tokens } => self.begin(what, keep, &tokens)?,
                Todo::Complete => self.complete()?,
                Todo::BeginUndo => self.begin_undo()?,
                Todo::CompleteUndo => self.complete_undo()?,
            }
        }
        Ok(())
    }

    fn begin(&mut self, what: What, keep: Vec<String>, tokens: &[String]) -> Result<()> {
        let store = self.given.store;
        let state = state_name(self.given.deployment)?;
        let (own, var) = own_names(store, &state)?;
        let parts = parts(&what, &kept(&what, &keep), &own, &var);
        let number = work::free_number(store, RESET, self.journal.next_number())?;
        let boot = self.given.boot.clone();
        let reset = Reset { number, stage: Stage::Begun, what, keep, state, boot, parts };
        let prepared = work::prepare(self.given, &reset);
        let begun = prepared.and_then(|warnings| self.note(|journal| journal.begin(reset, tokens)).map(|()| warnings));
        let warnings = begun.map_err(|error| Error::new(error.kind, format!("{error}: nothing is reset and it stays asked for")))?;
        self.outcome.warnings.extend(warnings);
        self.complete()
    }

    /// In the journal, once it is on the disk.
    fn note(&mut self, change: impl FnOnce(&mut Journal)) -> Result<()> {
        let mut journal = self.journal.clone();
        change(&mut journal);
        write(self.given.store, &journal)?;
        self.journal = journal;
        Ok(())
    }

    fn complete(&mut self) -> Result<()> {
        let Some(reset) = self.journal.last.clone() else { return Ok(()) };
        let mut work = Work::new(self.given, &reset);
        let result = work.reset();
        self.outcome.warnings.append(&mut work.warnings);
        result.map_err(|error| later("the reset", &error))?;
        self.note(Journal::done)?;
        self.tell("reset", &reset);
        Ok(())
    }

    fn begin_undo(&mut self) -> Result<()> {
        self.note(Journal::begin_undo)?;
        self.complete_undo()
    }

    fn complete_undo(&mut self) -> Result<()> {
        let Some(reset) = self.journal.last.clone() else { return Ok(()) };
        let mut work = Work::new(self.given, &reset);
        let result = work.undo();
        self.outcome.warnings.append(&mut work.warnings);
        result.map_err(|error| later("undoing the reset", &error))?;
        self.note(Journal::undone)?;
        self.outcome.done = Some(ResetDone { kind: ResetKind::Undo, what: reset.what.clone(), of: reset.state.id().into() });
        self.tell("reset-undone", &reset);
        Ok(())
    }

    /// As each counted attempt: one line, without a flush.
    fn tell(&self, event: &str, reset: &Reset) {
        let (time, boot, id, what) = (host::unix_time(), self.given.boot, reset.state.id(), &reset.what);
        let line = format!(r#"{{"time":{time},"boot-id":"{boot}","event":"{event}","deployment":"{id}","why":"{what}"}}"#);
        if let Err(error) = self.given.store.append_history(&line) {
            log::warn!("{error}, going on without this line of history");
        }
    }

    /// Also where another deployment was tried first in this boot, and the reset was done for that one.
    fn remember(&mut self) {
        let own = |last: &&Reset| last.stage != Stage::Done && state_name(self.given.deployment).is_ok_and(|state| state == last.state);
        self.outcome.unfinished = self.journal.last.as_ref().filter(own).map(|last| last.what.clone());
        let last = self.journal.last.as_ref().filter(|last| last.stage == Stage::Done && last.boot == *self.given.boot);
        if let Some(last) = last {
            self.outcome.done = Some(ResetDone { kind: ResetKind::Reset, what: last.what.clone(), of: last.state.id().into() });
        }
    }
}

fn later(what: &str, error: &Error) -> Error {
    Error::new(error.kind, format!("{what} is not complete: {error}: the next boot goes on with it"))
}

/// `ID@INSTANCE`.
pub fn state_name(deployment: &Deployment) -> Result<StateName> {
    let instance = deployment.instance().map(|instance| format!("{}@{instance}", deployment.id));
    let name = instance.as_deref().and_then(StateName::parse);
    name.ok_or_else(|| Error::transient(format!("{} has no readable manifest: nothing of it can be reset", deployment.id)))
}

/// After a success: removes what was set aside and is not needed any more. The journal says so first.
pub fn clear(store: &Store, boot: &BootId) -> Result<()> {
    let Some(mut journal) = read(store)? else { return Ok(()) };
    let before = journal.clone();
    journal.good(boot);
    if journal != before && !journal.is_empty() {
        write(store, &journal)?;
    }
    let dir = fs::open_dir_in(&store.dir, RESET).or_fail("cannot open", "bedplate/reset")?;
    for name in fs::names(&dir).or_fail("cannot read", "bedplate/reset")? {
        if name.parse::<u32>().is_ok() && !journal.needs(&name) {
            super::copy::remove_tree_in(dir.as_fd(), "bedplate/reset", &name)?;
        }
    }
    if journal.is_empty() { write(store, &journal) } else { Ok(()) }
}
