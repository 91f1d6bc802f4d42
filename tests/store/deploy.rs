use super::bench::Bench;
use bedplate::decide::record::Status;
use std::process::Stdio;

#[test]
fn the_first_one_is_good_and_the_next_on_trial() {
    let bench = Bench::new();
    assert_eq!(bench.done(&["deploy", "TREE", "--id", "v1", "--good"]), "deployed v1 (version 1): it boots next, as known to work\n");
    bench.boot("v1");
    bench.write("tree/usr/lib/modules/6.12.0/modules.dep", "");
    let out = bench.done(&["deploy", "TREE", "--id=v2", "--tries=5", "--version-name", "two"]);
    assert_eq!(out, "deployed v2 (version two): it boots next, on trial with 5 tries\n");

    let record = bench.record();
    let slot = |id: &str| record.slot(bench.key(id)).unwrap();
    assert_eq!((slot("v1").status, record.incumbent), (Status::Good, Some(bench.key("v1"))));
    assert_eq!((slot("v2").status, slot("v2").left), (Status::Trial, 5));
    assert_eq!(bench.names("sysroot/bedplate/deployments"), ["v1", "v2"]);
    assert_eq!(bench.names("sysroot/bedplate/deployments/v1"), ["boot-success", "deployment.toml", "etc.manifest", "root", "usr.manifest"]);
    let all = ["dev", "etc", "proc", "run", "sbin", "sys", "sysroot", "tmp", "usr", "var"];
    assert_eq!(bench.names("sysroot/bedplate/deployments/v2/root"), all);
    let text = std::fs::read_to_string(bench.path("sysroot/bedplate/deployments/v2/deployment.toml")).unwrap();
    assert!(text.contains(&format!("from = \"v1@{}\"", bench.instance("v1"))), "{text}");
    assert!(text.contains("kernels = [\"6.12.0\"]"), "{text}");
    let etc = std::fs::read_to_string(bench.path("sysroot/bedplate/deployments/v2/etc.manifest")).unwrap();
    assert_eq!(etc.lines().map(|line| line.rsplit(' ').next().unwrap()).collect::<Vec<_>>(), ["2", ".", "hosts"]);
}

#[test]
fn usr_etc_is_the_vendors_and_etc_its_mount_point() {
    let bench = Bench::new();
    std::fs::rename(bench.path("tree/etc"), bench.path("tree/usr/etc")).unwrap();
    bench.done(&["deploy", "TREE", "--id", "v1"]);
    assert_eq!(bench.names("sysroot/bedplate/deployments/v1/root/etc"), [""; 0]);
    let etc = std::fs::read_to_string(bench.path("sysroot/bedplate/deployments/v1/etc.manifest")).unwrap();
    assert!(etc.ends_with(" hosts\n"), "{etc}");
}

#[test]
fn what_it_says_of_others() {
    let bench = Bench::new();
    bench.done(&["deploy", "TREE", "--id", "v1", "--good"]);
    bench.done(&["deploy", "TREE", "--id", "v2"]);
    let v1 = bench.key("v1");
    bench.change(|record| record.set_default(v1));
    let out = bench.done(&["deploy", "TREE", "--id", "v3"]);
    assert_eq!(
        out,
        "deployed v3 (version 1): it boots next, on trial with 3 tries\n\
         v2 gives way to it and is no longer on trial\n\
         the default v1 is cleared (bedplate set-default sets one)\n"
    );
    assert_eq!(bench.record().default, None);
}

#[test]
fn what_is_refused_leaves_nothing() {
    let bench = Bench::new();
    bench.done(&["deploy", "TREE", "--id", "v1", "--good"]);
    bench.write("file", "");
    bench.write("empty/etc/hosts", "");
    bench.write("no-init/usr/lib/os-release", "");
    bench.write("no-init/etc/hosts", "");
    bench.tree("dead-init", "1");
    bench.set_mode("dead-init/sbin/init", 0o644);
    let dead_init = bench.path("dead-init");
    let file = bench.path("file");
    let (empty, no_init) = (bench.path("empty"), bench.path("no-init"));
    let inside = bench.path("sysroot/bedplate/deployments/v1/root");
    let before = std::fs::read(bench.path("sysroot/bedplate/record")).unwrap();
    let table: &[(&[&str], i32, &str)] = &[
        (&["deploy", "TREE", "--id", "v1"], 1, "there is a deployment \"v1\" already: choose another ID, or remove that one first"),
        (
            &["deploy", "TREE", "--id", "v2", "--good"],
            1,
            "--good is for the first deployment of a store, and another one was marked good already",
        ),
        (&["deploy", "TREE", "--id", "../v2"], 2, "--id \"../v2\": not a deployment ID"),
        (&["deploy", "TREE", "--id", "v2", "--tries", "0"], 2, "--tries 0: a deployment without tries never boots"),
        (&["deploy", "TREE/none", "--id", "v2"], 1, "cannot open \"TREE/none\": no such file or directory"),
        (&["deploy", &file, "--id", "v2"], 1, "FILE\" is no directory: images and tar streams cannot be deployed yet"),
        (&["deploy", "-", "--id", "v2"], 1, "\"/dev/stdin\" is no directory: images and tar streams cannot be deployed yet"),
        (&["deploy", &empty, "--id", "v2"], 1, "the source has no directory usr: it is no root tree"),
        (&["deploy", &no_init, "--id", "v2"], 1, "the source cannot boot: there is no init program"),
        (&["deploy", &dead_init, "--id", "v2"], 1, "the source cannot boot: the init program \"/sbin/init\" is not an executable file"),
        (&["deploy", &inside, "--id", "v2"], 1, "the source is inside the store"),
        (&["deploy", "SYSROOT", "--id", "v2"], 1, "the source contains the store: the copy would contain itself"),
    ];
    for (arguments, code, why) in table {
        let refused = bench.bedplate(arguments);
        let why = bench.with_path(why).replace("FILE", &file);
        assert_eq!((refused.code, refused.out.as_str()), (*code, ""), "{arguments:?}");
        assert!(refused.err.contains(&why), "{arguments:?}: {}", refused.err);
        assert_eq!(refused.err.lines().count(), 1, "{}", refused.err);
    }
    assert_eq!(bench.names("sysroot/bedplate/deployments"), ["v1"]);
    assert_eq!(std::fs::read(bench.path("sysroot/bedplate/record")).unwrap(), before);
}

#[test]
fn while_the_running_one_is_on_trial() {
    let bench = Bench::new();
    bench.done(&["deploy", "TREE", "--id", "v1"]);
    bench.boot("v1");
    let refused = bench.bedplate(&["deploy", "TREE", "--id", "v2"]);
    assert_eq!(refused.code, 1);
    assert!(refused.err.contains("the running deployment is still on trial"), "{}", refused.err);
    bench.done(&["deploy", "TREE", "--id", "v2", "--force"]);
}

#[test]
fn a_tree_without_the_booted_half_is_warned_about() {
    let bench = Bench::new();
    std::fs::remove_file(bench.path("tree/usr/bin/bedplate")).unwrap();
    bench.write("tree/usr/lib/systemd/systemd", "");
    let ended = bench.bedplate(&["deploy", "TREE", "--id", "v1"]);
    let unit = |name: &str| format!("usr/lib/systemd/system/{name}");
    let units = ["bedplate-mark-good.service", "bedplate-started.service", "bedplate-shutdown.service"].map(unit);
    let what = format!("usr/bin/bedplate, {}", units.join(", "));
    let warning = |what: &str, why: &str| format!("bedplate: warning: the tree has no {what}: {why}\n");
    let expected = warning(&what, "the system cannot mark itself good, and a trial of it ends in a rollback");
    assert_eq!((ended.code, ended.err), (0, expected));
    for file in ["usr/bin/bedplate".into(), units[0].clone(), unit("multi-user.target.wants/bedplate-mark-good.service"), units[1].clone()]
    {
        bench.write(&format!("tree/{file}"), "");
    }
    let ended = bench.bedplate(&["deploy", "TREE", "--id", "v2"]);
    let what = format!("{}, {}", unit("sysinit.target.wants/bedplate-started.service"), units[2]);
    assert_eq!((ended.code, ended.err), (0, warning(&what, "once it is good, nobody notices that it does not work any more")));
}

#[test]
fn a_lost_record_is_rebuilt_first() {
    let bench = Bench::new();
    bench.done(&["deploy", "TREE", "--id", "v1", "--good"]);
    bench.write("sysroot/bedplate/record", "damaged");
    let ended = bench.bedplate(&["deploy", "TREE", "--id", "v2"]);
    assert_eq!(ended.code, 0, "{}", ended.err);
    assert!(ended.err.contains("rebuilt it from the boot-success markers"), "{}", ended.err);
    let record = bench.record();
    assert_eq!((record.incumbent, record.trial().unwrap().key), (Some(bench.key("v1")), bench.key("v2")));
    let history = std::fs::read_to_string(bench.path("sysroot/bedplate/history.jsonl")).unwrap();
    assert!(history.contains("rebuilt it from the boot-success markers"), "{history}");
}

#[test]
fn the_second_of_two_waits_and_says_so() {
    let bench = Bench::new();
    let mut holder = std::process::Command::new("flock");
    let holder = holder.args([&bench.path("sysroot/bedplate"), "sh", "-c", "echo held; read line"]);
    let mut holder = holder.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    std::io::Read::read_exact(holder.stdout.as_mut().unwrap(), &mut [0; 5]).unwrap();
    let mut second = bench.command(&["deploy", "TREE", "--id", "v1"]).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = [0; 48];
    std::io::Read::read_exact(second.stderr.as_mut().unwrap(), &mut said).unwrap();
    assert_eq!(std::str::from_utf8(&said).unwrap(), "bedplate: waiting for another bedplate to finish");
    assert_eq!(bench.names("sysroot/bedplate/deployments"), [""; 0]);
    drop(holder.stdin.take());
    holder.wait().unwrap();
    assert_eq!(second.wait_with_output().unwrap().status.code(), Some(0));
    assert_eq!(bench.names("sysroot/bedplate/deployments"), ["v1"]);
}
