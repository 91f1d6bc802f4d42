use super::bench::{Bench, Ended};
use proptest::prelude::*;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::process::Command;

/// Files of /usr beside those of every tree, with a large one and one whose name is no text.
fn deployed() -> Bench {
    let bench = Bench::new();
    bench.write("tree/usr/lib/data/one", "1");
    bench.write("tree/usr/lib/data/two", "2");
    bench.write("tree/usr/lib/data-more", "3");
    bench.write("tree/usr/share/large", &"large ".repeat(1 << 18));
    symlink("data/one", bench.path("tree/usr/lib/link")).unwrap();
    let odd = <std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(b"odd \xff\n");
    fs::write(std::path::Path::new(&bench.path("tree/usr/lib")).join(odd), "odd").unwrap();
    bench.done(&["deploy", "TREE", "--id", "v1", "--good"]);
    bench
}

fn root(bench: &Bench, path: &str) -> String {
    bench.path(&format!("sysroot/bedplate/deployments/v1/root/{path}"))
}

fn digest(bench: &Bench) -> String {
    let text = fs::read_to_string(bench.path("sysroot/bedplate/deployments/v1/deployment.toml")).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix("digest = \"")).unwrap();
    line.trim_end_matches('"').into()
}

fn json(bench: &Bench) -> Value {
    serde_json::from_str(&bench.bedplate(&["verify", "v1", "--json"]).out).unwrap()
}

fn attribute(path: &str) -> bool {
    Command::new("setfattr").args(["-n", "user.x", "-v", "1", path]).status().is_ok_and(|status| status.success())
}

#[test]
fn what_was_deployed_is_what_is_there() {
    let bench = deployed();
    let digest = digest(&bench);
    let manifest = bench.path("sysroot/bedplate/deployments/v1/usr.manifest");
    let sum = Command::new("sha256sum").arg(&manifest).output().unwrap().stdout;
    assert_eq!(digest.strip_prefix("sha256:").unwrap().as_bytes(), &sum[..64]);
    let said = bench.done(&["verify", "v1"]);
    assert_eq!(said, format!("v1 is bit for bit what was deployed: {digest} (15 paths, 1.5 MiB)\n"));
    let all = json(&bench);
    assert_eq!((&all["ok"], &all["digest"], &all["id"]), (&true.into(), &digest.into(), &"v1".into()));
    // Nothing runs here: nobody can be meant.
    let refused = bench.bedplate(&["verify"]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.ends_with("name one (there are: v1)\n"), "{}", refused.err);
    assert!(!bench.exists("run/bedplate/verified.json"));
}

#[test]
fn every_way_to_change_a_tree_is_named() {
    let bench = deployed();
    let root = |path: &str| root(&bench, path);
    fs::write(root("usr/lib/data/one"), "!").unwrap();
    fs::remove_file(root("usr/lib/data/two")).unwrap();
    fs::write(root("usr/lib/data/three"), "3").unwrap();
    fs::create_dir_all(root("usr/lib/new/below")).unwrap();
    fs::set_permissions(root("usr/lib/data-more"), fs::Permissions::from_mode(0o4755)).unwrap();
    fs::remove_file(root("usr/lib/link")).unwrap();
    symlink("data/two", root("usr/lib/link")).unwrap();
    fs::remove_file(root("usr/bin/bedplate")).unwrap();
    fs::create_dir(root("usr/bin/bedplate")).unwrap();
    // Of the same size: only the content tells.
    fs::write(root("usr/share/large"), "Large ".repeat(1 << 18)).unwrap();
    fs::write(root("etc/hosts"), "mine").unwrap();
    let mut expected = vec![
        ("/etc/hosts", "content"),
        ("/usr/bin/bedplate", "type"),
        ("/usr/lib/data-more", "mode"),
        ("/usr/lib/data/one", "content"),
        ("/usr/lib/data/three", "extra"),
        ("/usr/lib/data/two", "missing"),
        ("/usr/lib/link", "target"),
        ("/usr/lib/new", "extra"),
        ("/usr/share/large", "content"),
    ];
    if attribute(&root("usr/lib")) {
        expected.push(("/usr/lib", "attributes"));
    }
    expected.sort_unstable();
    let all = json(&bench);
    let mut found: Vec<(&str, &str)> = all["differences"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["path"].as_str().unwrap(), line["kinds"][0].as_str().unwrap()))
        .collect();
    found.sort_unstable();
    assert_eq!(found, expected);
    let Ended { code, out, .. } = bench.bedplate(&["verify", "v1"]);
    assert_eq!(code, 1);
    for line in [
        "/usr/lib/data-more: mode 4755 instead of 0644\n",
        "/usr/bin/bedplate: directory instead of file\n",
        "/usr/lib/link: other target\n",
    ] {
        assert!(out.contains(line), "{out}");
    }
    assert!(out.contains("v1 differs from what was deployed in "), "{out}");
}

#[test]
fn a_boot_keeps_the_result_for_status() {
    let bench = deployed();
    bench.boot("v1");
    let line = |bench: &Bench| {
        let out = bench.bedplate(&["status"]).out;
        out.lines().find(|line| line.starts_with("digest ")).unwrap().to_owned()
    };
    let short = digest(&bench)[..23].to_owned();
    assert_eq!(line(&bench), format!("digest     {short} (not verified in this boot)"));
    bench.done(&["verify"]);
    assert_eq!(line(&bench), format!("digest     {short} (verified in this boot)"));
    fs::remove_file(root(&bench, "usr/lib/data-more")).unwrap();
    assert_eq!(bench.bedplate(&["verify"]).code, 1);
    assert_eq!(line(&bench), format!("digest     {short} (differs from it in 1 place)"));
    let kept: Value = serde_json::from_str(&fs::read_to_string(bench.path("run/bedplate/verified.json")).unwrap()).unwrap();
    assert_eq!((&kept["ok"], &kept["differences"], &kept["id"]), (&false.into(), &1.into(), &"v1".into()));
}

#[test]
fn without_a_manifest_nothing_can_be_said() {
    let bench = deployed();
    let dir = bench.path("sysroot/bedplate/deployments/v1");
    let manifest = format!("{dir}/usr.manifest");
    let text = fs::read_to_string(&manifest).unwrap();
    // One line more, and it is not what was deployed.
    fs::write(&manifest, format!("{text}d 755 0 0 - - - zzz\n")).unwrap();
    let refused = bench.bedplate(&["verify", "v1"]);
    assert_eq!((refused.code, refused.out.as_str()), (1, ""));
    assert!(refused.err.contains("usr.manifest of v1 is not the one that was deployed"), "{}", refused.err);
    fs::remove_file(&manifest).unwrap();
    let refused = bench.bedplate(&["verify", "v1"]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("v1 has no usr.manifest and cannot be verified: it was deployed by an older bedplate"), "{}", refused.err);
}

#[test]
fn changes_on_purpose_are_named() {
    let bench = deployed();
    let opened = r#"[{"time":1,"boot-id":"x","by":"root","command":["apt-get","install","hello"],"exit":0}]"#;
    bench.write("sysroot/bedplate/deployments/v1/unlocked.json", opened);
    let said = bench.done(&["verify", "v1"]);
    assert!(said.starts_with("changed in place by: apt-get install hello\nv1 is bit for bit"), "{said}");
}

#[test]
fn an_older_description_of_etc_is_understood() {
    let bench = deployed();
    let path = bench.path("sysroot/bedplate/deployments/v1/etc.manifest");
    let text = fs::read_to_string(&path).unwrap();
    let old: Vec<String> = text.lines().skip(1).map(|line| line.replacen(" - .", " .", 1).replacen(" - hosts", " hosts", 1)).collect();
    fs::write(&path, format!("# bedplate etc.manifest 1\n{}\n", old.join("\n"))).unwrap();
    bench.done(&["verify", "v1"]);
    attribute(&root(&bench, "etc/hosts"));
    bench.done(&["verify", "v1"]);
}

/// One thing done to one path of a tree.
#[derive(Debug, Clone, Copy)]
enum Tamper {
    Append,
    Flip,
    Remove,
    Mode,
    Owner,
    Link,
    Extra,
}

fn tamper(path: &str, how: Tamper) -> &'static str {
    match how {
        Tamper::Append => {
            let mut content = fs::read(path).unwrap();
            content.push(b'x');
            fs::write(path, content).unwrap();
            "content"
        }
        Tamper::Flip => {
            let mut content = fs::read(path).unwrap();
            let Some(last) = content.last_mut() else { return tamper(path, Tamper::Append) };
            *last ^= 1;
            fs::write(path, content).unwrap();
            "content"
        }
        Tamper::Remove => {
            fs::remove_file(path).unwrap();
            "missing"
        }
        Tamper::Mode => {
            let mode = fs::metadata(path).unwrap().mode();
            fs::set_permissions(path, fs::Permissions::from_mode(mode ^ 0o100)).unwrap();
            "mode"
        }
        Tamper::Owner => match std::os::unix::fs::chown(path, Some(4711), None) {
            Ok(()) => "owner",
            Err(_) => tamper(path, Tamper::Mode),
        },
        Tamper::Link => {
            fs::remove_file(path).unwrap();
            symlink("elsewhere", path).unwrap();
            "type"
        }
        Tamper::Extra => {
            fs::write(format!("{path}.extra"), "").unwrap();
            "extra"
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 12, ..ProptestConfig::default() })]

    #[test]
    fn one_thing_changed_is_the_one_thing_told(
        files in prop::collection::btree_map("[a-c]{1,2}(/[a-c -]{1,3}){0,3}", "[a-z]{0,20}", 1..12),
        pick in any::<prop::sample::Index>(),
        how in prop::sample::select(vec![
            Tamper::Append, Tamper::Flip, Tamper::Remove, Tamper::Mode, Tamper::Owner, Tamper::Link, Tamper::Extra,
        ]),
    ) {
        let bench = Bench::new();
        let mut made = Vec::new();
        for (name, content) in &files {
            let path = bench.path(&format!("tree/usr/x/{name}"));
            // Where one name is a directory of another, the later one is left out.
            if fs::create_dir_all(path.rsplit_once('/').unwrap().0).is_ok() && fs::write(&path, content).is_ok() {
                made.push(name);
            }
        }
        bench.done(&["deploy", "TREE", "--id", "v1", "--good"]);
        bench.done(&["verify", "v1"]);
        let name = made[pick.index(made.len())];
        let kind = tamper(&root(&bench, &format!("usr/x/{name}")), how);
        let name = if kind == "extra" { format!("{name}.extra") } else { name.clone() };
        let all = json(&bench);
        let expected = serde_json::json!([[format!("/usr/x/{name}"), [kind]]]);
        let found: Vec<Value> = all["differences"].as_array().unwrap().iter().map(|line| serde_json::json!([line["path"], line["kinds"]])).collect();
        prop_assert_eq!(Value::from(found), expected);
    }
}
