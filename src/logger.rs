//! Where log lines go: the kernel's log in an initramfs, else standard error. It never fails and never panics.

use bedplate::sys::host;
use kernlog::KernelLog;
use log::{Level, LevelFilter, Log, Metadata, Record};
use std::io::{IsTerminal, Write};

struct Logger {
    kernel: Option<KernelLog>,
    to_stderr: bool,
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= log::max_level()
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        if let Some(kernel) = &self.kernel {
            kernel.log(&Record::builder().level(record.level()).target("bedplate").args(*record.args()).build());
        }
        if self.to_stderr {
            show(record);
        }
    }

    fn flush(&self) {}
}

fn show(record: &Record<'_>) {
    let word = match record.level() {
        Level::Error => "error: ",
        Level::Warn => "warning: ",
        _ => "",
    };
    // A closed standard error must not stop a boot.
    let _ = writeln!(std::io::stderr(), "bedplate: {word}{}", record.args());
}

/// Who reads what is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Nobody else is there yet.
    Kernel,
    /// A service manager or script runs it; in an initramfs the kernel's log is what stays.
    Unit,
    /// Somebody types it; in an initramfs at the emergency prompt, whose terminal does not show the kernel's log.
    Person,
}

/// What there is to write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Surroundings {
    initramfs: bool,
    terminal: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Target {
    Kernel,
    Stderr,
    Both,
}

const fn target(reader: Reader, around: Surroundings) -> Target {
    match (reader, around) {
        (Reader::Kernel, _) => Target::Kernel,
        (_, Surroundings { initramfs: false, .. }) => Target::Stderr,
        (Reader::Person, Surroundings { terminal: true, .. }) => Target::Both,
        _ => Target::Kernel,
    }
}

/// Installs the logger.
pub fn init(reader: Reader) {
    let around = Surroundings { initramfs: host::is_initramfs(), terminal: std::io::stderr().is_terminal() };
    let target = target(reader, around);
    let kernel = if target == Target::Stderr { None } else { KernelLog::with_level(LevelFilter::Info).ok() };
    let to_stderr = target != Target::Kernel || kernel.is_none();
    log::set_max_level(LevelFilter::Info);
    // A second logger cannot be there: this is the only call.
    let _ = log::set_boxed_logger(Box::new(Logger { kernel, to_stderr }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_a_prompt_the_terminal_has_it_too() {
        for (reader, initramfs, terminal, expected) in [
            (Reader::Kernel, false, true, Target::Kernel),
            (Reader::Unit, true, true, Target::Kernel),
            (Reader::Unit, false, false, Target::Stderr),
            (Reader::Person, true, true, Target::Both),
            (Reader::Person, true, false, Target::Kernel),
            (Reader::Person, false, true, Target::Stderr),
        ] {
            assert_eq!(target(reader, Surroundings { initramfs, terminal }), expected, "{reader:?}");
        }
    }
}
