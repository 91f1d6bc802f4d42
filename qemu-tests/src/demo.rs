//! The demo: one scenario of the matrix, told to a person as it goes on.

use crate::error::{OrSay, Result};
use crate::run::{self, At, Host, Seen};
use crate::scenario::{Boot, Scenario};
use serde_json::Value;
use std::process::ExitCode;
use std::time::Instant;

pub const SCENARIO: &str = "debian-demo";

/// Ends with failure at the first boot in which something is not as the scenario says.
pub fn demo(scenario: &Scenario) -> Result<ExitCode> {
    let began = Instant::now();
    println!("{}\n", scenario.title);
    let host = Host::find()?;
    println!("making the machine and its disk ({})", host.accel.word());
    let (disk, more) = run::prepare(&host, scenario)?;
    let mut boot_ids = Vec::new();
    for (number, boot) in (1..).zip(&scenario.boots) {
        println!("\n== boot {number} of {}: {}", scenario.boots.len(), boot.title);
        let at = At { host: &host, scenario, disk: &disk, more: &more, number };
        let (seen, mut misses) = at.run(boot);
        misses.extend(tell(&at, &seen, &mut boot_ids).err());
        if !misses.is_empty() {
            println!("FAILED in boot {number}, {}:\n  {}", boot.title, misses.join("\n  "));
            println!("files: {}", run::out_dir(scenario).display());
            return Ok(ExitCode::FAILURE);
        }
        println!("   as it should be: {}", checked(boot));
    }
    println!("\nthe demo is over: the machine came back by itself ({} s)", began.elapsed().as_secs());
    Ok(ExitCode::SUCCESS)
}

/// An error says that two boots are one and the same.
fn tell(at: &At<'_>, seen: &Seen, boot_ids: &mut Vec<String>) -> Result<()> {
    if let Some(hello) = &seen.hello {
        let report: Value = serde_json::from_str(&hello.report).unwrap_or_default();
        let word = |pointer: &str| report.pointer(pointer).and_then(Value::as_str).unwrap_or("nothing").to_string();
        println!("   boot id {}, {} s after the kernel's start", hello.boot_id, hello.uptime);
        println!("   running: {} ({})", word("/deployment/id"), word("/choice/reason"));
        if boot_ids.contains(&hello.boot_id) {
            return Err(format!("the boot id {} was seen before", hello.boot_id));
        }
        boot_ids.push(hello.boot_id.clone());
    }
    for text in &seen.shown {
        text.lines().for_each(|line| println!("   | {line}"));
    }
    println!("   ended with: {}", seen.ended.map_or("nothing", |ended| ended.word()));
    tell_tries(at)
}

/// From the disk, not from what the program says.
fn tell_tries(at: &At<'_>) -> Result<()> {
    let on_disk = at.record().or_say("cannot read the record on the disk")?;
    if let Some(slot) = on_disk.slot("v2") {
        println!("   on the disk: v2 has tries left: {}, used: {}", slot.left, slot.done);
    }
    Ok(())
}

fn checked(boot: &Boot) -> String {
    let expect = &boot.expect;
    let what =
        [("deployment", &expect.deployment), ("rule", &expect.rule), ("try", &expect.r#try), ("fell back from", &expect.fell_back_from)];
    let named = what.iter().filter_map(|(name, value)| value.as_ref().map(|value| format!("{name} {value}")));
    named.chain([format!("checks in the guest: {}", boot.steps.len())]).collect::<Vec<_>>().join(", ")
}
