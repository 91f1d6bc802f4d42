//! Runs scenarios, some at a time, with one line for each as it ends.

mod boot;
mod guest_checks;
mod host_checks;
mod scenario;
mod step_checks;
mod told;

pub use boot::{Mark, Seen};
pub use scenario::{At, log_file, prepare, run_with, spec};
pub use told::reply as text;

use crate::cache;
use crate::error::Result;
use crate::machine::Accel;
use crate::programs::Programs;
use crate::scenario::Scenario;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::Instant;

/// What all scenarios share.
#[derive(Debug)]
pub struct Host {
    pub programs: Programs,
    pub accel: Accel,
}

impl Host {
    pub fn find() -> Result<Self> {
        let programs = Programs::find()?;
        let accel = Accel::find(&programs);
        Ok(Self { programs, accel })
    }
}

/// Where a scenario's files are kept: disk, consoles, what was seen.
pub fn out_dir(scenario: &Scenario) -> PathBuf {
    cache::base().join("out").join(&scenario.name)
}

/// How many failed.
pub fn run_all(host: &Host, scenarios: &[Scenario], jobs: usize) -> usize {
    at_once(scenarios, jobs, |scenario| run_one(host, scenario)).iter().filter(|passed| !**passed).count()
}

/// Does something with each scenario, some at a time; in the order in which they end.
pub fn at_once<T: Send>(scenarios: &[Scenario], jobs: usize, work: impl Fn(&Scenario) -> T + Sync) -> Vec<T> {
    let waiting = Mutex::new(scenarios.iter());
    let done = Mutex::new(Vec::new());
    let next = || waiting.lock().ok().and_then(|mut waiting| waiting.next());
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                while let Some(scenario) = next() {
                    let result = work(scenario);
                    // A thread that panics ends the program with the scope.
                    let _ = done.lock().map(|mut done| done.push(result));
                }
            });
        }
    });
    done.into_inner().unwrap_or_default()
}

/// Whether it passed; says so.
fn run_one(host: &Host, scenario: &Scenario) -> bool {
    let began = Instant::now();
    let result = scenario::run(host, scenario);
    let seconds = began.elapsed().as_secs_f32();
    let (name, boots) = (&scenario.name, scenario.boots.len());
    match &result {
        Ok(()) => println!("ok    {name:<32} {boots} boots  {seconds:.1} s"),
        Err(why) => println!("FAIL  {name:<32} {seconds:.1} s\n{why}\n      files: {}", out_dir(scenario).display()),
    }
    result.is_ok()
}
