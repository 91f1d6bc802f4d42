use super::*;
use crate::decide::model::Id;
use crate::decide::model::Style;
use crate::decide::mountinfo::parse;
use alloc::vec;

fn step(action: Action) -> Step {
    Step { action, on_error: OnError::Fatal, why: "test".into() }
}

fn new(path: &str) -> Place {
    Place::new(Base::New, path)
}

fn plan(actions: Vec<Action>) -> Plan {
    let steps = actions.into_iter().map(step).collect();
    Plan { deployment: Id::parse("v1").unwrap(), steps, warnings: vec![], run_files: vec![], init: "sbin/init".into() }
}

fn bind(path: &str, access: Access) -> Action {
    Action::Bind { from: Place::new(Base::Deployment, path), to: new(path), access }
}

fn overlay() -> Action {
    let state = |path: &str| Place::new(Base::Sysroot, path);
    Action::Overlay {
        lower: vec![state("l")],
        upper: state("u"),
        work: state("w"),
        to: new("etc"),
        access: Access::Writable,
        style: Style::Portable,
    }
}

fn tmpfs(to: Place) -> Action {
    Action::Tmpfs { to, mode: 0o1777, size: None }
}

fn mount(line: &str) -> MountInfo {
    parse(&format!("9 1 8:1 {line}")).remove(0)
}

#[test]
fn what_is_mounted_in_view_is_in_the_table() {
    let plan = plan(vec![
        bind("", Access::ReadOnly),
        Action::Directory { at: new("x"), owner: crate::decide::model::Owner { mode: 0o755, uid: 0, gid: 0 } },
        tmpfs(Place::new(Base::Scratch, "etc")),
        overlay(),
        tmpfs(new("tmp")),
        Action::Device { source: "LABEL=var".into(), to: new("var") },
        Action::Physical { to: Place::new(Base::Run, "bedplate/sysroot") },
    ]);
    let table = table(&plan);
    let rows: Vec<_> = table.iter().map(|row| (row.target(), row.fstype, row.access.word())).collect();
    let expected = [
        ("/", None, "ro"),
        ("/etc", Some("overlay"), "rw"),
        ("/tmp", Some("tmpfs"), "rw"),
        ("/var", None, "rw"),
        ("/run/bedplate/sysroot", None, "ro"),
    ];
    assert_eq!(rows, expected.map(|(target, fstype, access)| (target.into(), fstype, access)));
    assert_eq!(table[0].shows, Shows::Source(&Place::new(Base::Deployment, "")));
    assert_eq!(table[3].shows, Shows::Default);
    assert_eq!(table[4].shows, Shows::Source(&Place::new(Base::Sysroot, "")));
}

#[test]
fn each_difference_is_named() {
    let ro = bind("usr", Access::ReadOnly);
    let rw = bind("var", Access::Writable);
    let physical = Action::Physical { to: new("sysroot") };
    for (action, line, expected) in [
        (&ro, "/d/usr /usr ro,nosuid - ext4 /dev/a rw", None),
        (&ro, "/d/usr /usr rw - ext4 /dev/a rw", Some("expected ro, found rw")),
        (&ro, "/d/usr /usr rw - ext4 /dev/a ro", Some("expected ro, found a mount that is rw")),
        (&rw, "/d/var /var rw,relatime - ext4 /dev/a rw", None),
        (&rw, "/d/var /var ro - ext4 /dev/a rw", Some("expected rw, found ro")),
        (&rw, "/d/var /var rw - ext4 /dev/a ro", Some("expected rw, found a file system that is read-only itself")),
        (&overlay(), "/ /etc rw - overlay x rw,lowerdir=/ro", None),
        (&overlay(), "/ /etc rw - ext4 x rw", Some("expected overlay, found ext4")),
        (&overlay(), "/sub /etc rw - overlay x rw", Some("expected the file system's root, found \"/sub\"")),
        (&tmpfs(new("tmp")), "/ /tmp rw,errors=remount-ro - tmpfs x rw", None),
        (&physical, "/ /sysroot ro,nosuid,nodev - ext4 /dev/a rw", None),
        (&physical, "/ /sysroot ro,nosuid - ext4 /dev/a rw", Some("expected nodev, found ro,nosuid")),
    ] {
        let plan = plan(vec![action.clone()]);
        let table = table(&plan);
        assert_eq!(table[0].differs(&mount(line)).as_deref(), expected, "{line}");
    }
}
