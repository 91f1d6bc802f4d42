use super::*;
use crate::boot::copy::scratch::Scratch;
use crate::sys::copy::{Device, Node};
use std::string::String;

struct Etc {
    scratch: Scratch,
}

impl Etc {
    fn new() -> Self {
        let scratch = Scratch::new();
        for name in ["before", "upper", "vendor"] {
            scratch.make(name);
        }
        Self { scratch }
    }

    fn write(&self, path: &str, text: &str) {
        let dir = fs::split(path).0;
        fs::make_dirs(&self.scratch.dir, dir, 0o755).unwrap();
        fs::write_new_in(&self.scratch.dir, path, 0o644, text.as_bytes()).unwrap();
    }

    /// In the state before and in the vendor's.
    fn vendor(&self, path: &str, text: &str) {
        self.write(&std::format!("before/{path}"), text);
        self.write(&std::format!("vendor/{path}"), text);
    }

    fn settle(&self) {
        let open = |name: &str| fs::open_dir_in(&self.scratch.dir, name).unwrap();
        let left_out = settle(open("before").as_fd(), open("upper").as_fd(), open("vendor").as_fd()).unwrap();
        assert_eq!(left_out, LeftOut::default());
    }

    fn read(&self, path: &str) -> Option<String> {
        fs::read_text(&self.scratch.dir, &std::format!("vendor/{path}")).ok()
    }

    fn mode(&self, path: &str) -> u16 {
        fs::stat_in(&self.scratch.dir, &std::format!("vendor/{path}")).unwrap().mode
    }
}

#[test]
fn what_the_command_changed_is_the_vendors_and_what_was_local_is_not() {
    let etc = Etc::new();
    etc.vendor("kept", "vendor");
    etc.vendor("changed", "1");
    etc.vendor("both", "1");
    etc.write("before/local", "mine");
    etc.write("before/local-dir/mine", "mine");
    etc.write("vendor/edited", "vendor");
    etc.write("before/edited", "mine");
    etc.write("upper/changed", "2");
    etc.write("upper/both", "2");
    etc.write("upper/new/deep/file", "new");
    // Copied up, and the same as before.
    etc.write("upper/edited", "mine");
    etc.write("upper/local", "mine");
    etc.write("upper/local-dir/theirs", "new");
    etc.settle();
    for (path, text) in [
        ("kept", Some("vendor")),
        ("changed", Some("2")),
        ("both", Some("2")),
        ("new/deep/file", Some("new")),
        ("edited", Some("vendor")),
        ("local", None),
        ("local-dir/mine", None),
        ("local-dir/theirs", Some("new")),
    ] {
        assert_eq!(etc.read(path).as_deref(), text, "{path}");
    }
}

#[test]
fn accounts_are_merged_by_line() {
    let etc = Etc::new();
    etc.write("vendor/passwd", "root:x:0\n");
    etc.write("before/passwd", "root:x:0\nme:x:1000\n");
    etc.write("upper/passwd", "root:x:0\nme:x:1000\nwww:x:33\n");
    etc.write("upper/passwd-", "root:x:0\nme:x:1000\n");
    etc.write("upper/.pwd.lock", "");
    etc.settle();
    assert_eq!(etc.read("passwd").as_deref(), Some("root:x:0\nwww:x:33\n"));
    assert_eq!((etc.read("passwd-"), etc.read(".pwd.lock")), (None, None));
}

#[test]
fn modes_alone_change_modes_alone() {
    let etc = Etc::new();
    etc.write("vendor/file", "vendor");
    etc.write("before/file", "mine");
    etc.write("upper/file", "mine");
    etc.vendor("dir/a", "1");
    etc.vendor("own/a", "1");
    etc.write("upper/dir/a", "2");
    etc.write("upper/own/a", "2");
    let set = |path: &str, mode| fs::set_mode_in(&etc.scratch.dir, path, mode).unwrap();
    set("upper/file", 0o600);
    // Of one directory the mode is the command's, of the other the machine's.
    set("upper/dir", 0o700);
    set("before/own", 0o711);
    set("upper/own", 0o711);
    etc.settle();
    assert_eq!((etc.read("file").as_deref(), etc.mode("file")), (Some("vendor"), 0o600));
    assert_eq!((etc.mode("dir"), etc.mode("own")), (0o700, 0o755));
    assert_eq!(etc.read("own/a").as_deref(), Some("2"));
}

#[test]
fn what_is_gone_and_what_becomes_something_else() {
    let etc = Etc::new();
    etc.vendor("file", "1");
    etc.vendor("dir/a", "1");
    etc.write("upper/dir", "now a file");
    etc.write("upper/file/a", "now a directory");
    etc.vendor("gone/a", "1");
    if sys::make_special_at(&etc.scratch.dir, c"upper-probe", Node::Character(Device { major: 0, minor: 0 })).is_err() {
        return;
    }
    let upper = fs::open_dir_in(&etc.scratch.dir, "upper").unwrap();
    sys::make_special_at(&upper, c"gone", Node::Character(Device { major: 0, minor: 0 })).unwrap();
    sys::make_special_at(&upper, c"never", Node::Character(Device { major: 0, minor: 0 })).unwrap();
    fs::make_symlink(&upper, "link", "file").unwrap();
    etc.settle();
    assert_eq!((etc.read("dir").as_deref(), etc.read("file/a").as_deref()), (Some("now a file"), Some("now a directory")));
    assert_eq!((etc.read("gone/a"), etc.read("never")), (None, None));
    assert_eq!(fs::read_link_in(&etc.scratch.dir, "vendor/link").unwrap(), "file");
}
