//! Programs of the running system that know a boot loader which reads no entries: they are told what was deployed and removed.
//!
//! `HOOK add|remove ID DIRECTORY KERNEL INITRAMFS`, in the order of their names; one in /etc takes the place of its namesake in
//! /usr/lib. Absolute paths; those of kernel and initramfs are empty where the tree has none that can be started.

use super::access::View;
use bedplate::boot::facts::newest_kernel;
use bedplate::decide::kernel::newest_first;
use bedplate::decide::model::Id;
use bedplate::error::{Errno, Error, OrFail, Result};
use bedplate::sys::fs::{self, FileType};
use bedplate::sys::mount;
use std::collections::BTreeMap;
use std::io::Read;
use std::process::{Command, ExitStatus, Stdio};

/// The later one wins, name by name.
const PLACES: [&str; 2] = ["/usr/lib/bedplate/deploy.d", "/etc/bedplate/deploy.d"];
const EXECUTABLE: u16 = 0o111;
/// Of what a hook has written to standard error, the end is kept: so many bytes.
const KEPT: usize = 2048;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Add,
    Remove,
}

impl Event {
    const fn word(self) -> &'static str {
        match self {
            Self::Add => "add",
            Self::Remove => "remove",
        }
    }
}

/// The hooks of this machine, with what they are told of one deployment.
#[derive(Debug)]
pub struct Hooks {
    programs: Vec<String>,
    arguments: [String; 4],
}

impl Hooks {
    /// None where this machine does not run from the store: they know nothing of another one.
    pub fn of(view: &View, id: &Id) -> Result<Self> {
        let programs = if view.report.is_some() { programs()? } else { Vec::new() };
        let arguments = if programs.is_empty() { <[String; 4]>::default() } else { arguments(view, id)? };
        Ok(Self { programs, arguments })
    }

    pub fn are_there(&self) -> bool {
        !self.programs.is_empty()
    }

    /// Tells them of a new deployment. If one fails, it and those before it are told that there is none.
    pub fn add(&self) -> Result<()> {
        for (number, program) in self.programs.iter().enumerate() {
            if let Err(error) = self.run(program, Event::Add) {
                let told = self.programs.iter().take(number + 1);
                told.rev().for_each(|program| self.tell_removed(program));
                return Err(error);
            }
        }
        Ok(())
    }

    /// Tells them that a deployment goes, the last first. One that fails does not keep it.
    pub fn remove(&self) {
        self.programs.iter().rev().for_each(|program| self.tell_removed(program));
    }

    fn tell_removed(&self, program: &str) {
        if let Err(error) = self.run(program, Event::Remove) {
            log::warn!("{error}: its boot loader may still show the deployment");
        }
    }

    /// What it writes to standard output goes on to ours for errors: the verb's own output is for who called the verb.
    fn run(&self, program: &str, event: Event) -> Result<()> {
        let mut command = Command::new(program);
        command.arg(event.word()).args(&self.arguments).stdin(Stdio::null()).stdout(std::io::stderr()).stderr(Stdio::piped());
        let failed = |why: &dyn std::fmt::Display| Error::transient(format!("the hook \"{program} {}\" failed: {why}", event.word()));
        let mut child = command.spawn().map_err(|error| failed(&error))?;
        let said = child.stderr.take().map(last_of).unwrap_or_default();
        match child.wait() {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(failed(&ended(status, &said))),
            Err(error) => Err(failed(&error)),
        }
    }
}

fn ended(status: ExitStatus, said: &str) -> String {
    let said: Vec<&str> = said.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let said = super::plain(&said.join("; "));
    if said.is_empty() { status.to_string() } else { format!("{status}: {said}") }
}

/// Reads to the end and keeps the last of it.
fn last_of(mut from: impl Read) -> String {
    let (mut kept, mut buffer) = (Vec::new(), [0; KEPT]);
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        kept.extend_from_slice(buffer.get(..read).unwrap_or_default());
        kept.drain(..kept.len().saturating_sub(KEPT));
    }
    String::from_utf8_lossy(&kept).into_owned()
}

/// What cannot be executed, as a link to /dev/null, stands in for nothing.
fn programs() -> Result<Vec<String>> {
    let mut found = BTreeMap::new();
    for place in PLACES {
        let dir = match fs::open_dir(place) {
            Err(Errno::ENOENT | Errno::ENOTDIR) => continue,
            dir => dir.or_fail("cannot open", place)?,
        };
        for name in fs::names(&dir).or_fail("cannot read", place)?.into_iter().filter(|name| !name.starts_with('.')) {
            found.insert(name.clone(), format!("{place}/{name}"));
        }
    }
    Ok(found.into_values().filter(|path| is_program(path)).collect())
}

/// Links lead anywhere in the running system.
fn is_program(path: &str) -> bool {
    let stat = fs::open_dir("/").and_then(|root| fs::stat_target_in(root, path));
    stat.is_ok_and(|stat| stat.file_type == FileType::Regular && stat.mode & EXECUTABLE != 0)
}

fn arguments(view: &View, id: &Id) -> Result<[String; 4]> {
    let store = mount::path_now(&view.store.dir).or_fail("cannot find the path of", "the store")?;
    let root = format!("deployments/{id}/root");
    let dir = format!("{store}/{root}");
    let tree = match fs::open_dir_in(&view.store.dir, &root) {
        Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => return Ok([id.to_string(), dir, String::new(), String::new()]),
        tree => tree.or_fail("cannot open", &dir)?,
    };
    let releases = newest_first(fs::names_in(&tree, "usr/lib/modules").unwrap_or_default());
    let kernel = newest_kernel(&tree, &releases);
    let path = |path: Option<&String>| path.map(|path| format!("{dir}/{path}")).unwrap_or_default();
    let (image, initramfs) = (kernel.as_ref().map(|kernel| &kernel.image), kernel.as_ref().map(|kernel| &kernel.initramfs));
    Ok([id.to_string(), dir.clone(), path(image), path(initramfs)])
}
