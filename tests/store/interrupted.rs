use super::bench::{Bench, Ended};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A deploy that has begun to copy a tree with many files.
fn begun(bench: &Bench) -> Child {
    for number in 0..8_000 {
        let dir = format!("tree/usr/share/{}", number / 1000);
        if number % 1000 == 0 {
            std::fs::create_dir_all(bench.path(&dir)).unwrap();
        }
        std::fs::write(bench.path(&format!("{dir}/{number}")), "x").unwrap();
    }
    let child = bench.command(&["deploy", "TREE", "--id", "v1"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let limit = Instant::now() + Duration::from_secs(60);
    while !bench.exists("sysroot/bedplate/deployments/.v1.new/root/usr") {
        assert!(Instant::now() < limit, "the copy does not begin");
        std::thread::yield_now();
    }
    child
}

fn signal(child: Child, name: &str) -> Ended {
    assert!(Command::new("kill").args([name, &child.id().to_string()]).status().unwrap().success());
    child.wait_with_output().unwrap().into()
}

#[test]
fn a_deploy_that_is_told_to_stop_leaves_nothing() {
    for name in ["-INT", "-TERM"] {
        let bench = Bench::new();
        let ended = signal(begun(&bench), name);
        assert_eq!((ended.code, ended.err.as_str()), (1, "bedplate: error: interrupted: nothing was deployed\n"));
        assert_eq!(bench.names("sysroot/bedplate/deployments"), [""; 0]);
        assert!(bench.record().slots.is_empty());
    }
}

#[test]
fn what_a_killed_deploy_leaves_is_cleared_by_the_next() {
    let bench = Bench::new();
    assert_eq!(signal(begun(&bench), "-KILL").code, -1);
    assert_eq!(bench.names("sysroot/bedplate/deployments"), [".v1.new"]);
    assert!(bench.record().slots.is_empty());
    std::fs::remove_dir_all(bench.path("tree/usr/share")).unwrap();
    bench.done(&["deploy", "TREE", "--id", "v2"]);
    assert_eq!(bench.names("sysroot/bedplate/deployments"), ["v2"]);
}

/// Where a removal can be cut off once the deployment is set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    SetAside,
    ManifestKept,
    StateGone,
    TreeGone,
    OnlyTheDirectory,
}

fn cut_off_at(bench: &Bench, step: Step) {
    let (v2, aside) = (bench.path("sysroot/bedplate/deployments/v2"), bench.path("sysroot/bedplate/deployments/.v2.del"));
    let name = format!("v2@{}", bench.instance("v2"));
    let key = bench.key("v2");
    bench.change(|record| record.remove(key));
    std::fs::rename(v2, &aside).unwrap();
    if step >= Step::ManifestKept {
        std::fs::rename(format!("{aside}/etc.manifest"), bench.path(&format!("sysroot/bedplate/manifests/{name}"))).unwrap();
    }
    if step >= Step::StateGone {
        std::fs::remove_dir_all(bench.path(&format!("sysroot/bedplate/state/{name}"))).unwrap();
    }
    if step >= Step::TreeGone {
        std::fs::remove_dir_all(format!("{aside}/root")).unwrap();
    }
    if step == Step::OnlyTheDirectory {
        std::fs::remove_file(format!("{aside}/deployment.toml")).unwrap();
    }
}

#[test]
fn a_removal_cut_off_anywhere_is_finished_by_the_next_verb() {
    for step in [Step::SetAside, Step::ManifestKept, Step::StateGone, Step::TreeGone, Step::OnlyTheDirectory] {
        for next in [&["deploy", "TREE", "--id", "v3"][..], &["remove", "v0"]] {
            let bench = Bench::new();
            bench.done(&["deploy", "TREE", "--id", "v0"]);
            bench.done(&["deploy", "TREE", "--id", "v2"]);
            let name = format!("v2@{}", bench.instance("v2"));
            bench.write(&format!("sysroot/bedplate/state/{name}/etc/upper/edited"), "x");
            cut_off_at(&bench, step);
            bench.done(next);
            let left = bench.names("sysroot/bedplate/deployments");
            assert!(!left.contains(&".v2.del".to_string()), "{step:?}: {left:?}");
            assert!(bench.exists(&format!("sysroot/bedplate/manifests/{name}")), "{step:?}");
            assert_eq!(bench.names("sysroot/bedplate/state"), [""; 0], "{step:?}");
        }
    }
}

#[test]
fn what_was_put_aside_by_hand_goes_alone() {
    let bench = Bench::new();
    bench.write("sysroot/bedplate/deployments/.a.del", "a file");
    bench.write("sysroot/bedplate/state/root/kept", "x");
    std::os::unix::fs::symlink("../state", bench.path("sysroot/bedplate/deployments/.b.del")).unwrap();
    std::os::unix::fs::symlink("../state", bench.path("sysroot/bedplate/deployments/.c.new")).unwrap();
    bench.write("sysroot/bedplate/deployments/.other/kept", "x");
    bench.done(&["deploy", "TREE", "--id", "v1"]);
    assert_eq!(bench.names("sysroot/bedplate/deployments"), [".other", "v1"]);
    assert!(bench.exists("sysroot/bedplate/state/root/kept"));
}
