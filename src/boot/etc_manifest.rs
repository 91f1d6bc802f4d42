//! Makes the etc.manifest of a tree, and reads those that are kept. Compares nothing: that is the work of whoever
//! explains drift.

use super::copy::walk::{DirStack, Level, Trail};
use crate::decide::etc_manifest::{self, DeviceNumber, Digest, EtcEntry, EtcKind, EtcManifest};
use crate::error::{Errno, Error, OrFail, Result};
use crate::sys::copy::{self as sys, Device, Meta, Node};
use crate::sys::{AsFd, BorrowedFd, OwnedFd, fs};
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;
use core::ffi::CStr;
use sha2::{Digest as _, Sha256};

/// The file's name in a deployment's directory.
pub const NAME: &str = "etc.manifest";

struct Collector {
    at: DirStack,
    levels: Vec<Level>,
    trail: Trail,
    buffer: Vec<u8>,
    entries: Vec<EtcEntry>,
}

/// Describes the vendor's /etc, given as its directory, and everything below it.
pub fn collect(etc: BorrowedFd<'_>) -> Result<EtcManifest> {
    let root = sys::open_again(etc).or_fail("cannot open", "etc")?;
    let meta = sys::look_open(&root).or_fail("cannot look at", "etc")?;
    let names = sys::list(&root).or_fail("cannot list", "etc")?.into_iter();
    let mut collector = Collector {
        at: DirStack::new(root),
        levels: vec![Level { meta, names }],
        trail: Trail::default(),
        buffer: vec![0; 64 << 10],
        entries: Vec::new(),
    };
    collector.note(EtcKind::Directory, &meta);
    while let Some(level) = collector.levels.last_mut() {
        let step = match level.names.next() {
            Some(name) => collector.entry(&name),
            None => collector.leave(),
        };
        step.map_err(|errno| collector.trail.error("cannot describe etc:", errno))?;
    }
    collector.entries.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(EtcManifest { entries: collector.entries })
}

impl Collector {
    fn note(&mut self, kind: EtcKind, meta: &Meta) {
        let path = if self.trail.bytes().is_empty() { b"." } else { self.trail.bytes() };
        self.entries.push(EtcEntry { path: path.into(), kind, mode: meta.mode, uid: meta.uid, gid: meta.gid });
    }

    fn entry(&mut self, name: &CStr) -> core::result::Result<(), Errno> {
        let number = |device: Device| DeviceNumber { major: device.major, minor: device.minor };
        self.trail.push(name);
        let meta = sys::look(self.at.top(), name)?;
        let kind = match meta.node {
            Node::Directory => return self.enter(name, meta),
            Node::Regular => EtcKind::File(self.digest(&sys::open_file_at(self.at.top(), name)?)?),
            Node::Symlink => EtcKind::Symlink(digest_of(sys::read_link(self.at.top(), name)?.to_bytes())),
            Node::Character(device) => EtcKind::Character(number(device)),
            Node::Block(device) => EtcKind::Block(number(device)),
            Node::Fifo => EtcKind::Fifo,
            Node::Socket => EtcKind::Socket,
        };
        self.note(kind, &meta);
        self.trail.pop();
        Ok(())
    }

    fn enter(&mut self, name: &CStr, meta: Meta) -> core::result::Result<(), Errno> {
        let dir = sys::open_dir_at(self.at.top(), name)?;
        let names = sys::list(&dir)?.into_iter();
        self.at.enter(dir)?;
        self.levels.push(Level { meta, names });
        self.note(EtcKind::Directory, &meta);
        Ok(())
    }

    fn leave(&mut self) -> core::result::Result<(), Errno> {
        self.at.leave()?;
        self.levels.pop();
        self.trail.pop();
        Ok(())
    }

    fn digest(&mut self, file: &OwnedFd) -> core::result::Result<Digest, Errno> {
        digest_of_file(file, &mut self.buffer)
    }
}

/// Of the whole content of an open file, whatever its position; read through `buffer`, which must not be empty.
pub fn digest_of_file(file: impl AsFd, buffer: &mut [u8]) -> core::result::Result<Digest, Errno> {
    let mut sum = Sha256::new();
    let mut size = 0;
    loop {
        let done = fs::read_at(file.as_fd(), buffer, size)?;
        if done == 0 {
            return Ok(Digest { size, sha256: sum.finalize().into() });
        }
        sum.update(buffer.get(..done).unwrap_or_default());
        size += done as u64;
    }
}

/// The same of a text.
pub fn digest_of(bytes: &[u8]) -> Digest {
    Digest { size: bytes.len() as u64, sha256: Sha256::digest(bytes).into() }
}

/// Writes it to the directory of a deployment that is being made, without a flush: the caller syncs that as a whole.
pub fn write(deployment: BorrowedFd<'_>, manifest: &EtcManifest) -> Result<()> {
    fs::write_new_in(deployment, NAME, 0o600, manifest.to_string().as_bytes()).or_fail("cannot write", NAME)
}

/// Reads one below `root`; `None` where there is none.
pub fn read(root: impl AsFd, path: &str) -> Result<Option<EtcManifest>> {
    let text = match fs::read(root, path) {
        Err(Errno::ENOENT) => return Ok(None),
        bytes => bytes.or_fail("cannot read", path)?,
    };
    let text = core::str::from_utf8(&text).map_err(|_| Error::deterministic(alloc::format!("\"{path}\" is no text")))?;
    let manifest = etc_manifest::parse(text);
    manifest.map(Some).map_err(|problem| Error::deterministic(alloc::format!("cannot read \"{path}\": {problem}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::copy::scratch::Scratch;

    #[test]
    fn a_tree_becomes_lines_and_comes_back() {
        let scratch = Scratch::new();
        let etc = scratch.make("etc");
        let write_file = |name, content: &[u8]| fs::write_all(fs::create_in(&etc, name, 0o640).unwrap(), content).unwrap();
        scratch.make("etc/a");
        write_file("a/b", b"");
        write_file("a-b", b"abc");
        fs::make_symlink(&etc, "link", "abc").unwrap();
        sys::make_special_at(&etc, c"odd \xff", Node::Fifo).unwrap();

        let manifest = collect(etc.as_fd()).unwrap();
        let owner = manifest.find(b".").map(|root| std::format!("{} {}", root.uid, root.gid)).unwrap();
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        let expected = std::format!(
            "# bedplate etc.manifest 1\nd 755 {owner} - - .\nd 755 {owner} - - a\nf 640 {owner} 3 {abc} a-b\nf 640 {owner} 0 {empty} a/b\n\
             l 777 {owner} 3 {abc} link\np 600 {owner} - - odd\\x20\\xff\n"
        );
        assert_eq!(manifest.to_string(), expected);
        write(scratch.dir.as_fd(), &manifest).unwrap();
        assert_eq!(read(&scratch.dir, NAME).unwrap(), Some(manifest));
        assert_eq!(read(&scratch.dir, "none").unwrap(), None);
    }

    #[test]
    fn a_damaged_one_is_an_error_that_says_where() {
        let scratch = Scratch::new();
        fs::write_all(fs::create_in(&scratch.dir, NAME, 0o600).unwrap(), b"# bedplate etc.manifest 1\nd 9\n").unwrap();
        assert_eq!(read(&scratch.dir, NAME).unwrap_err().text, "cannot read \"etc.manifest\": line 2: fewer than 7 words");
    }
}
