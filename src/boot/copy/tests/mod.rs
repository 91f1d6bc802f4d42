mod listing;
mod mounts;
mod plant;

use super::scratch::{Scratch, is_root};
use super::*;
use crate::error::{Errno, Kind};
use crate::sys::copy::{Node, Subject};
use crate::sys::{AsFd, OwnedFd, fs};
use listing::listing;
use proptest::prelude::*;
use std::process::Command;

fn go_on(_: &Progress<'_>) -> Flow {
    Flow::Continue
}

fn copy(from: &OwnedFd, scratch: &Scratch) -> Result<Copied> {
    copy_tree(from.as_fd(), scratch.dir.as_fd(), "copy", &mut go_on)
}

fn opened(scratch: &Scratch, name: &str) -> OwnedFd {
    fs::open_dir_in(&scratch.dir, name).unwrap()
}

fn write(dir: &OwnedFd, name: &str, content: &[u8]) {
    fs::write_all(fs::create_in(dir, name, 0o644).unwrap(), content).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn a_copy_has_everything_that_the_original_has(items in plant::recipe()) {
        let scratch = Scratch::new();
        plant::plant(scratch.make("original"), &items);
        let original = opened(&scratch, "original");
        let before = listing(original.as_fd());
        let copied = copy(&original, &scratch).unwrap();
        prop_assert_eq!(&copied.left_out, &LeftOut::default());
        prop_assert_eq!(&listing(opened(&scratch, "copy").as_fd()), &before);
        prop_assert_eq!(&listing(original.as_fd()), &before, "the original has changed");
        let (measured, of_copy) = (measure(original.as_fd()).unwrap(), measure(opened(&scratch, "copy").as_fd()).unwrap());
        prop_assert_eq!(copied.totals.inodes(), measured.inodes());
        prop_assert_eq!(of_copy.inodes(), measured.inodes());
        prop_assert!(of_copy.bytes <= measured.bytes);
    }
}

/// Where another file system than the one of [`Scratch::new`] may be found.
const ELSEWHERE: &str = "/dev/shm";

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn nor_is_anything_lost_on_the_way_to_another_file_system(items in plant::recipe()) {
        if std::fs::metadata(ELSEWHERE).is_ok() {
            let (here, there) = (Scratch::new(), Scratch::below(ELSEWHERE));
            plant::plant(here.make("original"), &items);
            let original = opened(&here, "original");
            let copied = copy(&original, &there).unwrap();
            // A tmpfs has attributes of users from Linux 6.6 on.
            if copied.left_out.count == 0 {
                prop_assert_eq!(&listing(opened(&there, "copy").as_fd()), &listing(original.as_fd()));
            }
        }
    }
}

#[test]
fn a_tree_deeper_than_any_path_or_table_of_descriptors() {
    const DEPTH: u64 = 3000;
    let scratch = Scratch::new();
    let original = scratch.make("original");
    write(&original, "aaa", b"linked");
    let mut dir = sys::open_again(&original).unwrap();
    for _ in 1..DEPTH {
        sys::make_dir_at(&dir, c"a-directory").unwrap();
        dir = sys::open_dir_at(&dir, c"a-directory").unwrap();
    }
    sys::link_at(&original, c"aaa", &dir, c"zzz").unwrap();
    write(&dir, "first", b"deep");
    sys::link_at(&dir, c"first", &original, c"zzz").unwrap();

    let mut most_open = 0;
    let copied = copy_tree(original.as_fd(), scratch.dir.as_fd(), "copy", &mut |_| {
        most_open = most_open.max(std::fs::read_dir("/proc/self/fd").unwrap().count());
        Flow::Continue
    });
    let totals = copied.unwrap().totals;
    assert_eq!((totals.directories, totals.files), (DEPTH, 2));
    assert!(most_open < 300, "{most_open} descriptors were open");
    let copy = opened(&scratch, "copy");
    let deep = (1..DEPTH).map(|_| "a-directory").collect::<Vec<_>>().join("/");
    let lowest = sys::open_deep(&copy, deep.as_bytes()).unwrap();
    let id = |dir: &OwnedFd, name| sys::look(dir, name).unwrap().id;
    assert_eq!(id(&copy, c"aaa"), id(&lowest, c"zzz"));
    assert_eq!(id(&copy, c"zzz"), id(&lowest, c"first"));
    assert_eq!(fs::read(&lowest, "first").unwrap(), b"deep");
    remove_tree(scratch.dir.as_fd(), "copy").unwrap();
    assert_eq!(fs::stat_in(&scratch.dir, "copy").unwrap_err(), Errno::ENOENT);
}

/// VFS_CAP_REVISION_2 with cap_net_raw permitted and effective.
const CAPABILITY: [u8; 20] = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

#[test]
fn capabilities_and_setuid_are_kept_and_overlay_marks_are_not() {
    if !is_root() {
        std::eprintln!("skipped: not root");
        return;
    }
    let scratch = Scratch::new();
    let original = scratch.make("original");
    write(&original, "ping", b"program");
    let file = fs::open_file_in(&original, "ping").unwrap();
    let meta = sys::Meta { uid: 12, gid: 34, ..sys::look_open(&file).unwrap() };
    sys::set_owner_open(&file, &meta).unwrap();
    sys::set_mode_open(&file, 0o6755).unwrap();
    let subject = Subject::Open(file.as_fd());
    sys::set_attribute(subject, c"security.capability", &CAPABILITY).unwrap();
    sys::set_attribute(subject, c"trusted.overlay.origin", b"x").unwrap();
    sys::set_attribute(subject, c"trusted.overlay.protattr", b"i").unwrap();
    sys::set_attribute(subject, c"trusted.overlaid", b"y").unwrap();

    copy(&original, &scratch).unwrap();
    let copy = fs::open_file_in(&scratch.dir, "copy/ping").unwrap();
    let subject = Subject::Open(copy.as_fd());
    let stat = sys::look_open(&copy).unwrap();
    assert_eq!((stat.mode, stat.uid, stat.gid), (0o6755, 12, 34));
    assert_eq!(sys::attribute(subject, c"security.capability").unwrap(), CAPABILITY);
    let mut names = sys::attribute_names(subject).unwrap();
    names.sort();
    assert_eq!(names, [c"security.capability".into(), c"trusted.overlaid".into(), CString::from(c"trusted.overlay.protattr")]);
}

/// A POSIX ACL as the kernel writes it: version, then tag, permissions and id of each entry.
fn acl(entries: &[(u16, u16, u32)]) -> Vec<u8> {
    let mut value = 2_u32.to_le_bytes().to_vec();
    for (tag, permissions, id) in entries {
        value.extend(tag.to_le_bytes().into_iter().chain(permissions.to_le_bytes()).chain(id.to_le_bytes()));
    }
    value
}

#[test]
fn acls_are_kept_and_never_inherited() {
    const NOBODY: u32 = u32::MAX;
    let scratch = Scratch::new();
    let original = scratch.make("original");
    write(&original, "plain", b"");
    let access = acl(&[(1, 7, NOBODY), (2, 4, 65534), (4, 0, NOBODY), (16, 4, NOBODY), (32, 0, NOBODY)]);
    let sub = scratch.make("original/sub");
    for (dir, key) in [(&sub, c"system.posix_acl_access"), (&scratch.dir, c"system.posix_acl_default")] {
        match sys::set_attribute(Subject::Open(dir.as_fd()), key, &access) {
            Err(Errno::EOPNOTSUPP) => return std::eprintln!("skipped: no ACLs here"),
            result => result.unwrap(),
        }
    }
    sys::set_attribute(Subject::Open(sub.as_fd()), c"system.posix_acl_default", &access).unwrap();
    write(&original, "sub/plain", b"");
    let file = fs::open_file_in(&original, "sub/plain").unwrap();
    sys::remove_attribute(Subject::Open(file.as_fd()), c"system.posix_acl_access").unwrap();

    copy(&original, &scratch).unwrap();
    assert_eq!(listing(opened(&scratch, "copy").as_fd()), listing(original.as_fd()));
}

#[test]
fn a_taken_name_is_left_alone() {
    let scratch = Scratch::new();
    let original = scratch.make("original");
    write(&scratch.dir, "copy", b"mine");
    assert_eq!(copy(&original, &scratch).unwrap_err().text, "cannot make \"copy\": already exists");
    assert_eq!(fs::read(&scratch.dir, "copy").unwrap(), b"mine");
    for name in ["", ".", "..", "a/b", "/a"] {
        let refused = copy_tree(original.as_fd(), scratch.dir.as_fd(), name, &mut go_on).unwrap_err();
        assert_eq!(refused.kind, Kind::Refused, "{name}");
        assert_eq!(remove_tree(scratch.dir.as_fd(), name).unwrap_err().kind, Kind::Refused, "{name}");
    }
}

#[test]
fn a_copy_into_itself_is_refused() {
    let scratch = Scratch::new();
    let original = scratch.make("original");
    scratch.make("original/sub");
    let sub = opened(&scratch, "original/sub");
    let refused = copy_tree(original.as_fd(), sub.as_fd(), "copy", &mut go_on).unwrap_err();
    assert_eq!(refused.text, "the copy would contain itself, at \"sub/copy\"");
}

#[test]
fn whoever_watches_sees_everything_and_can_stop_it() {
    let scratch = Scratch::new();
    let original = scratch.make("original");
    write(&original, "big", &std::vec![7; 20 << 20]);
    write(&original, "small", b"x");
    let (mut calls, mut last) = (0, Totals::default());
    let copied = copy_tree(original.as_fd(), scratch.dir.as_fd(), "copy", &mut |progress| {
        assert!(progress.done.bytes >= last.bytes);
        (calls, last) = (calls + 1, progress.done);
        Flow::Continue
    });
    assert_eq!(copied.unwrap().totals, last);
    assert!(calls >= 2, "{calls}");
    let stopped = copy_tree(original.as_fd(), scratch.dir.as_fd(), "stopped", &mut |_| Flow::Stop).unwrap_err();
    assert_eq!(stopped.text, "the copy was stopped");
    assert_eq!(fs::stat_in(&scratch.dir, "stopped/small").unwrap_err(), Errno::ENOENT);
}

#[test]
fn removing_follows_no_symlink_and_needs_nothing_there() {
    let scratch = Scratch::new();
    let kept = scratch.make("kept");
    write(&kept, "file", b"x");
    scratch.make("gone");
    for (link, target) in [("gone/dir", "../kept"), ("gone/file", "../kept/file"), ("link", "kept")] {
        fs::make_symlink(&scratch.dir, link, target).unwrap();
    }
    for name in ["gone", "link", "gone"] {
        remove_tree(scratch.dir.as_fd(), name).unwrap();
    }
    assert_eq!(fs::names(&scratch.dir).unwrap(), ["kept"]);
    assert_eq!(fs::names(&kept).unwrap(), ["file"]);
}

#[test]
fn an_immutable_file_is_named() {
    let scratch = Scratch::new();
    scratch.make("gone");
    let gone = scratch.make("gone/sub");
    write(&gone, "file", b"x");
    let chattr = |flag: &str, name: &str| {
        let path = std::format!("{}/{name}", scratch.path);
        Command::new("chattr").args([flag, &path]).output().is_ok_and(|output| output.status.success())
    };
    for (name, text) in [
        ("gone/sub/file", "cannot remove \"gone/sub/file\": it is immutable or append-only; clear that with chattr -ia"),
        ("gone/sub", "cannot remove \"gone/sub\": it is immutable or append-only; clear that with chattr -ia"),
        (".", "cannot remove \"gone\": its directory is immutable or append-only; clear that with chattr -ia"),
    ] {
        if !chattr("+i", name) {
            return std::eprintln!("skipped: no immutable files here");
        }
        let refused = remove_tree(scratch.dir.as_fd(), "gone");
        assert!(chattr("-i", name));
        assert_eq!(refused.unwrap_err().text, text);
    }
    remove_tree(scratch.dir.as_fd(), "gone").unwrap();
}

#[test]
fn special_files_need_no_opening() {
    let scratch = Scratch::new();
    let original = scratch.make("original");
    sys::make_special_at(&original, c"fifo", Node::Fifo).unwrap();
    sys::make_special_at(&original, c"socket", Node::Socket).unwrap();
    let totals = copy(&original, &scratch).unwrap().totals;
    assert_eq!((totals.files, totals.directories, totals.others), (0, 1, 2));
    assert_eq!(sys::look(opened(&scratch, "copy"), c"fifo").unwrap().node, Node::Fifo);
}
