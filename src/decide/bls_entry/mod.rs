//! What a deployment has on the boot partition: its kernel, its initramfs, and the entry by which a boot loader starts them
//! (The Boot Loader Specification, UAPI.1, type 1).
//!
//! Kernels and initramfs are named by their content in `bedplate/`, so that deployments share what is equal. An entry says in
//! its first line whose it is: nothing else is ever taken away, and a file in `bedplate/` only when no entry names it.

mod options;
mod room;
#[cfg(test)]
mod tests;

pub use options::{Origin, options};
pub use room::{Space, frees, has_room, need};

use super::hex::Hex;
use super::loader::counter::{self, EntryName};
use super::model::{Id, Instance};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Directory of the entries on the boot partition.
pub const ENTRIES: &str = "loader/entries";
/// Directory of kernels and initramfs on the boot partition.
pub const FILES: &str = "bedplate";
/// Ends the name of a file that is being written; loaders read `.conf` alone.
pub const UNFINISHED: &str = ".new";

const PREFIX: &str = "bedplate-";
const SUFFIX: &str = ".conf";
const OWNER: &str = "# bedplate deployment ";

/// What a file on the boot partition is to the kernel's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Linux,
    Initrd,
}

impl Role {
    /// The key of an entry, and the first part of a file's name.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Linux => "linux",
            Self::Initrd => "initrd",
        }
    }
}

/// The name of a file in `bedplate/`, by the SHA-256 of its content: half of it is as unique, and easier to look at.
pub fn file_name(role: Role, digest: &[u8; 32]) -> String {
    let (half, _) = digest.split_at(digest.len() / 2);
    format!("{}-{}", role.word(), Hex(half))
}

/// An entry that is to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    pub id: &'a Id,
    pub instance: &'a Instance,
    /// The tree's own name, for the menu; may be empty.
    pub system: &'a str,
    /// Loaders sort by it, the greatest first.
    pub sequence: u64,
    /// Of the kernel.
    pub release: &'a str,
    /// Names in `bedplate/`.
    pub linux: &'a str,
    pub initrd: &'a str,
    /// The kernel's command line.
    pub options: &'a str,
}

/// `ID@INSTANCE`.
pub fn owner(id: &Id, instance: &Instance) -> String {
    format!("{id}@{instance}")
}

/// The text of an entry. Without the keys `machine-id` and `architecture`: all entries of a disk are of one machine, and an image
/// may be made on another.
pub fn format(entry: &Entry<'_>) -> String {
    let Entry { id, instance, sequence, release, linux, initrd, options, .. } = entry;
    let system = if entry.system.trim().is_empty() { "Linux" } else { entry.system.trim() };
    let lines = [
        format!("{OWNER}{}", owner(id, instance)),
        format!("title {system} ({id})"),
        // The same for all: the version decides.
        "sort-key bedplate".to_string(),
        format!("version {sequence}-{release}"),
        format!("linux /{FILES}/{linux}"),
        format!("initrd /{FILES}/{initrd}"),
        format!("options {options}"),
    ];
    lines.iter().map(|line| line.replace(char::is_control, " ") + "\n").collect()
}

/// The name of an entry's file; with tries, the loader counts them (systemd-boot: `+LEFT` and later `+LEFT-DONE`).
pub fn entry_name(id: &Id, tries: Option<u8>) -> String {
    let base = format!("{PREFIX}{id}");
    match tries {
        Some(tries) => EntryName::counted(&base, tries, SUFFIX).to_string(),
        None => base + SUFFIX,
    }
}

/// The ID in the name of an entry's file, if it is a name that bedplate gives. Counters are passed over.
pub fn id_in(file_name: &str) -> Option<Id> {
    let name = counter::parse(file_name).filter(|name| name.suffix == SUFFIX)?;
    Id::parse(name.base.strip_prefix(PREFIX)?)
}

/// Whether a loader reads the file; FAT knows no case.
pub fn is_entry(file_name: &str) -> bool {
    file_name.rsplit_once('.').is_some_and(|(_, extension)| extension.eq_ignore_ascii_case("conf"))
}

/// Whether this is an entry of ours that was being written when somebody was stopped.
pub fn is_unfinished(file_name: &str) -> bool {
    let inner = file_name.strip_prefix('.').and_then(|name| name.strip_suffix(UNFINISHED));
    inner.is_some_and(|name| id_in(name).is_some())
}

/// An entry that is there, whoever has made it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The file's name.
    pub name: String,
    /// `ID@INSTANCE`, where bedplate has made it.
    pub owner: Option<String>,
    /// What its version begins with, else 0.
    pub sequence: u64,
    /// Names in `bedplate/` that it needs.
    pub files: Vec<String>,
}

/// Reads an entry; any text is one.
pub fn read(name: &str, text: &str) -> Found {
    let values = |key: &'static str| text.lines().filter_map(move |line| value(line, key));
    let files = values("linux").chain(values("initrd")).filter_map(own_file).collect();
    let sequence = values("version").next_back().map_or(0, leading_number);
    let owner = text.lines().next().and_then(|line| line.strip_prefix(OWNER)).map(|owner| owner.trim().to_string());
    Found { name: name.to_string(), owner, sequence, files }
}

fn value<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let rest = line.trim_start().strip_prefix(key)?;
    rest.starts_with([' ', '\t']).then(|| rest.trim())
}

/// FAT and the specification write `/`, systemd-boot takes `\`, too; doubled ones are one.
fn own_file(path: &str) -> Option<String> {
    let parts: Vec<&str> = path.split(['/', '\\']).filter(|part| !part.is_empty()).collect();
    match parts.as_slice() {
        [FILES, name] => Some((*name).to_string()),
        _ => None,
    }
}

fn leading_number(text: &str) -> u64 {
    text.split(|c: char| !c.is_ascii_digit()).next().and_then(|digits| digits.parse().ok()).unwrap_or(0)
}

/// For a new entry: it comes before all that are there. (By them alone: a record can be lost, a clock can be wrong.)
pub fn next_sequence(entries: &[Found]) -> u64 {
    entries.iter().filter(|entry| entry.owner.is_some()).map(|entry| entry.sequence).max().unwrap_or(0).saturating_add(1)
}

/// Entries of deployments that are gone, of which `removed` keeps the names: `ID@INSTANCE`. What another store has is not among them.
pub fn stale<'a>(entries: &'a [Found], removed: &'a [String]) -> impl Iterator<Item = &'a Found> {
    entries.iter().filter(|entry| entry.owner.as_ref().is_some_and(|owner| removed.contains(owner)))
}

/// Names in `bedplate/` that are bedplate's and that no entry needs: also what was being written when somebody was stopped.
pub fn unneeded<'a>(names: &'a [String], entries: &[Found]) -> Vec<&'a String> {
    let ours = |name: &&String| [Role::Linux, Role::Initrd].iter().any(|role| is_file_name(name, *role));
    let needed = |name: &String| entries.iter().flat_map(|entry| &entry.files).any(|file| file.eq_ignore_ascii_case(name));
    names.iter().filter(ours).filter(|name| !needed(name)).collect()
}

fn is_file_name(name: &str, role: Role) -> bool {
    let name = name.strip_suffix(UNFINISHED).unwrap_or(name);
    let digest = name.strip_prefix(role.word()).and_then(|rest| rest.strip_prefix('-'));
    digest.is_some_and(|digest| digest.len() == 32 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// The entry that has the name already that a deployment's would get: FAT knows no case, and counters are no part of a name.
pub fn taken<'a>(id: &Id, entries: &'a [Found]) -> Option<&'a Found> {
    entries.iter().find(|entry| id_in(&entry.name).is_some_and(|found| found.as_str().eq_ignore_ascii_case(id.as_str())))
}
