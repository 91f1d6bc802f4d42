//! `qemu-tests`: boots bedplate in QEMU, scenario by scenario, and says what did not hold.

mod blocklog;
mod cache;
mod compare;
mod cpio;
mod debian;
mod demo;
mod disk;
mod error;
mod kernel;
mod lay;
mod machine;
#[path = "../../tests/ostree/mod.rs"]
#[allow(dead_code, reason = "tests/prepare uses all of it")]
mod ostree;
mod powercut;
mod programs;
mod record;
mod run;
mod scenario;
mod shell;
mod tiny;
mod tool;

use argh::FromArgs;
use error::Result;
use powercut::Scope;
use run::Host;
use scenario::{Scenario, Tier};
use std::path::PathBuf;
use std::process::ExitCode;

/// The boot matrix of bedplate: scenarios in QEMU.
#[derive(Debug, FromArgs)]
struct Arguments {
    #[argh(subcommand)]
    verb: Verb,
}

#[derive(Debug, FromArgs)]
#[argh(subcommand)]
enum Verb {
    List(List),
    Run(Run),
    Shell(Shell),
    Demo(Demo),
    PowerCut(PowerCut),
    OstreeCompare(OstreeCompare),
    OstreeLab(OstreeLab),
    Inside(Inside),
}

/// List the scenarios.
#[derive(Debug, FromArgs)]
#[argh(subcommand, name = "list")]
struct List {}

/// Run scenarios; exit with 1 if one fails.
#[derive(Debug, FromArgs)]
#[argh(subcommand, name = "run")]
struct Run {
    /// only scenarios that have this in their name; given more than once: that have one of these
    #[argh(option)]
    filter: Vec<String>,
    /// how many at once, 2 by default
    #[argh(option, default = "2")]
    jobs: usize,
    /// only scenarios of this tier: tiny or debian
    #[argh(option)]
    tier: Option<String>,
}

/// Boot a scenario's machine as for its first boot, and talk to its guest.
#[derive(Debug, FromArgs)]
#[argh(subcommand, name = "shell")]
struct Shell {
    /// its name
    #[argh(positional)]
    scenario: String,
}

/// Boot the real Debian through a broken update, and say what happens; exit with 1 at the first step that is not as it should be.
#[derive(Debug, FromArgs)]
#[argh(subcommand, name = "demo")]
struct Demo {}

/// Cut the power of guests at every point of what they write, and look whether what is left boots; exit with 1 if not.
#[derive(Debug, FromArgs)]
#[argh(subcommand, name = "power-cut")]
struct PowerCut {
    /// only scenarios that have this in their name; given more than once: that have one of these
    #[argh(option)]
    filter: Vec<String>,
    /// how many at once, 2 by default
    #[argh(option, default = "2")]
    jobs: usize,
    /// every cut, every state booted, on ext4, xfs and btrfs; else a sample on ext4
    #[argh(switch)]
    all: bool,
    /// for this program itself: it runs in a mount namespace of its own already
    #[argh(switch)]
    inside: bool,
}

/// Boot the same OSTree disks with Debian's ostree-prepare-root and with bedplate, and print what differs; exit with 1 if that is more
/// than the README says.
#[derive(Debug, FromArgs)]
#[argh(subcommand, name = "ostree-compare")]
struct OstreeCompare {
    /// only configurations that have this in their name
    #[argh(option)]
    filter: Option<String>,
    /// a few configurations alone
    #[argh(switch)]
    quick: bool,
    /// change one thing after the other in the guest: each has to be found, in its own column
    #[argh(switch)]
    planted: bool,
    /// a real Debian instead, booted with OSTree's dracut module and with bedplate's
    #[argh(switch)]
    debian: bool,
}

/// Make what the comparison with OSTree needs, and say where it is: a Debian with OSTree's tools, a disk, and its ostree= argument.
#[derive(Debug, FromArgs)]
#[argh(subcommand, name = "ostree-lab")]
struct OstreeLab {}

/// For this program itself: work on a mounted disk.
#[derive(Debug, FromArgs)]
#[argh(subcommand, name = "inside")]
struct Inside {
    /// where it is mounted
    #[argh(positional)]
    sysroot: PathBuf,
    /// what to do
    #[argh(positional)]
    work: String,
}

fn main() -> ExitCode {
    match execute(argh::from_env::<Arguments>().verb) {
        Ok(code) => code,
        Err(why) => {
            eprintln!("qemu-tests: {why}");
            ExitCode::FAILURE
        }
    }
}

fn execute(verb: Verb) -> Result<ExitCode> {
    match verb {
        Verb::List(List {}) => list(),
        Verb::Run(options) => run_scenarios(&options),
        Verb::Shell(options) => shell::shell(&named(&options.scenario)?).map(|()| ExitCode::SUCCESS),
        Verb::Demo(Demo {}) => demo::demo(&named(demo::SCENARIO)?),
        Verb::PowerCut(options) if !options.inside => powercut::in_own_namespace(),
        Verb::PowerCut(options) => powercut::run(&options.filter, if options.all { Scope::All } else { Scope::Sample }, options.jobs),
        Verb::OstreeCompare(options) if options.debian => compare::compare_system(),
        Verb::OstreeCompare(options) if options.planted => compare::planted(),
        Verb::OstreeCompare(options) => {
            compare::compare(if options.quick { compare::Extent::Quick } else { compare::Extent::All }, options.filter.as_deref())
        }
        Verb::OstreeLab(OstreeLab {}) => compare::lab(),
        Verb::Inside(options) => disk::work_inside(&options.sysroot, &options.work).map(|()| ExitCode::SUCCESS),
    }
}

fn load() -> Result<Vec<Scenario>> {
    scenario::load_all(&cache::workspace().join("qemu-tests/scenarios"))
}

fn named(name: &str) -> Result<Scenario> {
    load()?.into_iter().find(|scenario| scenario.name == name).ok_or_else(|| format!("no scenario is named {name}: see `list`"))
}

fn list() -> Result<ExitCode> {
    for scenario in load()? {
        println!("{:<32} {:<7} {}", scenario.name, scenario.tier.word(), scenario.title);
    }
    Ok(ExitCode::SUCCESS)
}

fn run_scenarios(options: &Run) -> Result<ExitCode> {
    let named = |scenario: &Scenario| options.filter.is_empty() || options.filter.iter().any(|part| scenario.name.contains(part));
    let wanted = |scenario: &Scenario| named(scenario) && options.tier.as_deref().is_none_or(|tier| tier == scenario.tier.word());
    if let Some(tier) = options.tier.as_deref().filter(|tier| ![Tier::Tiny, Tier::Debian].iter().any(|known| known.word() == *tier)) {
        return Err(format!("no tier is named {tier}: tiny, debian"));
    }
    let scenarios: Vec<_> = load()?.into_iter().filter(wanted).collect();
    if scenarios.is_empty() {
        return Err(format!("no scenario has {} in its name: see `list`", options.filter.join(" or ")));
    }
    let host = Host::find()?;
    println!("{} scenarios, {} at once, {}", scenarios.len(), options.jobs, host.accel.word());
    let failed = run::run_all(&host, &scenarios, options.jobs);
    println!("{} passed, {failed} failed", scenarios.len() - failed);
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
