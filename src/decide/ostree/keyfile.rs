//! Key files as GLib reads them (GKeyFile): groups in brackets, `key=value`, comments with `#`.
//!
//! Of a key that stands twice the last counts. What GLib refuses is an error, with its line.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// A parsed key file. Any number of them can be laid on top of each other, key by key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KeyFile {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    group: String,
    key: String,
    value: String,
}

impl KeyFile {
    /// The error is one line that begins with the number of the line at fault.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut file = Self::default();
        let mut group = None;
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim_start();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            if let Some(name) = line.strip_prefix('[') {
                group = Some(group_name(name).ok_or_else(|| format!("line {number}: not a group in brackets"))?);
                continue;
            }
            let (key, value) = line.split_once('=').ok_or_else(|| format!("line {number}: neither a group nor key=value nor a comment"))?;
            let group = group.ok_or_else(|| format!("line {number}: a key before the first group"))?;
            file.set(group, key.trim_end(), value.trim());
        }
        Ok(file)
    }

    fn set(&mut self, group: &str, key: &str, value: &str) {
        self.entries.retain(|entry| entry.group != group || entry.key != key);
        self.entries.push(Entry { group: group.into(), key: key.into(), value: value.into() });
    }

    /// What stands in `over` counts instead of what stands here.
    pub fn overlay(&mut self, over: &Self) {
        for Entry { group, key, value } in &over.entries {
            self.set(group, key, value);
        }
    }

    /// The value as it stands, without white space around it.
    pub fn get(&self, group: &str, key: &str) -> Option<&str> {
        self.entries.iter().find(|entry| entry.group == group && entry.key == key).map(|entry| entry.value.as_str())
    }

    /// `true`, `1`, `yes` or `false`, `0`, `no`; GLib takes the numbers and the first words alone. The error names what stands there.
    pub fn boolean(&self, group: &str, key: &str) -> Result<Option<bool>, String> {
        match self.get(group, key) {
            None => Ok(None),
            Some("true" | "1" | "yes") => Ok(Some(true)),
            Some("false" | "0" | "no") => Ok(Some(false)),
            Some(other) => Err(format!("{group}.{key} is \"{other}\", neither true nor false")),
        }
    }

    /// Keys that are in none of these groups, or not among the group's keys, as `group.key`.
    pub fn unknown(&self, known: &[(&str, &[&str])]) -> Vec<String> {
        let is_known = |entry: &&Entry| known.iter().any(|(group, keys)| *group == entry.group && keys.contains(&entry.key.as_str()));
        self.entries.iter().filter(|entry| !is_known(entry)).map(ToString::to_string).collect()
    }
}

impl core::fmt::Display for Entry {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{}.{}", self.group, self.key)
    }
}

/// What stands between the brackets; GLib takes no control characters and no brackets there.
fn group_name(rest: &str) -> Option<&str> {
    let name = rest.trim_end().strip_suffix(']')?;
    let odd = |c: char| c.is_control() || matches!(c, '[' | ']');
    (!name.is_empty() && !name.contains(odd)).then_some(name)
}
