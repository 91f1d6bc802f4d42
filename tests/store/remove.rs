use super::bench::Bench;
use bedplate::decide::record::Pinned;

#[test]
fn it_goes_with_its_state_and_its_etc_manifest_stays() {
    let bench = Bench::new();
    bench.done(&["deploy", "TREE", "--id", "v1", "--good"]);
    bench.done(&["deploy", "TREE", "--id", "v2"]);
    let name = format!("v2@{}", bench.instance("v2"));
    bench.write(&format!("sysroot/bedplate/state/{name}/etc/upper/edited"), "x");
    bench.write(&format!("sysroot/bedplate/state/v1@{}/etc/upper/edited", bench.instance("v1")), "x");
    let manifest = std::fs::read(bench.path("sysroot/bedplate/deployments/v2/etc.manifest")).unwrap();
    assert_eq!(bench.done(&["remove", "v2"]), "removed v2\n");
    assert_eq!(bench.names("sysroot/bedplate/deployments"), ["v1"]);
    assert_eq!(bench.names("sysroot/bedplate/state"), [format!("v1@{}", bench.instance("v1"))]);
    assert_eq!(std::fs::read(bench.path(&format!("sysroot/bedplate/manifests/{name}"))).unwrap(), manifest);
    assert_eq!(bench.record().slots.len(), 1);
    // The same name again is another deployment.
    bench.done(&["deploy", "TREE", "--id", "v2"]);
    assert_ne!(format!("v2@{}", bench.instance("v2")), name);
}

#[test]
fn of_those_that_went_the_last_32_are_remembered() {
    let bench = Bench::new();
    bench.done(&["deploy", "TREE", "--id", "v1", "--good"]);
    // Kept by a bedplate that noted no order: they went before.
    for number in 0..31 {
        bench.write(&format!("sysroot/bedplate/manifests/z{number:02}@0000000000000000"), "");
    }
    let mut went = Vec::new();
    for id in ["b", "a", "c"] {
        bench.done(&["deploy", "TREE", "--id", id]);
        went.push(format!("{id}@{}", bench.instance(id)));
        bench.done(&["remove", id]);
    }
    let names = bench.names("sysroot/bedplate/manifests");
    assert_eq!(names.iter().filter(|name| name.contains('@')).count(), 32);
    assert!(went.iter().all(|name| names.contains(name)) && !names.iter().any(|name| name.starts_with("z00") || name.starts_with("z01")));
    let order = std::fs::read_to_string(bench.path("sysroot/bedplate/manifests/order")).unwrap();
    assert_eq!(order.lines().skip(29).collect::<Vec<_>>(), went);
}

#[test]
fn what_is_needed_is_not_removed() {
    let bench = Bench::new();
    bench.done(&["deploy", "TREE", "--id", "v1", "--good"]);
    bench.boot("v1");
    bench.done(&["deploy", "TREE", "--id", "v2"]);
    let refused = |id: &str, why: &str| {
        let ended = bench.bedplate(&["remove", id]);
        assert_eq!((ended.code, ended.err), (1, format!("bedplate: error: {why}\n")));
    };
    refused("v1", "\"v1\" is not removed: it is running");
    refused("v9", "there is no deployment \"v9\" (there are: v1, v2)");
    std::fs::remove_file(bench.path("run/bedplate/boot.json")).unwrap();
    refused("v1", "\"v1\" is not removed: it is the incumbent, which boots when nothing else is asked for");
    let v2 = bench.key("v2");
    bench.change(|record| record.slot_mut(v2).unwrap().pinned = Pinned::Yes);
    refused("v2", "\"v2\" is not removed: it is pinned: bedplate unpin v2 first");
    bench.change(|record| {
        record.slot_mut(v2).unwrap().pinned = Pinned::No;
        record.succeed(v2, bedplate::decide::model::Rule::Trial, 3, None);
    });
    refused("v1", "\"v1\" is not removed: it is the fallback of the next boot");
    assert_eq!(bench.names("sysroot/bedplate/deployments"), ["v1", "v2"]);
}

#[test]
fn the_source_of_a_first_boot_to_come_is_kept() {
    let bench = Bench::new();
    bench.done(&["deploy", "TREE", "--id", "v1"]);
    bench.boot("v1");
    bench.done(&["deploy", "TREE", "--id", "v2", "--force"]);
    std::fs::remove_file(bench.path("run/bedplate/boot.json")).unwrap();
    let ended = bench.bedplate(&["remove", "v1"]);
    assert!(ended.err.contains("v2 takes over its changes in /etc, and has not proved itself yet: remove that one first"), "{}", ended.err);
    let v2 = bench.key("v2");
    bench.change(|record| {
        record.succeed(v2, bedplate::decide::model::Rule::Trial, 3, None);
    });
    assert_eq!(bench.bedplate(&["remove", "v1"]).code, 1, "it was marked good, but its state is not there");
    bench.write(&format!("sysroot/bedplate/state/v2@{}/etc/upper/edited", bench.instance("v2")), "x");
    bench.done(&["remove", "v1"]);
}

#[test]
fn one_that_a_person_prefers_goes_with_the_preference() {
    let bench = Bench::new();
    bench.done(&["deploy", "TREE", "--id", "v1"]);
    let v1 = bench.key("v1");
    bench.change(|record| record.set_default(v1));
    assert_eq!(bench.done(&["remove", "v1"]), "removed v1\nit was the default: there is none now\n");
    assert_eq!(bench.record().default, None);
}

#[test]
fn what_was_put_there_by_hand_can_be_removed() {
    let bench = Bench::new();
    bench.write("sysroot/bedplate/deployments/hand/root/usr/x", "");
    bench.write("sysroot/bedplate/deployments/wrong/deployment.toml", "no manifest");
    for id in ["hand", "wrong"] {
        assert_eq!(bench.done(&["remove", id]), format!("removed {id}\n"));
    }
    assert_eq!(bench.names("sysroot/bedplate/deployments"), [""; 0]);
}

/// The manifest of a deployment becomes something that nobody can read.
fn damage(bench: &Bench, id: &str) {
    bench.write(&format!("sysroot/bedplate/deployments/{id}/deployment.toml"), "damaged");
}

fn refused(bench: &Bench, id: &str, why: &str) {
    let ended = bench.bedplate(&["remove", id]);
    assert_eq!((ended.code, ended.err), (1, format!("bedplate: error: \"{id}\" is not removed: {why}\n")));
    assert!(bench.exists(&format!("sysroot/bedplate/deployments/{id}")));
}

#[test]
fn a_damaged_manifest_does_not_hide_what_is_needed() {
    let bench = Bench::new();
    bench.done(&["deploy", "TREE", "--id", "v1", "--good"]);
    bench.boot("v1");
    damage(&bench, "v1");
    refused(&bench, "v1", "it is running");
    assert!(bench.done(&["list"]).contains("booted cannot boot: "));
    std::fs::remove_file(bench.path("run/bedplate/boot.json")).unwrap();
    let incumbent = "\"bedplate/deployments/v1/deployment.toml\" cannot be read, and it may be the incumbent, which is not found: put that \
                     file back, or make another one the incumbent first (bedplate set-default ID, a boot, bedplate mark good)";
    refused(&bench, "v1", incumbent);
    bench.done(&["deploy", "TREE", "--id", "v2"]);
    let v2 = bench.key("v2");
    bench.change(|record| {
        record.succeed(v2, bedplate::decide::model::Rule::Trial, 3, None);
        record.slots.iter_mut().find(|slot| slot.key != v2).unwrap().pinned = Pinned::Yes;
    });
    let pinned =
        "\"bedplate/deployments/v1/deployment.toml\" cannot be read, and it may be a pinned one that is not found: put that file back";
    refused(&bench, "v1", pinned);
    bench.change(|record| record.slots.iter_mut().find(|slot| slot.key != v2).unwrap().pinned = Pinned::No);
    bench.done(&["remove", "v1"]);
    assert_eq!(bench.record().slots.iter().map(|slot| slot.key).collect::<Vec<_>>(), [v2]);
}

#[test]
fn a_slot_goes_only_with_the_one_that_it_must_belong_to() {
    let bench = Bench::new();
    bench.done(&["deploy", "TREE", "--id", "v1", "--good"]);
    bench.done(&["deploy", "TREE", "--id", "v2"]);
    damage(&bench, "v2");
    bench.write("sysroot/bedplate/deployments/hand/root/usr/x", "");
    bench.done(&["remove", "hand"]);
    assert_eq!(bench.record().slots.len(), 2);
    bench.done(&["remove", "v2"]);
    assert_eq!(bench.record().slots.len(), 1);
}
