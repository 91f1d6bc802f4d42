use super::*;
use crate::decide::model::Access;
use crate::decide::mountinfo;
use alloc::vec;
use alloc::vec::Vec;
use proptest::prelude::*;

/// Target, type, source; the device and root are those of the table.
fn mount(line: &str) -> MountInfo {
    let words: Vec<&str> = line.split(' ').collect();
    let [target, fstype, source] = words.as_slice() else { panic!("{line}") };
    let root = if *fstype == "ext4" { format!("/bedplate/deployments/v1/root{target}") } else { "/".into() };
    let text = format!("30 20 8:1 {root} {target} ro - {fstype} {source} rw\n");
    mountinfo::parse(&text).remove(0)
}

fn mounts(lines: &[&str]) -> Vec<MountInfo> {
    lines.iter().map(|line| mount(line)).collect()
}

const BOOTED: [&str; 5] =
    ["/ ext4 /dev/vda", "/usr ext4 /dev/vda", "/etc overlay bedplate-etc", "/usr/local ext4 /dev/vda", "/var ext4 /dev/vda"];

fn table() -> Vec<Mounted> {
    let root = "/bedplate/deployments/v1/root/usr".into();
    vec![Mounted { target: "/usr".into(), fstype: "ext4".into(), access: "ro".into(), device: "8:1".into(), root }]
}

fn with(more: &[&str]) -> Vec<MountInfo> {
    mounts(&[&BOOTED, more].concat())
}

#[test]
fn what_stands_at_usr() {
    let table = table();
    assert_eq!(usr(&table, &with(&[])), Usr::AsBooted);
    assert_eq!(usr(&table, &with(&["/usr overlay bedplate-unlock"])), Usr::Unlocked);
    assert_eq!(usr(&table, &with(&["/usr overlay sysext"])), Usr::Covered("overlay \"sysext\"".into()));
    assert_eq!(usr(&table, &with(&["/usr overlay bedplate-unlock", "/usr overlay sysext"])), Usr::Covered("overlay \"sysext\"".into()));
    assert_eq!(usr(&table, &with(&["/usr tmpfs bedplate-unlock"])), Usr::Covered("tmpfs \"bedplate-unlock\"".into()));
    assert_eq!(usr(&[], &with(&[])), Usr::Covered("ext4 \"/dev/vda\"".into()));
    assert_eq!(usr(&table, &[]), Usr::Covered("nothing".into()));
}

#[test]
fn who_may_open_it() {
    let (id, table) = (Id::parse("v1").unwrap(), table());
    let (locked, unlocked, covered) = (with(&[]), with(&["/usr overlay bedplate-unlock"]), with(&["/usr overlay sysext"]));
    let fine = Running {
        booted: Some(&id),
        root: Root::Own,
        require: Require::None,
        table: &table,
        mounts: &locked,
        vendor_etc: VendorEtc::Etc,
        beside_usr: &["bin"],
    };
    let mut transient = with(&[]);
    transient[0].fstype = "overlay".into();
    let cases: &[(Running<'_>, Option<&str>, Option<&str>)] = &[
        (fine, None, None),
        (Running { booted: None, ..fine }, Some("this boot did not go through prepare-root"), Some("this boot did not go through")),
        (Running { root: Root::Foreign, ..fine }, Some("/ is not the mount that"), Some("/ is not the mount that")),
        (Running { require: Require::Signed, ..fine }, Some("integrity.require is \"signed\""), Some("integrity.require is \"signed\"")),
        (Running { mounts: &unlocked, ..fine }, None, Some("/usr is unlocked until the next boot")),
        (Running { mounts: &transient, ..fine }, None, Some("/bin is no link into /usr")),
        (Running { mounts: &transient, beside_usr: &[], ..fine }, None, None),
        (Running { mounts: &covered, ..fine }, Some("at /usr is not what"), Some("at /usr is not what")),
    ];
    let matches = |refusal: Option<&str>, expected: Option<&str>| match (refusal, expected) {
        (Some(text), Some(start)) => text.starts_with(start),
        (refusal, expected) => refusal.is_none() && expected.is_none(),
    };
    for (number, (running, until_reboot, in_place)) in cases.iter().enumerate() {
        let refusals = [may_open(running).map(drop), may_open_in_place(running)].map(|result| result.err().map(|error| error.text));
        for (refusal, expected) in refusals.iter().zip([until_reboot, in_place]) {
            assert!(matches(refusal.as_deref(), *expected), "case {number}: {refusal:?}");
        }
    }
}

fn overlay(at: &str, changes: &str) -> Step {
    Step::Overlay { at: at.into(), changes: changes.into() }
}

fn again(at: &str) -> Step {
    Step::Again { at: at.into() }
}

fn tree(path: &str, access: Access) -> Step {
    Step::Tree { from: path.into(), at: format!("/{path}"), access }
}

#[test]
fn what_is_mounted_in_which_order() {
    assert_eq!(until_reboot(&with(&[])), [overlay("/usr", ""), again("/usr/local")]);
    let more = with(&["/var/lib/dpkg ext4 /dev/vda", "/usr/local/a tmpfs a", "/usr/local/a tmpfs b", "/usrx tmpfs c"]);
    let expected = [overlay("/usr", ""), again("/usr/local"), again("/usr/local/a"), overlay("/var/lib/dpkg", "var-lib-dpkg")];
    assert_eq!(until_reboot(&more), expected);
    let usr = tree("usr", Access::Writable);
    assert_eq!(in_place(&with(&[]), VendorEtc::Etc, &[]), [usr.clone(), again("/usr/local")]);
    assert_eq!(in_place(&with(&[]), VendorEtc::UsrEtc, &[]), [usr.clone(), tree("usr/etc", Access::ReadOnly), again("/usr/local")]);
    let beside = ["bin", "lib"].map(|path| tree(path, Access::Writable));
    let modules = with(&["/lib/modules ext4 /dev/vda"]);
    let expected = [usr, again("/usr/local"), beside[0].clone(), beside[1].clone(), again("/lib/modules")];
    assert_eq!(in_place(&modules, VendorEtc::Etc, &["bin", "lib"]), expected);
}

#[test]
fn what_is_kept_comes_back() {
    let command = vec!["apt-get".into(), "install".into(), "a b".into()];
    let opened = Opened { time: 1, boot_id: "0a".into(), by: "a person".into(), command, exit: Some(3) };
    let all = vec![opened.clone(), Opened { exit: None, ..opened }];
    assert_eq!(parse(to_text(&all).as_bytes()).unwrap(), all);
    let first = to_text(&all);
    assert!(first.contains("\"boot-id\": \"0a\"") && first.contains("\"exit\": null"), "{first}");
    assert!(parse(b"{}").is_err() && parse(b"").is_err());
}

proptest! {
    #[test]
    fn every_mount_below_usr_is_seen_again_and_no_other(targets in proptest::collection::vec("/(usr|usrx|var)(/[a-c]){0,3}", 0..8)) {
        let lines: Vec<String> = targets.iter().map(|target| format!("{target} tmpfs x")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        let steps = until_reboot(&mounts(&lines));
        for target in &targets {
            let found = steps.iter().filter(|step| **step == again(target)).count();
            prop_assert_eq!(found, usize::from(target.starts_with("/usr/")));
        }
        for (number, step) in steps.iter().enumerate() {
            let Step::Again { at } = step else { continue };
            let above = |step: &Step| matches!(step, Step::Again { at: other } if at.starts_with(&format!("{other}/")));
            prop_assert!(!steps[number..].iter().any(above), "a parent comes after {}", at);
        }
    }
}
