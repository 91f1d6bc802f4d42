//! The countdown before a prompt: without a key, a machine that nobody watches goes on by itself.

use super::watchdog::{self, Dog};
use crate::decide::config::WhenNothingBoots;
use crate::decide::plan::units::{DEADLINE_TIMER, KEEPER, RUN_COUNTDOWN, RUN_SCREEN};
use crate::error::Errno;
use crate::sys::{OwnedFd, fs, host, power, terminal, uevent};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// How long a key may take, in seconds.
pub const SECONDS: u64 = 60;

/// How long a console may take for the screen: a slow serial line needs two seconds.
const CONSOLE_MILLISECONDS: u64 = 5000;
/// Its first number is the level from which on a message is not written to the consoles (Documentation/core-api/printk-basics).
const PRINTK: &str = "/proc/sys/kernel/printk";

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
    let end = before(run_dir, action);
    if end == End::Key {
        tell_of_deadline(run_dir);
    }
    match end {
        End::TimeIsUp if action == WhenNothingBoots::Halt.word() => power::end(power::End::Halt),
        end => end,
    }
}

/// Counts down to an action that is named, whoever asked for it; before it comes the screen, if there is one. A prompt that was
/// asked for comes at once. A watchdog that was armed in this boot does not cut it short; it guards the reboot that comes after
/// it, and nothing else.
pub fn before(run_dir: &str, action: &str) -> End {
    let end = show_and_count(run_dir, action);
    if end == End::Key || action != WhenNothingBoots::Reboot.word() {
        watchdog::call_off(run_dir);
    }
    end
}

fn show_and_count(run_dir: &str, action: &str) -> End {
    let kernel = Silence::begin();
    show_screen(run_dir);
    if action == WhenNothingBoots::Emergency.word() {
        return End::Key;
    }
    let end = count(run_dir, action);
    if end == End::TimeIsUp {
        kernel.keep();
    }
    end
}

/// Counts down, and does nothing at the end of it.
pub fn count(run_dir: &str, action: &str) -> End {
    let console = terminal::Raw::open();
    let dog = Dog::reopen(run_dir).ok().flatten();
    count_down(action, console.as_ref().map(terminal::Raw::file), dog.as_ref())
}

/// On every console that the kernel writes to, in one piece.
fn show_screen(run_dir: &str) {
    let Ok(text) = fs::open_dir(run_dir).and_then(|dir| fs::read_text(dir, RUN_SCREEN)) else { return };
    let active = host::read_path("/sys/class/tty/console/active").unwrap_or_default();
    let open = |name: &str| fs::open_dir("/dev/").and_then(|dev| fs::open_write_in(dev, name)).ok();
    let mut consoles: Vec<OwnedFd> = active.split_whitespace().filter_map(open).collect();
    if consoles.is_empty() {
        consoles.extend(open("console"));
    }
    for console in &consoles {
        // One that takes nothing is no reason to wait for ever, and there may be another.
        let _ = terminal::write_within(console, format!("\n{text}").as_bytes(), CONSOLE_MILLISECONDS);
    }
}

/// While it lasts, the kernel writes only emergencies to the consoles: what a person reads is not torn apart.
struct Silence {
    before: Option<String>,
}

impl Silence {
    fn begin() -> Self {
        let before = host::read_path(PRINTK).ok().and_then(|text| text.split_whitespace().next().map(String::from));
        let _ = host::write_path(PRINTK, "1");
        Self { before }
    }

    /// To the end of this run of the machine.
    fn keep(mut self) {
        self.before = None;
    }
}

impl Drop for Silence {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            let _ = host::write_path(PRINTK, before);
        }
    }
}

/// A person at the prompt should know that the machine does not wait for them.
fn tell_of_deadline(run_dir: &str) {
    let is_there = |path: &str| fs::open_dir(run_dir).and_then(|dir| fs::stat_in(dir, path)).is_ok();
    if is_there(DEADLINE_TIMER) {
        // It is not fed any longer when the deadline is over.
        let keeper = if is_there(KEEPER) { " bedplate-watchdog.service" } else { "" };
        log::warn!(
            "the deadline of this trial still restarts the machine (systemctl stop bedplate-deadline.timer{keeper} keeps it from that)"
        );
    }
}

fn count_down(action: &str, console: Option<&OwnedFd>, dog: Option<&Dog>) -> End {
    let end = host::monotonic_micros().saturating_add(SECONDS * 1_000_000);
    loop {
        // One that does not listen any more cannot be helped.
        let _ = dog.map(Dog::pet);
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
