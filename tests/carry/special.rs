//! What is special about single entries, each for itself: the rules for everything else are those of the random cases.

use crate::{Scratch, is_root};
use bedplate::boot::carry::{Layer, Trees, carry_layer};
use bedplate::decide::inventory::Kind;
use bedplate::sys::copy::{self, Device, Node, Subject};
use bedplate::sys::{AsFd, OwnedFd};
use std::ffi::{CStr, CString, OsStr};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::PathBuf;

const OVERLAY_OPAQUE: &CStr = c"trusted.overlay.opaque";

/// Three trees to be filled by hand.
pub(crate) struct Lab {
    scratch: Scratch,
}

impl Lab {
    pub fn new() -> Self {
        let scratch = Scratch::new();
        for name in ["old", "local", "new", "place"] {
            drop(scratch.make(name));
        }
        Self { scratch }
    }

    pub fn at(&self, path: &str) -> PathBuf {
        self.scratch.0.join(path)
    }

    pub fn upper(&self, path: &str) -> PathBuf {
        self.at("place/upper").join(path)
    }

    pub fn write(&self, path: &str, content: &str) {
        fs::create_dir_all(self.at(path).parent().unwrap()).unwrap();
        fs::write(self.at(path), content).unwrap();
    }

    /// The same file in both vendors' trees.
    pub fn vendor(&self, path: &str, content: &str) {
        self.write(&format!("old/{path}"), content);
        self.write(&format!("new/{path}"), content);
    }

    pub fn dir(&self, path: &str) -> OwnedFd {
        fs::create_dir_all(self.at(path)).unwrap();
        crate::disk::open(&self.at(path))
    }

    pub fn whiteout(&self, path: &str) {
        let (dir, name) = path.rsplit_once('/').unwrap();
        let node = Node::Character(Device { major: 0, minor: 0 });
        copy::make_special_at(self.dir(dir), &CString::new(name).unwrap(), node).unwrap();
    }

    pub fn mark(&self, path: &str, key: &CStr, value: &[u8]) {
        let (dir, name) = path.rsplit_once('/').unwrap();
        set(&self.dir(dir), &CString::new(name).unwrap(), key, value);
    }

    pub fn carry(&self) -> Layer {
        self.carry_without(&[])
    }

    pub fn carry_without(&self, derived: &[String]) -> Layer {
        let [old, local, new, place] = ["old", "local", "new", "place"].map(|name| self.dir(name));
        carry_layer(Trees { old: old.as_fd(), local: local.as_fd(), new: new.as_fd() }, place.as_fd(), derived).unwrap()
    }
}

fn set(dir: &OwnedFd, name: &CStr, key: &CStr, value: &[u8]) {
    copy::set_attribute(Subject::Named(dir.as_fd(), name), key, value).unwrap();
}

fn get(path: &std::path::Path, key: &CStr) -> Option<Vec<u8>> {
    let dir = crate::disk::open(path.parent().unwrap());
    copy::attribute(Subject::Named(dir.as_fd(), &CString::new(path.file_name().unwrap().as_bytes()).unwrap()), key).ok()
}

/// As `KIND PATH`.
pub(crate) fn conflicts(layer: &Layer) -> Vec<String> {
    let shown = |path: &[u8]| String::from_utf8_lossy(path).into_owned();
    layer.conflicts.0.iter().map(|conflict| format!("{} {}", conflict.kind.word(), shown(&conflict.local.path))).collect()
}

/// Runs a case that takes root.
pub(crate) fn case(test: impl FnOnce(&Lab)) {
    if is_root() {
        test(&Lab::new());
    }
}

#[test]
fn hard_links_stay_hard_links() {
    case(|lab| {
        lab.write("local/a/one", "text");
        for name in ["two", "dropped"] {
            fs::hard_link(lab.at("local/a/one"), lab.at("local").join(name)).unwrap();
        }
        lab.write("new/dropped", "text");
        lab.carry();
        let [one, two] = ["a/one", "two"].map(|path| fs::metadata(lab.upper(path)).unwrap());
        assert_eq!((one.ino(), one.nlink()), (two.ino(), 2));
        assert!(!lab.upper("dropped").exists());
    });
}

#[test]
fn special_files_are_made_anew() {
    case(|lab| {
        let local = lab.dir("local");
        for (name, node) in [
            (c"fifo", Node::Fifo),
            (c"socket", Node::Socket),
            (c"null", Node::Character(Device { major: 1, minor: 3 })),
            (c"loop", Node::Block(Device { major: 7, minor: 1 })),
        ] {
            copy::make_special_at(&local, name, node).unwrap();
        }
        assert_eq!(lab.carry().carried, 4);
        let kind = |name: &str| fs::symlink_metadata(lab.upper(name)).unwrap().file_type();
        assert!(kind("fifo").is_fifo() && kind("socket").is_socket() && kind("null").is_char_device() && kind("loop").is_block_device());
    });
}

#[test]
fn capabilities_acls_and_setuid_are_kept_and_marks_are_not() {
    case(|lab| {
        // cap_net_raw+ep (linux/capability.h, revision 2); user:7:r-- (posix_acl_xattr.h).
        let capability: &[u8] = &[1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let acl: Vec<u8> = [
            2_u32.to_le_bytes().to_vec(),
            entry(1, 6, u32::MAX),
            entry(2, 4, 7),
            entry(4, 4, u32::MAX),
            entry(16, 4, u32::MAX),
            entry(32, 4, u32::MAX),
        ]
        .concat();
        lab.write("local/file", "x");
        fs::set_permissions(lab.at("local/file"), fs::Permissions::from_mode(0o6744)).unwrap();
        lab.mark("local/file", c"security.capability", capability);
        lab.mark("local/file", c"trusted.overlay.origin", b"x");
        lab.write("local/listed", "x");
        lab.mark("local/listed", c"system.posix_acl_access", &acl);
        lab.dir("local/sub");
        lab.mark("local/sub", c"trusted.overlay.impure", b"y");
        lab.carry();
        assert_eq!(get(&lab.upper("file"), c"security.capability").as_deref(), Some(capability));
        assert_eq!(fs::metadata(lab.upper("file")).unwrap().mode() & 0o7777, 0o6744);
        assert_eq!(get(&lab.upper("listed"), c"system.posix_acl_access"), Some(acl));
        assert_eq!((get(&lab.upper("file"), c"trusted.overlay.origin"), get(&lab.upper("sub"), c"trusted.overlay.impure")), (None, None));
    });
}

fn entry(tag: u16, mode: u16, id: u32) -> Vec<u8> {
    [&tag.to_le_bytes()[..], &mode.to_le_bytes(), &id.to_le_bytes()].concat()
}

#[test]
fn odd_names_and_deep_trees_are_carried() {
    case(|lab| {
        let long = "n".repeat(255);
        lab.write(&format!("local/{long}"), "x");
        fs::write(lab.at("local").join(OsStr::from_bytes(b"\xff\n")), "x").unwrap();
        let mut dir = lab.dir("local");
        // More than the descriptors that a process usually may have.
        for _ in 0..1500 {
            copy::make_dir_at(&dir, c"deeper").unwrap();
            dir = copy::open_dir_at(&dir, c"deeper").unwrap();
        }
        drop(copy::create_file_at(&dir, c"end").unwrap());
        assert_eq!(lab.carry().carried, 1503);
        let deep = copy::open_deep(crate::disk::open(&lab.upper("")), "deeper/".repeat(1500).trim_end_matches('/').as_bytes()).unwrap();
        assert_eq!(copy::list(deep).unwrap(), [c"end".to_owned()]);
        assert!(lab.upper(&long).exists() && lab.upper("").join(OsStr::from_bytes(b"\xff\n")).exists());
    });
}

#[test]
fn links_that_lead_nowhere_or_outside_are_carried_as_they_are() {
    case(|lab| {
        lab.dir("local");
        for (name, target) in [("dangling", "nothing"), ("outside", "../../../../etc/passwd"), ("absolute", "/etc/shadow")] {
            symlink(target, lab.at("local").join(name)).unwrap();
        }
        assert_eq!(lab.carry().carried, 3);
        assert_eq!(fs::read_link(lab.upper("outside")).unwrap().to_str(), Some("../../../../etc/passwd"));
        // A link where the vendors have a directory is never gone into.
        let lab = Lab::new();
        lab.vendor("dir/file", "vendor");
        symlink("/etc", lab.at("local/dir")).unwrap();
        lab.dir("local");
        assert_eq!(conflicts(&lab.carry()), ["type dir"]);
        assert_eq!(fs::read_link(lab.upper("dir")).unwrap().to_str(), Some("/etc"));
        assert_eq!(fs::read_to_string(lab.at("place/vendor/dir/file")).unwrap(), "vendor");
    });
}

#[test]
fn what_others_mounts_have_made_is_told_and_not_carried() {
    case(|lab| {
        lab.vendor("metadata-only", "the content");
        lab.write("local/metadata-only", "");
        fs::File::options().write(true).open(lab.at("local/metadata-only")).unwrap().set_len(11).unwrap();
        lab.mark("local/metadata-only", c"trusted.overlay.metacopy", b"");
        lab.write("local/moved/file", "x");
        lab.mark("local/moved", c"trusted.overlay.redirect", b"/elsewhere");
        let layer = lab.carry();
        assert_eq!(conflicts(&layer), ["incomplete metadata-only", "incomplete moved"]);
        assert_eq!((layer.carried, fs::read_dir(lab.upper("")).unwrap().count()), (0, 0));
    });
}

#[test]
fn a_file_that_the_vendor_removes_and_brings_back_is_seen_again() {
    case(|lab| {
        // Deleted here when v1 had it; v2 does not have it.
        lab.write("old/file", "v1");
        lab.whiteout("local/file");
        lab.dir("new");
        lab.carry();
        assert!(!lab.upper("file").exists());
        // From that layer to v3, which has it again.
        let next = Lab::new();
        next.write("new/file", "v3");
        fs::remove_dir(next.at("local")).unwrap();
        fs::rename(lab.upper(""), next.at("local")).unwrap();
        assert_eq!(next.carry().carried, 0);
        assert!(fs::symlink_metadata(next.upper("file")).is_err());
    });
}

#[test]
fn a_replaced_directory_hides_only_what_it_hid() {
    case(|lab| {
        for name in ["gone", "kept", "both"] {
            lab.vendor(&format!("dir/{name}"), "vendor");
        }
        lab.write("new/dir/added", "new");
        lab.write("local/dir/kept", "mine");
        lab.mark("local/dir", OVERLAY_OPAQUE, b"y");
        lab.carry();
        assert_eq!(get(&lab.upper("dir"), OVERLAY_OPAQUE), None);
        let whiteout =
            |name: &str| fs::symlink_metadata(lab.upper(name)).is_ok_and(|meta| meta.file_type().is_char_device() && meta.rdev() == 0);
        assert!(whiteout("dir/gone") && whiteout("dir/both"));
        assert!(fs::symlink_metadata(lab.upper("dir/added")).is_err());
        assert_eq!(fs::read_to_string(lab.upper("dir/kept")).unwrap(), "mine");
    });
}

#[test]
fn a_directory_whose_mode_alone_changed_is_carried_or_contested() {
    case(|lab| {
        let modes = |path: &str, [old, local, new]: [u32; 3]| {
            for (tree, mode) in [("old", old), ("local", local), ("new", new)] {
                lab.dir(&format!("{tree}/{path}"));
                fs::set_permissions(lab.at(tree).join(path), fs::Permissions::from_mode(mode)).unwrap();
            }
        };
        modes("mine", [0o755, 0o700, 0o755]);
        modes("theirs", [0o755, 0o755, 0o750]);
        modes("both", [0o755, 0o700, 0o750]);
        lab.write("local/theirs/file", "x");
        let layer = lab.carry();
        let mode = |path: PathBuf| fs::metadata(path).unwrap().mode() & 0o7777;
        assert_eq!(["mine", "theirs", "both"].map(|name| mode(lab.upper(name))), [0o700, 0o750, 0o700]);
        assert_eq!(conflicts(&layer), ["metadata both"]);
        assert_eq!(mode(lab.at("place/vendor/both")), 0o750);
    });
}

#[test]
fn types_that_changed_are_conflicts_in_both_directions() {
    case(|lab| {
        lab.write("old/to-directory", "vendor");
        lab.write("new/to-directory/inner", "vendor");
        lab.write("local/to-directory", "mine");
        lab.write("old/to-file/inner", "vendor");
        lab.write("new/to-file", "vendor");
        lab.write("local/to-file/inner", "mine");
        lab.write("old/deleted/inner", "vendor");
        lab.write("new/deleted", "vendor");
        lab.whiteout("local/deleted");
        let layer = lab.carry();
        assert_eq!(conflicts(&layer), ["type deleted", "type to-directory", "type to-file", "removed to-file/inner"]);
        assert_eq!(fs::read_to_string(lab.upper("to-directory")).unwrap(), "mine");
        assert_eq!(fs::read_to_string(lab.upper("to-file/inner")).unwrap(), "mine");
        assert_eq!(fs::read_to_string(lab.at("place/vendor/to-directory/inner")).unwrap(), "vendor");
        assert_eq!(fs::read_to_string(lab.at("place/vendor/to-file")).unwrap(), "vendor");
        assert!(matches!(layer.conflicts.find(b"to-directory").unwrap().local.kind, Kind::File(digest) if digest.size == 4));
    });
}
