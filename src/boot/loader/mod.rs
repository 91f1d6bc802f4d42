//! The loader that counts beside the record (`boot.record`), read in the initramfs and told of what changes by the verbs.
//!
//! `gpt`: the partition that holds a deployment's kernel is on the store's disk and has the deployment's ID as its name.
//! `grubenv`: GRUB's `boot_counter` and `boot_success`, with `bedplate_trial` and `bedplate_good` for the IDs that they are
//! about. `bls`: entries `bedplate-ID+LEFT-DONE.conf` on the boot partition.

pub mod bls;
pub mod gpt;
pub mod grubenv;

use crate::decide::config::RecordKind;
use crate::decide::loader::entries::state_of_started;
use crate::decide::loader::state::{Change, State};
use crate::decide::model::{Deployment, Id};
use crate::decide::record::Record;
use crate::error::{Error, Kind, OrFail, Result};
use crate::sys::{OwnedFd, fs};
use alloc::format;
use alloc::string::String;

/// Where a loader keeps its state.
#[derive(Debug)]
pub enum Loader {
    Gpt(gpt::Disk),
    Grubenv(grubenv::File),
    Bls(bls::Entries),
}

/// What is known of the loader when a deployment is to be chosen.
#[derive(Debug, Default)]
pub struct Seen {
    pub state: State,
    /// The deployment whose kernel it has started, where it says so.
    pub running: Option<Id>,
}

/// In the initramfs: reads, and writes nothing. What is not there counts nothing; what cannot be read or understood is a defect.
pub fn look(kind: RecordKind, sysroot: &OwnedFd, ids: &[Id]) -> Seen {
    let state = match kind {
        RecordKind::Native => State::default(),
        RecordKind::Gpt => gpt::Disk::below(sysroot).map_or_else(|error| State::defective(error.text), |disk| disk.state(ids)),
        RecordKind::Grubenv => match grubenv::File::find(sysroot) {
            Ok(file) => file.map(|file| file.state(ids)).unwrap_or_default(),
            Err(error) => State::defective(error.text),
        },
        RecordKind::Bls => {
            let started = bls::started().and_then(|entry| state_of_started(&entry, ids));
            return started.map(|(id, state)| Seen { state, running: Some(id) }).unwrap_or_default();
        }
    };
    Seen { state, running: None }
}

impl Seen {
    /// Bad values in its state, or a trial that it does not start any more although the record has tries left.
    pub fn warning(&self, kind: RecordKind, record: &Record, deployments: &[Deployment]) -> Option<String> {
        if let Some(why) = &self.state.defect {
            let kind = kind.word();
            return Some(format!("boot.record is \"{kind}\", and that cannot be gone by ({why}): a deployment on trial has to wait"));
        }
        let id = self.state.given_up(record, deployments, self.running.as_ref())?;
        Some(format!("the boot loader has given up {id}, or was told to start another: {id}, on trial, is passed over"))
    }
}

impl Loader {
    /// In the booted system. `None`: the record alone counts. `root` is where /boot is.
    pub fn open(kind: RecordKind, sysroot: &OwnedFd, root: &str) -> Result<Option<Self>> {
        let absent = |what: &str| Error::refused(format!("boot.record is \"{}\", but {what}", kind.word()));
        Ok(Some(match kind {
            RecordKind::Native => return Ok(None),
            RecordKind::Gpt => Self::Gpt(gpt::Disk::below(sysroot)?),
            RecordKind::Grubenv => {
                let file = grubenv::File::find(fs::open_dir(root).or_fail("cannot open", root)?)?;
                Self::Grubenv(file.ok_or_else(|| absent("there is no /boot/grub/grubenv (grub-editenv FILE create makes one)"))?)
            }
            RecordKind::Bls => Self::Bls(bls::Entries::find()?.ok_or_else(|| absent("no boot partition with loader/entries is mounted"))?),
        }))
    }

    /// Whether it can be told of a deployment that it has nothing of, yet: a GRUB environment names any.
    pub fn takes(&self, id: &Id, state: &State) -> bool {
        matches!(self, Self::Grubenv(_)) || state.of(id).is_some()
    }

    pub fn state(&self, ids: &[Id]) -> State {
        match self {
            Self::Gpt(disk) => disk.state(ids),
            Self::Grubenv(file) => file.state(ids),
            Self::Bls(entries) => entries.state(ids),
        }
    }

    /// Before anything is armed: whether this loader can count the starts of a deployment at all. A refusal, if not.
    pub fn prove(&mut self, id: &Id) -> Result<()> {
        let proof = match self {
            Self::Gpt(disk) => disk.prove(id),
            Self::Grubenv(file) => file.prove(),
            Self::Bls(entries) => entries.prove(),
        };
        proof.map_err(|error| Error::new(Kind::Refused, format!("the boot loader could not count its starts: {error}")))
    }

    /// Tells it what becomes of a deployment; durable when it returns. Doing it again changes nothing.
    pub fn change(&mut self, id: &Id, change: Change) -> Result<()> {
        match self {
            Self::Gpt(disk) => disk.change(id, change),
            Self::Grubenv(file) => file.change(id, change),
            Self::Bls(entries) => entries.change(id, change),
        }
    }
}
