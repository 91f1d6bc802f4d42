//! The content of files: its sum, or only whether it is what it was.

use super::super::copy::Flow;
use crate::decide::inventory::{Digest, Entry, FsVerity, Kind};
use crate::error::Errno;
use crate::sys::copy::{self as sys, Meta};
use crate::sys::{AsFd, OwnedFd, SysResult, fs, fsverity};
use sha2::{Digest as _, Sha256};

/// What is to be found out of a file's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Content<'a> {
    Sum,
    /// Whether it is that of this entry. Another size tells enough, and the sum is left zero. Where the kernel measures the same
    /// fs-verity digest, the content is read, since a page that is damaged is an I/O error, but not summed: each page is one
    /// that the kernel has compared.
    Like(&'a Entry),
}

/// How a file is read.
pub(super) struct Reading<'a> {
    pub(super) buffer: &'a mut [u8],
    pub(super) tick: &'a mut dyn FnMut(u64) -> Flow,
}

/// The content of a regular file, and what the kernel has measured of it.
pub(super) fn look(file: &OwnedFd, meta: &Meta, content: Content<'_>, reading: &mut Reading<'_>) -> SysResult<(Digest, Option<FsVerity>)> {
    let verity = verity_of(file, meta)?;
    let known = known(content, meta, verity.as_ref());
    Ok((content_of(file, meta, known, reading)?, verity))
}

/// What the kernel has measured of a file that has fs-verity.
fn verity_of(file: &OwnedFd, meta: &Meta) -> SysResult<Option<FsVerity>> {
    let measured = if meta.verity { fsverity::measure(file)? } else { None };
    Ok(measured.and_then(|measured| FsVerity::of(measured.algorithm, &measured.digest)))
}

/// What is known of a content before it is read.
#[derive(Debug, Clone, Copy)]
enum Known {
    Nothing,
    /// It is of another size.
    Other,
    /// By the kernel, of every page that can be read.
    Sum([u8; 32]),
}

fn known(content: Content<'_>, meta: &Meta, verity: Option<&FsVerity>) -> Known {
    match content {
        Content::Like(Entry { kind: Kind::File(was), .. }) if was.size != meta.size => Known::Other,
        Content::Like(Entry { kind: Kind::File(was), verity: guarded, .. }) if verity.is_some() && guarded.as_ref() == verity => {
            Known::Sum(was.sha256)
        }
        _ => Known::Nothing,
    }
}

fn content_of(file: &OwnedFd, meta: &Meta, known: Known, reading: &mut Reading<'_>) -> SysResult<Digest> {
    let Reading { buffer, tick } = reading;
    if matches!(known, Known::Other) {
        return Ok(Digest { size: meta.size, sha256: [0; 32] });
    }
    if meta.size > buffer.len() as u64 {
        sys::read_ahead(file);
    }
    if let Known::Sum(sha256) = known {
        return Ok(Digest { size: read_pieces(file, buffer, &mut |piece| tick(piece.len() as u64))?, sha256 });
    }
    let mut sum = Sha256::new();
    let size = read_pieces(file, buffer, &mut |piece| {
        sum.update(piece);
        tick(piece.len() as u64)
    })?;
    Ok(Digest { size, sha256: sum.finalize().into() })
}

/// All of a file, piece by piece, whatever its position; how much that is.
fn read_pieces(file: impl AsFd, buffer: &mut [u8], piece: &mut dyn FnMut(&[u8]) -> Flow) -> SysResult<u64> {
    let mut size = 0;
    loop {
        let done = fs::read_at(file.as_fd(), buffer, size)?;
        if done == 0 {
            return Ok(size);
        }
        size += done as u64;
        if piece(buffer.get(..done).unwrap_or_default()) == Flow::Stop {
            return Err(Errno::EINTR);
        }
    }
}

/// Of the whole content of an open file, whatever its position; read through `buffer`, which must not be empty.
pub fn digest_of_file(file: impl AsFd, buffer: &mut [u8]) -> SysResult<Digest> {
    let mut sum = Sha256::new();
    let size = read_pieces(file, buffer, &mut |piece| {
        sum.update(piece);
        Flow::Continue
    })?;
    Ok(Digest { size, sha256: sum.finalize().into() })
}

/// Of bytes.
pub fn digest_of(bytes: &[u8]) -> Digest {
    Digest { size: bytes.len() as u64, sha256: Sha256::digest(bytes).into() }
}
