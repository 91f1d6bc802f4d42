//! A scenario's machine to look around in: each line is a command that runs in the guest.

use crate::cache;
use crate::error::{OrSay, Result};
use crate::machine::Machine;
use crate::run::{self, Host};
use crate::scenario::Scenario;
use guest_init::{Reply, Request};
use std::io::{BufRead, Write};

pub fn shell(scenario: &Scenario) -> Result<()> {
    let host = Host::find()?;
    let boot = scenario.boots.first().or_say("the scenario has no boot")?;
    let (disk, more) = run::prepare(&host, scenario)?;
    disk.damage(&boot.faults)?;
    let out = run::out_dir(scenario).join("shell");
    cache::fresh_dir(&out)?;
    let mut spec = run::spec(&host, scenario, boot, &disk, &more, &out)?;
    spec.parts.seconds = 24 * 3600;
    let mut machine = Machine::start(&spec, host.accel)?;
    println!("console: {}", spec.console.display());
    let hello = machine.hello()?;
    println!("kernel {}; PROGRAM ARGUMENT..., cat PATH, ls PATH, mounts; an empty line or end of input cuts the power", hello.kernel);
    talk(&mut machine)
}

fn talk(machine: &mut Machine) -> Result<()> {
    for line in std::io::stdin().lock().lines() {
        let line = line.or_say("cannot read")?;
        let words: Vec<_> = line.split_whitespace().map(str::to_string).collect();
        match request(&words) {
            Some(request) => show(&machine.ask(&request)?)?,
            None => break,
        }
    }
    machine.cut()
}

fn request(words: &[String]) -> Option<Request> {
    let two = words.get(1).cloned();
    match (words.first()?.as_str(), two) {
        ("cat", Some(path)) => Some(Request::Read { path }),
        ("ls", Some(path)) => Some(Request::List { path }),
        ("mounts", _) => Some(Request::Mounts),
        _ => Some(Request::Run { argv: words.to_vec(), kill_when: None }),
    }
}

fn show(reply: &Reply) -> Result<()> {
    let exit = if let Reply::Ran(ran) = reply { format!("exit {:?}\n", ran.exit) } else { String::new() };
    write!(std::io::stdout(), "{}{exit}", run::text(reply)).or_say("cannot write")
}
