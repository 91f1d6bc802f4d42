//! Runs programs of the host.

use crate::error::{OrSay, Result};
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A program of the host, found as root would find it. Its output is kept, and shown only where it fails.
#[derive(Debug)]
pub struct Tool {
    command: Command,
    name: String,
    /// Exit codes up to this one are a success.
    most: i32,
}

impl Tool {
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        let path = std::env::var("PATH").unwrap_or_default();
        let mut command = Command::new(program.as_ref());
        command.env("PATH", format!("{path}:/usr/sbin:/sbin")).stdin(Stdio::null());
        Self { command, name: program.as_ref().to_string_lossy().into_owned(), most: 0 }
    }

    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.command.args(args);
        self
    }

    pub fn dir(mut self, dir: &Path) -> Self {
        self.command.current_dir(dir);
        self
    }

    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// For programs whose exit code says more than yes and no.
    pub fn success_up_to(mut self, most: i32) -> Self {
        self.most = most;
        self
    }

    /// What it wrote to standard output.
    pub fn run(self) -> Result<String> {
        let (name, most) = (self.name.clone(), self.most);
        let output = self.output()?;
        if output.status.code().is_some_and(|code| code <= most) {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        Err(format!("{name} failed ({}): {}", output.status, errors.trim()))
    }

    fn output(mut self) -> Result<Output> {
        let hint = "is it installed? `make setup` installs what is missing";
        self.command.output().or_say(format!("cannot run {} ({hint})", self.name))
    }
}
