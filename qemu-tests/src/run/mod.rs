//! Runs scenarios, some at a time, with one line for each as it ends.

mod boot;
mod guest_checks;
mod host_checks;
mod scenario;
mod step_checks;
mod told;

pub use boot::Seen;
pub use scenario::{At, prepare, spec};
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
    let waiting = Mutex::new(scenarios.iter());
    let failed = Mutex::new(0);
    let next = || waiting.lock().ok().and_then(|mut waiting| waiting.next());
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                while let Some(scenario) = next() {
                    if !run_one(host, scenario) {
                        failed.lock().map(|mut failed| *failed += 1).unwrap_or_default();
                    }
                }
            });
        }
    });
    failed.into_inner().unwrap_or(scenarios.len())
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
