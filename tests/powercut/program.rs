//! The real program on some of the images: it chooses what the judge saw, and the next verbs put everything in order.

use super::bench::Bench;
use super::judge::{Judge, Seen};
use std::path::Path;
use std::process::Command;

/// A directory with a tree to deploy, and room for a copy of an image.
pub struct Program {
    bench: Bench,
    asked: usize,
}

impl Program {
    pub fn new() -> Self {
        Self { bench: Bench::new(), asked: 0 }
    }

    /// How many images it was run on.
    pub fn asked(&self) -> usize {
        self.asked
    }

    pub fn ask(&mut self, judge: &Judge<'_>, seen: Option<&Seen>) -> Result<(), String> {
        self.asked += 1;
        plan(judge.dir(), seen)?;
        self.go_on(judge.dir())
    }

    /// A cut is followed by a machine that is used: nothing is in the way, and nothing half done stays.
    fn go_on(&self, dir: &Path) -> Result<(), String> {
        let copy = self.bench.path("sysroot");
        std::fs::remove_dir_all(&copy).unwrap();
        assert!(Command::new("cp").arg("-a").arg(dir).arg(&copy).status().unwrap().success());
        for verb in [&["init-store"][..], &["deploy", "TREE", "--id", "v9"], &["list"], &["history"]] {
            let output = self.bench.command(verb).output().unwrap();
            if !output.status.success() {
                return Err(format!("{verb:?} fails afterwards: {}", String::from_utf8_lossy(&output.stderr)));
            }
        }
        let left = self.bench.names("sysroot/bedplate/deployments").into_iter().find(|name| name.starts_with('.'));
        match left {
            Some(name) => Err(format!("deployments/{name} is left after the next deploy")),
            None if self.bench.done(&["status"]).contains("next boot  v9") => Ok(()),
            None => Err("what is deployed afterwards does not boot next".into()),
        }
    }
}

/// It chooses what the judge saw.
fn plan(dir: &Path, seen: Option<&Seen>) -> Result<(), String> {
    let output = Command::new(env!("CARGO_BIN_EXE_bedplate")).args(["plan", "--cmdline=", "--sysroot"]).arg(dir).output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let chosen = said.lines().find_map(|line| line.strip_prefix("choice")?.trim_start().split(':').next());
    let expected = seen.and_then(|seen| seen.choice.1.as_deref());
    if chosen == expected && output.status.success() == expected.is_some() {
        return Ok(());
    }
    Err(format!("plan chooses {chosen:?} instead of {expected:?}: {}", String::from_utf8_lossy(&output.stderr)))
}
