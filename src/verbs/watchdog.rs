//! `note watchdog`: keeps the armed watchdog while the boot goes well, and stops it once the boot is marked good.

use super::Exit;
use crate::cli;
use bedplate::boot::announce::BOOT_JSON;
use bedplate::boot::watchdog::{Dog, Use};
use bedplate::decide::model::Report;
use bedplate::decide::plan::units::RUN_MARKED_GOOD;
use bedplate::decide::watchdog::{Asked, Next, Situation, Stoppable, Time, Verdict, next, pause_millis, time};
use bedplate::error::{Errno, OrFail, Result};
use bedplate::sys::program::interrupt::{Interrupt, Interrupts};
use bedplate::sys::{AsFd, OwnedFd, SysResult, fs, host, notice, uevent};

pub fn run(args: &cli::Note) -> Result<Exit> {
    let signals = Interrupts::hold().or_fail("cannot hold signals for", "note watchdog")?;
    let report = fs::open_dir(&args.run).and_then(|run| fs::read_text(run, BOOT_JSON)).ok();
    let report: Option<Report> = report.and_then(|text| serde_json::from_str(&text).ok());
    let Some(dog) = take(&args.run, report.as_ref()) else { return Ok(Exit::Done) };
    log::info!("keeping /dev/{} ({} s) until this boot is marked good", dog.name(), dog.seconds());
    // Without it, the mark is seen a little later.
    let notice = notice::of_names(&format!("{}/bedplate", args.run)).ok();
    let deadline = report.filter(|report| report.choice.counted).and_then(|report| report.config.boot.deadline);
    Keeper { run: &args.run, deadline, signals, notice }.keep(dog);
    Ok(Exit::Done)
}

/// What runs already; else, for a trial, what can be armed now: in the initramfs there may have been no driver.
fn take(run: &str, report: Option<&Report>) -> Option<Dog> {
    match reopen(run) {
        Ok(None) => {}
        Ok(dog) => return dog,
        Err(errno) => {
            log::warn!(
                "cannot keep the watchdog that was armed in the initramfs: {errno}, leaving it to who has it (systemd, by RuntimeWatchdogSec=?)"
            );
            return None;
        }
    }
    let wanted = report.filter(|report| report.choice.counted && verdict(run) == Verdict::Open)?.config.boot.watchdog?;
    let mut notes = Vec::new();
    let dog = Dog::arm(run, wanted, Use::Keep, &mut notes);
    for note in notes {
        log::warn!("{note}");
    }
    dog
}

/// Whoever only reads its state (wdctl) has it open for a moment; systemd has it for good.
fn reopen(run: &str) -> SysResult<Option<Dog>> {
    for _ in 0..LOOKS {
        match Dog::reopen(run) {
            Err(Errno::EBUSY) => host::sleep(PAUSE_MILLIS),
            opened => return opened,
        }
    }
    Dog::reopen(run)
}

/// How often a busy device is tried, and how long it is left alone between.
const LOOKS: usize = 10;
const PAUSE_MILLIS: u64 = 300;

fn verdict(run: &str) -> Verdict {
    let marked = fs::open_dir(run).and_then(|run| fs::stat_in(run, RUN_MARKED_GOOD)).is_ok();
    if marked { Verdict::Good } else { Verdict::Open }
}

fn pet(dog: &Dog) {
    if let Err(errno) = dog.pet() {
        log::warn!("cannot keep /dev/{}: {errno}, trying again", dog.name());
    }
}

fn tell_of_the_end(dog: &Dog) {
    log::error!("the deadline is over and the machine still runs: /dev/{} resets it within {} s", dog.name(), dog.seconds());
}

struct Keeper<'a> {
    run: &'a str,
    /// In seconds; where this boot has one.
    deadline: Option<u64>,
    signals: Interrupts,
    notice: Option<OwnedFd>,
}

impl Keeper<'_> {
    fn keep(&self, dog: Dog) {
        let mut situation = Situation { asked: Asked::Nothing, verdict: Verdict::Open, time: Time::Left, stoppable: Stoppable::Perhaps };
        let mut last = Next::Pet;
        loop {
            self.look(&mut situation);
            let now = next(situation);
            match now {
                Next::Pet => pet(&dog),
                Next::Starve if last != now => tell_of_the_end(&dog),
                Next::Starve => {}
                Next::Stop => match dog.stop(self.run) {
                    Ok(()) => return log::info!("/dev/{} is stopped", dog.name()),
                    Err(errno) => {
                        log::warn!("/dev/{} cannot be stopped: {errno}, keeping it as long as the machine runs", dog.name());
                        situation.stoppable = Stoppable::No;
                        continue;
                    }
                },
                Next::Leave => return dog.leave(self.run),
            }
            last = now;
            self.wait(&dog);
        }
    }

    fn look(&self, situation: &mut Situation) {
        if let Some(interrupt) = self.signals.next() {
            situation.asked = match interrupt {
                Interrupt::Stop => Asked::Stop,
                Interrupt::Terminate => Asked::Leave,
            };
        }
        situation.verdict = verdict(self.run);
        situation.time = time(self.deadline, host::monotonic_micros() / 1_000_000);
    }

    /// Until there is something to see, or its time has to begin anew.
    fn wait(&self, dog: &Dog) {
        let files: Vec<_> = [self.signals.file()].into_iter().chain(self.notice.as_ref().map(OwnedFd::as_fd)).collect();
        if uevent::wait_for_any(&files, pause_millis(dog.seconds())).is_err() {
            host::sleep(pause_millis(dog.seconds()));
        }
        if let Some(notice) = &self.notice {
            // What stays readable only makes it look more often.
            let _ = notice::drain(notice);
        }
    }
}
