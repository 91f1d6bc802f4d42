//! Makes the inventory of a tree, and reads those that are kept. Compares nothing: that is the work of whoever explains
//! what has changed.

mod content;

pub use super::copy::Flow;
pub use content::{Content, digest_of, digest_of_file};

use super::copy::is_copied;
use super::copy::walk::{DirStack, Trail};
use crate::decide::hex::Hex;
use crate::decide::inventory::{self, Attributes, DeviceNumber, Entry, Inventory, Kind};
use crate::error::{Errno, Error, OrFail, Result};
use crate::sys::copy::{self as sys, Device, Node, Subject};
use crate::sys::{AsFd, BorrowedFd, OwnedFd, SysResult, fs};
use alloc::ffi::CString;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use content::{Reading, look};
use core::ffi::CStr;
use sha2::{Digest as _, Sha256};

/// The files' names in a deployment's directory.
pub const ETC: &str = "etc.manifest";
pub const USR: &str = "usr.manifest";

/// Every path in a directory, `.` for itself, sorted as an inventory is. Nothing is followed.
pub fn paths(dir: BorrowedFd<'_>, name: &str) -> Result<Vec<Vec<u8>>> {
    let root = sys::open_again(dir).or_fail("cannot open", name)?;
    let mut levels = vec![sys::list(&root).or_fail("cannot list", name)?.into_iter()];
    let mut at = DirStack::new(root);
    let mut trail = Trail::default();
    let mut paths = vec![b".".to_vec()];
    while let Some(names) = levels.last_mut() {
        let step = match names.next() {
            Some(name) => {
                trail.push(&name);
                paths.push(trail.bytes().into());
                enter(&mut at, &name).map(|below| match below {
                    Some(below) => levels.push(below.into_iter()),
                    None => trail.pop(),
                })
            }
            None => at.leave().map(|_| {
                levels.pop();
                trail.pop();
            }),
        };
        step.map_err(|errno| trail.error("cannot describe", errno))?;
    }
    paths.sort();
    Ok(paths)
}

/// The names in a directory that is gone into; `None` where the name is no directory.
fn enter(at: &mut DirStack, name: &CStr) -> SysResult<Option<Vec<CString>>> {
    if sys::look(at.top(), name)?.node != Node::Directory {
        return Ok(None);
    }
    let dir = sys::open_dir_at(at.top(), name)?;
    let names = sys::list(&dir)?;
    at.enter(dir)?;
    Ok(Some(names))
}

/// Describes a directory and everything below it, in one thread.
pub fn collect(dir: BorrowedFd<'_>, name: &str) -> Result<Inventory> {
    let mut describer = Describer::new(dir);
    let mut entries = Vec::new();
    for path in paths(dir, name)? {
        match describer.describe(&path, Content::Sum, &mut |_| Flow::Continue) {
            Ok(Some(entry)) => entries.push(entry),
            // It is gone again.
            Ok(None) => {}
            Err(errno) => return Err(describe_error(&path, errno)),
        }
    }
    Ok(Inventory { entries })
}

/// `cannot describe "PATH": why`.
pub fn describe_error(path: &[u8], errno: Errno) -> Error {
    Error::transient(alloc::format!("cannot describe \"{}\": {errno}", path.escape_ascii()))
}

/// Looks at paths of one directory, one after the other, the faster the more neighbours follow each other.
#[derive(Debug)]
pub struct Describer<'a> {
    root: BorrowedFd<'a>,
    /// Where it looked last: the directory's path, empty for the root.
    place: Option<(Vec<u8>, OwnedFd)>,
    buffer: Vec<u8>,
}

impl<'a> Describer<'a> {
    /// Fits into a core's cache, and is read in one call.
    const BUFFER: usize = 256 << 10;

    pub fn new(root: BorrowedFd<'a>) -> Self {
        Self { root, place: None, buffer: vec![0; Self::BUFFER] }
    }

    /// `None`: nothing is there. `tick` hears of each piece that was read, and may end it with EINTR.
    pub fn describe(&mut self, path: &[u8], content: Content<'_>, tick: &mut dyn FnMut(u64) -> Flow) -> SysResult<Option<Entry>> {
        let (parent, name) = sys::split(path);
        // A file's name holds no NUL: one that does was not deployed by us.
        let Ok(name) = CString::new(name) else { return Ok(None) };
        if !self.go(parent)? {
            return Ok(None);
        }
        match &self.place {
            Some((_, dir)) => describe(dir.as_fd(), &name, path, content, &mut Reading { buffer: &mut self.buffer, tick }),
            None => Ok(None),
        }
    }

    /// The names in a directory.
    pub fn names(&mut self, path: &[u8]) -> SysResult<Vec<CString>> {
        let path = if path == b"." { b"" } else { path };
        match self.go(path)?.then_some(&self.place) {
            Some(Some((_, dir))) => sys::list(dir),
            _ => Err(Errno::ENOENT),
        }
    }

    /// Whether there is such a directory. A link in the way leads nowhere.
    fn go(&mut self, parent: &[u8]) -> SysResult<bool> {
        if self.place.as_ref().is_some_and(|(place, _)| place == parent) {
            return Ok(true);
        }
        match sys::open_deep(self.root, parent) {
            Ok(dir) => self.place = Some((parent.into(), dir)),
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP) => return Ok(false),
            Err(errno) => return Err(errno),
        }
        Ok(true)
    }
}

/// Describes one thing by its name in a directory; `path` is what it is called. `None`: nothing is there.
pub fn describe_as(dir: BorrowedFd<'_>, name: &CStr, path: &[u8]) -> SysResult<Option<Entry>> {
    let mut buffer = vec![0; 64 << 10];
    describe(dir, name, path, Content::Sum, &mut Reading { buffer: &mut buffer, tick: &mut |_| Flow::Continue })
}

fn describe(dir: BorrowedFd<'_>, name: &CStr, path: &[u8], content: Content<'_>, reading: &mut Reading<'_>) -> SysResult<Option<Entry>> {
    let meta = match sys::look(dir, name) {
        Err(Errno::ENOENT) => return Ok(None),
        meta => meta?,
    };
    let named = Subject::Named(dir, name);
    let mut verity = None;
    let (kind, attributes) = match meta.node {
        Node::Regular => {
            let file = sys::open_file_at(dir, name)?;
            let (digest, measured) = look(&file, &meta, content, reading)?;
            verity = measured;
            (Kind::File(digest), attributes(Subject::Open(file.as_fd()))?)
        }
        Node::Symlink => (Kind::Symlink(digest_of(sys::read_link(dir, name)?.to_bytes())), attributes(named)?),
        Node::Directory => (Kind::Directory, attributes(named)?),
        Node::Character(device) => (Kind::Character(number(device)), attributes(named)?),
        Node::Block(device) => (Kind::Block(number(device)), attributes(named)?),
        Node::Fifo => (Kind::Fifo, attributes(named)?),
        Node::Socket => (Kind::Socket, attributes(named)?),
    };
    Ok(Some(Entry { path: path.into(), kind, mode: meta.mode, uid: meta.uid, gid: meta.gid, attributes, verity }))
}

fn number(device: Device) -> DeviceNumber {
    DeviceNumber { major: device.major, minor: device.minor }
}

/// What names a whole manifest: `sha256:` and 64 hex digits.
pub fn name_of(manifest: &[u8]) -> String {
    alloc::format!("sha256:{}", Hex(&digest_of(manifest).sha256))
}

/// Those that a copy keeps.
fn attributes(subject: Subject<'_>) -> SysResult<Attributes> {
    let mut names = sys::attribute_names(subject)?;
    names.retain(|name| is_copied(name));
    if names.is_empty() {
        return Ok(Attributes::None);
    }
    names.sort();
    let mut sum = Sha256::new();
    for name in names {
        let value = sys::attribute(subject, &name)?;
        sum.update(name.to_bytes_with_nul());
        sum.update((value.len() as u64).to_le_bytes());
        sum.update(&value);
    }
    Ok(Attributes::Sum(sum.finalize().into()))
}

/// Writes one to the directory of a deployment that is being made, without a flush: the caller syncs that as a whole.
pub fn write(deployment: BorrowedFd<'_>, name: &str, text: &str) -> Result<()> {
    fs::write_new_in(deployment, name, 0o600, text.as_bytes()).or_fail("cannot write", name)
}

/// Reads one below `root`; `None` where there is none.
pub fn read(root: impl AsFd, path: &str) -> Result<Option<Inventory>> {
    let text = match fs::read(root, path) {
        Err(Errno::ENOENT) => return Ok(None),
        bytes => bytes.or_fail("cannot read", path)?,
    };
    let text = core::str::from_utf8(&text).map_err(|_| Error::deterministic(alloc::format!("\"{path}\" is no text")))?;
    let found = inventory::parse(text);
    found.map(Some).map_err(|problem| Error::deterministic(alloc::format!("cannot read \"{path}\": {problem}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::boot::copy::scratch::Scratch;
    use crate::decide::inventory::{Digest, FsVerity};
    use alloc::string::ToString;

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
        sys::set_attribute(Subject::Named(etc.as_fd(), c"a-b"), c"user.x", b"1").unwrap();

        let found = collect(etc.as_fd(), "etc").unwrap();
        let owner = found.find(b".").map(|root| std::format!("{} {}", root.uid, root.gid)).unwrap();
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let abc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        // printf 'user.x\0\1\0\0\0\0\0\0\0001' | sha256sum
        let sum = "42b7513dbd7ca3eb0082846ce2a428360fa3c68ea0381aa479e9cda320e41043";
        let expected = std::format!(
            "# bedplate manifest 2\nd 755 {owner} - - - .\nd 755 {owner} - - - a\nf 640 {owner} 3 {abc} {sum} a-b\n\
             f 640 {owner} 0 {empty} - a/b\nl 777 {owner} 3 {abc} - link\np 600 {owner} - - - odd\\x20\\xff\n"
        );
        assert_eq!(found.to_string(), expected);
        write(scratch.dir.as_fd(), ETC, &found.to_string()).unwrap();
        assert_eq!(read(&scratch.dir, ETC).unwrap(), Some(found));
        assert_eq!(read(&scratch.dir, "none").unwrap(), None);
    }

    #[test]
    fn a_damaged_one_is_an_error_that_says_where() {
        let scratch = Scratch::new();
        fs::write_all(fs::create_in(&scratch.dir, ETC, 0o600).unwrap(), b"# bedplate manifest 2\nd 9\n").unwrap();
        assert_eq!(read(&scratch.dir, ETC).unwrap_err().text, "cannot read \"etc.manifest\": line 2: fewer words than the format has");
    }

    #[test]
    fn what_is_not_there_is_nothing_whatever_is_in_the_way() {
        let scratch = Scratch::new();
        fs::write_all(fs::create_in(&scratch.dir, "file", 0o600).unwrap(), b"12").unwrap();
        fs::make_symlink(&scratch.dir, "link", ".").unwrap();
        let mut describer = Describer::new(scratch.dir.as_fd());
        let mut describe = |path: &[u8], content| describer.describe(path, content, &mut |_| Flow::Continue).unwrap();
        for path in ["none", "none/x", "file/x", "link/file", "nul\0"] {
            assert_eq!(describe(path.as_bytes(), Content::Sum), None, "{path}");
        }
        let kind = |size, sha256| Kind::File(Digest { size, sha256 });
        let is = describe(b"file", Content::Sum).unwrap();
        assert_eq!(is.kind, Kind::File(digest_of(b"12")));
        let longer = Entry { kind: kind(3, [7; 32]), ..is.clone() };
        assert_eq!(describe(b"file", Content::Like(&longer)).map(|entry| entry.kind), Some(kind(2, [0; 32])));
        // What has no fs-verity now is summed, whatever it had.
        let guarded = Entry { kind: kind(2, [7; 32]), verity: FsVerity::of(1, &[7; 32]), ..is.clone() };
        assert_eq!(describe(b"file", Content::Like(&guarded)), Some(is));
        assert_eq!(describer.describe(b"file", Content::Sum, &mut |_| Flow::Stop), Err(Errno::EINTR));
    }
}
