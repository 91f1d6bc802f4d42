//! The countdown before a prompt: without a key, a machine that nobody watches goes on by itself.

use crate::decide::config::WhenNothingBoots;
use crate::decide::plan::units::{DEADLINE_TIMER, RUN_COUNTDOWN};
use crate::error::Errno;
use crate::sys::{OwnedFd, fs, host, power, terminal, uevent};
use alloc::format;

/// How long a key may take, in seconds.
const SECONDS: u64 = 60;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Somebody is there.
    Key,
    TimeIsUp,
    /// Nothing asked for a countdown in this boot.
    NotAsked,
}

/// Counts down on the console. Where no key can be read, only time decides. A unit knows only to reboot: where a halt was
/// asked for, it is made here.
pub fn run(run_dir: &str) -> End {
    let asked = fs::open_dir(run_dir).and_then(|dir| fs::read_text(dir, RUN_COUNTDOWN));
    let action = match &asked {
        Ok(text) => text.trim(),
        Err(Errno::ENOENT) => return End::NotAsked,
        // Something is there: what the unit would do.
        Err(_) => WhenNothingBoots::Reboot.word(),
    };
    let end = before(action);
    if end == End::Key {
        tell_of_deadline(run_dir);
    }
    match end {
        End::TimeIsUp if action == WhenNothingBoots::Halt.word() => power::end(power::End::Halt),
        end => end,
    }
}

/// Counts down to an action that is named, whoever asked for it.
pub fn before(action: &str) -> End {
    let console = terminal::Raw::open();
    count_down(action, console.as_ref().map(terminal::Raw::file))
}

/// A person at the prompt should know that the machine does not wait for them.
fn tell_of_deadline(run_dir: &str) {
    let timer = fs::open_dir(run_dir).and_then(|dir| fs::stat_in(dir, DEADLINE_TIMER));
    if timer.is_ok() {
        log::warn!("the deadline of this trial still restarts the machine (systemctl stop bedplate-deadline.timer keeps it from that)");
    }
}

fn count_down(action: &str, console: Option<&OwnedFd>) -> End {
    let end = host::monotonic_micros().saturating_add(SECONDS * 1_000_000);
    loop {
        let left = end.saturating_sub(host::monotonic_micros());
        if left == 0 {
            return End::TimeIsUp;
        }
        show(console, &format!("\rbedplate: {action} in {:>2} s, press a key to stay: ", left.div_ceil(1_000_000)));
        if wait_for_key(console, left.min(1_000_000) / 1000 + 1) {
            show(console, "\r\n");
            return End::Key;
        }
    }
}

fn show(console: Option<&OwnedFd>, text: &str) {
    if let Some(console) = console {
        // A console that cannot be written to is no reason to stay.
        let _ = fs::write_all(console, text.as_bytes());
    }
}

fn wait_for_key(console: Option<&OwnedFd>, milliseconds: u64) -> bool {
    if let Some(console) = console {
        return uevent::wait(console, milliseconds) == Ok(uevent::Ready::Yes) && terminal::read_key(console);
    }
    host::sleep(milliseconds);
    false
}
