//! Boots cut disks: the machine must come up with what the reader on the host said, and take its verbs.

use super::judge::State;
use crate::cache;
use crate::disk::Disk;
use crate::error::{OrSay, Result};
use crate::machine::Machine;
use crate::run::{self, At};
use crate::scenario::Boot;
use guest_init::{Hello, Reply, Request};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// The disk of a state, as the power cut left it.
#[derive(Debug)]
pub struct Kept {
    pub image: PathBuf,
    pub state: State,
    /// Which cut it is.
    pub cut: String,
}

/// Boots `most` of them, spread over all, and says how many.
pub fn boot(at: &At<'_>, boot: &Boot, kept: &[Kept], most: usize) -> Result<usize> {
    let plain = Boot { block_log: false, steps: Vec::new(), ..boot.clone() };
    let chosen: Vec<_> = spread(kept, most).collect();
    for (number, one) in chosen.iter().enumerate() {
        let out = at.out().join(format!("state-{number}"));
        boot_one(at, &plain, one, &out).or_say(format!("      booted {}\n      ({}): ", one.cut, out.display()))?;
    }
    Ok(chosen.len())
}

/// At most `most`, with the last one.
fn spread<T>(all: &[T], most: usize) -> impl Iterator<Item = &T> {
    let count = all.len().min(most);
    (1..=count).filter_map(move |number| all.get(number * all.len() / count - 1))
}

fn boot_one(at: &At<'_>, boot: &Boot, kept: &Kept, out: &Path) -> Result<()> {
    cache::fresh_dir(out)?;
    let disk: Disk = at.disk.with_image(&kept.image);
    let spec = run::spec(at.host, at.scenario, boot, &disk, at.more, out)?;
    let mut machine = Machine::start(&spec, at.host.accel)?;
    is_running(&machine.hello()?, &kept.state.choice)?;
    for verb in ["status", "mark good", "list"] {
        let argv = ["bedplate"].into_iter().chain(verb.split(' ')).map(str::to_string).collect();
        match machine.ask(&Request::Run { argv, kill_when: None })? {
            Reply::Ran(ran) if ran.exit == Some(0) => {}
            other => return Err(format!("bedplate {verb}: {other:?}")),
        }
    }
    machine.cut()
}

fn is_running(hello: &Hello, choice: &str) -> Result<()> {
    let report: Value = serde_json::from_str(&hello.report).or_say("boot.json")?;
    match report.pointer("/deployment/id").and_then(Value::as_str) {
        Some(id) if id == choice => Ok(()),
        other => Err(format!("{other:?} booted, expected {choice}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spread_over_all_with_the_last() {
        let spread = |count: usize, most| spread(&(1..=count).collect::<Vec<_>>(), most).copied().collect::<Vec<_>>();
        assert_eq!((spread(0, 3), spread(2, 3), spread(9, 3)), (vec![], vec![1, 2], vec![3, 6, 9]));
        assert_eq!((spread(5, 1), spread(4, usize::MAX)), (vec![5], vec![1, 2, 3, 4]));
    }
}
