//! One boot: start, hello, steps, end.

use super::{step_checks, told};
use crate::blocklog::Log;
use crate::disk;
use crate::error::{OrSay, Result};
use crate::machine::{Accel, Machine, Spec};
use crate::scenario::{Boot, End, Ended};
use guest_init::{Hello, Reply, Request};
use std::fs::File;
use std::path::Path;
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
    /// Where the first disk's writes are logged: one at the hello, one after each step.
    pub marks: Vec<Mark>,
}

/// A place in the log of the disk, and what the guest sees there: it is told that this is kept.
#[derive(Debug)]
pub struct Mark {
    /// After what.
    pub what: String,
    /// How many entries the log has.
    pub entries: usize,
    /// The record's bytes.
    pub record: Vec<u8>,
}

impl Mark {
    fn set(machine: &mut Machine, log: &Path, what: &str) -> Result<Self> {
        let entries = Log::read(File::open(log).or_say("cannot open the log")?)?.entries.len();
        let path = "/sysroot/bedplate/record".to_string();
        match machine.ask(&Request::Hex { path })? {
            Reply::Text(Some(hex)) => Ok(Self { what: what.to_string(), entries, record: disk::bytes_of(&hex)? }),
            other => Err(format!("the guest cannot read the record: {other:?}")),
        }
    }
}

/// With all that did not go as it should have.
pub fn run(spec: &Spec, accel: Accel, boot: &Boot) -> (Seen, Vec<String>) {
    let mut seen = Seen::default();
    let mut misses = Vec::new();
    match Machine::start(spec, accel) {
        Ok(mut machine) => {
            let log = spec.drives.first().and_then(|drive| drive.log.as_deref());
            let driven = drive(&mut machine, boot, log, &mut seen, &mut misses);
            misses.extend(driven.err());
            seen.console = machine.console();
        }
        Err(why) => misses.push(why),
    }
    (seen, misses)
}

fn drive(machine: &mut Machine, boot: &Boot, log: Option<&Path>, seen: &mut Seen, misses: &mut Vec<String>) -> Result<()> {
    match boot.end {
        End::Message => machine.console_shows(&boot.expect.console)?,
        End::Unreached => {}
        _ => {
            for _ in 0..boot.resets {
                machine.hello()?;
            }
            seen.hello = Some(machine.hello()?);
            take_steps(machine, boot, log, seen, misses)?;
        }
    }
    seen.ended = Some(end(machine, boot.end)?);
    Ok(())
}

fn take_steps(machine: &mut Machine, boot: &Boot, log: Option<&Path>, seen: &mut Seen, misses: &mut Vec<String>) -> Result<()> {
    let mut mark =
        |machine: &mut Machine, what: &str| log.map_or(Ok(()), |log| Mark::set(machine, log, what).map(|mark| seen.marks.push(mark)));
    mark(machine, "hello")?;
    for (number, step) in (1..).zip(&boot.steps) {
        let action = step.action()?;
        let mut reply = machine.ask(&action).map_err(|why| format!("step {number}: {why}"))?;
        while step.until && !step_checks::check(&step.checks, &reply).is_empty() && !machine.is_late() {
            std::thread::sleep(PAUSE);
            reply = machine.ask(&action).map_err(|why| format!("step {number}: {why}"))?;
        }
        mark(machine, &told::action(&action))?;
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
