//! Whether two things are the same: all that matters, cheapest first.

use super::Entry;
use crate::boot::copy::is_copied;
use crate::decide::drift::Sameness;
use crate::error::Errno;
use crate::sys::copy::{self as sys, Meta, Node, Subject};
use crate::sys::{AsFd, OwnedFd, SysResult, fs};
use alloc::ffi::CString;
use alloc::vec;
use alloc::vec::Vec;

/// Content is read only where types and sizes leave it open. Times are not compared: they say nothing of what is there.
pub fn compare(a: &Entry<'_>, b: &Entry<'_>) -> SysResult<Sameness> {
    match (a.meta.node, b.meta.node) {
        (Node::Regular, Node::Regular) if a.meta.size != b.meta.size => Ok(Sameness::Content),
        (Node::Regular, Node::Regular) => compare_files(a, b),
        (Node::Symlink, Node::Symlink) if sys::read_link(a.dir, a.name)? != sys::read_link(b.dir, b.name)? => Ok(Sameness::Content),
        (Node::Character(one), Node::Character(other)) | (Node::Block(one), Node::Block(other)) if one != other => Ok(Sameness::Content),
        (one, other) if core::mem::discriminant(&one) != core::mem::discriminant(&other) => Ok(Sameness::Type),
        _ => compare_dress((&a.meta, a.subject()), (&b.meta, b.subject())),
    }
}

/// Of one size.
fn compare_files(a: &Entry<'_>, b: &Entry<'_>) -> SysResult<Sameness> {
    let (one, other) = (sys::open_file_at(a.dir, a.name)?, sys::open_file_at(b.dir, b.name)?);
    if !same_content(&one, &other, a.meta.size)? {
        return Ok(Sameness::Content);
    }
    compare_dress((&a.meta, Subject::Open(one.as_fd())), (&b.meta, Subject::Open(other.as_fd())))
}

/// Mode, owner and attributes of two things that are the same but for these.
pub fn compare_dress(a: (&Meta, Subject<'_>), b: (&Meta, Subject<'_>)) -> SysResult<Sameness> {
    let owner = |meta: &Meta| (meta.mode, meta.uid, meta.gid);
    let same = owner(a.0) == owner(b.0) && attributes(a.1)? == attributes(b.1)?;
    Ok(if same { Sameness::Same } else { Sameness::Metadata })
}

/// In mode, owner and extended attributes.
pub fn same_metadata(a: &Entry<'_>, b: &Entry<'_>) -> SysResult<bool> {
    Ok(compare_dress((&a.meta, a.subject()), (&b.meta, b.subject()))? == Sameness::Same)
}

fn same_content(one: &OwnedFd, other: &OwnedFd, size: u64) -> SysResult<bool> {
    const CHUNK: usize = 64 << 10;
    let length = usize::try_from(size).unwrap_or(CHUNK).clamp(1, CHUNK);
    let (mut left, mut right) = (vec![0; length], vec![0; length]);
    let mut at = 0;
    loop {
        let done = fs::read_at(one, &mut left, at)?;
        if done != fs::read_at(other, &mut right, at)? || left.get(..done) != right.get(..done) {
            return Ok(false);
        }
        at += done as u64;
        if done < length || at >= size {
            return Ok(true);
        }
    }
}

/// Those that a copy keeps, sorted by name.
pub fn attributes(subject: Subject<'_>) -> SysResult<Vec<(CString, Vec<u8>)>> {
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
