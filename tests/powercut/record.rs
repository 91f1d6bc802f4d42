//! Records what the real program does to a real store.

use super::bench::Bench;
use super::disk::{Change, Event, Flush, Inode, Tree};
use super::place::{paths, snapshot};
use super::places::Places;
use super::strace;
use super::trace::{Trace, read};
use std::path::{Path, PathBuf};
use std::process::Command;

/// One run of a verb.
#[derive(Debug)]
pub struct Recording {
    pub name: &'static str,
    pub trace: Trace,
    /// Beginnings of paths that need not be settled when the program has ended.
    pub unsettled: Vec<&'static str>,
}

/// What may be lost of any verb: it is said to be written without a flush.
const HISTORY: &str = "bedplate/history.jsonl";
/// Of the recorded program: one by which a mode that was not set for itself is seen.
const UMASK: (&str, u32) = ("027", 0o027);

impl Recording {
    /// Runs `command`, whose physical root is the directory `disk`, and which has to end with the exit code `ends`.
    pub fn of(name: &'static str, command: &Command, ends: i32, disk: &Path, places: &Places, unsettled: &[&'static str]) -> Self {
        let before = snapshot(disk);
        let log: PathBuf = disk.with_extension("strace");
        let (output, log) = strace::record(command, UMASK.0, &log);
        assert_eq!(output.status.code(), Some(ends), "{name}: {}", String::from_utf8_lossy(&output.stderr));
        let trace = read(&log, &before, places, UMASK.1).unwrap_or_else(|why| panic!("{name}: {why}"));
        let differs = difference(&trace.after, &snapshot(disk));
        assert_eq!(differs, [""; 0], "{name}: what was recorded is not what was done");
        Self { name, trace, unsettled: [&[HISTORY], unsettled].concat() }
    }

    /// A verb on a bench.
    pub fn verb(name: &'static str, bench: &Bench, arguments: &[&str], unsettled: &[&'static str]) -> Self {
        let disk = PathBuf::from(bench.path("sysroot"));
        let outside = [bench.path("").trim_end_matches('/'), "/proc", "/dev", "/sys"].map(String::from).into();
        let places = Places {
            inside: vec![(bench.path("sysroot"), String::new())],
            outside,
            trees: vec![bench.path("tree").into()],
            ..Places::default()
        };
        Self::of(name, &bench.command(arguments), 0, &disk, &places, unsettled)
    }

    /// Calls that changed the disk, and flushes.
    pub fn count(&self) -> (usize, usize) {
        let flushes = self.trace.events.iter().filter(|event| matches!(event, Event::Flush(_))).count();
        let changes = self.trace.events.iter().filter(|event| matches!(event, Event::Change(_))).count();
        (changes, flushes)
    }

    /// What an event was, with names instead of numbers; IDs of deployments are all the same.
    pub fn describe(&self, at: usize) -> String {
        match &self.trace.events[at] {
            Event::Flush(Flush::All) => "syncfs".into(),
            Event::Flush(Flush::Data(file)) => format!("fdatasync of {}", self.name_of(*file, at)),
            Event::Flush(Flush::Whole(file)) => format!("fsync of {}", self.name_of(*file, at)),
            Event::Change(Change::Names(names)) => {
                let names: Vec<String> = names.iter().map(|(dir, name, _)| self.path(*dir, name, at)).collect();
                names.join(" -> ")
            }
            Event::Change(Change::Write { file, .. }) => format!("write to {}", self.name_of(*file, at)),
            Event::Change(change) => format!("{change:?}"),
            Event::Touch | Event::Mount => "what is no write".into(),
        }
    }

    fn state_at(&self, at: usize) -> Tree {
        let mut tree = self.trace.before.clone();
        for event in &self.trace.events[..at] {
            if let Event::Change(change) = event {
                tree.apply(change, super::disk::Extent::Whole);
            }
        }
        tree
    }

    fn name_of(&self, ino: usize, at: usize) -> String {
        let tree = self.state_at(at);
        let found = paths(&tree).into_iter().find(|(_, found)| *found == ino).map(|(path, _)| path);
        if ino == super::disk::ROOT { "the root".into() } else { found.map_or("a file without a name".into(), |path| plain(&path)) }
    }

    fn path(&self, dir: usize, name: &[u8], at: usize) -> String {
        let tree = self.state_at(at);
        let dir = paths(&tree).into_iter().find(|(_, found)| *found == dir).map(|(path, _)| path).unwrap_or_default();
        plain(&[&dir[..], b"/", name].concat())
    }
}

/// Without the names that differ from case to case.
fn plain(path: &[u8]) -> String {
    let path = String::from_utf8_lossy(path);
    let part = |part: &str| {
        let (dot, name) = part.strip_prefix('.').map_or(("", part), |name| (".", name));
        let id = name.strip_prefix('v').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
        let rest = id.map(|rest| if rest.contains('@') { "@INSTANCE" } else { &rest[1..] });
        rest.map_or(part.to_owned(), |rest| format!("{dot}ID{rest}"))
    };
    let path = path.split('/').map(part).collect::<Vec<_>>().join("/");
    path.strip_prefix("bedplate/").map_or(path.clone(), String::from)
}

/// Where the model and the real disk are not the same; times only where the program set them, and not what a kernel keeps for itself.
fn difference(model: &Tree, real: &Tree) -> Vec<String> {
    let (ours, theirs) = (paths(model), paths(real));
    let inode = |tree: &Tree, ino: Option<&usize>| ino.map(|ino| tree.inodes[*ino].clone());
    let differs = |path: &&Vec<u8>| {
        let (ours, theirs) = (inode(model, ours.get(*path)), inode(real, theirs.get(*path)));
        let timed = ours.as_ref().is_none_or(|inode| inode.modified.is_some());
        let theirs = theirs.map(|inode| if timed { inode } else { Inode { modified: None, ..inode } });
        ours != theirs && !String::from_utf8_lossy(path).contains("/etc/work")
    };
    let mut all: Vec<&Vec<u8>> = ours.keys().chain(theirs.keys()).collect();
    all.dedup();
    let say = |path: &&Vec<u8>| {
        format!("{}: {:?} {:?}", String::from_utf8_lossy(path), inode(model, ours.get(*path)), inode(real, theirs.get(*path)))
    };
    all.iter().filter(|path| differs(path)).map(say).map(|line| line.chars().take(400).collect()).collect()
}
