//! Runs scripts, one after the other, each for a bounded time, with nothing of our own environment.

use crate::cli;
use crate::verbs::root_tree::found;
use crate::verbs::say;
use bedplate::decide::health::{self, Check, End, Found, Listing, PLACES, Purpose, Script, Start, Tail};
use bedplate::decide::model::Report;
use bedplate::error::{Errno, OrFail, Result};
use bedplate::sys::OwnedFd;
use bedplate::sys::fs::{self, FileType};
use bedplate::sys::program::group::{Event, Group};
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

/// As systemd's default for services.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// How long the end of a killed script is waited for.
const AFTER_KILL: Duration = Duration::from_secs(5);

type Watched<T> = std::result::Result<T, Errno>;

pub struct Runner<'a> {
    /// Without slash at the end.
    path: &'a str,
    root: OwnedFd,
    each: Duration,
    until: Instant,
    environment: Vec<(&'static str, String)>,
    /// Where the scripts' output goes as it comes.
    out: Option<&'a mut dyn Write>,
}

impl<'a> Runner<'a> {
    /// For at most `all` seconds from now.
    pub fn new(args: &'a cli::Health, all: u64, report: Option<&Report>, out: Option<&'a mut dyn Write>) -> Result<Self> {
        let root = fs::open_dir(&args.root).or_fail("cannot open", &args.root)?;
        let trial = report.is_some_and(|report| report.choice.counted);
        let mut environment = vec![("PATH", PATH.into()), ("LANG", "C.UTF-8".into()), ("HOME", "/root".into())];
        environment.extend(report.map(|report| ("BEDPLATE_DEPLOYMENT", report.deployment.id.to_string())));
        environment.extend(report.map(|_| ("BEDPLATE_TRIAL", u8::from(trial).to_string())));
        let (each, until) = (Duration::from_secs(args.limit), Instant::now() + Duration::from_secs(all));
        Ok(Self { path: args.root.trim_end_matches('/'), root, each, until, environment, out })
    }

    /// Names of disabled checks. A list that nobody understands disables none, and that is said.
    pub fn disabled(&self) -> Result<Vec<String>> {
        let text = found(fs::read_text(&self.root, health::CONF)).or_fail("cannot read", health::CONF)?.unwrap_or_default();
        Ok(health::disabled(&text).unwrap_or_else(|why| {
            log::warn!("\"/{}\": {why}: no check is disabled", health::CONF);
            Vec::new()
        }))
    }

    pub fn list(&self, purpose: Purpose, disabled: &[String]) -> Result<Listing> {
        let place = |place: &&str| {
            let dir = format!("{place}/{}", purpose.directory());
            self.entries(&dir).map(|entries| (dir, entries))
        };
        Ok(health::list(&PLACES.iter().map(place).collect::<Result<Vec<_>>>()?, disabled))
    }

    fn entries(&self, dir: &str) -> Result<Vec<Found>> {
        let names = found(fs::names_in(&self.root, dir)).or_fail("cannot read", dir)?.unwrap_or_default();
        let entry = |name: String| {
            let path = format!("{dir}/{name}");
            let stat = found(fs::stat_target_in(&self.root, &path)).or_fail("cannot look at", &path)?;
            let is_file = stat.is_some_and(|stat| stat.file_type == FileType::Regular);
            Ok(Found { name, is_file, mode: stat.map_or(0, |stat| stat.mode) })
        };
        names.into_iter().map(entry).collect()
    }

    /// All of them, also after one that failed.
    pub fn run(&mut self, purpose: Purpose, scripts: &[Script]) -> Result<Vec<Check>> {
        scripts.iter().map(|script| self.run_one(purpose, script)).collect()
    }

    fn run_one(&mut self, purpose: Purpose, script: &Script) -> Result<Check> {
        let began = Instant::now();
        let limit = self.each.min(self.until.saturating_duration_since(began));
        let mut tail = Tail::default();
        let end = match limit {
            Duration::ZERO => End::NoTimeLeft,
            limit => match Group::start(self.command(script)) {
                Ok(group) => self.watch(group, limit, &mut tail).or_fail("cannot watch", &script.path)?,
                Err(errno) => End::NotStarted(errno.to_string()),
            },
        };
        let (passed, end, script) = (end.is_success(), end.sentence(), format!("/{}", script.path));
        self.show(format!("{} {script}: {end} ({} s)\n", purpose.word(), began.elapsed().as_secs()).as_bytes())?;
        Ok(Check { purpose, script, passed, end, output: if passed { String::new() } else { tail.text() } })
    }

    fn command(&self, script: &Script) -> Command {
        let path = format!("{}/{}", self.path, script.path);
        let mut command = match script.start {
            Start::Itself => Command::new(path),
            Start::Shell => {
                let bash = fs::stat_target_in(&self.root, "bin/bash").is_ok();
                let mut shell = Command::new(if bash { "/bin/bash" } else { "/bin/sh" });
                shell.arg(path);
                shell
            }
        };
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value))).current_dir("/");
        command
    }

    /// Until it has ended or its time is up; then all that it started goes with it, unless it left the process group.
    fn watch(&mut self, mut group: Group, limit: Duration, tail: &mut Tail) -> Watched<End> {
        if let Some(status) = self.follow(&mut group, limit, tail)? {
            return Ok(end(status));
        }
        group.kill()?;
        self.follow(&mut group, AFTER_KILL, tail)?;
        Ok(End::TooLong(limit.as_secs()))
    }

    /// `None`: the time is up.
    fn follow(&mut self, group: &mut Group, limit: Duration, tail: &mut Tail) -> Watched<Option<ExitStatus>> {
        let until = Instant::now() + limit;
        let mut buffer = [0; 4096];
        loop {
            let left = until.saturating_duration_since(Instant::now());
            // Rounded up: zero is the end.
            match group.next(&mut buffer, u64::try_from(left.as_micros().div_ceil(1000)).unwrap_or(u64::MAX))? {
                Event::Ended(status) => return Ok(Some(status)),
                Event::Output(n) => {
                    let bytes = buffer.get(..n).unwrap_or_default();
                    tail.push(bytes);
                    // A reader of ours that has gone away is no failure of the script.
                    let _ = self.show(bytes);
                }
                Event::TimeIsUp => {}
            }
            if left.is_zero() {
                return Ok(None);
            }
        }
    }

    fn show(&mut self, bytes: &[u8]) -> Result<()> {
        match &mut self.out {
            Some(out) => say(*out, &String::from_utf8_lossy(bytes)),
            None => Ok(()),
        }
    }
}

fn end(status: ExitStatus) -> End {
    match (status.code(), status.signal()) {
        (Some(code), _) => End::Exited(code),
        (None, signal) => End::Killed { signal: signal.unwrap_or_default() },
    }
}
