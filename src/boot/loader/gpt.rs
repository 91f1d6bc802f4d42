//! The disk whose partitions' attributes a loader counts in: the one that the store is on.

use crate::boot::rootdev;
use crate::decide::loader::gpt::{Attributes, Pair, Partition, Write};
use crate::decide::loader::priorities::{self, Edits};
use crate::decide::loader::state::{Change, State};
use crate::decide::model::Id;
use crate::error::{Error, OrFail, Result};
use crate::sys::{OwnedFd, SysResult, fs, host};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

/// A disk by the path of its node, or an image of one.
#[derive(Debug)]
pub struct Disk {
    path: String,
    /// Bytes of a sector, and their number.
    sector: usize,
    sectors: u64,
    pair: Pair,
}

impl Disk {
    /// The disk that an open directory is on.
    pub fn below(directory: &OwnedFd) -> Result<Self> {
        let disk = rootdev::disk_of(directory)?;
        let attribute = |name: &str| {
            let path = format!("/sys/class/block/{disk}/{name}");
            let text = host::read_path(&path).or_fail("cannot read", &path)?;
            text.trim().parse::<u64>().map_err(|_| Error::transient(format!("\"{path}\" holds no number")))
        };
        let sector = attribute("queue/logical_block_size")?.max(512);
        // In units of 512 bytes, whatever the sectors are.
        let sectors = attribute("size")?.saturating_mul(512) / sector;
        Self::open(&format!("/dev/{}", disk.replace('!', "/")), usize::try_from(sector).unwrap_or(512), sectors)
    }

    /// Reads both tables of a disk or an image.
    pub fn open(path: &str, sector: usize, sectors: u64) -> Result<Self> {
        let (parent, name) = path.rsplit_once('/').unwrap_or((".", path));
        let file = fs::open_dir(&format!("{parent}/")).and_then(|dir| fs::open_file_in(dir, name)).or_fail("cannot open", path)?;
        let pair = read(&file, sector, sectors);
        Ok(Self { path: path.into(), sector, sectors, pair })
    }

    fn partitions(&self) -> Result<Vec<Partition>> {
        Ok(self.pair.current().map_err(|why| self.error(&why))?.partitions())
    }

    fn error(&self, why: &str) -> Error {
        Error::transient(format!("\"{}\": {why}", self.path))
    }

    /// What its attributes say of the deployments.
    pub fn state(&self, ids: &[Id]) -> State {
        match self.pair.current() {
            Ok(table) => State { damage: self.pair.damage(), ..priorities::state(&table.partitions(), ids) },
            Err(why) => State::defective(why),
        }
    }

    /// Whether a deployment can be counted there: both tables are whole or get mended, the disk takes a write that can be read
    /// again, and one partition has its name. No loader starts what is on that before it is armed.
    pub fn prove(&mut self, id: &Id) -> Result<()> {
        let partitions = self.partitions()?;
        if priorities::find(&partitions, id).is_ok_and(|partition| partition.attributes.is_bootable()) {
            self.change(id, Change::Bad)?;
        }
        let partition = priorities::find(&partitions, id).map_err(|why| self.error(&why))?;
        // So that there is something to write; without a priority nothing is started.
        let probe = Attributes { priority: 0, tries: u8::from(partition.attributes.tries == 0), successful: false };
        self.edit(&vec![(partition.index, probe)])?;
        self.edit(&vec![(partition.index, Attributes::default())])
    }

    /// Makes a change, step by step.
    pub fn change(&mut self, id: &Id, change: Change) -> Result<()> {
        let steps = priorities::steps(&self.partitions()?, id, change).map_err(|why| self.error(&why))?;
        steps.iter().try_for_each(|edits| self.edit(edits))
    }

    /// Mends both tables and gives partitions these attributes, durably.
    fn edit(&mut self, edits: &Edits) -> Result<()> {
        let tables = self.pair.change(edits).map_err(|why| self.error(&why))?;
        let (parent, name) = self.path.rsplit_once('/').unwrap_or((".", &self.path));
        let file = fs::open_dir(&format!("{parent}/")).and_then(|dir| fs::open_write_in(dir, name)).or_fail("cannot open", &self.path)?;
        for table in &tables {
            self.write(&file, table).or_fail("cannot write the GPT of", &self.path)?;
        }
        self.pair = read(&file, self.sector, self.sectors);
        let left = self.pair.change(edits).map_err(|why| self.error(&why))?;
        if left.is_empty() { Ok(()) } else { Err(self.error("its GPT is not what was written")) }
    }

    fn write(&self, file: &OwnedFd, table: &[Write]) -> SysResult<()> {
        for write in table {
            fs::write_block_at(file, &write.bytes, write.lba.saturating_mul(self.sector as u64))?;
        }
        fs::sync_data(file)
    }
}

fn read(file: &OwnedFd, sector: usize, sectors: u64) -> Pair {
    Pair::read(sector, sectors.saturating_sub(1), |lba, bytes| {
        let mut buffer = vec![0; bytes];
        let n = fs::read_at(file, &mut buffer, lba.saturating_mul(sector as u64)).map_err(|errno| errno.to_string())?;
        buffer.truncate(n);
        Ok(buffer)
    })
}
