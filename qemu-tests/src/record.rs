//! The record as it stands on a disk, with the names of the deployments that its slots belong to.

use crate::error::{OrSay, Result};
use bedplate::decide::model::{Id, Instance};
use bedplate::decide::record::codec::{BLOCK, MAGIC, OFFSETS, Reading, SIZE, VERSION, checksum, read};
use bedplate::decide::record::{Key, Record, Slot};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

#[derive(Debug)]
pub struct OnDisk {
    pub reading: Reading,
    /// Instance by ID, of the deployments that have a readable manifest.
    instances: BTreeMap<String, String>,
}

impl OnDisk {
    /// Of a store: the directory `bedplate`.
    pub fn read(store: &Path) -> Result<Self> {
        let bytes = fs::read(store.join("record")).or_say("cannot read the record")?;
        Ok(Self { reading: of_file(&bytes), instances: instances(&store.join("deployments"))? })
    }

    /// "valid", "newer" or "lost".
    pub fn word(&self) -> &'static str {
        match self.reading {
            Reading::Valid { .. } => "valid",
            Reading::Newer { .. } => "newer",
            Reading::Lost { .. } => "lost",
            Reading::Unread { .. } => "unread",
        }
    }

    pub fn record(&self) -> Option<&Record> {
        match &self.reading {
            Reading::Valid { record, .. } => Some(record),
            Reading::Newer { .. } | Reading::Lost { .. } | Reading::Unread { .. } => None,
        }
    }

    pub fn slot(&self, id: &str) -> Option<&Slot> {
        self.record()?.slot(self.key(id)?)
    }

    /// The ID that a key stands for; "none", or "unknown" where no deployment has it.
    pub fn name(&self, key: Option<Key>) -> &str {
        let Some(key) = key else { return "none" };
        self.instances.keys().find(|id| self.key(id) == Some(key)).map_or("unknown", String::as_str)
    }

    /// Writes `ID@` in a path as `ID@INSTANCE`.
    pub fn expand(&self, path: &str) -> String {
        let expand_part = |part: &str| match part.strip_suffix('@').and_then(|id| self.instances.get_key_value(id)) {
            Some((id, instance)) => format!("{id}@{instance}"),
            None => part.to_string(),
        };
        path.split('/').map(expand_part).collect::<Vec<_>>().join("/")
    }

    /// IDs of the deployments that have a readable manifest.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.instances.keys().map(String::as_str)
    }

    pub fn key(&self, id: &str) -> Option<Key> {
        Some(Key::of(&Id::parse(id)?, &Instance::parse(self.instances.get(id)?)?))
    }
}

/// What the file's two copies say.
pub fn of_file(bytes: &[u8]) -> Reading {
    let [a, b] = OFFSETS.map(|offset| {
        let at = usize::try_from(offset).unwrap_or(usize::MAX);
        bytes.get(at..).map(|rest| rest.get(..BLOCK).unwrap_or(rest)).unwrap_or_default()
    });
    read(a, b)
}

/// One copy of a record as the next bedplate may write it: magic, version and checksum stay where they are.
pub fn of_newer_format() -> Vec<u8> {
    let mut copy = vec![0; SIZE - 4];
    copy.splice(..10, [&MAGIC[..], &(VERSION + 1).to_le_bytes()].concat());
    copy.extend(checksum(&copy).to_le_bytes());
    copy
}

fn instances(deployments: &Path) -> Result<BTreeMap<String, String>> {
    let entries = fs::read_dir(deployments).or_say(format!("cannot read {}", deployments.display()))?.flatten();
    let of = |dir: &Path| {
        let manifest: toml::Table = fs::read_to_string(dir.join("deployment.toml")).ok()?.parse().ok()?;
        manifest.get("instance")?.as_str().map(str::to_string)
    };
    Ok(entries.filter_map(|entry| Some((entry.file_name().to_string_lossy().into_owned(), of(&entry.path())?))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_format_is_not_taken_for_a_damaged_record() {
        let copy = of_newer_format();
        assert_eq!(read(&copy, &copy), Reading::Newer { version: VERSION + 1 });
    }
}
