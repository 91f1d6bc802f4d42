//! What the kernel says of the device that a tree is on, where it compares each block of it with a root hash.

use bedplate::decide::dm_verity::{self, OnCorruption, State, Table};
use bedplate::error::{Error, OrFail, Result};
use bedplate::sys::{OwnedFd, copy, device_mapper};
use serde::Serialize;
use std::fmt;

/// One device of dm-verity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Verity {
    /// Major and minor number.
    device: String,
    /// After what was read so far.
    pub state: State,
    #[serde(flatten)]
    table: Table,
}

/// Of the file system that holds a directory; `None`: its device is another one. What is below a device of another kind (a
/// logical volume on dm-verity) and the devices of a btrfs, which has no single one, are not looked for.
pub fn under(dir: &OwnedFd) -> Result<Option<Verity>> {
    let (major, minor) = copy::look_open(dir).or_fail("cannot look at", "usr")?.id.device;
    let device = format!("{major}:{minor}");
    let target = device_mapper::only_target((major, minor)).or_fail("cannot ask the kernel for the state of the device", &device)?;
    let Some(target) = target.filter(|target| target.kind == "verity") else { return Ok(None) };
    let wrong = |why| Error::transient(format!("cannot understand what the kernel says of the device {device}: {why}"));
    let (state, table) = (dm_verity::state(&target.status).map_err(wrong)?, dm_verity::table(&target.table).map_err(wrong)?);
    Ok(Some(Verity { device, state, table }))
}

impl Verity {
    pub fn is_corrupted(&self) -> bool {
        self.state == State::Corrupted
    }

    #[cfg(test)]
    pub fn sample(state: State, on_corruption: OnCorruption) -> Self {
        let table = Table { algorithm: "sha256".into(), root_hash: "00ff".into(), on_corruption, signed: false };
        Self { device: "254:0".into(), state, table }
    }
}

impl fmt::Display for Verity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { device, state, table: Table { algorithm, root_hash, on_corruption, signed } } = self;
        write!(f, "verity: {}, root hash {root_hash} ({algorithm}, device {device}", state.word())?;
        if *signed {
            f.write_str(", signed")?;
        }
        if *on_corruption == OnCorruption::Ignore {
            f.write_str(", damage is read as it is")?;
        }
        f.write_str(")")?;
        if self.is_corrupted() {
            f.write_str(
                ": the kernel has read blocks that are not those of this hash; write the image again, or leave it with bedplate rollback",
            )?;
        }
        Ok(())
    }
}
