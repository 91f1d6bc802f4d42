//! Account files that the vendor and the machine have both changed: merged by line.

use super::layer::Found;
use crate::boot::copy::walk::Trail;
use crate::boot::copy::{Dress, LeftOut};
use crate::boot::layer::{Entry, same_metadata};
use crate::decide::merge::lines::{self, Merged, Table};
use crate::error::Result;
use crate::sys::copy::{self as sys, Meta};
use crate::sys::{AsFd, BorrowedFd};
use alloc::string::String;
use alloc::vec::Vec;
use core::ffi::CStr;

/// Where the versions are, and where the merged one goes.
pub struct Dirs<'a> {
    pub old: Option<BorrowedFd<'a>>,
    pub local: BorrowedFd<'a>,
    pub new: BorrowedFd<'a>,
    pub to: BorrowedFd<'a>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// It is what the vendor has.
    Nothing,
    File,
}

pub struct Account {
    pub made: Made,
    /// A line was changed on both sides.
    pub contested: bool,
    pub notes: Vec<String>,
}

/// Merges one file and writes it, with the vendor's mode and owner where the local ones are those of the old vendor.
pub fn merge(table: Table, dirs: &Dirs<'_>, name: &CStr, found: &Found, trail: &Trail, left_out: &mut LeftOut) -> Result<Account> {
    let failed = |what: &'static str| move |errno| trail.error(what, errno);
    let local = Entry { dir: dirs.local, name, meta: found.local };
    let new = Entry { dir: dirs.new, name, meta: found.new.unwrap_or(found.local) };
    let old = dirs.old.zip(found.old).map(|(dir, meta)| Entry { dir, name, meta });
    let old_text = old.as_ref().map_or(Ok(Vec::new()), Entry::read).map_err(failed("cannot read the old version of"))?;
    let local_text = local.read().map_err(failed("cannot read"))?;
    let new_text = new.read().map_err(failed("cannot read the new version of"))?;
    let merged = lines::merge(table, &old_text, &local_text, &new_text);
    let own = match &old {
        Some(old) => !same_metadata(&local, old).map_err(failed("cannot compare"))?,
        None => true,
    };
    let like = if own { &local } else { &new };
    let follows = merged.text == new_text && (!own || same_metadata(&local, &new).map_err(failed("cannot compare"))?);
    if !follows {
        write(&merged.text, like, dirs.to, trail, left_out)?;
    }
    let made = if follows { Made::Nothing } else { Made::File };
    Ok(Account { made, contested: !follows && !merged.contested.is_empty(), notes: notes(&merged, trail) })
}

fn write(text: &[u8], like: &Entry<'_>, to: BorrowedFd<'_>, trail: &Trail, left_out: &mut LeftOut) -> Result<()> {
    let from = sys::open_file_at(like.dir, like.name).map_err(|errno| trail.error("cannot open", errno))?;
    let file = sys::create_file_at(to, like.name).map_err(|errno| trail.error("cannot make", errno))?;
    sys::write_all_at(&file, text, 0).map_err(|errno| trail.error("cannot write", errno))?;
    let meta: &Meta = &like.meta;
    Dress { trail, left_out }.open(from.as_fd(), file.as_fd(), meta)
}

fn notes(merged: &Merged, trail: &Trail) -> Vec<String> {
    let file = trail.text();
    let contested = merged.contested.join(", ");
    let contested = (!merged.contested.is_empty())
        .then(|| alloc::format!("/etc/{file}: lines that the vendor and somebody here changed: {contested}, keeping the local ones"));
    let clashes = merged.clashes.iter().map(|clash| alloc::format!("/etc/{file}: {clash}"));
    contested.into_iter().chain(clashes).collect()
}
