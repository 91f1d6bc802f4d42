//! init-store, deploy and remove, run as programs on a store in a directory: what they make, refuse, and leave behind when
//! they are stopped.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "all of this is a test")]

mod bench;
mod boot;
mod deploy;
mod health;
mod history;
mod hooks;
mod interrupted;
mod mounted;
mod remove;
mod speed;
mod verdicts;
mod verify;

use bench::Bench;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

#[test]
fn a_store_is_made_once() {
    let bench = Bench::without_store();
    let made = bench.bedplate(&["init-store"]);
    assert_eq!((made.code, made.out.as_str()), (0, bench.with_path("made the store SYSROOT/bedplate\n").as_str()));
    let permissions = |name: &str| std::fs::metadata(bench.path(name)).unwrap().mode() & 0o7777;
    let modes = ["", "/deployments", "/state", "/manifests", "/var", "/record"].map(|name| permissions(&format!("sysroot/bedplate{name}")));
    assert_eq!(modes, [0o700, 0o700, 0o700, 0o700, 0o755, 0o600]);
    assert!(["proc", "sys", "dev"].iter().all(|name| std::fs::metadata(bench.path(&format!("sysroot/{name}"))).unwrap().is_dir()));
    // Full of real bytes: a commit to it never needs space.
    let record = std::fs::metadata(bench.path("sysroot/bedplate/record")).unwrap();
    assert!(record.blocks() * 512 >= record.len());

    let before = std::fs::read(bench.path("sysroot/bedplate/record")).unwrap();
    std::fs::set_permissions(bench.path("sysroot/bedplate/state"), std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::remove_dir(bench.path("sysroot/bedplate/manifests")).unwrap();
    let completed = bench.bedplate(&["init-store"]);
    assert_eq!((completed.code, completed.out), (0, made.out));
    assert_eq!(completed.err, "bedplate: warning: \"bedplate/state\" had mode 0755, it has 0700 now\n");
    let again = bench.bedplate(&["init-store"]);
    assert_eq!((again.code, again.out), (0, bench.with_path("nothing to do: there is a store at SYSROOT/bedplate\n")));
    assert_eq!(std::fs::read(bench.path("sysroot/bedplate/record")).unwrap(), before);
}

#[test]
fn a_file_in_the_way_of_the_store_is_not_touched() {
    let bench = Bench::without_store();
    bench.write("sysroot/bedplate", "mine");
    let refused = bench.bedplate(&["init-store"]);
    assert_eq!((refused.code, refused.err.as_str()), (1, "bedplate: error: \"bedplate\" is there and no directory: move it away first\n"));
}

#[test]
fn without_a_store_nothing_is_done() {
    let bench = Bench::without_store();
    bench.tree("tree", "1");
    for arguments in [&["deploy", "TREE", "--id", "v1"][..], &["remove", "v1"]] {
        let refused = bench.bedplate(arguments);
        assert_eq!(refused.code, 3);
        assert!(refused.err.contains("this is not a bedplate system"), "{}", refused.err);
    }
    assert_eq!(bench.names("sysroot"), [""; 0]);
}

#[test]
fn who_is_not_root_is_told_to_be() {
    use std::os::unix::process::CommandExt;
    let bench = Bench::new();
    if std::fs::metadata(bench.path("sysroot")).unwrap().uid() != 0 {
        return eprintln!("skipped: only root can be somebody else");
    }
    // Where the program was built, nobody else may look.
    let program = bench.path("program");
    std::fs::copy(env!("CARGO_BIN_EXE_bedplate"), &program).unwrap();
    let (sysroot, tree) = (bench.path("sysroot"), bench.path("tree"));
    for arguments in [&["status"][..], &["deploy", &tree, "--id=v1"], &["init-store"]] {
        let mut command = std::process::Command::new(&program);
        let output = command.args(arguments).args(["--sysroot", &sysroot]).uid(65534).gid(65534).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.code() == Some(1) && said.ends_with("permission denied; run it as root\n"), "{said}");
    }
    let denied = bench.bedplate(&["deploy", "TREE/none", "--id", "v1"]);
    assert!(!denied.err.contains("as root"), "{}", denied.err);
}
