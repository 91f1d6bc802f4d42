//! Whether two things are the same: all that matters, cheapest first.

use super::Entry;
use crate::boot::copy::is_copied;
use crate::decide::drift::Sameness;
use crate::error::Errno;
use crate::sys::copy::{self as sys, Node, Subject};
use crate::sys::{OwnedFd, SysResult, fs};
use alloc::ffi::CString;
use alloc::vec;
use alloc::vec::Vec;

/// Content is read only where types and sizes leave it open. Times are not compared: they say nothing of what is there.
pub fn compare(a: &Entry<'_>, b: &Entry<'_>) -> SysResult<Sameness> {
    match (a.meta.node, b.meta.node) {
        (Node::Regular, Node::Regular) if a.meta.size != b.meta.size || !same_content(a, b)? => return Ok(Sameness::Content),
        (Node::Symlink, Node::Symlink) if sys::read_link(a.dir, a.name)? != sys::read_link(b.dir, b.name)? => return Ok(Sameness::Content),
        (Node::Character(one), Node::Character(other)) | (Node::Block(one), Node::Block(other)) if one != other => {
            return Ok(Sameness::Content);
        }
        (one, other) if core::mem::discriminant(&one) != core::mem::discriminant(&other) => return Ok(Sameness::Type),
        _ => {}
    }
    let owner = |entry: &Entry<'_>| (entry.meta.mode, entry.meta.uid, entry.meta.gid);
    let same = owner(a) == owner(b) && attributes(a.subject())? == attributes(b.subject())?;
    Ok(if same { Sameness::Same } else { Sameness::Metadata })
}

fn same_content(a: &Entry<'_>, b: &Entry<'_>) -> SysResult<bool> {
    const CHUNK: usize = 64 << 10;
    let (one, other) = (sys::open_file_at(a.dir, a.name)?, sys::open_file_at(b.dir, b.name)?);
    let length = usize::try_from(a.meta.size).unwrap_or(CHUNK).clamp(1, CHUNK);
    let (mut left, mut right) = (vec![0; length], vec![0; length]);
    let mut at = 0;
    loop {
        let done = fill(&one, &mut left, at)?;
        if done != fill(&other, &mut right, at)? || left.get(..done) != right.get(..done) {
            return Ok(false);
        }
        at += done as u64;
        if done < length || at >= a.meta.size {
            return Ok(true);
        }
    }
}

/// Reads until the buffer is full or the file ends.
fn fill(file: &OwnedFd, buffer: &mut [u8], offset: u64) -> SysResult<usize> {
    let mut done = 0;
    while let Some(rest) = buffer.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match fs::read_at(file, rest, offset + done as u64)? {
            0 => break,
            more => done += more,
        }
    }
    Ok(done)
}

/// Those that a copy keeps, sorted by name.
fn attributes(subject: Subject<'_>) -> SysResult<Vec<(CString, Vec<u8>)>> {
    let mut found = Vec::new();
    for key in sys::attribute_names(subject)?.into_iter().filter(|key| is_copied(key)) {
        match sys::attribute(subject, &key) {
            Ok(value) => found.push((key, value)),
            Err(Errno::ENODATA) => {}
            Err(errno) => return Err(errno),
        }
    }
    found.sort();
    Ok(found)
}
