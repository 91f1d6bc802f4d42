//! What the vendors of past deployments had in /etc, by the manifests that are kept of them. They are read when the first
//! path asks, each once; a local file is summed up only where one of them has that path with the same type, mode, owner and size.

use crate::boot::inventory::{self, ETC, digest_of_file};
use crate::boot::layer::Entry;
use crate::boot::store::{STORE, Store};
use crate::decide::drift::Sameness;
use crate::decide::inventory::{DeviceNumber, Digest, Entry as Known, Kind};
use crate::decide::model::Deployment;
use crate::decide::record::Record;
use crate::sys::copy::{self as sys, Device, Meta, Node};
use crate::sys::{AsFd, BorrowedFd, SysResult, fs};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// How many manifests of removed deployments are kept and read.
pub const KEPT: usize = 32;
/// The directory of them, in the store.
pub const MANIFESTS: &str = "manifests";
const BUFFER: usize = 64 << 10;

/// Older vendors. Without any, nothing is stale.
#[derive(Debug, Default)]
pub struct Past<'a> {
    store: Option<BorrowedFd<'a>>,
    /// Paths of manifests in the store that were not read yet.
    unread: Vec<String>,
    /// What they say, sorted by path, each version once.
    known: Vec<Known>,
    buffer: Vec<u8>,
    /// Manifests that explain nothing, as sentences.
    pub warnings: Vec<String>,
}

impl<'a> Past<'a> {
    /// Of the deployments that are older than `of` (in the record; one without a slot counts as older), and of removed ones.
    pub fn of(store: &'a Store, deployments: &[Deployment], record: &Record, of: &Deployment) -> Self {
        let order = |deployment: &Deployment| Some(record.slot(deployment.key()?)?.order);
        let is_older = |other: &&Deployment| match (order(other), order(of)) {
            (Some(other), Some(own)) => other < own,
            _ => other.id != of.id,
        };
        // What OSTree deploys has no manifests of ours.
        if of.ostree().is_some() {
            return Self::default();
        }
        let mut past = Self { store: Some(store.dir.as_fd()), ..Self::default() };
        past.unread.extend(deployments.iter().filter(is_older).map(|other| format!("deployments/{}/{ETC}", other.id)));
        match fs::names_in(&store.dir, MANIFESTS) {
            Ok(names) => past.unread.extend(names.iter().filter(|name| name.contains('@')).map(|name| format!("{MANIFESTS}/{name}"))),
            Err(errno) => past.warn(MANIFESTS, &errno),
        }
        past
    }

    /// Whether one of them had this there: same type, mode, owner and content, and it is more than an attribute in which it
    /// differs from what the vendor has now.
    pub(super) fn had(&mut self, path: &[u8], local: &Entry<'_>, vendor: Option<(&Meta, Sameness)>) -> SysResult<bool> {
        if self.store.is_none() {
            return Ok(false);
        }
        self.read();
        let buffer = &mut self.buffer;
        let start = self.known.partition_point(|entry| entry.path.as_slice() < path);
        let versions = self.known.get(start..).unwrap_or_default().iter().take_while(|entry| entry.path == path);
        let dressed = |entry: &&Known| (entry.mode, entry.uid, entry.gid) == (local.meta.mode, local.meta.uid, local.meta.gid);
        // What the vendor has now says nothing of the past.
        let as_now = |meta: &Meta| (meta.mode, meta.uid, meta.gid) == (local.meta.mode, local.meta.uid, local.meta.gid);
        let only_attributes = vendor.is_some_and(|(meta, sameness)| sameness == Sameness::Metadata && as_now(meta));
        if only_attributes {
            return Ok(false);
        }
        let mut digest = None;
        for version in versions.filter(dressed) {
            if is_kind(&version.kind, local, &mut digest, buffer)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn read(&mut self) {
        for path in core::mem::take(&mut self.unread) {
            match self.store.map(|store| inventory::read(store, &path)) {
                Some(Ok(Some(manifest))) => self.add(manifest.entries),
                Some(Err(error)) => self.warn(&path, &error),
                Some(Ok(None)) if path.starts_with(MANIFESTS) => {}
                Some(Ok(None)) => self.warn(&path, &"it is missing"),
                None => {}
            }
        }
    }

    /// Most of what a version has the others have, too.
    fn add(&mut self, mut entries: Vec<Known>) {
        self.known.append(&mut entries);
        self.known.sort();
        self.known.dedup();
    }

    fn warn(&mut self, path: &str, why: &dyn core::fmt::Display) {
        self.warnings.push(format!("cannot use \"{STORE}/{path}\": {why}, what is stale may show as edited or added"));
    }
}

/// Whether something local is of this kind and content. Its sum is made at most once, and only where sizes agree.
pub(super) fn is_kind(kind: &Kind, local: &Entry<'_>, digest: &mut Option<Digest>, buffer: &mut Vec<u8>) -> SysResult<bool> {
    let is = |device: Device, number: &DeviceNumber| (device.major, device.minor) == (number.major, number.minor);
    Ok(match (kind, local.meta.node) {
        (Kind::File(known), Node::Regular) | (Kind::Symlink(known), Node::Symlink) => {
            known.size == local.meta.size && *known == summed(local, digest, buffer)?
        }
        (Kind::Character(number), Node::Character(device)) | (Kind::Block(number), Node::Block(device)) => is(device, number),
        (Kind::Directory, Node::Directory) | (Kind::Fifo, Node::Fifo) | (Kind::Socket, Node::Socket) => true,
        _ => false,
    })
}

fn summed(local: &Entry<'_>, digest: &mut Option<Digest>, buffer: &mut Vec<u8>) -> SysResult<Digest> {
    if let Some(digest) = digest {
        return Ok(*digest);
    }
    let made = if local.meta.node == Node::Symlink {
        inventory::digest_of(sys::read_link(local.dir, local.name)?.to_bytes())
    } else {
        buffer.resize(BUFFER, 0);
        digest_of_file(sys::open_file_at(local.dir, local.name)?, buffer)?
    };
    Ok(*digest.insert(made))
}
