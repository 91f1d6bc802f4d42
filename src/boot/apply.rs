//! Runs a plan, step by step, on the stage.
//!
//! It decides nothing: order, flags and what a failure means are the plan's. Names are resolved inside the base that the
//! plan gives, by descriptor. A fatal failure leaves nothing mounted; what was made on the disk stays for the next try.

mod bases;
mod composefs;
mod files;
mod mounts;
mod overlay;

pub use bases::Bases;

use crate::decide::model::{Action, OnError, Plan, Step, Timing};
use crate::error::{Error, Result};
use crate::sys::host;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// What came of a plan whose fatal steps have all succeeded.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Applied {
    /// Optional steps that failed, and what else a person should know; each says what happens next.
    pub warnings: Vec<String>,
    pub timing: Vec<Timing>,
}

/// Runs all steps. On an error nothing of it remains mounted, and the stage is gone.
pub fn apply(plan: &Plan, bases: &Bases<'_>) -> Result<Applied> {
    let mut applied = Applied::default();
    for step in &plan.steps {
        let began = host::monotonic_micros();
        if let Err(error) = applied.step(step, bases) {
            return Err(undone(bases, error));
        }
        let micros = host::monotonic_micros().saturating_sub(began);
        applied.timing.push(Timing { step: what(&step.action), micros });
    }
    Ok(applied)
}

impl Applied {
    fn step(&mut self, step: &Step, bases: &Bases<'_>) -> Result<()> {
        let Err(error) = self.act(&step.action, bases) else { return Ok(()) };
        let text = format!("cannot {} ({}): {error}", what(&step.action), step.why);
        match step.on_error {
            OnError::Fatal => return Err(Error::new(error.kind, text)),
            OnError::Warn => self.warnings.push(format!("{text}: going on without it")),
        }
        Ok(())
    }

    fn act(&mut self, action: &Action, bases: &Bases<'_>) -> Result<()> {
        match action {
            Action::Directory { at, owner } => files::directory(bases, at, *owner),
            Action::File { at, mode, content } => files::file(bases, at, *mode, content),
            Action::Fill { from, to } => files::fill(bases, from, to).map(|warnings| self.warnings.extend(warnings)),
            Action::Bind { from, to, access } => mounts::bind(bases, from, to, *access),
            Action::Overlay { lower, upper, work, to, access, style } => {
                overlay::overlay(bases, lower, [upper, work], to, *access, *style).map(|warning| self.warnings.extend(warning))
            }
            Action::Composefs { image, objects, changes, to, access, verity } => {
                let source = composefs::Source { image, objects, changes: changes.as_ref(), verity };
                composefs::composefs(bases, &source, to, *access)
            }
            Action::Tmpfs { to, mode, size } => mounts::tmpfs(bases, to, *mode, size.as_deref()),
            Action::Device { source, to } => mounts::device(bases, source, to),
            Action::Physical { to } => mounts::physical(bases, to),
        }
    }
}

/// What a step does, in the words of errors and timings.
fn what(action: &Action) -> String {
    match action {
        Action::Directory { at, .. } => format!("make directory {}", bases::shown(at)),
        Action::File { at, .. } => format!("make file {}", bases::shown(at)),
        Action::Fill { to, .. } => format!("fill {}", bases::shown(to)),
        Action::Bind { to, .. }
        | Action::Overlay { to, .. }
        | Action::Composefs { to, .. }
        | Action::Tmpfs { to, .. }
        | Action::Device { to, .. }
        | Action::Physical { to } => format!("mount {}", bases::shown(to)),
    }
}

fn undone(bases: &Bases<'_>, error: Error) -> Error {
    match bases.stage.undo() {
        Ok(()) => error,
        Err(undo) => Error::new(error.kind, format!("{error}; and then: {undo}")),
    }
}
