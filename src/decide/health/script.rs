//! Which scripts of a directory run, in which order.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// An entry of one of the directories.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub name: String,
    /// A regular file, symlinks followed.
    pub is_file: bool,
    /// Its permission bits.
    pub mode: u16,
}

/// How a script is started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Start {
    /// By the shell, executable or not, as greenboot does: its name ends in `.sh`.
    Shell,
    Itself,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Below the root, without leading slash.
    pub path: String,
    pub start: Start,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// By name.
    pub scripts: Vec<Script>,
    /// Paths that do not run, each with its reason.
    pub skipped: Vec<String>,
    /// Names that were found and are disabled.
    pub disabled: Vec<String>,
}

/// The scripts of a directory that is in several places, the place that counts most last.
pub fn list(places: &[(String, Vec<Found>)], disabled: &[String]) -> Listing {
    let mut by_name: BTreeMap<&str, (&str, &Found)> = BTreeMap::new();
    let visible = |found: &&Found| !found.name.starts_with('.');
    for (dir, entries) in places {
        by_name.extend(entries.iter().filter(visible).map(|found| (found.name.as_str(), (dir.as_str(), found))));
    }
    let mut listing = Listing::default();
    for (name, (dir, found)) in by_name {
        let path = format!("{dir}/{name}");
        if disabled.iter().any(|disabled| disabled == name) {
            listing.skipped.push(format!("/{path} is disabled"));
            listing.disabled.push(name.into());
        } else {
            match start(found) {
                Ok(start) => listing.scripts.push(Script { path, start }),
                Err(why) => listing.skipped.push(format!("/{path} {why}")),
            }
        }
    }
    listing
}

fn start(found: &Found) -> Result<Start, &'static str> {
    match found {
        Found { is_file: false, .. } => Err("is no file"),
        Found { name, .. } if name.rsplit_once('.').is_some_and(|(_, last)| last == "sh") => Ok(Start::Shell),
        Found { mode, .. } if mode & 0o111 != 0 => Ok(Start::Itself),
        _ => Err("is not executable"),
    }
}
