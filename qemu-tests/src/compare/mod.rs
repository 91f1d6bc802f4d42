//! Debian's ostree-prepare-root and bedplate, on the same disks, in the same machine: what differs.

mod booted;
mod configuration;
mod guest;
mod known;
mod made;
mod report;
mod system;
mod table;

pub use system::compare as compare_system;

use crate::error::{OrSay, Result};
use crate::run::Host;
use configuration::{Configuration, Feature};
use guest::{Guest, Program};
use guest_init::Fault;
use made::Lab;
use report::{Column, Difference, Report, differences};
use std::process::ExitCode;
use table::Row;

/// Which configurations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    Quick,
    All,
}

/// Boots each configuration twice, prints a table of the differences and each of them below it.
pub fn compare(extent: Extent, filter: Option<&str>) -> Result<ExitCode> {
    let all = match extent {
        Extent::Quick => configuration::quick(),
        Extent::All => configuration::all(),
    };
    let wanted: Vec<_> = all.into_iter().filter(|one| filter.is_none_or(|text| one.name().contains(text))).collect();
    let lab = Lab::find(Host::find()?)?;
    println!("{} configurations, each with Debian's ostree-prepare-root and with bedplate, {}", wanted.len(), lab.host.accel.word());
    let (theirs, ours) = (reports(&lab, Program::Original, &wanted)?, reports(&lab, Program::Bedplate, &wanted)?);
    let both = wanted.into_iter().zip(theirs.iter().zip(&ours));
    let rows: Vec<_> = both.map(|(configuration, (theirs, ours))| Row::of(configuration, theirs, ours)).collect();
    println!("{}", table::head());
    for row in &rows {
        println!("{}", row.line());
    }
    for line in table::details(&rows) {
        println!("{line}");
    }
    let odd = rows.iter().filter(|row| !row.is_as_documented()).count();
    println!("{} configurations: {odd} differ in more or less than the README says", rows.len());
    Ok(if odd == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// For benchmarks: where things are, in one line.
pub fn lab() -> Result<ExitCode> {
    let tools = made::tools()?;
    let disks = made::disks(&tools)?;
    let disk = disks.first().or_say("there is no disk")?;
    println!("{} {} {}", tools.display(), disk.image.display(), disk.link);
    Ok(ExitCode::SUCCESS)
}

/// What comes of every configuration with one of the programs, in one boot.
fn reports(lab: &Lab, program: Program, configurations: &[Configuration]) -> Result<Vec<Report>> {
    let mut guest = Guest::boot(lab, program).or_say(program.word())?;
    let report =
        |configuration: &Configuration| guest.prepare(configuration).or_say(format!("{}: {}", program.word(), configuration.name()));
    configurations.iter().map(report).collect()
}

/// What is planted, and the columns that have to show it: one more mount has flags and propagation, too.
const PLANTED: [(Fault, &[Column]); 8] = [
    (Fault::Mount, &[Column::Mounts, Column::Flags, Column::Propagation]),
    (Fault::Flag, &[Column::Flags]),
    (Fault::Propagation, &[Column::Propagation]),
    (Fault::Run, &[Column::Run]),
    (Fault::Key, &[Column::Metadata]),
    (Fault::Mode, &[Column::Files]),
    (Fault::Owner, &[Column::Files]),
    (Fault::Attribute, &[Column::Files]),
];

/// Changes one thing after the other in the root that bedplate made: each has to be found, and nothing else.
pub fn planted() -> Result<ExitCode> {
    let lab = Lab::find(Host::find()?)?;
    let configuration = Configuration(vec![Feature::Readonly]);
    let mut guest = Guest::boot(&lab, Program::Bedplate)?;
    let mut before = guest.prepare(&configuration)?;
    let mut missed = 0;
    for (fault, columns) in PLANTED {
        guest.plant(fault)?;
        let mut after = guest.look()?;
        after.exit = before.exit;
        let found = differences(&before, &after);
        let shows = |column: &Column| found.iter().any(|difference| difference.column == *column);
        let right = columns.iter().all(shows) && found.iter().all(|difference| columns.contains(&difference.column));
        println!("{} planted {fault:?}: {}", if right { "ok  " } else { "FAIL" }, told(&found));
        missed += usize::from(!right);
        before = after;
    }
    Ok(if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn told(found: &[Difference]) -> String {
    let lines = found.iter().map(|difference| format!("\n         {}: {}", difference.column.word(), difference.line));
    if found.is_empty() { "nothing is found".to_string() } else { format!("found{}", lines.collect::<String>()) }
}
