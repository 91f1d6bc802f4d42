//! An OSTree system: its layout on the disk, booted without a record and with one, and what verbs make of it.

use crate::booted::Inside;
use crate::machine::{Ended, Machine, machine, write};
use crate::namespace::{Disk, run};
use bedplate::decide::model::Id;
use bedplate::decide::ostree::variant::{Value, dictionary};
use bedplate::decide::record::{Slot, Status};
use std::os::unix::fs::symlink;
use std::{fs, path::PathBuf};

const ROLLBACK: &str = "[ostree]\nrollback = true\n";
const BOOT_LINK: &str = "ostree/boot.1/debian/cafe";

/// The checksum of a commit, by the one digit that it is made of.
fn checksum(digit: char) -> String {
    String::from(digit).repeat(64)
}

pub fn id(digit: char) -> String {
    format!("debian-{}.0", String::from(digit).repeat(12))
}

/// A machine with OSTree's layout and no store, on which these were deployed, the first one first.
pub fn ostree(deployed: &'static str, test: impl FnOnce(&Machine<'_>) + Send + 'static) {
    machine(Disk::Tmpfs, move |machine| {
        fs::remove_dir_all(machine.at("disk/bedplate")).unwrap();
        write(&machine.at("disk/ostree/repo/config"), "[core]\nrepo_version=1\nmode=bare\n[sysroot]\nreadonly=true\n");
        fs::create_dir_all(machine.at("disk/ostree/deploy/debian/var")).unwrap();
        machine.write_programs();
        for name in ["hosts", "edited", "mode", "gone", "dir/one", "to-file/one"] {
            machine.write_tree(&format!("etc/{name}"), "vendor\n");
        }
        fs::rename(machine.tree("etc"), machine.tree("usr/etc")).unwrap();
        for directory in ["sysroot", "boot"] {
            fs::create_dir_all(machine.tree(directory)).unwrap();
        }
        deployed.chars().for_each(|digit| machine.checkout(digit));
        machine.order(deployed);
        test(machine);
    });
}

impl Machine<'_> {
    pub fn deployment(&self, digit: char) -> PathBuf {
        self.at("disk/ostree/deploy/debian/deploy").join(format!("{}.0", checksum(digit)))
    }

    /// As `ostree admin deploy` leaves it: the tree, with a copy of its etc, and the commit that it is of.
    fn checkout(&self, digit: char) {
        let deployment = self.deployment(digit);
        fs::create_dir_all(deployment.parent().unwrap()).unwrap();
        run("cp", &["-a", self.tree("").to_str().unwrap(), deployment.to_str().unwrap()]);
        run("cp", &["-a", deployment.join("usr/etc").to_str().unwrap(), deployment.join("etc").to_str().unwrap()]);
        write(&deployment.with_extension("0.origin"), "[origin]\nrefspec=debian:stable\n[libostree-transient]\npinned=true\n");
        let metadata = dictionary(&[("version", Value::Text(format!("13.{digit}")))]);
        let end = u8::try_from(metadata.len()).unwrap();
        let object = self.at("disk/ostree/repo/objects").join(&checksum(digit)[..2]).join(format!("{}.commit", &checksum(digit)[2..]));
        write(&object, "");
        fs::write(object, [metadata, vec![end, end]].concat()).unwrap();
    }

    /// What the boot loader has entries for, the first one first.
    fn order(&self, digits: &str) {
        let (disk, links) = (self.at("disk"), self.at("disk").join("ostree/boot.1.1/debian/cafe"));
        let _ = fs::remove_dir_all(disk.join("ostree/boot.1.1"));
        let _ = fs::remove_dir_all(disk.join("boot/loader.1"));
        fs::create_dir_all(&links).unwrap();
        for (index, digit) in digits.chars().enumerate() {
            symlink(format!("../../../deploy/debian/deploy/{}.0", checksum(digit)), links.join(index.to_string())).unwrap();
            let entry = format!("title Debian\nversion {}\noptions quiet ostree=/{BOOT_LINK}/{index}\n", digits.len() - index);
            write(&disk.join(format!("boot/loader.1/entries/ostree-{}.conf", digits.len() - index)), &entry);
        }
        for (link, target) in [("ostree/boot.1", "boot.1.1"), ("boot/loader", "loader.1")] {
            let _ = fs::remove_file(disk.join(link));
            symlink(target, disk.join(link)).unwrap();
        }
    }

    /// A new boot by the loader's entry with this number.
    pub fn boot_entry(&self, index: usize) -> Ended {
        let ended = self.boot(&format!("quiet ostree=/{BOOT_LINK}/{index}"));
        if ended.code == 0 {
            self.enter();
        }
        ended
    }

    fn good(&self) -> String {
        self.bedplate(&["mark", "good"])
    }

    fn slots(&self) -> Vec<String> {
        let slots = self.record().slots;
        let (key, facts) = (|slot: &Slot| slot.key, self.bedplate(&["list"]));
        assert!(slots.iter().map(key).count() <= facts.lines().count());
        self.bedplate(&["list"]).lines().skip(1).map(|line| line.split_whitespace().take(3).collect::<Vec<_>>().join(" ")).collect()
    }

    /// A verb in the booted system, with all that it says.
    fn says(&self, words: &[&str]) -> (Option<i32>, String) {
        let Inside { code, out, err } = self.inside(&[&["/usr/bin/bedplate"], words].concat());
        (code, out + &err)
    }
}

#[test]
fn without_a_record_the_boot_loader_chooses() {
    ostree("ba", |machine| {
        let ended = machine.boot_entry(1);
        assert_eq!(ended.stands(), id('a'));
        assert_eq!(ended.warnings(), Vec::<&str>::new());
        let report = ended.report();
        assert_eq!(report.ostree.as_ref().unwrap().link.as_deref(), Some("ostree/boot.1/debian/cafe/1"));
        assert_eq!((report.deployment.version.as_str(), report.choice.counted), ("13.a", false));
        assert!(report.deployment.instance.is_some());
        let mounts = ended.mounts();
        assert_eq!(
            mounts,
            [
                "/ tmpfs rw",
                "/boot tmpfs rw",
                "/etc tmpfs rw",
                "/usr tmpfs ro",
                "/sysroot tmpfs ro",
                "/sysroot/ostree/deploy/debian/var tmpfs rw"
            ]
        );
        assert!(fs::metadata(machine.at("run/ostree-booted")).unwrap().len() > 0);
        assert!(!machine.at("disk/bedplate").exists());
        // Its units find nothing to do, and say so.
        for words in [["note", "started"], ["note", "shutdown"], ["note", "unhealthy"], ["mark", "good"]] {
            let (code, said) = machine.says(&words);
            assert_eq!(code, Some(0), "{said}");
            assert!(said.contains("the boot loader alone chooses on this OSTree system ([ostree] rollback is off)"), "{said}");
        }
        assert_eq!(machine.says(&["health"]).0, Some(0));
        assert!(!machine.at("disk/bedplate").exists());
    });
}

#[test]
fn it_runs_again_after_a_failure_and_after_a_success() {
    ostree("a", |machine| {
        let usr = machine.deployment('a').join("usr");
        let away = machine.at("disk/usr-away");
        fs::rename(&usr, &away).unwrap();
        let ended = machine.boot_entry(0);
        assert_eq!(ended.code, 1);
        fs::rename(away, usr).unwrap();
        let cmdline = format!("ostree=/{BOOT_LINK}/0");
        assert_eq!(machine.again(&cmdline).stands(), id('a'));
        assert_eq!(machine.again(&cmdline).code, 0);
    });
}

#[test]
fn verbs_read_the_layout_without_a_store() {
    ostree("ba", |machine| {
        machine.boot_entry(1);
        let status = machine.bedplate(&["status"]);
        for line in [
            format!("booted     {} (version 13.a)", id('a')),
            format!("commit     {}, from debian:stable, pinned by ostree", checksum('a')),
            "rollback   off: the boot loader alone chooses ([ostree] rollback = true in the initramfs's bedplate.toml)".into(),
            "why        the boot loader asks for it".into(),
            format!("next boot  {}: the boot loader asks for it", id('b')),
            format!("state      f({}): exactly the deployment", id('a')),
        ] {
            assert!(status.lines().any(|shown| shown == line), "{line}\n{status}");
        }
        assert!(!status.contains("warning"), "{status}");
        let list = machine.bedplate(&["list"]);
        assert!(list.contains("13.a     boot loader  -           booted from debian:stable, pinned by ostree"), "{list}");
        assert!(list.contains("13.b     boot loader  -           asked-for from debian:stable, pinned by ostree"), "{list}");
        let json = machine.bedplate(&["list", "--json"]);
        assert!(json.contains(&checksum('b')) && json.contains("\"serial\": 0") && json.contains("\"pinned\": true"), "{json}");
        assert_eq!(machine.bedplate(&["history"]), "there is no history yet\n");
        let plan = machine.bedplate(&["plan", "--cmdline", &format!("ostree=/{BOOT_LINK}/0")]);
        assert!(plan.contains(&id('b')) && plan.contains("the deployment is the root"), "{plan}");
    });
}

#[test]
fn what_is_ostrees_is_left_to_its_tools() {
    ostree("ba", |machine| {
        machine.boot_entry(1);
        for words in [&["remove", "x"][..], &["set-oneshot", "x"], &["rollback"], &["reset", "--etc"], &["mark", "bad", "--reason", "x"]] {
            let (code, said) = machine.says(words);
            assert_eq!(code, Some(3), "{words:?}: {said}");
            assert!(said.contains("the boot loader alone chooses on this OSTree system"), "{said}");
        }
        assert!(machine.says(&["unlock"]).1.contains("ostree admin unlock"));
        assert!(machine.says(&["verify"]).1.contains("ostree fsck"));
        machine.configure(ROLLBACK);
        machine.boot_entry(1);
        machine.good();
        let (a, b) = (id('a'), id('b'));
        for (words, expected) in [
            (&["remove", b.as_str()][..], "ostree admin undeploy"),
            (&["set-default", &b], "ostree admin set-default"),
            (&["deploy", "/", "--id", "x"], "ostree admin deploy"),
            (&["reset", "--etc"], "cp -a /usr/etc/PATH /etc/PATH"),
            (&["reset", "/etc/hosts"], "cp -a /usr/etc/PATH /etc/PATH"),
            (&["reset", "--undo"], "cp -a /usr/etc/PATH /etc/PATH"),
            (&["unlock"], "ostree admin unlock"),
            (&["verify", &a], "ostree fsck"),
        ] {
            let (code, said) = machine.says(words);
            assert_eq!(code, Some(1), "{words:?}: {said}");
            assert!(said.contains(expected), "{words:?}: {said}");
        }
    });
}

#[test]
fn the_deployment_that_runs_when_it_is_first_on_is_good() {
    ostree("a", |machine| {
        machine.configure(ROLLBACK);
        let ended = machine.boot_entry(0);
        assert_eq!((ended.stands(), ended.report().choice.counted), (id('a').as_str(), false));
        let (code, said) = machine.says(&["note", "started"]);
        assert_eq!(code, Some(0));
        assert!(said.contains("keeps no record until a boot is marked good"), "{said}");
        assert!(!machine.at("disk/bedplate").exists());
        assert_eq!(machine.good(), format!("{} is good\n", id('a')));
        let record = machine.record();
        assert_eq!(record.slots.iter().map(|slot| (slot.status, slot.left)).collect::<Vec<_>>(), [(Status::Good, 3)]);
        assert_eq!(record.incumbent, Some(record.slots[0].key));
        assert_eq!(fs::read_dir(machine.store("ostree")).unwrap().count(), 1);
        assert_eq!(machine.good(), format!("{} is good already\n", id('a')));
        let status = machine.bedplate(&["status"]);
        assert!(status.contains(", good\n") && !status.contains("rollback  "), "{status}");
        let ended = machine.boot_entry(0);
        assert_eq!(ended.report().choice.rule, "incumbent");
        assert_eq!(machine.says(&["note", "started"]), (Some(0), String::new()));
    });
}

/// The first is good, and the second was deployed after it.
fn upgraded(test: impl FnOnce(&Machine<'_>) + Send + 'static) {
    ostree("a", |machine| {
        machine.configure(ROLLBACK);
        machine.boot_entry(0);
        machine.good();
        machine.checkout('b');
        machine.order("ba");
        test(machine);
    });
}

#[test]
fn what_does_not_prove_itself_gives_way_although_the_loader_asks_for_it() {
    upgraded(|machine| {
        for number in 1..=3 {
            let ended = machine.boot_entry(0);
            let choice = &ended.report().choice;
            assert_eq!((ended.stands(), choice.try_number), (id('b').as_str(), Some(number)));
            assert_eq!(choice.fallback.as_ref().map(Id::as_str), Some(id('a').as_str()));
        }
        let ended = machine.boot_entry(0);
        assert_eq!(ended.stands(), id('a'));
        assert_eq!(ended.report().choice.fell_back_from.as_ref().map(Id::as_str), Some(id('b').as_str()));
        assert_eq!(ended.report().ostree.as_ref().unwrap().link.as_deref(), Some("ostree/boot.1/debian/cafe/1"));
        assert!(machine.at("run/bedplate/rolled-back").exists());
        machine.good();
        let status = machine.bedplate(&["status"]);
        assert!(status.contains(&format!("fell back  from {}", id('b'))), "{status}");
        assert!(status.contains(&format!("next boot  {}: ", id('a'))), "{status}");
        // A next upgrade is a trial again.
        machine.checkout('c');
        machine.order("cab");
        let ended = machine.boot_entry(0);
        assert_eq!((ended.stands(), ended.report().choice.try_number), (id('c').as_str(), Some(1)));
        assert_eq!(machine.good(), format!("{} is good\n", id('c')));
        assert_eq!(machine.boot_entry(0).report().choice.rule, "incumbent");
    });
}

#[test]
fn what_is_marked_bad_gives_way_at_once() {
    upgraded(|machine| {
        assert_eq!(machine.boot_entry(0).stands(), id('b'));
        let (code, said) = machine.says(&["mark", "bad", "--reason", "test"]);
        assert_eq!((code, said), (Some(0), format!("{} is bad; the next boot is {}\n", id('b'), id('a'))));
        assert_eq!(machine.boot_entry(0).stands(), id('a'));
    });
}

#[test]
fn a_damaged_deployment_falls_back_in_the_same_boot() {
    upgraded(|machine| {
        fs::remove_dir_all(machine.deployment('b').join("usr")).unwrap();
        let ended = machine.boot_entry(0);
        assert_eq!(ended.stands(), id('a'));
        assert_eq!(ended.report().failed[0].id.as_str(), id('b'));
    });
}

#[test]
fn a_missing_deployment_falls_back_in_the_same_boot() {
    upgraded(|machine| {
        fs::remove_dir_all(machine.deployment('b')).unwrap();
        let ended = machine.boot_entry(0);
        assert_eq!(ended.stands(), id('a'));
        assert_eq!(ended.report().failed.len(), 1);
        // And one for which there is no link.
        assert_eq!(machine.boot_entry(7).stands(), id('a'));
    });
}

#[test]
fn a_person_may_choose_the_old_one() {
    upgraded(|machine| {
        assert_eq!(machine.boot_entry(0).stands(), id('b'));
        machine.good();
        let ended = machine.boot_entry(1);
        assert_eq!((ended.stands(), ended.report().choice.reason.as_str()), (id('a').as_str(), "the boot loader asks for it"));
        assert_eq!(machine.boot_entry(0).stands(), id('b'));
    });
}

#[test]
fn what_was_undeployed_leaves_the_record_at_the_next_success() {
    upgraded(|machine| {
        machine.boot_entry(0);
        machine.good();
        assert_eq!((machine.record().slots.len(), fs::read_dir(machine.store("ostree")).unwrap().count()), (2, 2));
        fs::remove_dir_all(machine.deployment('a')).unwrap();
        machine.order("b");
        assert_eq!(machine.boot_entry(0).stands(), id('b'));
        machine.good();
        assert_eq!((machine.record().slots.len(), fs::read_dir(machine.store("ostree")).unwrap().count()), (1, 1));
        assert_eq!(machine.record().incumbent, Some(machine.record().slots[0].key));
    });
}

#[test]
fn switched_off_again_the_boot_loader_chooses() {
    upgraded(|machine| {
        machine.configure("");
        let before = machine.record();
        assert_eq!(machine.boot_entry(0).stands(), id('b'));
        let (code, said) = machine.says(&["mark", "good"]);
        assert_eq!(code, Some(0));
        assert!(said.contains("[ostree] rollback is off"), "{said}");
        assert_eq!(machine.record(), before);
        assert!(machine.bedplate(&["status"]).contains("rollback   off"));
    });
}
