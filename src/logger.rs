//! Where log lines go: the kernel's log in an initramfs, else standard error. It never fails and never panics.

use kernlog::KernelLog;
use log::{Level, LevelFilter, Log, Metadata, Record};
use std::io::Write;
use std::path::Path;

struct Logger {
    /// `None`: standard error.
    kernel: Option<KernelLog>,
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
            return kernel.log(&Record::builder().level(record.level()).target("bedplate").args(*record.args()).build());
        }
        let word = match record.level() {
            Level::Error => "error: ",
            Level::Warn => "warning: ",
            _ => "",
        };
        // A closed standard error must not stop a boot.
        let _ = writeln!(std::io::stderr(), "bedplate: {word}{}", record.args());
    }

    fn flush(&self) {}
}

/// Who reads what is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reader {
    /// Nobody else is there yet.
    Kernel,
    /// Whoever called the program; in an initramfs that is the kernel's log, too.
    Caller,
}

/// Installs the logger.
pub fn init(reader: Reader) {
    let to_kernel = reader == Reader::Kernel || Path::new("/etc/initrd-release").exists();
    let kernel = if to_kernel { KernelLog::with_level(LevelFilter::Info).ok() } else { None };
    log::set_max_level(LevelFilter::Info);
    // A second logger cannot be there: this is the only call.
    let _ = log::set_boxed_logger(Box::new(Logger { kernel }));
}
