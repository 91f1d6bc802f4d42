use crate::machine::{machine, read, write};
use crate::namespace::{Disk, run, takes_writes};
use bedplate::decide::config::Config;
use bedplate::decide::model::{BootId, Booted, Chosen, Id, Report, SCHEMA};
use bedplate::decide::record::{Outcome, Status};
use std::fs;

/// What every root is made of, on a disk with this file system.
pub fn whole(fstype: &str) -> Vec<String> {
    let line = |(target, fstype, access): (&str, &str, &str)| format!("{target} {fstype} {access}");
    let bind = |target, access| line((target, fstype, access));
    let mut lines = vec![bind("/", "ro"), bind("/usr", "ro"), line(("/etc", "overlay", "rw")), bind("/var", "rw")];
    lines.extend(["/usr/local", "/home", "/root", "/opt", "/srv", "/mnt"].map(|target| bind(target, "rw")));
    lines.extend([line(("/tmp", "tmpfs", "rw")), bind("/sysroot", "ro")]);
    lines
}

#[test]
fn the_incumbent_boots() {
    machine(Disk::Tmpfs, |machine| {
        machine.deploy("v1", &["--good"]);
        let ended = machine.boot("quiet");
        assert_eq!((ended.code, &ended.said), (0, &vec!["booting v1: the deployment that last succeeded; if it fails: nothing".into()]));
        assert_eq!(ended.mounts(), whole("tmpfs"));
        let report = ended.report();
        let expected = Report {
            schema: SCHEMA,
            bedplate: env!("CARGO_PKG_VERSION").into(),
            boot_id: BootId::parse(&read(&machine.at("boot-id"))).unwrap(),
            deployment: Booted {
                id: "v1".to_owned().try_into().unwrap(),
                instance: report.deployment.instance.clone(),
                version: "1".into(),
            },
            ostree: None,
            choice: Chosen {
                rule: "incumbent".into(),
                reason: "the deployment that last succeeded".into(),
                counted: false,
                try_number: None,
                try_of: None,
                fallback: None,
                fell_back_from: None,
            },
            previous: None,
            reset: None,
            failed: vec![],
            carried: None,
            mounts: report.mounts.clone(),
            warnings: vec![],
            timing: report.timing.clone(),
            kexec_from: None,
            argument: None,
            init: "sbin/init".into(),
            config: Config::default(),
        };
        assert_eq!(*report, expected);
        assert!(machine.state("v1").ends_with(&format!("@{}", report.deployment.instance.as_ref().unwrap())));
        assert!(report.timing.len() > 10, "{:?}", report.timing);
        // No trial: no deadline, no countdown, and a panic is not bedplate's business.
        let names = |dir: &str| fs::read_dir(machine.at(dir)).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut run: Vec<String> = names("run/bedplate").collect();
        run.sort();
        assert_eq!((run, read(&machine.at("panic")).as_str()), (vec!["boot.json".into(), "stage".into()], "0\n"));
        assert_eq!(names("run/systemd/system").collect::<Vec<_>>(), ["var.mount"]);
    });
}

#[test]
fn the_incumbents_boot_writes_nothing() {
    machine(Disk::Image("ext4"), |machine| {
        machine.deploy("v1", &["--good"]);
        machine.boot("");
        write(&machine.root("etc/mine"), "1");
        machine.boot("");
        let (record, listing) = (fs::read(machine.store("record")).unwrap(), machine.listing());
        for _ in 0..2 {
            assert_eq!(machine.boot("").stands(), "v1");
            assert_eq!(read(&machine.root("etc/mine")), "1");
            assert_eq!(fs::read(machine.store("record")).unwrap(), record);
            assert_eq!(machine.listing(), listing);
        }
    });
}

#[test]
fn a_trial_is_counted_and_bounded() {
    machine(Disk::Tmpfs, |machine| {
        machine.upgraded();
        for (number, left) in [(1, 2), (2, 1), (3, 0)] {
            let ended = machine.boot("");
            let said = format!("booting v2: on trial, with tries left, try {number} of 3; if it fails: v1");
            assert_eq!((ended.code, &ended.said), (0, &vec![said]));
            let choice = &ended.report().choice;
            assert_eq!((choice.rule.as_str(), choice.counted, choice.try_number, choice.try_of), ("trial", true, Some(number), Some(3)));
            assert_eq!(choice.fallback.as_ref().unwrap().as_str(), "v1");
            let slot = machine.slot("v2");
            assert_eq!((slot.left, slot.done, slot.status, slot.outcome), (left, number, Status::Trial, Outcome::Open));
            assert_eq!(slot.attempt, ended.report().boot_id.short());
            for file in
                ["bedplate/countdown", "systemd/system/bedplate-deadline.timer", "systemd/system/emergency.target.d/50-bedplate.conf"]
            {
                assert!(machine.at("run").join(file).exists(), "{file}");
            }
            assert_eq!(read(&machine.at("panic")), "10");
        }
        let ended = machine.boot("");
        assert_eq!(ended.said, ["booting v1: the deployment that last succeeded; if it fails: v2"]);
        assert_eq!(ended.report().choice.fell_back_from.as_ref().map(Id::as_str), Some("v2"));
        assert_eq!(read(&machine.at("run/bedplate/rolled-back")), "v2\n");
        let history: Vec<String> = read(&machine.store("history.jsonl")).lines().map(String::from).collect();
        let attempts = history.iter().filter(|line| line.contains("\"event\":\"attempt\",\"deployment\":\"v2\",\"rule\":\"trial\""));
        assert_eq!(attempts.count(), 3, "{history:?}");
    });
}

/// As dracut without systemd mounts it.
#[test]
fn the_units_of_a_trial_can_run_their_program_from_a_noexec_run() {
    machine(Disk::Tmpfs, |machine| {
        machine.upgraded();
        machine.new_boot();
        run("mount", &["-o", "remount,noexec", machine.lab.path("run")]);
        assert_eq!(machine.again("").stands(), "v2");
        let program = machine.at("run/bedplate/bin/bedplate");
        assert!(read(&machine.at("run/systemd/system/bedplate-deadline.service")).contains("/run/bedplate/bin/bedplate note deadline"));
        run(program.to_str().unwrap(), &["--version"]);
        machine.take_away("run/bedplate/bin");
    });
}

#[test]
fn a_file_in_deployments_is_none() {
    machine(Disk::Tmpfs, |machine| {
        machine.deploy("v1", &["--good"]);
        write(&machine.store("deployments/README"), "not one");
        let ended = machine.boot("");
        assert_eq!((ended.stands(), ended.warnings()), ("v1", vec![]));
    });
}

#[test]
fn a_try_that_cannot_be_written_down_is_not_taken() {
    machine(Disk::Tmpfs, |machine| {
        machine.upgraded();
        machine.new_boot();
        let record = machine.lab.path("sysroot/bedplate/record");
        run("mount", &["--bind", record, record]);
        run("mount", &["-o", "remount,bind,ro", record]);
        let ended = machine.again("");
        assert_eq!((ended.stands(), ended.report().choice.counted), ("v1", false));
        let why = "cannot open \"bedplate/record\": read-only file system";
        assert_eq!(ended.warnings(), [format!("cannot count the try of v2: {why}, choosing again without counting")]);
        // Counting comes first: nothing of v2 was made.
        assert!(!machine.store(&machine.state("v2")).exists() && machine.store(&machine.state("v1")).exists());
        assert_eq!((machine.slot("v2").left, machine.slot("v2").done), (3, 0));
    });
}

#[test]
fn each_deployment_has_its_own_etc() {
    machine(Disk::Tmpfs, |machine| {
        machine.deploy("v1", &["--good"]);
        machine.boot("");
        write(&machine.root("etc/hosts"), "edited on v1\n");
        write(&machine.root("var/lib/shared"), "v1");
        machine.deploy("v2", &[]);
        assert_eq!(machine.boot("").stands(), "v2");
        assert_eq!((read(&machine.root("etc/hosts")), read(&machine.root("var/lib/shared"))), ("edited on v1\n".into(), "v1".into()));
        write(&machine.root("etc/hosts"), "edited on v2\n");
        assert_eq!(machine.boot("bedplate.deployment=v1").stands(), "v1");
        assert_eq!(read(&machine.root("etc/hosts")), "edited on v1\n");
        assert_eq!(read(&machine.store(&format!("{}/etc/upper/hosts", machine.state("v2")))), "edited on v2\n");
        for (path, writable) in [("", false), ("usr", false), ("usr/local", true), ("etc", true), ("home", true), ("sysroot", false)] {
            assert_eq!(takes_writes(&machine.root(path)), writable, "/{path}");
        }
    });
}

#[test]
fn the_effective_configuration_is_kept_by_the_booted_system() {
    machine(Disk::Tmpfs, |machine| {
        machine.configure("[boot]\ntries = 7\n[[path]]\ntarget = \"/var/lib/app\"\nscope = \"deployment\"\n");
        machine.deploy("v1", &["--good"]);
        let ended = machine.boot("bedplate.root=transient");
        let config = &ended.report().config;
        assert_eq!((config.boot.tries, config.root.mode.word(), config.path.len()), (7, "transient", 1));
        assert!(!machine.store("config.json").exists());
        machine.verb(&["note", "started", "--run", machine.lab.path("run")]);
        let kept: Config = serde_json::from_str(&read(&machine.store("config.json"))).unwrap();
        assert_eq!(kept, *config);
        // Verbs of another machine go by it.
        machine.verb(&["deploy", machine.lab.path("tree"), "--id", "v2", "--run", machine.lab.path("outside")]);
        assert_eq!(machine.slot("v2").left, 7);
    });
}

#[test]
fn a_tree_without_sysroot_and_machine_id() {
    machine(Disk::Tmpfs, |machine| {
        fs::remove_file(machine.tree("etc/machine-id")).unwrap();
        machine.deploy("v1", &["--good"]);
        fs::remove_dir(machine.store("deployments/v1/root/sysroot")).unwrap();
        let ended = machine.boot("");
        assert_eq!(ended.stands(), "v1");
        assert_eq!(ended.mounts().last().unwrap(), "/run/bedplate/sysroot tmpfs ro");
        assert!(machine.at("run/bedplate/sysroot/bedplate/record").exists());
        assert_eq!(read(&machine.root("etc/machine-id")), "");
        assert_eq!(read(&machine.store(&format!("{}/etc/upper/machine-id", machine.state("v1")))), "");
        assert!(read(&machine.at("run/systemd/system/var.mount")).contains("\nWhat=/run/bedplate/sysroot/bedplate/var\n"));
    });
}
