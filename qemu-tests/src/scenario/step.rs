//! What is done in a running guest, and what must come of it.

use crate::error::Result;
use guest_init::Request;
use serde::Deserialize;
use std::collections::BTreeMap;

/// One action (the first group of keys) and its checks (the second).
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Step {
    /// A program with its arguments.
    pub run: Option<Words>,
    /// Kills what `run` started as soon as this path exists.
    pub kill_when: Option<String>,
    /// A program that goes on while other steps are taken.
    pub start: Option<Words>,
    /// Programs that run at the same time.
    pub together: Option<Vec<Words>>,
    pub read: Option<String>,
    pub list: Option<String>,
    pub stat: Option<String>,
    pub write: Option<String>,
    pub append: Option<String>,
    pub delete: Option<String>,
    pub directory: Option<String>,
    /// Gives it the mode in `text`.
    pub chmod: Option<String>,
    pub fill: Option<String>,
    /// Mounts `device` there.
    pub mount: Option<String>,
    pub unmount: Option<String>,
    /// Gives it fs-verity.
    pub guard: Option<String>,
    /// Opens `device` as dm-verity, with its hashes on this one.
    pub verity: Option<String>,
    /// Changes a byte of this device, where the `text` stands.
    pub corrupt: Option<String>,
    pub device: Option<String>,
    pub sync: Option<bool>,
    /// To write or append, a mode, or what to find.
    pub text: Option<String>,
    /// Taken again and again until its checks hold, within the time of the boot.
    pub until: bool,
    /// What it came to is shown by the demo, and kept in the file `shown` of each boot.
    pub show: bool,
    #[serde(flatten)]
    pub checks: Checks,
}

/// What must hold of the reply.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Checks {
    /// Of `run`: 0 if not given.
    pub exit: Option<i32>,
    /// Of `together`: in ascending order.
    pub exits: Option<Vec<i32>>,
    /// Each stands in what was written to standard output, or in the file.
    pub contains: Vec<String>,
    /// Not one stands there.
    pub lacks: Vec<String>,
    /// Each stands in what was written to standard error.
    pub errors: Vec<String>,
    /// Values by JSON pointer, in standard output or the file.
    pub json: BTreeMap<String, serde_json::Value>,
    /// The whole text of a file.
    pub equals: Option<String>,
    /// Names in a directory: exactly these.
    pub names: Option<Vec<String>>,
    /// There is no such file.
    pub absent: bool,
    /// Of `stat`: "file", "directory", "symlink", "other".
    pub kind: Option<String>,
    /// Of `stat`: in octal.
    pub mode: Option<String>,
    /// A write must be refused.
    pub fails: bool,
}

/// A command: words between spaces, or a list where a word holds a space.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Words {
    Line(String),
    List(Vec<String>),
}

impl Words {
    fn argv(&self) -> Vec<String> {
        match self {
            Self::Line(line) => line.split_whitespace().map(str::to_string).collect(),
            Self::List(list) => list.clone(),
        }
    }
}

/// What the guest is asked to do.
pub type Action = Request;

impl Step {
    /// An error says that there is none, or more than one.
    pub fn action(&self) -> Result<Action> {
        let mut actions = self.actions();
        match (actions.pop(), actions.is_empty()) {
            (Some(action), true) => Ok(action),
            (Some(_), false) => Err("has more than one action".to_string()),
            (None, _) => {
                let known = "run, start, together, read, list, stat, write, append, delete, directory, chmod, fill, mount, unmount, \
                             guard, verity, corrupt or sync";
                Err(format!("has no action: {known}"))
            }
        }
    }

    fn actions(&self) -> Vec<Action> {
        let text = || self.text.clone().unwrap_or_default();
        let device = || self.device.clone().unwrap_or_default();
        let of = |path: &Option<String>, make: fn(String) -> Action| path.clone().map(make);
        let all = [
            self.run.as_ref().map(|words| Action::Run { argv: words.argv(), kill_when: self.kill_when.clone() }),
            self.start.as_ref().map(|words| Action::Start { argv: words.argv() }),
            self.together.as_ref().map(|all| Action::Together { commands: all.iter().map(Words::argv).collect() }),
            of(&self.read, |path| Action::Read { path }),
            of(&self.list, |path| Action::List { path }),
            of(&self.stat, |path| Action::Stat { path }),
            self.write.clone().map(|path| Action::Write { path, text: text() }),
            self.append.clone().map(|path| Action::Append { path, text: text() }),
            of(&self.delete, |path| Action::Delete { path }),
            of(&self.directory, |path| Action::Directory { path }),
            self.chmod.clone().map(|path| Action::Chmod { path, mode: text() }),
            of(&self.fill, |path| Action::Fill { path }),
            self.mount.clone().map(|target| Action::Mount { device: device(), target }),
            of(&self.unmount, |target| Action::Unmount { target }),
            of(&self.guard, |path| Action::Guard { path }),
            self.verity.clone().map(|hashes| Action::Verity { device: device(), hashes }),
            self.corrupt.clone().map(|device| Action::Corrupt { device, text: text() }),
            self.sync.and_then(|sync| sync.then_some(Action::Sync)),
        ];
        all.into_iter().flatten().collect()
    }
}
