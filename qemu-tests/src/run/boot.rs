//! One boot: start, hello, steps, end.

use super::{step_checks, told};
use crate::error::Result;
use crate::machine::{Accel, Machine, Spec};
use crate::scenario::{Boot, End, Ended};
use guest_init::{Hello, Request};
use std::time::Duration;

/// Between two looks at what has to become true.
const PAUSE: Duration = Duration::from_millis(200);

/// What came of it.
#[derive(Debug, Default)]
pub struct Seen {
    /// `None`: no guest came up.
    pub hello: Option<Hello>,
    pub ended: Option<Ended>,
    pub console: String,
    /// What the steps that are to be shown came to.
    pub shown: Vec<String>,
}

/// With all that did not go as it should have.
pub fn run(spec: &Spec, accel: Accel, boot: &Boot) -> (Seen, Vec<String>) {
    let mut seen = Seen::default();
    let mut misses = Vec::new();
    match Machine::start(spec, accel) {
        Ok(mut machine) => {
            let driven = drive(&mut machine, boot, &mut seen, &mut misses);
            misses.extend(driven.err());
            seen.console = machine.console();
        }
        Err(why) => misses.push(why),
    }
    (seen, misses)
}

fn drive(machine: &mut Machine, boot: &Boot, seen: &mut Seen, misses: &mut Vec<String>) -> Result<()> {
    match boot.end {
        End::Message => machine.console_shows(&boot.expect.console)?,
        End::Unreached => {}
        _ => {
            for _ in 0..boot.resets {
                machine.hello()?;
            }
            seen.hello = Some(machine.hello()?);
            take_steps(machine, boot, seen, misses)?;
        }
    }
    seen.ended = Some(end(machine, boot.end)?);
    Ok(())
}

fn take_steps(machine: &mut Machine, boot: &Boot, seen: &mut Seen, misses: &mut Vec<String>) -> Result<()> {
    for (number, step) in (1..).zip(&boot.steps) {
        let action = step.action()?;
        let mut reply = machine.ask(&action).map_err(|why| format!("step {number}: {why}"))?;
        while step.until && !step_checks::check(&step.checks, &reply).is_empty() && !machine.is_late() {
            std::thread::sleep(PAUSE);
            reply = machine.ask(&action).map_err(|why| format!("step {number}: {why}"))?;
        }
        if step.show {
            seen.shown.push(format!("# {}\n{}", told::action(&action), told::reply(&reply)));
        }
        let found = step_checks::check(&step.checks, &reply);
        misses.extend(found.into_iter().map(|miss| format!("step {number}: {miss}")));
    }
    Ok(())
}

fn end(machine: &mut Machine, end: End) -> Result<Ended> {
    let request = match end {
        End::Poweroff => Some(Request::Poweroff),
        End::Reboot => Some(Request::Reboot),
        End::Crash => Some(Request::Crash),
        End::Itself | End::Unreached => None,
        End::PowerCut | End::Message => {
            machine.cut()?;
            return Ok(Ended::Cut);
        }
    };
    request.map_or(Ok(()), |request| machine.tell(&request))?;
    machine.end()
}
