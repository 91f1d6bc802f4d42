//! The verbs of the booted system, each on the store that it is for.

use super::bench::Bench;
use super::record::Recording;
use bedplate::decide::model::Rule;
use bedplate::decide::record::change::Attempt;
use bedplate::sys::AsFd;
use bedplate::sys::copy;
use bedplate::sys::fs as bedplate_fs;
use std::fs;
use std::path::Path;

/// A tree with one of everything that can be copied.
fn furnish(bench: &Bench, tree: &str) {
    let path = |name: &str| bench.path(&format!("{tree}/{name}"));
    bench.write(&format!("{tree}/usr/lib/large"), &"0123456789abcdef".repeat(700));
    bench.write(&format!("{tree}/usr/lib/none"), "");
    fs::hard_link(path("usr/lib/large"), path("usr/lib/same")).unwrap();
    std::os::unix::fs::symlink("../lib/large", path("usr/bin/link")).unwrap();
    bench.set_mode(&format!("{tree}/usr/bin/bedplate"), 0o4755);
    bench.set_mode(&format!("{tree}/usr/lib"), 0o1775);
    let file = bedplate_fs::open_file_in(bedplate_fs::open_dir(&path("")).unwrap(), "usr/lib/large").unwrap();
    copy::set_attribute(copy::Subject::Open(file.as_fd()), c"user.note", b"kept").unwrap();
    let etc = bedplate_fs::open_dir(&path("etc")).unwrap();
    copy::make_special_at(&etc, c"fifo", copy::Node::Fifo).unwrap();
    fs::File::create(path("usr/lib/sparse")).unwrap().set_len(20_000).unwrap();
    bench.write(&format!("{tree}/etc/odd \"\n>) name"), "x");
}

impl Bench {
    fn furnished() -> Self {
        let bench = Self::new();
        furnish(&bench, "tree");
        bench
    }

    /// v1 and v2 were marked good in this order; v2 is booted.
    fn settled() -> Self {
        let bench = Self::furnished();
        bench.done(&["deploy", "TREE", "--id", "v1", "--good"]);
        bench.succeed("v2");
        bench
    }

    fn succeed(&self, id: &str) {
        self.done(&["deploy", "TREE", "--id", id]);
        self.boot_as_root(id);
        self.done(&["mark", "good"]);
    }

    /// The same, and v3 is on trial and booted.
    fn on_trial() -> Self {
        let bench = Self::settled();
        bench.done(&["deploy", "TREE", "--id", "v3"]);
        bench.count("v3");
        bench.boot_as_root("v3");
        bench
    }

    /// As prepare-root does before it boots a trial.
    fn count(&self, id: &str) {
        let (key, boot) = (self.key(id), bedplate::boot::facts::boot_id().unwrap().short());
        self.change(|record| record.count(Attempt { key, rule: Rule::Trial, boot, argument: None }));
    }

    fn verb(&self, name: &'static str, arguments: &[&str]) -> Recording {
        Recording::verb(name, self, arguments, &[])
    }

    fn state_of(&self, id: &str) {
        self.write(&format!("sysroot/bedplate/state/{id}@{}/etc/upper/edited", self.instance(id)), "x");
    }
}

pub fn all() -> Vec<Recording> {
    [stores(), deploys(), verdicts(), wishes(), removals(), notes(), rebuilds()].into_iter().flatten().collect()
}

fn stores() -> Vec<Recording> {
    let empty = Bench::without_store();
    let partial = Bench::new();
    fs::remove_dir(partial.path("sysroot/bedplate/manifests")).unwrap();
    partial.set_mode("sysroot/bedplate/state", 0o755);
    vec![empty.verb("init-store", &["init-store"]), partial.verb("init-store, of an incomplete store", &["init-store"])]
}

fn deploys() -> Vec<Recording> {
    let first = Bench::furnished();
    let update = Bench::settled();
    let untidy = Bench::settled();
    untidy.done(&["deploy", "TREE", "--id", "v3"]);
    untidy.state_of("v3");
    let key = untidy.key("v3");
    untidy.change(|record| record.remove(key));
    let deployments = Path::new(&untidy.path("sysroot/bedplate/deployments")).to_path_buf();
    fs::rename(deployments.join("v3"), deployments.join(".v3.del")).unwrap();
    untidy.write("sysroot/bedplate/deployments/.v4.new/root/usr/half", "half");
    vec![
        first.verb("deploy --good, the first", &["deploy", "TREE", "--id", "v1", "--good"]),
        update.verb("deploy", &["deploy", "TREE", "--id", "v3"]),
        untidy.verb("deploy, after two that were cut off", &["deploy", "TREE", "--id", "v4"]),
    ]
}

fn verdicts() -> Vec<Recording> {
    let pruned = Bench::settled();
    for id in ["v3", "v4"] {
        pruned.succeed(id);
    }
    // Each has booted: nobody takes over the state of another any more.
    for id in ["v1", "v2", "v3", "v4"] {
        pruned.state_of(id);
    }
    pruned.done(&["deploy", "TREE", "--id", "v5"]);
    pruned.boot_as_root("v5");
    let removed = ["bedplate/deployments/.v1.del", "bedplate/state/v1@"];
    let incumbent = Bench::settled();
    incumbent.boot_as_root("v2");
    vec![
        Bench::on_trial().verb("mark good", &["mark", "good"]),
        Recording::verb("mark good, with one too many", &pruned, &["mark", "good"], &removed),
        Bench::on_trial().verb("mark bad", &["mark", "bad", "--reason", "slow"]),
        incumbent.verb("mark bad, of the incumbent", &["mark", "bad", "--reason", "slow"]),
    ]
}

fn wishes() -> Vec<Recording> {
    let preferred = Bench::settled();
    preferred.done(&["set-default", "v1"]);
    let pinned = Bench::settled();
    pinned.done(&["pin", "v1"]);
    let (asked, again) = (Bench::settled(), Bench::settled());
    asked.done(&["reset", "--etc"]);
    again.done(&["reset", "--all"]);
    vec![
        Bench::settled().verb("reset --etc", &["reset", "--etc"]),
        again.verb("reset --etc, instead of another one", &["reset", "--etc"]),
        asked.verb("reset --undo", &["reset", "--undo"]),
        Bench::settled().verb("pin", &["pin", "v1"]),
        pinned.verb("unpin", &["unpin", "v1"]),
        Bench::settled().verb("set-default", &["set-default", "v1"]),
        preferred.verb("set-default --clear", &["set-default", "--clear"]),
        Bench::settled().verb("set-oneshot", &["set-oneshot", "v1"]),
        Bench::on_trial().verb("rollback", &["rollback"]),
    ]
}

fn removals() -> Vec<Recording> {
    let bench = Bench::settled();
    bench.succeed("v3");
    bench.state_of("v1");
    let unsettled = ["bedplate/deployments/.v1.del", "bedplate/state/v1@"];
    vec![Recording::verb("remove", &bench, &["remove", "v1"], &unsettled)]
}

fn notes() -> Vec<Recording> {
    let long = Bench::on_trial();
    long.write("sysroot/bedplate/history.jsonl", &"{\"time\":1,\"boot-id\":\"x\",\"event\":\"y\",\"deployment\":null}\n".repeat(5000));
    long.set_mode("sysroot/bedplate/history.jsonl", 0o600);
    let again = Bench::on_trial();
    again.done(&["note", "started"]);
    let text = fs::read_to_string(again.path("run/bedplate/boot.json")).unwrap();
    again.write("run/bedplate/boot.json", &text.replace("\"tries\":3", "\"tries\":4"));
    vec![
        Bench::on_trial().verb("note started", &["note", "started"]),
        again.verb("note started, with another configuration", &["note", "started"]),
        Bench::on_trial().verb("note shutdown", &["note", "shutdown"]),
        Bench::on_trial().verb("note deadline", &["note", "deadline"]),
        long.verb("note deadline, with a long history", &["note", "deadline"]),
    ]
}

fn rebuilds() -> Vec<Recording> {
    let (corrupt, missing, alone) = (Bench::settled(), Bench::settled(), Bench::settled());
    for bench in [&corrupt, &alone] {
        fs::write(bench.path("sysroot/bedplate/record"), "x".repeat(70_000)).unwrap();
    }
    fs::remove_file(missing.path("sysroot/bedplate/record")).unwrap();
    vec![
        alone.verb("set-default --clear, with a corrupt record", &["set-default", "--clear"]),
        corrupt.verb("pin, with a corrupt record", &["pin", "v1"]),
        missing.verb("deploy, without a record", &["deploy", "TREE", "--id", "v3"]),
    ]
}
