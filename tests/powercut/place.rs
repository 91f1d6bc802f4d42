//! A [`Tree`] from a real directory, and back: an image of a disk is laid out where the real reader can open it.

use super::disk::{Content, Inode, Kind, Name, ROOT, Tree};
use bedplate::sys::copy::{self, Node};
use bedplate::sys::{AsFd, fs as bedplate_fs};
use std::collections::{BTreeMap, HashMap};
use std::ffi::{CString, OsStr};
use std::fs;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, lchown};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Reads a directory with everything below it.
pub fn snapshot(dir: &Path) -> Tree {
    let mut tree = Tree::default();
    let mut known = HashMap::new();
    let root = tree.bear(inode(dir));
    let mut dirs = vec![(root, dir.to_path_buf())];
    while let Some((parent, path)) = dirs.pop() {
        for entry in fs::read_dir(&path).unwrap() {
            let path = entry.unwrap().path();
            let meta = fs::symlink_metadata(&path).unwrap();
            let ino = *known.entry((meta.dev(), meta.ino())).or_insert_with(|| tree.bear(inode(&path)));
            tree.names.insert((parent, path.file_name().unwrap().as_bytes().into()), ino);
            if meta.is_dir() {
                dirs.push((ino, path));
            }
        }
    }
    tree
}

fn inode(path: &Path) -> Inode {
    let meta = fs::symlink_metadata(path).unwrap();
    let kind = match meta.file_type() {
        kind if kind.is_dir() => Kind::Directory,
        kind if kind.is_file() => Kind::File(Content::new(fs::read(path).unwrap())),
        kind if kind.is_symlink() => Kind::Symlink(fs::read_link(path).unwrap().into_os_string().into_vec()),
        kind if kind.is_fifo() => Kind::Fifo,
        kind => panic!("{}: {kind:?}", path.display()),
    };
    let attributes = if matches!(kind, Kind::Directory | Kind::File(_)) { attributes(path) } else { BTreeMap::new() };
    let modified = Some((meta.mtime(), meta.mtime_nsec()));
    Inode { kind, mode: meta.mode() & 0o7777, owner: (meta.uid(), meta.gid()), modified, attributes }
}

/// Those that a deployment can have and a test can set.
fn attributes(path: &Path) -> BTreeMap<Name, Vec<u8>> {
    let dir = bedplate_fs::open_dir(path.parent().unwrap().to_str().unwrap()).unwrap();
    let file = bedplate_fs::open_file_in(&dir, path.file_name().unwrap().to_str().unwrap()).unwrap();
    let subject = || copy::Subject::Open(file.as_fd());
    let names = copy::attribute_names(subject()).unwrap_or_default();
    let user = names.into_iter().filter(|name| name.to_bytes().starts_with(b"user."));
    user.map(|name| (name.to_bytes().into(), copy::attribute(subject(), &name).unwrap())).collect()
}

/// All that names lead to, by path.
pub fn paths(tree: &Tree) -> BTreeMap<Vec<u8>, usize> {
    let mut paths = BTreeMap::new();
    let mut dirs = vec![(ROOT, Vec::new())];
    while let Some((dir, path)) = dirs.pop() {
        for (name, ino) in tree.entries(dir) {
            let mut path: Vec<u8> = path.clone();
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend(name);
            if tree.inodes[ino].kind == Kind::Directory {
                dirs.push((ino, path.clone()));
            }
            paths.insert(path, ino);
        }
    }
    paths
}

/// A directory in memory that shows one image after the other. Between two of them only what differs is made anew.
pub struct Show {
    pub dir: PathBuf,
    shown: BTreeMap<Vec<u8>, Inode>,
}

impl Show {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() { memory.to_path_buf() } else { std::env::temp_dir() };
        let dir = place.join(format!("bedplate-powercut-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed)));
        fs::create_dir(&dir).unwrap();
        Self { dir, shown: BTreeMap::new() }
    }

    /// Times, attributes and hard links are left out: no reader looks at them.
    pub fn show(&mut self, tree: &Tree, paths: &BTreeMap<Vec<u8>, usize>) {
        let same = |path: &Vec<u8>, inode: &Inode| {
            paths.get(path).is_some_and(|ino| {
                let wanted = &tree.inodes[*ino];
                (wanted.mode, wanted.owner) == (inode.mode, inode.owner) && same_kind(&wanted.kind, &inode.kind)
            })
        };
        let gone: Vec<Vec<u8>> = self.shown.iter().filter(|(path, inode)| !same(path, inode)).map(|(path, _)| path.clone()).collect();
        for path in gone.iter().rev() {
            let inode = self.shown.remove(path).unwrap();
            // A directory that stays one is only dressed anew.
            let stays = inode.kind == Kind::Directory && paths.get(path).is_some_and(|ino| tree.inodes[*ino].kind == Kind::Directory);
            match inode.kind {
                Kind::Directory if stays => {}
                Kind::Directory => fs::remove_dir(self.at(path)).unwrap(),
                _ => fs::remove_file(self.at(path)).unwrap(),
            }
        }
        for (path, ino) in paths {
            if !self.shown.contains_key(path) {
                self.make(path, &tree.inodes[*ino]);
                self.shown.insert(path.clone(), tree.inodes[*ino].clone());
            }
        }
    }

    fn at(&self, path: &[u8]) -> PathBuf {
        self.dir.join(OsStr::from_bytes(path))
    }

    fn make(&self, path: &[u8], inode: &Inode) {
        let at = self.at(path);
        match &inode.kind {
            Kind::Directory => drop(fs::create_dir(&at)),
            Kind::File(content) => fs::write(&at, content.bytes()).unwrap(),
            Kind::Symlink(target) => std::os::unix::fs::symlink(OsStr::from_bytes(target), &at).unwrap(),
            Kind::Fifo => {
                let dir = bedplate_fs::open_dir(at.parent().unwrap().to_str().unwrap()).unwrap();
                let name = CString::new(at.file_name().unwrap().as_bytes()).unwrap();
                copy::make_special_at(&dir, &name, Node::Fifo).unwrap();
            }
        }
        if !matches!(inode.kind, Kind::Symlink(_)) {
            fs::set_permissions(&at, fs::Permissions::from_mode(inode.mode)).unwrap();
        }
        let meta = fs::symlink_metadata(&at).unwrap();
        if (meta.uid(), meta.gid()) != inode.owner {
            lchown(&at, Some(inode.owner.0), Some(inode.owner.1)).unwrap();
        }
    }
}

fn same_kind(a: &Kind, b: &Kind) -> bool {
    match (a, b) {
        (Kind::File(a), Kind::File(b)) => a.digest() == b.digest(),
        (a, b) => a == b,
    }
}

impl Drop for Show {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.dir).unwrap();
    }
}
