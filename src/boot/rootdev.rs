//! Finds a block device by name, UUID or label, and mounts it. The wait for it is bounded and driven by the kernel's events.

use crate::decide::rootspec::RootSpec;
use crate::decide::superblock::{self, Superblock};
use crate::decide::{mountinfo, partitions};
use crate::error::{Error, OrFail, Result};
use crate::sys::mount::{self, Parameter};
use crate::sys::{OwnedFd, SysResult, fs, host, uevent};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

/// How long a device may take to appear, in seconds, unless the command line says otherwise.
pub const WAIT_SECONDS: u64 = 90;

/// Finds a device; the path of its node.
pub fn resolve(spec: &RootSpec, wait_seconds: u64) -> Result<String> {
    let events = uevent::listen().or_fail("cannot listen for", "devices")?;
    let end = host::monotonic_micros().saturating_add(wait_seconds.saturating_mul(1_000_000));
    loop {
        uevent::drain(&events).or_fail("cannot listen for", "devices")?;
        if let Some(node) = find(spec) {
            return Ok(node);
        }
        let left = end.saturating_sub(host::monotonic_micros()) / 1000;
        if left == 0 {
            return Err(not_found(spec, wait_seconds));
        }
        uevent::wait(&events, left).or_fail("cannot wait for", "devices")?;
    }
}

/// A name may be a link that a device manager made; everything else is looked for in what the kernel knows.
fn find(spec: &RootSpec) -> Option<String> {
    let same = |a: &str, b: &str| a.eq_ignore_ascii_case(b);
    let first = |matches: &dyn Fn(&str) -> bool| nodes().into_iter().find(|node| matches(node));
    match spec {
        RootSpec::Node(name) => Some(format!("/dev/{name}")).filter(|node| open(node).is_ok()),
        RootSpec::Uuid(uuid) => first(&|node| identify(node).is_some_and(|found| same(&found.uuid, uuid))),
        RootSpec::Label(label) => first(&|node| identify(node).is_some_and(|found| found.label == *label)),
        RootSpec::PartUuid(uuid) => first(&|node| partition(node).is_some_and(|found| same(&found.uuid, uuid))),
        RootSpec::PartLabel(label) => first(&|node| partition(node).is_some_and(|found| found.label == *label)),
    }
}

/// Nodes of all block devices that the kernel knows.
fn nodes() -> Vec<String> {
    let names = fs::open_dir("/sys/class/block").and_then(fs::names).unwrap_or_default();
    names.into_iter().map(|name| format!("/dev/{}", name.replace('!', "/"))).collect()
}

/// Links are followed inside /dev.
fn open(node: &str) -> SysResult<OwnedFd> {
    fs::open_file_in(fs::open_dir("/dev")?, node.strip_prefix("/dev/").unwrap_or(node))
}

fn identify(node: &str) -> Option<Superblock> {
    superblock::probe(&start(node, superblock::PROBED)?)
}

fn start(node: &str, length: usize) -> Option<Vec<u8>> {
    let mut bytes = vec![0; length];
    let n = fs::read_at(open(node).ok()?, &mut bytes, 0).ok()?;
    bytes.truncate(n);
    Some(bytes)
}

/// The kernel's name of the disk that a partition is on.
fn disk(name: &str) -> Option<String> {
    host::read_path(&format!("/sys/class/block/{name}/partition")).ok()?;
    let link = fs::open_dir("/sys/class/block").and_then(|dir| fs::read_link_in(dir, name)).ok()?;
    link.rsplit('/').nth(1).map(ToString::to_string)
}

/// The kernel's name of the device that an open directory is on, by the source of its mount.
fn device_of(directory: &OwnedFd) -> Option<String> {
    let id = mount::id_of(directory).ok()?;
    let mounts = mountinfo::parse(&host::read_path("/proc/thread-self/mountinfo").ok()?);
    let source = mounts.into_iter().find(|mount| u64::from(mount.id) == id)?.source;
    let name = source.strip_prefix("/dev/mapper/").map_or_else(|| source.strip_prefix("/dev/").map(String::from), mapped)?;
    Some(name.replace('/', "!"))
}

/// What device mapper calls `dm-N`.
fn mapped(name: &str) -> Option<String> {
    let names = fs::open_dir("/sys/class/block").and_then(fs::names).unwrap_or_default();
    names.into_iter().find(|node| host::read_path(&format!("/sys/class/block/{node}/dm/name")).is_ok_and(|found| found.trim() == name))
}

/// The kernel's name of the disk whose partition holds an open directory.
pub fn disk_of(directory: &OwnedFd) -> Result<String> {
    let device = device_of(directory).ok_or_else(|| Error::transient("the device that the store is on is not known"))?;
    disk(&device).ok_or_else(|| Error::transient(format!("the store is on \"{device}\", which is no partition of a disk")))
}

/// What spreads the blocks of an open directory over others: a loader cannot write there.
pub fn mapping(directory: &OwnedFd) -> Option<&'static str> {
    let sys = fs::open_dir(&format!("/sys/class/block/{}", device_of(directory)?)).ok()?;
    [("dm", "a device-mapper volume (LVM, LUKS)"), ("md", "a RAID")]
        .into_iter()
        .find(|(name, _)| fs::stat_in(&sys, name).is_ok())
        .map(|(_, kind)| kind)
}

/// The entry of a partition in the table of its disk.
fn partition(node: &str) -> Option<partitions::Partition> {
    let name = node.strip_prefix("/dev/")?.replace('/', "!");
    let attribute = |file: &str| host::read_path(&format!("/sys/class/block/{name}/{file}")).ok();
    let number: usize = attribute("partition")?.trim().parse().ok()?;
    let disk = disk(&name)?.replace('!', "/");
    let sector = host::read_path(&format!("/sys/class/block/{disk}/queue/logical_block_size")).ok()?.trim().parse().ok()?;
    let bytes = start(&format!("/dev/{disk}"), partitions::PROBED)?;
    partitions::parse(&bytes, sector).into_iter().find(|partition| partition.number == number)
}

fn not_found(spec: &RootSpec, wait_seconds: u64) -> Error {
    let describe = |node: String| match identify(&node) {
        Some(found) => format!("{node} ({} UUID={} LABEL={})", found.fstype, found.uuid, found.label),
        None => node,
    };
    let present: Vec<String> = nodes().into_iter().map(describe).collect();
    let present = if present.is_empty() { "none: is the driver in the initramfs?".to_string() } else { present.join(", ") };
    Error::transient(format!("no device {spec} after {wait_seconds} s; block devices: {present}"))
}

/// Mounts a device, detached and writable.
pub fn mount_device(source: &str) -> Result<OwnedFd> {
    let node = resolve(&RootSpec::parse(source)?, WAIT_SECONDS)?;
    mount_node(&node, &fstype_of(&node)?, &[])
}

/// The file system on a node, by its superblock.
pub fn fstype_of(node: &str) -> Result<String> {
    let found = identify(node).ok_or_else(|| Error::transient(format!("\"{node}\" holds no file system that is known here")))?;
    Ok(found.fstype.into())
}

/// Mounts a node, detached, with further parameters of its file system.
pub fn mount_node(node: &str, fstype: &str, parameters: &[Parameter<'_>]) -> Result<OwnedFd> {
    let parameters: Vec<Parameter<'_>> = [Parameter::Text("source", node)].into_iter().chain(parameters.iter().copied()).collect();
    mount::make_fs(fstype, &parameters).map_err(|error| Error::new(error.kind, format!("cannot mount \"{node}\": {error}")))
}
