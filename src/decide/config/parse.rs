//! Configuration files to one [`Config`], key by key, with everything that is wrong with them as a list.

use super::value::{Wrong, derived_path, duration, flag, is_normal, kept_path, list, number, text, word};
use super::{
    Clean, Config, Count, DeclaredPath, EtcMode, KernelMismatch, OnExhausted, Origins, PathMode, RecordKind, Require, RootMode, Scope,
    VarMode, WhenNothingBoots,
};
use crate::decide::manifest::line_of;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// One file: its name for messages, and its text or why it cannot be read.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    pub file: &'a str,
    pub text: core::result::Result<&'a str, &'a str>,
}

/// One thing that is wrong, with what happens instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    pub file: String,
    pub line: Option<usize>,
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.text),
            None => write!(f, "{}: {}", self.file, self.text),
        }
    }
}

/// What the files come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Merged {
    pub config: Config,
    pub problems: Vec<Problem>,
    pub origins: Origins,
}

/// The configuration alone, with what is wrong.
pub fn parse(sources: &[Source<'_>]) -> (Config, Vec<Problem>) {
    let merged = merge(sources);
    (merged.config, merged.problems)
}

/// Merges the files in the order given; the later one wins for each key. Total: any text gives a configuration.
pub fn merge(sources: &[Source<'_>]) -> Merged {
    let mut merger = Merger { merged: Merged::default(), doubtful: false, file: "", text: "" };
    for source in sources {
        merger.file = source.file;
        match source.text {
            Ok(text) => merger.merge(text),
            Err(why) => merger.unreadable(None, why),
        }
    }
    merger.merged.config.path.retain(|path| path.mode != PathMode::None);
    merger.check_device();
    if merger.doubtful {
        merger.merged.config.integrity.require = Require::Signed;
        merger.merged.origins.forget("integrity.require");
    }
    merger.merged
}

struct Merger<'a> {
    merged: Merged,
    /// Nobody knows what was asked for about integrity: the strictest reading, whatever other files say.
    doubtful: bool,
    file: &'a str,
    text: &'a str,
}

type Set = core::result::Result<(), Wrong>;

impl<'a> Merger<'a> {
    fn merge(&mut self, text: &'a str) {
        self.text = text;
        match DeTable::parse(text) {
            Ok(document) => self.sections(document.get_ref()),
            Err(error) => {
                let line = error.span().map(|span| line_of(text, span.start));
                self.unreadable(line, &error.message().replace('\n', ", "));
            }
        }
    }

    fn unreadable(&mut self, line: Option<usize>, why: &str) {
        self.doubtful = true;
        self.problem(line, format!("cannot read it: {why}; leaving the file out and requiring signed deployments"));
    }

    fn problem(&mut self, line: impl Into<Option<usize>>, text: String) {
        self.merged.problems.push(Problem { file: self.file.into(), line: line.into(), text });
    }

    fn line(&self, offset: usize) -> usize {
        line_of(self.text, offset)
    }

    fn sections(&mut self, document: &DeTable<'_>) {
        for (name, value) in document {
            let section = name.get_ref().as_ref();
            match value.get_ref() {
                DeValue::Array(paths) if section == "path" => paths.iter().for_each(|path| self.path(path)),
                DeValue::Table(table) if SECTIONS.contains(&section) => self.section(section, table),
                _ if section == "path" || SECTIONS.contains(&section) => self.not_a_section(section, name.span().start),
                _ => {
                    let line = self.line(name.span().start);
                    self.problem(line, format!("unknown section [{section}] (there are: {}), ignoring it", SECTIONS.join(", ")));
                }
            }
        }
    }

    fn not_a_section(&mut self, section: &str, offset: usize) {
        self.doubtful |= section == "integrity";
        let line = self.line(offset);
        self.problem(line, format!("{section} is not a section, ignoring it"));
    }

    fn section(&mut self, section: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let name = format!("{section}.{}", key.get_ref());
            let line = self.line(key.span().start);
            match set(&mut self.merged.config, &name, value.get_ref()) {
                Ok(()) => self.merged.origins.add(&name, self.file, line),
                Err(Wrong::UnknownKey) => self.problem(line, unknown_key(&name)),
                Err(Wrong::Value(expected)) => {
                    let text = self.wrong_value(&name, &expected);
                    self.problem(line, text);
                }
            }
        }
    }

    /// Without a device to wait for, no deployment at all would boot.
    fn check_device(&mut self) {
        let var = &mut self.merged.config.var;
        if var.mode != VarMode::Device || var.names_device() {
            return;
        }
        var.mode = VarMode::default();
        let text = "var.mode = \"device\" needs var.source, a device; going on with its default".into();
        let (file, line) = self.merged.origins.of("var.mode").map_or(("", 0), |(file, line)| (file, line));
        self.merged.problems.push(Problem { file: file.into(), line: Some(line), text });
    }

    fn wrong_value(&mut self, name: &str, expected: &str) -> String {
        if name.starts_with("integrity.") {
            self.doubtful = true;
            return format!("{name} has to be {expected}; requiring signed deployments");
        }
        // The default of this key, not what an earlier file said: a half-understood file changes as little as can be told.
        reset(&mut self.merged.config, name);
        format!("{name} has to be {expected}; going on with its default")
    }

    fn path(&mut self, value: &Spanned<DeValue<'_>>) {
        let line = self.line(value.span().start);
        match value.get_ref() {
            DeValue::Table(table) => match declared(table) {
                Ok(path) => {
                    self.merged.origins.add(&path.target, self.file, line);
                    self.merged.config.path.retain(|known| known.target != path.target);
                    self.merged.config.path.push(path);
                }
                Err(why) => self.problem(line, format!("[[path]]: {why}; leaving this path out")),
            },
            _ => self.problem(line, "path has to be a list of tables, ignoring it".into()),
        }
    }
}

const SECTIONS: [&str; 6] = ["boot", "root", "etc", "var", "integrity", "ostree"];

const KEYS: [&str; 23] = [
    "boot.tries",
    "boot.good-tries",
    "boot.count",
    "boot.refunds",
    "boot.deadline",
    "boot.on-exhausted",
    "boot.when-nothing-boots",
    "boot.kernel-mismatch",
    "boot.record",
    "boot.record-device",
    "boot.watchdog",
    "boot.keep",
    "root.mode",
    "etc.mode",
    "etc.keep",
    "etc.clean",
    "etc.derived",
    "var.mode",
    "var.source",
    "integrity.require",
    "integrity.keys",
    "integrity.min-sequence",
    "ostree.rollback",
];

fn unknown_key(name: &str) -> String {
    let section = name.split_once('.').map_or("", |(section, _)| section);
    let known: Vec<&str> = KEYS.into_iter().filter(|key| key.split_once('.').is_some_and(|(s, _)| s == section)).collect();
    format!("unknown key {name} (there are: {}), ignoring it", known.join(", "))
}

/// Copies one key's default into the configuration.
fn reset(config: &mut Config, name: &str) {
    let default = Config::default();
    match name {
        "boot.tries" => config.boot.tries = default.boot.tries,
        "boot.good-tries" => config.boot.good_tries = default.boot.good_tries,
        "boot.count" => config.boot.count = default.boot.count,
        "boot.refunds" => config.boot.refunds = default.boot.refunds,
        "boot.deadline" => config.boot.deadline = default.boot.deadline,
        "boot.on-exhausted" => config.boot.on_exhausted = default.boot.on_exhausted,
        "boot.when-nothing-boots" => config.boot.when_nothing_boots = default.boot.when_nothing_boots,
        "boot.kernel-mismatch" => config.boot.kernel_mismatch = default.boot.kernel_mismatch,
        "boot.record" => config.boot.record = default.boot.record,
        "boot.record-device" => config.boot.record_device = default.boot.record_device,
        "boot.watchdog" => config.boot.watchdog = default.boot.watchdog,
        "boot.keep" => config.boot.keep = default.boot.keep,
        "root.mode" => config.root.mode = default.root.mode,
        "etc.mode" => config.etc.mode = default.etc.mode,
        "etc.keep" => config.etc.keep = default.etc.keep,
        "etc.clean" => config.etc.clean = default.etc.clean,
        "etc.derived" => config.etc.derived = default.etc.derived,
        "var.mode" => config.var.mode = default.var.mode,
        "var.source" => config.var.source = default.var.source,
        "ostree.rollback" => config.ostree.rollback = default.ostree.rollback,
        _ => {}
    }
}

fn set(config: &mut Config, name: &str, value: &DeValue<'_>) -> Set {
    match name {
        "boot.tries" => number(value, 1, 255).map(|n| config.boot.tries = n),
        "boot.good-tries" => number(value, 0, 255).map(|n| config.boot.good_tries = n),
        "boot.count" => word(value, Count::WORDS).map(|v| config.boot.count = v),
        "boot.refunds" => number(value, 0, 255).map(|n| config.boot.refunds = n),
        "boot.deadline" => duration(value).map(|v| config.boot.deadline = v),
        "boot.on-exhausted" => word(value, OnExhausted::WORDS).map(|v| config.boot.on_exhausted = v),
        "boot.when-nothing-boots" => word(value, WhenNothingBoots::WORDS).map(|v| config.boot.when_nothing_boots = v),
        "boot.kernel-mismatch" => word(value, KernelMismatch::WORDS).map(|v| config.boot.kernel_mismatch = v),
        "boot.record" => word(value, RecordKind::WORDS).map(|v| config.boot.record = v),
        "boot.record-device" => text(value).map(|v| config.boot.record_device = v),
        "boot.watchdog" => duration(value).map(|v| config.boot.watchdog = v),
        "boot.keep" => number(value, 0, 255).map(|n| config.boot.keep = n),
        "root.mode" => word(value, RootMode::WORDS).map(|v| config.root.mode = v),
        "etc.mode" => word(value, EtcMode::WORDS).map(|v| config.etc.mode = v),
        "etc.keep" => list(value, &kept_path).map(|v| config.etc.keep = v),
        "etc.clean" => list(value, &|v| word(v, Clean::WORDS)).map(|v| config.etc.clean = v),
        "etc.derived" => list(value, &derived_path).map(|v| config.etc.derived = v),
        "var.mode" => word(value, VarMode::WORDS).map(|v| config.var.mode = v),
        "var.source" => text(value).map(|v| config.var.source = v),
        "integrity.require" => word(value, Require::WORDS).map(|v| config.integrity.require = v),
        "integrity.keys" => text(value).map(|v| config.integrity.keys = v),
        "integrity.min-sequence" => number(value, 0, u64::MAX).map(|n| config.integrity.min_sequence = n),
        "ostree.rollback" => flag(value).map(|v| config.ostree.rollback = v),
        _ => Err(Wrong::UnknownKey),
    }
}

/// Where the system itself is mounted; a declared path would take it apart.
const RESERVED: [&str; 5] = ["usr", "etc", "var", "boot", ""];

/// Mounted by others, or over all that is in the tree: nothing of ours would be seen below.
const OTHERS: [&str; 6] = ["proc", "sys", "dev", "run", "sysroot", "tmp"];

fn declared(table: &DeTable<'_>) -> core::result::Result<DeclaredPath, String> {
    let mut path = DeclaredPath::default();
    for (key, value) in table {
        let value = value.get_ref();
        let set = match key.get_ref().as_ref() {
            "target" => text(value).map(|v| path.target = v),
            "mode" => word(value, PathMode::WORDS).map(|v| path.mode = v),
            "source" => text(value).map(|v| path.source = v),
            "scope" => word(value, Scope::WORDS).map(|v| path.scope = v),
            _ => Err(Wrong::UnknownKey),
        };
        match set {
            Ok(()) => {}
            Err(Wrong::Value(expected)) => return Err(format!("{} has to be {expected}", key.get_ref())),
            Err(Wrong::UnknownKey) => return Err(format!("unknown key {} (there are: target, mode, source, scope)", key.get_ref())),
        }
    }
    let inner = path.target.strip_prefix('/').unwrap_or("");
    let first = inner.split('/').next().unwrap_or_default();
    if !is_normal(inner) || RESERVED.contains(&inner) || OTHERS.contains(&first) {
        return Err(format!("target = \"{}\" is not an absolute path that can be declared", path.target));
    }
    let writable = matches!(path.mode, PathMode::Bind) || path.scope == Scope::Transient;
    let in_usr = first == "usr" && inner != "usr/local" && !inner.starts_with("usr/local/");
    if in_usr && writable && path.mode != PathMode::None {
        return Err(format!("target = \"{}\" is in /usr, which stays read-only: mode = \"ro\" only", path.target));
    }
    let source = path.source.trim_matches('/');
    if !source.is_empty() && !is_normal(source) {
        return Err(format!("source = \"{}\" is not a path below /var", path.source));
    }
    Ok(path)
}
