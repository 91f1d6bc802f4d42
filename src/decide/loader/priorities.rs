//! What becomes of the attributes of GPT partitions as deployments come and go. A partition belongs to the deployment whose ID
//! is its name (PARTLABEL), as systemd-sysupdate keeps versions there.

use super::gpt::{Attributes, MOST, Partition};
use super::state::{Change, Known, Standing, State};
use crate::decide::model::Id;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// Attributes by the index of the partition.
pub type Edits = Vec<(usize, Attributes)>;

/// The partition of a deployment; the error says why there is none to be sure of.
pub fn find<'a>(partitions: &'a [Partition], id: &Id) -> Result<&'a Partition, String> {
    let mut named = partitions.iter().filter(|partition| partition.name == id.as_str());
    match (named.next(), named.next()) {
        (Some(partition), None) => Ok(partition),
        (None, _) => Err(format!("no partition of the disk is named \"{id}\" (sgdisk --change-name=NUMBER:{id} names one)")),
        (Some(_), Some(_)) => Err(format!("two partitions of the disk are named \"{id}\"")),
    }
}

/// What they say of the deployments, in the order in which a loader would start them.
pub fn state(partitions: &[Partition], ids: &[Id]) -> State {
    let mut all: Vec<(u8, Known)> = Vec::new();
    for id in ids {
        match find(partitions, id) {
            Ok(partition) => all.push((partition.attributes.priority, Known { id: id.clone(), standing: standing(partition.attributes) })),
            Err(why) if partitions.iter().any(|partition| partition.name == id.as_str()) => return State::defective(why),
            Err(_) => {}
        }
    }
    all.sort_by_key(|(priority, _)| core::cmp::Reverse(*priority));
    State { known: all.into_iter().map(|(_, known)| known).collect(), ..State::default() }
}

fn standing(attributes: Attributes) -> Standing {
    match attributes {
        Attributes { priority: 0, .. } | Attributes { tries: 0, successful: false, .. } => Standing::Exhausted,
        Attributes { successful: true, .. } => Standing::Good,
        Attributes { tries, .. } => Standing::Counting { left: tries.into() },
    }
}

/// The steps of a change, each to be on the disk before the next.
pub fn steps(partitions: &[Partition], id: &Id, change: Change) -> Result<Vec<Edits>, String> {
    let partition = find(partitions, id)?;
    let index = partition.index;
    match change {
        Change::Arm { tries } => {
            let armed = Attributes { priority: 0, tries: tries.clamp(1, MOST), successful: false };
            // It may be the only one that would be started: that it stays.
            if partition.attributes.is_bootable() {
                return Ok(vec![first(partitions, index, armed)]);
            }
            // It gets its tries while no loader would start it yet.
            Ok(vec![vec![(index, Attributes::default())], vec![(index, armed)], first(partitions, index, armed)])
        }
        Change::Good => Ok(vec![first(partitions, index, Attributes { priority: 0, tries: 0, successful: true })]),
        Change::Bad => {
            let other = partitions.iter().any(|partition| partition.index != index && partition.attributes.is_bootable());
            if other {
                Ok(vec![vec![(index, Attributes::default())]])
            } else {
                Err("nothing else would be left for the loader to start".into())
            }
        }
    }
}

/// One gets the highest priority; the others keep their order below it.
fn first(partitions: &[Partition], index: usize, attributes: Attributes) -> Edits {
    let mut others: Vec<&Partition> = partitions.iter().filter(|other| other.index != index && other.attributes.priority > 0).collect();
    others.sort_by_key(|other| other.attributes.priority);
    let (mut edits, mut rank, mut last) = (Vec::new(), 0_u8, 0);
    for other in others {
        if other.attributes.priority > last {
            (rank, last) = ((rank + 1).min(MOST - 1), other.attributes.priority);
        }
        edits.push((other.index, Attributes { priority: rank, ..other.attributes }));
    }
    edits.push((index, Attributes { priority: rank + 1, ..attributes }));
    edits
}
