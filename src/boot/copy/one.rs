//! Copies one thing that is no directory.

use super::content::{Pair, Ways};
use super::dress::Dress;
use super::walk::Trail;
use super::{Flow, LeftOut};
use crate::boot::layer::Entry;
use crate::error::{Errno, Result};
use crate::sys::copy::{self as sys, Node};
use crate::sys::{AsFd, BorrowedFd};

/// Makes `entry` anew under its name in `to`, where nothing has it.
pub fn copy_one(entry: &Entry<'_>, to: BorrowedFd<'_>, trail: &Trail, left_out: &mut LeftOut) -> Result<()> {
    let failed = |errno: Errno| trail.error("cannot copy", errno);
    let (from, name, meta) = (entry.dir, entry.name, &entry.meta);
    let mut dress = Dress { trail, left_out };
    match meta.node {
        Node::Regular | Node::Directory => {
            let (file, copy) = (sys::open_file_at(from, name).map_err(failed)?, sys::create_file_at(to, name).map_err(failed)?);
            let pair = Pair { from: file.as_fd(), to: copy.as_fd() };
            Ways::default().copy(pair, meta, &mut |_| Flow::Continue).map_err(failed)?;
            return dress.open(pair.from, pair.to, meta);
        }
        Node::Symlink => sys::read_link(from, name).and_then(|target| sys::make_symlink_at(to, name, &target)),
        node => sys::make_special_at(to, name, node),
    }
    .map_err(failed)?;
    dress.named(from, to, name, meta)
}
