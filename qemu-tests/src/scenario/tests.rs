use super::{End, FileSystem, Flavour, Tier, parse};
use crate::cache::workspace;
use crate::kernel::Version;

const WHOLE: &str = r#"
title = "all of it"
kernel = "6.1"
config = "[boot]\ntries = 2\n"
[disk]
fs = "xfs"
mebibytes = 512
sector = 4096
[[deployment]]
id = "v1"
good = true
tree = { init = "panic", files = { "etc/motd" = "hi" }, remove = ["sysroot"] }
[[boot]]
cmdline = "bedplate.deployment=v1"
faults = [{ do = "patch", path = "bedplate/record", offset = 8, hex = "ff" }]
steps = [{ run = ["bedplate", "mark", "bad", "--reason", "two words"], exit = 1, json = { "/a/b" = 3 } }]
end = "power-cut"
[boot.expect]
deployment = "v1"
slots.v1 = { left = 2 }
mounts = [{ target = "/usr", access = "ro" }]
"#;

#[test]
fn a_scenario_with_everything() {
    let scenario = parse(WHOLE).unwrap();
    assert_eq!((scenario.tier, scenario.kernel, scenario.disk.fs), (Tier::Tiny, Version::Bookworm, FileSystem::Xfs));
    let boot = &scenario.boots[0];
    assert_eq!((boot.end, boot.faults.len()), (End::PowerCut, 1));
    let action = serde_json::to_value(boot.steps[0].action().unwrap()).unwrap();
    assert_eq!(action["argv"][4], "two words");
    assert_eq!((boot.steps[0].checks.exit, boot.steps[0].checks.json["/a/b"].as_i64()), (Some(1), Some(3)));
    assert_eq!(boot.expect.slots["v1"].left, Some(2));
}

/// Typing errors are found, wherever they are.
#[test]
fn unknown_keys_and_values_are_errors() {
    for (from, to) in [
        ("kernel =", "kernal ="),
        ("fs = \"xfs\"", "fs = \"zfs\""),
        ("sector =", "sektor ="),
        ("good =", "god ="),
        ("init = \"panic\"", "init = \"panics\""),
        ("cmdline =", "cmdlin ="),
        ("do = \"patch\"", "do = \"pach\""),
        ("exit = 1", "exits-with = 1"),
        ("left = 2", "tries = 2"),
        ("access = \"ro\"", "acces = \"ro\""),
    ] {
        let text = WHOLE.replace(from, to);
        assert_ne!(text, WHOLE, "{from}");
        assert!(parse(&text).is_err(), "{to}");
    }
}

#[test]
fn a_step_has_one_action() {
    let with = |step: &str| parse(&format!("title = \"\"\n[[boot]]\nsteps = [{step}]\n"));
    assert!(with("{ read = \"/a\" }").is_ok());
    assert!(with("{ exit = 1 }").unwrap_err().contains("boot 1: step 1: has no action"));
    assert!(with("{ read = \"/a\", list = \"/b\" }").unwrap_err().contains("more than one action"));
}

#[test]
fn a_message_needs_a_text_to_wait_for() {
    assert!(parse("title = \"\"\n[[boot]]\nend = \"message\"\n").unwrap_err().contains("expect.console"));
}

#[test]
fn every_scenario_of_the_matrix_can_be_read() {
    for dir in ["qemu-tests/scenarios", "qemu-tests/power-cuts"] {
        let all = super::load_all(&workspace().join(dir)).unwrap();
        assert!(!all.is_empty());
        let broken: Vec<_> = all.iter().filter(|scenario| scenario.title.is_empty() || scenario.boots.is_empty()).collect();
        assert!(broken.is_empty(), "{broken:?}");
    }
}

/// Where no boot is logged, no cut is tried: that would pass whatever the program does.
#[test]
fn every_scenario_of_power_cuts_has_a_log() {
    let all = super::load_all(&workspace().join("qemu-tests/power-cuts")).unwrap();
    let without: Vec<_> = all.iter().filter(|scenario| !scenario.boots.iter().any(|boot| boot.block_log)).collect();
    assert!(without.is_empty(), "{without:?}");
}

#[test]
fn what_cannot_be_written_has_no_log() {
    assert!(parse("title = \"\"\n[[boot]]\nblock-log = true\nread-only = true\n").unwrap_err().contains("nothing to log"));
}

#[test]
fn only_a_debian_has_a_flavour() {
    let with = |tier: &str| parse(&format!("title = \"\"\ntier = \"{tier}\"\nflavour = \"field\"\n[[boot]]\n"));
    assert_eq!(with("debian").unwrap().flavour, Flavour::Field);
    assert!(with("tiny").unwrap_err().contains("of the tier debian"));
}
