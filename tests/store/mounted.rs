//! Stores on file systems of their own: small ones, and read-only mounts. These tests run themselves again in a mount
//! namespace.

use super::bench::Bench;
use std::process::Command;

/// Whether this is the run inside the namespace. Outside it starts that and reports what it came to.
fn inside(test: &str) -> bool {
    inside_of("mounted", test)
}

/// The same for a test of another module.
pub fn inside_of(module: &str, test: &str) -> bool {
    const MARK: &str = "BEDPLATE_TEST_IN_NAMESPACE";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    if !unshare().arg("true").output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no mount namespaces here");
        return false;
    }
    let own = std::env::current_exe().unwrap();
    let test = format!("{module}::{test}");
    let output = unshare().arg(own).args(["--exact", &test, "--nocapture"]).env(MARK, "1").output().unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}");
    false
}

/// Whoever is not root becomes it in a user namespace.
fn unshare() -> Command {
    let mut command = Command::new("unshare");
    command.args(["--mount", "--propagation", "private"]).args((!is_root()).then_some("--map-root-user"));
    command
}

fn is_root() -> bool {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) == 0
}

pub fn mount(arguments: &[&str]) {
    assert!(Command::new("mount").args(arguments).status().unwrap().success(), "mount {arguments:?}");
}

/// A bench whose sysroot is gone from its directory when the test ends.
struct Mounted(Bench);

impl Mounted {
    fn tmpfs(options: &str) -> Self {
        let bench = Bench::without_store();
        mount(&["-t", "tmpfs", "-o", options, "store", &bench.path("sysroot")]);
        assert_eq!(bench.bedplate(&["init-store"]).code, 0);
        bench.tree("tree", "1");
        Self(bench)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        while Command::new("umount").arg(self.0.path("sysroot")).output().unwrap().status.success() {}
    }
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_written() {
    if !inside("what_does_not_fit_is_refused_before_anything_is_written") {
        return;
    }
    for (options, why) in [("size=20m", "not enough space in the store: "), ("size=200m,nr_inodes=500", " inodes are needed and ")] {
        let mounted = Mounted::tmpfs(options);
        let bench = &mounted.0;
        if options == "size=20m" {
            std::fs::write(bench.path("tree/usr/big"), vec![7; 16 << 20]).unwrap();
        }
        let refused = bench.bedplate(&["deploy", "TREE", "--id", "v1"]);
        assert_eq!(refused.code, 1);
        assert!(refused.err.contains(why), "{}", refused.err);
        assert_eq!(bench.names("sysroot/bedplate/deployments"), [""; 0]);
    }
}

#[test]
fn a_disk_that_fills_up_meanwhile_is_left_clean() {
    if !inside("a_disk_that_fills_up_meanwhile_is_left_clean") {
        return;
    }
    let mounted = Mounted::tmpfs("size=40m");
    let bench = &mounted.0;
    for number in 0..2000 {
        let path = bench.path(&format!("tree/usr/{number}"));
        std::fs::write(&path, vec![7; 8 << 10]).unwrap();
    }
    let filler = bench.path("sysroot/filler");
    let child = bench.command(&["deploy", "TREE", "--id", "v1"]).stderr(std::process::Stdio::piped()).spawn().unwrap();
    while !bench.exists("sysroot/bedplate/deployments/.v1.new/root/usr") {
        std::thread::yield_now();
    }
    // It must not be done before the disk is full.
    let signal = |name: &str| assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
    signal("-STOP");
    let mut full = std::fs::File::create(&filler).unwrap();
    while std::io::Write::write(&mut full, &vec![7; 1 << 16]).is_ok_and(|written| written > 0) {}
    signal("-CONT");
    let output = child.wait_with_output().unwrap();
    drop(full);
    std::fs::remove_file(&filler).unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("no space left on device"), "{said}");
    assert_eq!(bench.names("sysroot/bedplate/deployments"), [""; 0]);
    bench.done(&["deploy", "TREE", "--id", "v1"]);
}

#[test]
fn a_sysroot_that_is_mounted_read_only_is_written_in_private() {
    if !inside("a_sysroot_that_is_mounted_read_only_is_written_in_private") {
        return;
    }
    let mounted = Mounted::tmpfs("size=40m");
    let bench = &mounted.0;
    let sysroot = bench.path("sysroot");
    mount(&["--bind", &sysroot, &sysroot]);
    mount(&["-o", "remount,bind,ro,nosuid,nodev", &sysroot]);
    bench.done(&["deploy", "TREE", "--id", "v1", "--good"]);
    bench.done(&["deploy", "TREE", "--id", "v2"]);
    bench.done(&["remove", "v2"]);
    assert_eq!(bench.names("sysroot/bedplate/deployments"), ["v1"]);
    assert!(std::fs::write(bench.path("sysroot/x"), "").is_err(), "it became writable for others, too");
}

#[test]
fn what_cannot_be_cleared_away_blocks_only_its_own_name() {
    if !inside("what_cannot_be_cleared_away_blocks_only_its_own_name") {
        return;
    }
    // A mount resists root, too, on every file system.
    let bench = Bench::new();
    bench.done(&["deploy", "TREE", "--id", "v1"]);
    let busy = ["sysroot/bedplate/deployments/.v2.new/root", "sysroot/bedplate/deployments/.v3.del/root"].map(|path| bench.path(path));
    for path in &busy {
        std::fs::create_dir_all(path).unwrap();
        mount(&["--bind", path, path]);
    }
    let in_the_way =
        |name: &str| format!("cannot remove \"bedplate/deployments/{name}/root\": something is mounted there; unmount it first");
    let going_on = |name: &str| format!("bedplate: warning: {}, going on: the next deploy or remove tries it again\n", in_the_way(name));
    for arguments in [&["deploy", "TREE", "--id", "v4"][..], &["remove", "v4"]] {
        let ended = bench.bedplate(arguments);
        assert_eq!((ended.code, ended.err), (0, going_on(".v2.new") + &going_on(".v3.del")));
    }
    let blocked = bench.bedplate(&["deploy", "TREE", "--id", "v2"]);
    assert_eq!((blocked.code, blocked.err), (1, format!("bedplate: error: {}\n", in_the_way(".v2.new"))));
    for path in &busy {
        assert!(Command::new("umount").arg(path).status().unwrap().success());
    }
    bench.done(&["deploy", "TREE", "--id", "v2"]);
    assert_eq!(bench.names("sysroot/bedplate/deployments"), ["v1", "v2"]);
}

#[test]
fn what_a_copy_would_leave_out_is_refused() {
    if !inside("what_a_copy_would_leave_out_is_refused") {
        return;
    }
    for covered in ["usr", "etc", "sbin"] {
        let bench = Bench::new();
        let (covered_path, aside) = (bench.path(&format!("tree/{covered}")), bench.path("aside"));
        std::fs::rename(&covered_path, &aside).unwrap();
        std::fs::create_dir(&covered_path).unwrap();
        mount(&["--bind", &aside, &covered_path]);
        let refused = bench.bedplate(&["deploy", "TREE", "--id", "v1"]);
        assert!(Command::new("umount").arg(&covered_path).status().unwrap().success());
        let what = if covered == "sbin" { "sbin/init" } else { covered };
        let why = format!("\"{what}\" of the source is another mount, and a copy stays within one: copy the tree into one directory first");
        assert_eq!((refused.code, refused.err), (1, format!("bedplate: error: {why}\n")));
        assert_eq!(bench.names("sysroot/bedplate/deployments"), [""; 0]);
    }
}

#[test]
fn a_root_that_stands_is_no_failed_boot() {
    if !inside("a_root_that_stands_is_no_failed_boot") {
        return;
    }
    let Mounted(bench) = &Mounted::tmpfs("size=32m");
    bench.done(&["deploy", "TREE", "--id", "v1", "--good"]);
    let init = bench.path("sysroot/bedplate/deployments/v1/root/sbin/init");
    std::fs::set_permissions(init, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    bench.write("run/bedplate/boot.json/in-the-way", "");
    let said = prepare_root(bench);
    assert!(said.contains("going on without the report: this boot cannot be marked good"), "{said}");
    assert!(bench.exists("sysroot/sysroot/bedplate/record"));
    umount_all(bench);
}

/// What it says; it has to succeed.
fn prepare_root(bench: &Bench) -> String {
    let (sysroot, run) = (bench.path("sysroot"), bench.path("run"));
    let mut prepare_root = Command::new(env!("CARGO_BIN_EXE_bedplate"));
    let ended = prepare_root.args(["prepare-root", &sysroot, "", "--config-root", &run, "--run", &run]).output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(0), "{said}");
    said
}

fn umount_all(bench: &Bench) {
    assert!(Command::new("umount").args(["--recursive", &bench.path("sysroot")]).status().unwrap().success());
}

#[test]
fn what_cannot_be_counted_waits() {
    if !is_root() {
        eprintln!("skipped: a loop device needs root");
        return;
    }
    if !inside("what_cannot_be_counted_waits") {
        return;
    }
    let bench = Bench::new();
    bench.done(&["deploy", "TREE", "--id", "v1", "--good"]);
    bench.done(&["deploy", "TREE", "--id", "v2"]);
    let init = bench.path("sysroot/bedplate/deployments/v1/root/sbin/init");
    std::fs::set_permissions(init, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let (disk, sysroot) = (bench.path("disk"), bench.path("sysroot"));
    let made = Command::new("mke2fs").args(["-q", "-t", "ext4", "-d", &sysroot, &disk, "32M"]).status().unwrap();
    assert!(made.success());
    mount(&["-o", "loop,ro", &disk, &sysroot]);
    let said = prepare_root(&bench);
    assert!(said.contains("choosing without counting, a deployment on trial has to wait"), "{said}");
    let report = std::fs::read_to_string(bench.path("run/bedplate/boot.json")).unwrap();
    let report: bedplate::decide::model::Report = serde_json::from_str(&report).unwrap();
    assert_eq!((report.deployment.id.as_str(), report.choice.counted, report.choice.fell_back_from), ("v1", false, None));
    umount_all(&bench);
}
