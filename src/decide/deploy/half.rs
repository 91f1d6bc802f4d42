//! bedplate's booted half: the program, and the units that tell the store how a boot goes on.

/// What is done by the booted half, the gravest loss first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    MarkGood,
    Started,
    Shutdown,
}

/// The units with the targets that want them.
pub const UNITS: [(Part, &str, &str); 3] = [
    (Part::MarkGood, "bedplate-mark-good.service", "multi-user.target"),
    (Part::Started, "bedplate-started.service", "sysinit.target"),
    (Part::Shutdown, "bedplate-shutdown.service", "sysinit.target"),
];

/// What a system does not do without it.
pub const fn consequence(part: Part) -> &'static str {
    match part {
        Part::MarkGood => "the system cannot mark itself good, and a trial of it ends in a rollback",
        Part::Started => "once it is good, nobody notices that it does not work any more",
        Part::Shutdown => "a clean reboot before mark good counts as a failure",
    }
}
