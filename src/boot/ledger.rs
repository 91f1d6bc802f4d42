//! The record in memory with its way to the disk: what can be written, and where the next commit goes.

use super::store::Store;
use crate::decide::marker::Verdict;
use crate::decide::model::{Deployment, Disk};
use crate::decide::record::change::Remembered;
use crate::decide::record::codec::{Place, Reading};
use crate::decide::record::{OnceGood, Record};
use crate::error::{Error, Result};
use alloc::string::String;
use alloc::vec::Vec;

/// The record, and whether changes to it can be kept.
#[derive(Debug, Clone)]
pub struct Ledger {
    pub record: Record,
    /// As it is on the disk, or was remembered.
    saved: Record,
    /// Whether a try can be written down; the reason if not.
    pub access: Disk,
    next: Option<Place>,
    /// Why the record on the disk tells nothing, if so.
    pub lost: Option<Lost>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lost {
    /// Both copies are invalid: the booted system rebuilds it.
    Corrupt(String),
    /// Written by a newer bedplate: never touched.
    Newer(u16),
    /// It may be whole: never touched.
    Unread(String),
}

impl Ledger {
    /// Reads the record; where it tells nothing, the markers do, and nothing is written.
    pub fn open(store: &Store, deployments: &[Deployment], disk: &Disk, tries: u8) -> Self {
        let (record, next, lost) = match store.read_record() {
            Reading::Valid { record, next } => (record, Some(next), None),
            Reading::Newer { version } => (remember(deployments, tries), None, Some(Lost::Newer(version))),
            Reading::Unread { why } => (remember(deployments, tries), None, Some(Lost::Unread(why))),
            Reading::Lost { why } => (remember(deployments, tries), None, Some(Lost::Corrupt(why))),
        };
        let access = match &lost {
            None => disk.clone(),
            Some(lost) => Disk::ReadOnly(lost.reason()),
        };
        Self { saved: record.clone(), record, access, next, lost }
    }

    /// Makes the changes durable. After a failure nothing more is written in this boot.
    pub fn commit(&mut self, store: &Store) -> Result<()> {
        let result = match (&self.access, self.next) {
            (Disk::Writable, Some(place)) => store.commit(&mut self.record, place),
            (Disk::ReadOnly(why), _) => Err(Error::transient(why.clone())),
            (Disk::Writable, None) => Err(Error::transient("the record has no copy to write")),
        };
        match result {
            Ok(next) => {
                self.next = Some(next);
                self.saved = self.record.clone();
                Ok(())
            }
            Err(error) => {
                self.access = Disk::ReadOnly(error.text.clone());
                Err(error)
            }
        }
    }

    /// Whether it says more than the disk does.
    pub fn is_changed(&self) -> bool {
        self.record != self.saved
    }

    /// Takes back what was not made durable.
    pub fn take_back(&mut self) {
        self.record = self.saved.clone();
    }

    pub fn is_writable(&self) -> bool {
        self.access == Disk::Writable
    }

    /// One line for the person, where the record tells nothing.
    pub fn warning(&self) -> Option<String> {
        let lost = self.lost.as_ref()?.reason();
        Some(alloc::format!("{lost}: choosing by the boot-success markers, without counting"))
    }
}

impl Lost {
    pub fn reason(&self) -> String {
        match self {
            Self::Corrupt(why) => alloc::format!("the record is lost ({why})"),
            Self::Unread(why) => alloc::format!("the record cannot be read ({why})"),
            Self::Newer(version) => alloc::format!("the record has format {version}, which only a newer bedplate can write"),
        }
    }
}

fn remember(deployments: &[Deployment], tries: u8) -> Record {
    Record::remembered(&remembered(deployments), tries)
}

/// What the markers tell of each deployment that has a manifest.
pub fn remembered(deployments: &[Deployment]) -> Vec<Remembered> {
    let tell = |deployment: &Deployment| {
        let own = deployment.marker.as_ref().filter(|marker| Some(&marker.instance) == deployment.instance());
        let marker = own.map(|marker| (marker.revision, if marker.verdict == Verdict::Success { OnceGood::Yes } else { OnceGood::No }));
        deployment.key().map(|key| Remembered { key, marker })
    };
    deployments.iter().filter_map(tell).collect()
}
