use crate::machine::{Machine, machine, mounts_now, read, set_mode};
use crate::namespace::Disk;
use bedplate::decide::model::Id;
use bedplate::decide::record::Status;
use std::fs;

/// What is done to v2, what is said of it, and how it stands afterwards; `None`: its manifest cannot be read any more.
type Case = (fn(&Machine<'_>), &'static str, Option<Status>);

fn break_manifest(machine: &Machine<'_>, from: &str, to: &str) {
    let path = machine.store("deployments/v2/deployment.toml");
    let text = read(&path).replace(from, to);
    fs::write(path, text).unwrap();
}

const CASES: [Case; 10] = [
    (
        |machine| fs::remove_dir_all(machine.store("deployments/v2/root/usr")).unwrap(),
        "cannot open \"bedplate/deployments/v2/root/usr\": no such file or directory",
        Some(Status::Broken),
    ),
    (
        |machine| fs::remove_file(machine.store("deployments/v2/root/sbin/init")).unwrap(),
        "there is no init program: looked for /sbin/init, /etc/init, /bin/init",
        Some(Status::Broken),
    ),
    (
        |machine| set_mode(&machine.store("deployments/v2/root/sbin/init"), 0o644),
        "the init program \"/sbin/init\" is not an executable file",
        Some(Status::Broken),
    ),
    (
        |machine| {
            fs::remove_file(machine.store("deployments/v2/root/sbin/init")).unwrap();
            fs::create_dir(machine.store("deployments/v2/root/sbin/init")).unwrap();
        },
        "the init program \"/sbin/init\" is not an executable file",
        Some(Status::Broken),
    ),
    (
        |machine| fs::remove_dir_all(machine.store("deployments/v2/root")).unwrap(),
        "cannot open \"bedplate/deployments/v2/root\": no such file or directory",
        Some(Status::Broken),
    ),
    (
        |machine| fs::remove_dir_all(machine.store("deployments/v2/root/etc")).unwrap(),
        "the tree has neither /usr/etc nor /etc",
        Some(Status::Broken),
    ),
    (
        |machine| {
            let root = machine.store("deployments/v2/root");
            fs::rename(root.join("etc"), root.join("usr/etc")).unwrap();
        },
        "cannot mount /etc (/etc is the vendor's with this deployment's own changes): there is no \"/etc\" to mount on: the deployment has to bring it",
        Some(Status::Trial),
    ),
    (
        |machine| break_manifest(machine, "kind", "kind = [\nkind"),
        "\"bedplate/deployments/v2/deployment.toml\": line 6: unexpected `=` in array, expected value, `]`",
        None,
    ),
    (
        |machine| break_manifest(machine, "id = \"v2\"", "id = \"v1\""),
        "\"bedplate/deployments/v2/deployment.toml\" names v1: the directory is not a deployment",
        None,
    ),
    (
        |machine| fs::remove_file(machine.store("deployments/v2/deployment.toml")).unwrap(),
        "\"bedplate/deployments/v2/deployment.toml\" is missing",
        None,
    ),
];

#[test]
fn the_next_candidate_boots_in_the_same_boot() {
    for (spoil, why, status) in CASES {
        machine(Disk::Tmpfs, move |machine| {
            machine.upgraded();
            machine.boot("bedplate.deployment=v1");
            let clean = mounts_now(machine);
            let key = machine.key("v2");
            spoil(machine);
            let ended = machine.boot("");
            assert_eq!(ended.stands(), "v1");
            // Without a manifest no slot is known to be its own: it is not tried at all.
            let next = if status.is_some() { "trying the next deployment" } else { "passing it over" };
            let warning = format!("v2 cannot boot: {why}, {next}");
            assert_eq!(ended.warnings(), [&warning]);
            assert_eq!(ended.said.last().unwrap(), "booting v1: the deployment that last succeeded; if it fails: nothing");
            assert_eq!(mounts_now(machine), clean, "{why}");
            let failed: Vec<_> = ended.report().failed.iter().map(|failed| (failed.id.as_str(), failed.why.as_str())).collect();
            assert_eq!(failed, status.map(|_| ("v2", why)).into_iter().collect::<Vec<_>>());
            assert_eq!(ended.report().warnings, [warning]);
            assert_eq!(ended.report().choice.fell_back_from.as_ref().map(Id::as_str), Some("v2"), "{why}");
            assert_eq!(read(&machine.at("run/bedplate/rolled-back")), "v2\n");
            if let Some(status) = status {
                let slot = machine.record().slot(key).unwrap().clone();
                let left = if status == Status::Broken { 0 } else { 2 };
                assert_eq!((slot.status, slot.left, slot.done), (status, left, 1), "{why}");
            }
        });
    }
}

#[test]
fn when_nothing_boots_nothing_stands() {
    machine(Disk::Tmpfs, |machine| {
        machine.upgraded();
        fs::remove_dir_all(machine.store("deployments/v1/root/usr")).unwrap();
        fs::remove_dir_all(machine.store("deployments/v2/root/etc")).unwrap();
        machine.new_boot();
        let before = mounts_now(machine);
        let ended = machine.again("");
        assert_eq!((ended.code, ended.report.is_none()), (1, true));
        let no_usr = "cannot open \"bedplate/deployments/v1/root/usr\": no such file or directory";
        let no_etc = "the tree has neither /usr/etc nor /etc";
        let expected = [
            format!("warning: v2 cannot boot: {no_etc}, trying the next deployment"),
            format!("warning: v1 cannot boot: {no_usr}, trying the next deployment"),
            format!(
                "error: no deployment boots; v1: {no_usr}; v2: {no_etc}. next step: boot with bedplate.deployment=ID to name one, or repair the store from another system"
            ),
        ];
        assert_eq!(ended.said, expected);
        assert_eq!(mounts_now(machine), before);
        assert_eq!(read(&machine.at("run/bedplate/countdown")), "reboot\n");
        let screen = read(&machine.at("run/bedplate/nothing-boots"));
        for part in
            ["\n  v1 - broken, the last that succeeded; ", &format!("\n      this boot  {no_etc}\n"), "in 60 s this machine restarts"]
        {
            assert!(screen.contains(part), "{screen}");
        }
        let history = read(&machine.store("history.jsonl"));
        let last: serde_json::Value = serde_json::from_str(history.lines().last().unwrap()).unwrap();
        assert_eq!((&last["event"], &last["why"]), (&"nothing-boots".into(), &format!("v1: {no_usr}; v2: {no_etc}").into()));
        machine.configure("[boot]\nwhen-nothing-boots = \"emergency\"\n");
        assert_eq!(machine.boot("").code, 1);
        assert_eq!(read(&machine.at("run/bedplate/countdown")), "emergency\n");
        assert!(read(&machine.at("run/bedplate/nothing-boots")).contains("this machine waits at a prompt"));
        // Mended at the prompt: what was said is no longer true.
        fs::create_dir_all(machine.store("deployments/v2/root/etc")).unwrap();
        assert_eq!(machine.again("bedplate.deployment=v2").stands(), "v2");
        assert!(!machine.at("run/bedplate/nothing-boots").exists());
    });
}

#[test]
fn without_any_deployment_it_says_so() {
    machine(Disk::Tmpfs, |machine| {
        let next = "next step: boot with bedplate.deployment=ID to name one, or repair the store from another system";
        let ended = machine.boot("");
        assert_eq!((ended.code, ended.said), (1, vec![format!("error: no deployment boots; there are no deployments. {next}")]));
        fs::remove_dir(machine.store("deployments")).unwrap();
        let ended = machine.boot("");
        assert_eq!((ended.code, ended.said), (1, vec!["error: cannot read \"bedplate/deployments\": no such file or directory".into()]));
        fs::remove_dir_all(machine.store("")).unwrap();
        let ended = machine.boot("");
        let said = "error: there is no store at \"LAB/sysroot/bedplate\": this is not a bedplate system, or it is not mounted (bedplate init-store makes one)";
        assert_eq!((ended.code, ended.said), (3, vec![said.into()]));
    });
}
