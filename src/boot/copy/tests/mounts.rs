//! Other mounts in a tree. These tests run themselves again in a mount namespace of their own.

use super::*;

/// Whether this is the run inside the namespace. Outside it starts that and reports what it came to.
fn inside(test: &str) -> bool {
    const MARK: &str = "BEDPLATE_TEST_IN_NAMESPACE";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let own = std::env::current_exe().unwrap();
    if !unshare().arg("true").output().is_ok_and(|output| output.status.success()) {
        std::eprintln!("skipped: no mount namespaces here");
        return false;
    }
    let test = std::format!("boot::copy::tests::mounts::{test}");
    let output = unshare().arg(own).args(["--exact", &test, "--nocapture"]).env(MARK, "1").output().unwrap();
    assert!(output.status.success(), "{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("1 passed"), "no test is named {test}");
    false
}

/// Whoever is not root becomes it in a user namespace.
fn unshare() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private"]).args((!is_root()).then_some("--map-root-user"));
    command
}

fn run(program: &str, arguments: &[&str]) {
    assert!(Command::new(program).args(arguments).status().unwrap().success(), "{program} {arguments:?}");
}

/// A tree with a file below `dir`, a tmpfs that covers `dir`, and a file that is bound over another one.
fn covered() -> (Scratch, OwnedFd) {
    let scratch = Scratch::new();
    let original = scratch.make("original");
    scratch.make("original/dir");
    write(&original, "dir/below", b"below");
    write(&original, "file", b"below");
    write(&scratch.dir, "other", b"above");
    let path = |name: &str| std::format!("{}/{name}", scratch.path);
    run("mount", &["-t", "tmpfs", "-o", "mode=0700", "above", &path("original/dir")]);
    run("mount", &["--bind", &path("other"), &path("original/file")]);
    write(&original, "dir/above", b"above");
    (scratch, original)
}

fn uncover(scratch: &Scratch) {
    for name in ["original/dir", "original/file"] {
        run("umount", &[&std::format!("{}/{name}", scratch.path)]);
    }
}

#[test]
fn a_copy_has_what_the_file_system_has_below_other_mounts() {
    if !inside("a_copy_has_what_the_file_system_has_below_other_mounts") {
        return;
    }
    let (scratch, original) = covered();
    let measured = measure(original.as_fd()).unwrap();
    let copied = copy(&original, &scratch).unwrap();
    uncover(&scratch);
    assert_eq!(copied.left_out, LeftOut::default());
    assert_eq!((measured.files, measured.directories), (2, 2));
    assert_eq!(listing(opened(&scratch, "copy").as_fd()), listing(original.as_fd()));
}

#[test]
fn asked_to_it_crosses() {
    if !inside("asked_to_it_crosses") {
        return;
    }
    let (scratch, original) = covered();
    copy_tree_with(original.as_fd(), Mounts::Cross, scratch.dir.as_fd(), "copy", &mut go_on).unwrap();
    let as_seen = listing(original.as_fd());
    uncover(&scratch);
    assert_eq!(listing(opened(&scratch, "copy").as_fd()), as_seen);
    assert_eq!(fs::read(&scratch.dir, "copy/file").unwrap(), b"above");
    assert_eq!(fs::names_in(&scratch.dir, "copy/dir").unwrap(), ["above"]);
}

#[test]
fn without_the_right_to_clone_mounts_it_leaves_out_what_they_cover() {
    if !inside("without_the_right_to_clone_mounts_it_leaves_out_what_they_cover") {
        return;
    }
    let (scratch, original) = covered();
    let view = walk::View::Plain(sys::open_again(&original).unwrap());
    let mut watch = go_on;
    let copier = tree::Copier::begin(&view, Mounts::Stay, scratch.dir.as_fd(), c"copy", &mut watch).unwrap();
    let left_out = copier.run().unwrap().left_out;
    uncover(&scratch);
    assert_eq!(left_out.first, ["\"file\": covered by another mount"]);
    assert_eq!(fs::names_in(&scratch.dir, "copy").unwrap(), ["dir"]);
    assert_eq!(fs::names_in(&scratch.dir, "copy/dir").unwrap(), [""; 0]);
}

#[test]
fn removing_stops_at_a_mount() {
    if !inside("removing_stops_at_a_mount") {
        return;
    }
    for (name, mount) in [("original", "original/dir"), ("dir", "dir")] {
        let scratch = Scratch::new();
        scratch.make(name);
        if mount != name {
            scratch.make(mount);
        }
        let path = std::format!("{}/{mount}", scratch.path);
        run("mount", &["-t", "tmpfs", "above", &path]);
        write(&scratch.dir, &std::format!("{mount}/kept"), b"x");
        let refused = remove_tree(scratch.dir.as_fd(), name).unwrap_err();
        assert_eq!(refused.text, std::format!("cannot remove \"{mount}\": something is mounted there; unmount it first"));
        assert_eq!(fs::names_in(&scratch.dir, mount).unwrap(), ["kept"]);
        run("umount", &[&path]);
    }
}
