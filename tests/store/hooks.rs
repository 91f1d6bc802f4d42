//! Hooks of the running system. These tests put them over /etc and /usr/lib, in a mount namespace.

use super::bench::Bench;
use super::mounted::{inside_of, mount};

/// A machine that runs v1 and has these hooks, by path; each writes its arguments to `log`.
fn bench(hooks: &[(&str, &str)]) -> Bench {
    let bench = Bench::new();
    bench.done(&["deploy", "TREE", "--id", "v1", "--good"]);
    bench.boot("v1");
    for place in ["etc", "usr/lib"] {
        for dir in ["upper", "work"] {
            std::fs::create_dir_all(bench.path(&format!("{place}/{dir}"))).unwrap();
        }
    }
    for (path, script) in hooks {
        let (place, rest) = path.split_once("/bedplate").unwrap();
        let path = format!("{place}/upper/bedplate{rest}");
        bench.write(&path, &format!("#!/bin/sh\necho ${{0##*/}} \"$@\" >> {}\n{script}\n", bench.path("log")));
        bench.set_mode(&path, 0o755);
    }
    // An overlay does not lie on tmpfs everywhere, and never on another overlay.
    for place in ["etc", "usr/lib"] {
        let dir = |name: &str| bench.path(&format!("{place}/{name}"));
        let options = format!("lowerdir=/{place},upperdir={},workdir={}", dir("upper"), dir("work"));
        mount(&["-t", "overlay", "-o", &options, "hooks", &format!("/{place}")]);
    }
    bench.write("log", "");
    bench
}

fn log(bench: &Bench) -> String {
    std::fs::read_to_string(bench.path("log")).unwrap().replace(&bench.path("sysroot"), "SYSROOT")
}

#[test]
fn hooks_are_told_in_order_and_may_say_no() {
    if !inside_of("hooks", "hooks_are_told_in_order_and_may_say_no") {
        return;
    }
    let hooks = [
        ("usr/lib/bedplate/deploy.d/10-a", "echo on its way"),
        ("usr/lib/bedplate/deploy.d/20-b", "exit 9"),
        ("etc/bedplate/deploy.d/20-b", "test -d \"$3/usr\""),
        ("etc/bedplate/deploy.d/30-c", "case $2 in bad) echo no >&2; echo never >&2; exit 3; esac"),
        ("etc/bedplate/deploy.d/.40-d", "exit 9"),
    ];
    let bench = bench(&hooks);
    bench.write("tree/usr/lib/modules/6.1/vmlinuz", "kernel");
    bench.write("tree/usr/lib/modules/6.1/initrd", "initramfs");
    let deployed = bench.bedplate(&["deploy", "TREE", "--id", "v2"]);
    assert_eq!((deployed.code, deployed.err.as_str()), (0, "on its way\n"));
    assert_eq!(deployed.out.lines().count(), 1, "{}", deployed.out);
    let root = "SYSROOT/bedplate/deployments/v2/root";
    let modules = format!("{root}/usr/lib/modules/6.1");
    let told = |name: &str, event: &str| format!("{name} {event} v2 {root} {modules}/vmlinuz {modules}/initrd\n");
    assert_eq!(log(&bench), ["10-a", "20-b", "30-c"].map(|name| told(name, "add")).concat());
    bench.write("log", "");
    assert_eq!(bench.bedplate(&["remove", "v2"]).code, 0);
    assert_eq!(log(&bench), ["30-c", "20-b", "10-a"].map(|name| told(name, "remove")).concat());

    bench.write("log", "");
    let before = std::fs::read(bench.path("sysroot/bedplate/record")).unwrap();
    let refused = bench.bedplate(&["deploy", "TREE", "--id", "bad"]);
    let why = "error: the hook \"/etc/bedplate/deploy.d/30-c add\" failed: exit status: 3: no; never\n";
    assert!(refused.code == 1 && refused.err.contains(why), "{}", refused.err);
    assert!(refused.err.contains("warning: the hook \"/etc/bedplate/deploy.d/30-c remove\" failed"), "{}", refused.err);
    assert_eq!(bench.names("sysroot/bedplate/deployments"), ["v1"]);
    assert_eq!(std::fs::read(bench.path("sysroot/bedplate/record")).unwrap(), before);
    let events: Vec<String> = log(&bench).lines().map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(events, ["10-a add", "20-b add", "30-c add", "30-c remove", "20-b remove", "10-a remove"]);
}

#[test]
fn hooks_know_nothing_of_another_machines_store() {
    if !inside_of("hooks", "hooks_know_nothing_of_another_machines_store") {
        return;
    }
    let bench = bench(&[("etc/bedplate/deploy.d/10-a", "exit 1")]);
    std::fs::remove_file(bench.path("run/bedplate/boot.json")).unwrap();
    bench.done(&["deploy", "TREE", "--id", "v2"]);
    assert_eq!(log(&bench), "");
}
