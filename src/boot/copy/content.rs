//! The content of one regular file, by the cheapest way that works between two file systems. The way is found by
//! trying, once per source file system.

use super::Flow;
use crate::error::Errno;
use crate::sys::copy::{self as sys, Meta};
use crate::sys::{BorrowedFd, fs};
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;

type SysResult<T> = core::result::Result<T, Errno>;

/// From the cheapest to the one that always works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Sharing blocks.
    Reflink,
    /// copy_file_range: inside the kernel.
    Range,
    ReadWrite,
}

/// What was learned about each source file system, by its device number.
#[derive(Debug, Default)]
pub struct Ways {
    known: BTreeMap<(u32, u32), Way>,
    buffer: Vec<u8>,
}

/// The two ends of one copy.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    pub from: BorrowedFd<'a>,
    pub to: BorrowedFd<'a>,
}

/// What came of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Bytes of data, holes not counted.
    Done(u64),
    Stopped,
}

/// Errors by which the kernel says that these two file systems, not only these two files, cannot do it.
fn never_works(errno: Errno) -> bool {
    const EXDEV: Errno = Errno(18);
    const ENOTTY: Errno = Errno(25);
    matches!(errno, Errno::EOPNOTSUPP | Errno::ENOSYS | EXDEV | ENOTTY)
}

/// Errors by which it says that these two files cannot do it: flags that differ, a swap file.
fn not_this_one(errno: Errno) -> bool {
    const ETXTBSY: Errno = Errno(26);
    never_works(errno) || matches!(errno, Errno::EINVAL | Errno::EPERM | ETXTBSY)
}

impl Ways {
    const CHUNK: usize = 8 << 20;
    const BUFFER: usize = 128 << 10;

    fn way(&self, meta: &Meta) -> Way {
        self.known.get(&meta.id.device).copied().unwrap_or(Way::Reflink)
    }

    /// Takes the next way from here on if the failure was one of the file systems; every other failure is passed on.
    fn learn(&mut self, meta: &Meta, next: Way, errno: Errno) -> SysResult<Way> {
        if never_works(errno) {
            self.known.insert(meta.id.device, next);
        }
        if not_this_one(errno) { Ok(next) } else { Err(errno) }
    }

    /// Fills the empty file `to` with the content of `from`, holes included. `tick` hears of each chunk's bytes.
    pub fn copy(&mut self, pair: Pair<'_>, meta: &Meta, tick: &mut dyn FnMut(u64) -> Flow) -> SysResult<Outcome> {
        let mut way = self.way(meta);
        if way == Way::Reflink && meta.size > 0 {
            match sys::reflink(pair.from, pair.to) {
                Ok(()) => return Ok(Outcome::Done(meta.size.min(meta.allocated))),
                Err(errno) => way = self.learn(meta, Way::Range, errno)?,
            }
        }
        sys::set_size(pair.to, meta.size)?;
        let mut copied = 0;
        let mut at = 0;
        while let Some((start, end)) = sys::next_data(pair.from, at)?.filter(|_| at < meta.size) {
            let end = end.min(meta.size);
            match self.stretch(pair, meta, &mut way, (start, end), tick)? {
                Outcome::Done(bytes) => copied += bytes,
                Outcome::Stopped => return Ok(Outcome::Stopped),
            }
            at = end;
        }
        Ok(Outcome::Done(copied))
    }

    /// One stretch of data. A file that became shorter meanwhile ends where it ends now.
    fn stretch(
        &mut self,
        pair: Pair<'_>,
        meta: &Meta,
        way: &mut Way,
        (start, end): (u64, u64),
        tick: &mut dyn FnMut(u64) -> Flow,
    ) -> SysResult<Outcome> {
        let mut at = start;
        while at < end {
            let length = usize::try_from(end - at).unwrap_or(usize::MAX).min(Self::CHUNK);
            let done = match *way {
                Way::Reflink | Way::Range => match sys::copy_range(pair.from, pair.to, at, length) {
                    Err(errno) => {
                        *way = self.learn(meta, Way::ReadWrite, errno)?;
                        continue;
                    }
                    result => result?,
                },
                Way::ReadWrite => self.read_write(pair, at, length)?,
            };
            if done == 0 {
                sys::set_size(pair.to, at)?;
                break;
            }
            at += done as u64;
            if tick(done as u64) == Flow::Stop {
                return Ok(Outcome::Stopped);
            }
        }
        Ok(Outcome::Done(at - start))
    }

    fn read_write(&mut self, pair: Pair<'_>, at: u64, length: usize) -> SysResult<usize> {
        if self.buffer.is_empty() {
            self.buffer = vec![0; Self::BUFFER];
        }
        let window = self.buffer.get_mut(..length.min(Self::BUFFER)).unwrap_or_default();
        let done = fs::read_at(pair.from, window, at)?;
        sys::write_all_at(pair.to, window.get(..done).unwrap_or_default(), at)?;
        Ok(done)
    }
}

/// Whether a copy of this file to this directory would take no space. Tried on a file without a name; when in doubt, no.
pub fn shares_blocks(file: BorrowedFd<'_>, to_dir: BorrowedFd<'_>) -> bool {
    sys::create_unnamed(to_dir).and_then(|probe| sys::reflink(file, probe)).is_ok()
}
