//! The machine that is explored: the real record, and as little around it as decides what happens.

use bedplate::decide::config::Config;
use bedplate::decide::manifest::{Manifest, TreeKind};
use bedplate::decide::marker::{Marker, Verdict};
use bedplate::decide::model::{BootId, Deployment, Disk, Facts, Home, Id, Instance, KernelFit, Kexec, Request, Rule};
use bedplate::decide::record::change::Remembered;
use bedplate::decide::record::codec::{self, Reading};
use bedplate::decide::record::{Key, OnceGood, Record};

/// What becomes of a deployment when it is booted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Quality {
    Works,
    /// After local-fs, without a trace.
    Crashes,
    /// A hang after local-fs that the deadline ends.
    Hangs,
    FailsHealth,
    /// In good order, before success.
    RebootsItself,
    /// No root can be built, at any boot.
    NoRoot,
    /// No root can be built this time.
    NoRootNow,
    /// Before local-fs, without a trace (and what a power cut right after the count looks like).
    DiesEarly,
    /// Before local-fs; the watchdog says so afterwards.
    DiesSeen,
}

impl Quality {
    pub const NEW: [Self; 9] = [
        Self::Works,
        Self::Crashes,
        Self::Hangs,
        Self::FailsHealth,
        Self::RebootsItself,
        Self::NoRoot,
        Self::NoRootNow,
        Self::DiesEarly,
        Self::DiesSeen,
    ];
    /// What one that worked may turn into.
    pub const WORN: [Self; 4] = [Self::Crashes, Self::NoRootNow, Self::DiesEarly, Self::DiesSeen];
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Store {
    Writable,
    /// The disk says so from the start.
    ReadOnly,
    /// Only the write fails.
    Refuses,
}

/// One deployment in the store.
#[derive(Debug, Clone)]
pub struct Tree {
    pub deployment: Deployment,
    pub quality: Quality,
    /// Was good at least once, whatever became of the record.
    pub once_good: bool,
    /// The record has heard that it cannot boot, and nobody has named it since.
    pub refused: bool,
    /// A person has said that it is bad, and nobody has named it since.
    pub bad: bool,
    /// Boots that the rules alone chose while it was never good, since it was armed.
    pub alone: u8,
}

impl Tree {
    pub fn new(place: usize, quality: Quality) -> Self {
        let name = format!("v{}", place + 1);
        let id = Id::parse(&name).unwrap();
        let manifest = Manifest {
            id: id.clone(),
            instance: Instance::from_random([u8::try_from(place).unwrap(); 8]),
            version: String::new(),
            created: 0,
            kind: TreeKind::Tree,
            kernels: vec![],
            from: None,
            digest: None,
        };
        let deployment =
            Deployment { id, manifest: Some(manifest), defect: None, marker: None, kernel: KernelFit::Fits, home: Home::Store };
        Self { deployment, quality, once_good: false, refused: false, bad: false, alone: 0 }
    }

    pub fn key(&self) -> Key {
        self.deployment.key().unwrap()
    }
}

/// What runs, once a boot has come up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Running {
    pub key: Key,
    pub rule: Rule,
    pub fell_back: bool,
}

#[derive(Debug, Clone)]
pub struct World {
    pub config: Config,
    pub trees: Vec<Option<Tree>>,
    pub record: Record,
    /// Both copies are damaged: `record` is what they held, and nobody knows it.
    pub lost: bool,
    pub store: Store,
    /// Of the kernel command line, for as long as it stands.
    pub argument: Option<Key>,
    pub running: Option<Running>,
    pub boot: u64,
    /// The watchdog says that it ended the last boot.
    pub reset_seen: bool,
}

impl World {
    pub fn boot_id(&self) -> BootId {
        BootId::parse(&format!("{:016x}{:016x}", self.boot, 0)).unwrap()
    }

    pub fn live(&self) -> impl Iterator<Item = &Tree> {
        self.trees.iter().flatten()
    }

    pub fn tree(&self, key: Key) -> Option<&Tree> {
        self.live().find(|tree| tree.key() == key)
    }

    pub fn tree_mut(&mut self, key: Key) -> Option<&mut Tree> {
        self.trees.iter_mut().flatten().find(|tree| tree.key() == key)
    }

    pub fn name(&self, key: Key) -> String {
        self.tree(key).map_or("one that is gone".into(), |tree| tree.deployment.id.to_string())
    }

    pub fn facts(&self) -> Facts {
        let deployments = self.live().map(|tree| tree.deployment.clone()).collect();
        let kernel = "6.12".into();
        Facts { deployments, boot_id: self.boot_id(), previous: None, kernel, kexec: Kexec::Possible }
    }

    pub fn request(&self) -> Request {
        let deployment = self.argument.and_then(|key| self.tree(key)).map(|tree| tree.deployment.id.to_string());
        Request { config: self.config.clone(), deployment, ..Request::default() }
    }

    /// The record as a boot reads it, and whether it can be written.
    pub fn read(&self) -> (Record, Disk) {
        let read_only = || Disk::ReadOnly("explored".into());
        match (self.lost, self.store) {
            (true, _) => (self.remembered(), read_only()),
            (false, Store::ReadOnly) => (self.record.clone(), read_only()),
            (false, Store::Writable | Store::Refuses) => (self.record.clone(), Disk::Writable),
        }
    }

    pub fn remembered(&self) -> Record {
        let tell = |tree: &Tree| {
            let marker = tree.deployment.marker.as_ref();
            let good = |marker: &Marker| if marker.verdict == Verdict::Success { OnceGood::Yes } else { OnceGood::No };
            Remembered { key: tree.key(), marker: marker.map(|marker| (marker.revision, good(marker))) }
        };
        let list: Vec<Remembered> = self.live().map(tell).collect();
        Record::remembered(&list, self.config.boot.tries)
    }

    /// As it comes back from the disk.
    pub fn write(&mut self, record: &Record) {
        let record = Record { revision: record.revision + 1, ..record.clone() };
        match codec::read(&codec::encode(&record), &[]) {
            Reading::Valid { record: read, .. } => {
                assert_eq!(read, record, "the record does not survive the disk");
                self.record = read;
            }
            other => panic!("{other:?}"),
        }
    }

    pub fn mark(&mut self, key: Key, verdict: Verdict, revision: u64) {
        let boot_id = self.boot_id().as_str().to_string();
        let Some(tree) = self.tree_mut(key) else { return };
        let Some(instance) = tree.deployment.instance().cloned() else { return };
        tree.deployment.marker = Some(Marker { verdict, instance, revision, time: 0, boot_id, how: String::new() });
    }

    /// From 1; 0: none.
    fn place(&self, key: Option<Key>) -> u8 {
        let at = self.trees.iter().position(|tree| tree.as_ref().is_some_and(|tree| Some(tree.key()) == key));
        at.and_then(|at| u8::try_from(at + 1).ok()).unwrap_or(0)
    }

    /// Equal for worlds that behave the same: numbers that only grow are replaced by their order.
    pub fn fingerprint(&self) -> Vec<u8> {
        let mut record = Record { revision: 0, ..self.record.clone() };
        let now = self.boot_id().short();
        let age = |boot: [u8; 8]| if boot == now { [1; 8] } else { [u8::from(boot != [0; 8]) * 2; 8] };
        for slot in &mut record.slots {
            slot.attempt = age(slot.attempt);
        }
        if let Some(last) = &mut record.last {
            last.boot = age(last.boot);
        }
        let mut bytes = codec::encode(&record)[..codec::SIZE - 4].to_vec();
        let mut revisions: Vec<u64> = self.live().filter_map(|tree| Some(tree.deployment.marker.as_ref()?.revision)).collect();
        revisions.sort_unstable();
        for tree in &self.trees {
            let Some(tree) = tree else {
                bytes.push(255);
                continue;
            };
            let marker = tree.deployment.marker.as_ref();
            let rank = marker.map_or(0, |marker| 1 + revisions.iter().filter(|other| **other < marker.revision).count());
            let verdict = marker.map_or(0, |marker| 1 + u8::from(marker.verdict == Verdict::Failure));
            let bad_now = marker.is_some_and(|marker| marker.boot_id == self.boot_id().as_str());
            bytes.extend([
                tree.quality as u8,
                u8::from(tree.once_good),
                u8::from(tree.refused) + 2 * u8::from(tree.bad),
                tree.alone,
                u8::try_from(rank).unwrap(),
                verdict,
                u8::from(bad_now),
            ]);
        }
        bytes.extend([u8::from(self.lost), self.store as u8, u8::from(self.reset_seen), self.place(self.argument)]);
        let running = self.running.map(|running| [self.place(Some(running.key)), running.rule as u8, u8::from(running.fell_back)]);
        bytes.extend(running.unwrap_or_default());
        bytes
    }
}
