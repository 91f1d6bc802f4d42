use super::{Entry, Mark, compare};
use crate::boot::copy::scratch::{Scratch, is_root};
use crate::decide::drift::Sameness;
use crate::sys::copy::{self as sys, Device, Node, Subject};
use crate::sys::{AsFd, OwnedFd, fs};
use core::ffi::CStr;
use std::ffi::CString;
use std::{eprintln, vec};

fn file(dir: &OwnedFd, name: &str, mode: u16, content: &[u8]) {
    fs::write_all(fs::create_in(dir, name, mode).unwrap(), content).unwrap();
}

fn sameness(a: &OwnedFd, b: &OwnedFd, name: &str) -> Sameness {
    let name = CString::new(name).unwrap();
    let find = |dir: &OwnedFd| sys::look(dir, &name).unwrap();
    let (one, other) = (find(a), find(b));
    let entry = |dir, meta| Entry { dir, name: &name, meta };
    compare(&entry(a.as_fd(), one), &entry(b.as_fd(), other)).unwrap()
}

#[test]
fn things_are_compared_by_all_that_matters() {
    let scratch = Scratch::new();
    let (a, b) = (scratch.make("a"), scratch.make("b"));
    for (dir, text, mode, link, node) in [(&a, "one", 0o644, "x", Node::Fifo), (&b, "two", 0o600, "y", Node::Socket)] {
        file(dir, "same", 0o644, &vec![7; 200_000]);
        file(dir, "empty", 0o644, b"");
        file(dir, "content", 0o644, text.as_bytes());
        file(dir, "mode", mode, b"text");
        file(dir, "longer", 0o644, &vec![1; text.len() * usize::from(mode)]);
        fs::make_symlink(dir, "link", link).unwrap();
        sys::make_special_at(dir, c"special", node).unwrap();
    }
    file(&a, "end", 0o644, &[vec![7; 200_000], vec![1]].concat());
    file(&b, "end", 0o644, &[vec![7; 200_000], vec![2]].concat());
    file(&a, "attribute", 0o644, b"");
    file(&b, "attribute", 0o644, b"");
    sys::set_attribute(Subject::Named(b.as_fd(), c"attribute"), c"user.one", b"1").unwrap();
    for (name, expected) in [
        ("same", Sameness::Same),
        ("empty", Sameness::Same),
        ("content", Sameness::Content),
        ("longer", Sameness::Content),
        ("end", Sameness::Content),
        ("link", Sameness::Content),
        ("mode", Sameness::Metadata),
        ("attribute", Sameness::Metadata),
        ("special", Sameness::Type),
    ] {
        assert_eq!(sameness(&a, &b, name), expected, "{name}");
    }
}

fn mark(dir: &OwnedFd, name: &CStr) -> Mark {
    Entry::find(dir.as_fd(), name).unwrap().unwrap().mark().unwrap()
}

#[test]
fn marks_are_those_of_overlayfs() {
    if !is_root() {
        eprintln!("not run: marks take root");
        return;
    }
    let scratch = Scratch::new();
    let dir = scratch.make("upper");
    sys::make_special_at(&dir, c"gone", Node::Character(Device { major: 0, minor: 0 })).unwrap();
    sys::make_special_at(&dir, c"null", Node::Character(Device { major: 1, minor: 3 })).unwrap();
    for name in ["gone-by-attribute", "metacopy", "plain-empty"] {
        file(&dir, name, 0o644, b"");
    }
    file(&dir, "metacopy-with-blocks", 0o644, b"not its content");
    for name in ["opaque", "has-whiteouts", "redirect", "plain"] {
        fs::make_dir(&dir, name, 0o755).unwrap();
    }
    let set = |name: &CStr, key: &CStr, value: &[u8]| sys::set_attribute(Subject::Named(dir.as_fd(), name), key, value).unwrap();
    set(c"gone-by-attribute", c"trusted.overlay.whiteout", b"y");
    set(c"metacopy", c"trusted.overlay.metacopy", b"");
    set(c"metacopy-with-blocks", c"trusted.overlay.metacopy", b"");
    set(c"opaque", c"trusted.overlay.opaque", b"y");
    set(c"has-whiteouts", c"trusted.overlay.opaque", b"x");
    set(c"redirect", c"trusted.overlay.redirect", b"/other");
    for (name, expected) in [
        (c"gone", Mark::Whiteout),
        (c"gone-by-attribute", Mark::Whiteout),
        (c"metacopy", Mark::Metacopy),
        (c"metacopy-with-blocks", Mark::Metacopy),
        (c"opaque", Mark::Opaque),
        (c"redirect", Mark::Redirect),
        (c"has-whiteouts", Mark::Plain),
        (c"null", Mark::Plain),
        (c"plain-empty", Mark::Plain),
        (c"plain", Mark::Plain),
    ] {
        assert_eq!(mark(&dir, name), expected, "{name:?}");
    }
    assert!(Entry::find(dir.as_fd(), c"nothing").unwrap().is_none());
}
