//! Plans of the main shapes as text, and what holds for any tree under any configuration.

use super::validate::validate;
use super::*;
use crate::decide::config::{self, Source};
use crate::decide::fstab;
use crate::decide::model::{Id, VendorEtc};
use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use proptest::prelude::*;

const DIRECTORY: Entry = Entry::Directory(PLAIN);

/// A tree as most are, on a disk that can be written.
fn tree() -> TreeFacts {
    let directories = ["tmp", "sysroot", "var", "usr/local", "home"].map(|path| (path.to_string(), DIRECTORY));
    let root = [("root".to_string(), Entry::Directory(PRIVATE)), ("opt".to_string(), Entry::Symlink("var/opt".into()))];
    TreeFacts {
        id: Id::parse("v1").expect("an ID"),
        state_name: "v1@i".into(),
        vendor_etc: VendorEtc::Etc,
        etc_owner: PLAIN,
        entries: directories.into_iter().chain(root).collect(),
        fstab: vec![],
        has_machine_id: true,
        tmp_mount: false,
        var_empty: false,
        var_factory: None,
        disk: Disk::Writable,
        state: vec![],
        kept_before: None,
        init: "sbin/init".into(),
    }
}

fn configured(text: &str) -> Config {
    config::parse(&[Source { file: "f", text: Ok(text) }]).0
}

#[test]
fn the_usual_root() {
    let plan = build(&Config::default(), &tree(), Counting::Uncounted);
    let expected = "\
bind      new:/ ro from deployment:/  # the deployment is the root
bind      new:/usr ro from deployment:/usr  # /usr is the vendor's and read-only
directory sysroot:/bedplate/state/v1@i 0700 0:0  # /etc is the vendor's with this deployment's own changes
directory sysroot:/bedplate/state/v1@i/etc 0700 0:0  # /etc is the vendor's with this deployment's own changes
directory sysroot:/bedplate/state/v1@i/etc/upper 0755 0:0  # /etc is the vendor's with this deployment's own changes
directory sysroot:/bedplate/state/v1@i/etc/work 0700 0:0  # /etc is the vendor's with this deployment's own changes
overlay   new:/etc rw upper sysroot:/bedplate/state/v1@i/etc/upper lower deployment:/etc  # /etc is the vendor's with this deployment's own changes
directory sysroot:/bedplate/var 0755 0:0  # deployments share /var
bind      new:/var rw from sysroot:/bedplate/var  # deployments share /var
directory var:/usrlocal 0755 0:0  # local data lives in /var
bind      new:/usr/local rw from var:/usrlocal  # local data lives in /var
directory var:/home 0755 0:0  # local data lives in /var
bind      new:/home rw from var:/home  # local data lives in /var
directory var:/roothome 0700 0:0  # local data lives in /var
bind      new:/root rw from var:/roothome  # local data lives in /var
directory var:/opt 0755 0:0  # the target of a symlink of the deployment
tmpfs     new:/tmp rw 1777 50%  # nothing in the deployment mounts /tmp
physical  new:/sysroot ro nosuid nodev  # the store stays reachable
write     run:/systemd/system/var.mount
";
    assert_eq!(plan.to_string(), expected);
}

#[test]
fn a_trial_of_an_odd_tree() {
    let fstab = fstab::parse("UUID=1 / ext4\n/dev/b /home ext4\n/dev/c /var ext4\n");
    let entries = [("usr/local", DIRECTORY), ("home", DIRECTORY), ("srv", Entry::Other)].map(|(path, entry)| (path.to_string(), entry));
    let (var_empty, var_factory, has_machine_id) = (true, Some("usr/share/factory/var".into()), false);
    let odd = TreeFacts { vendor_etc: VendorEtc::UsrEtc, entries: entries.into(), fstab, has_machine_id, var_empty, var_factory, ..tree() };
    let expected = "\
bind      new:/ ro from deployment:/  # the deployment is the root
bind      new:/usr ro from deployment:/usr  # /usr is the vendor's and read-only
bind      new:/etc ro from deployment:/usr/etc  # etc.mode = \"ro\"
fill      sysroot:/bedplate/var from deployment:/usr/share/factory/var  # an empty /var is filled once
directory sysroot:/bedplate/var 0755 0:0  # deployments share /var
bind      new:/var rw from sysroot:/bedplate/var  # deployments share /var
directory var:/usrlocal 0755 0:0  # local data lives in /var
bind      new:/usr/local rw from var:/usrlocal  # local data lives in /var
directory run:/bedplate/sysroot 0700 0:0  # the store stays reachable
physical  run:/bedplate/sysroot ro nosuid nodev  # the store stays reachable
write     run:/systemd/system/systemd-remount-fs.service.d/50-bedplate.conf
write     run:/bedplate/countdown
write     run:/systemd/system/bedplate-countdown.service
write     run:/systemd/system/emergency.target.d/50-bedplate.conf
write     run:/systemd/system/rescue.target.d/50-bedplate.conf
write     run:/systemd/system/bedplate-deadline.timer
write     run:/systemd/system/bedplate-deadline.service
write     run:/systemd/system/sysinit.target.wants/bedplate-deadline.timer
write     run:/systemd/system/bedplate-watchdog.service
write     run:/systemd/system/sysinit.target.wants/bedplate-watchdog.service
warning   /etc/fstab has a line for /, which would undo the mounts: systemd-remount-fs is switched off for this boot
warning   /etc/fstab has a line for /var, which is mounted already: the line has no effect (use var.mode = \"device\")
";
    assert_eq!(build(&configured("[etc]\nmode = \"ro\"\n[boot]\nwatchdog = 30\n"), &odd, Counting::Counted).to_string(), expected);
}

/// A watchdog that nothing stops needs its keeper in a boot that is not counted, too, once.
#[test]
fn a_keeper_brings_its_program() {
    let mut files = units::run_files(&configured("[boot]\nwatchdog = 30\n"), &tree(), Counting::Uncounted);
    assert!(!units::needs_program(&files));
    units::ensure_keeper(&mut files);
    assert!(units::needs_program(&files));
    let files_with_it = files.clone();
    units::ensure_keeper(&mut files);
    assert_eq!(files, files_with_it);
}

#[test]
fn a_disk_that_cannot_be_written() {
    let disk = Disk::ReadOnly("it is".into());
    let entries = vec![("var/lib/dpkg".into(), DIRECTORY)];
    let tree = TreeFacts { disk, entries, state: vec!["etc/upper".into(), "paths/var/lib/dpkg".into()], ..tree() };
    let expected = "\
bind      new:/ ro from deployment:/  # the deployment is the root
bind      new:/usr ro from deployment:/usr  # /usr is the vendor's and read-only
tmpfs     scratch:/etc rw 0700 25%  # the disk cannot be written
directory scratch:/etc/upper 0755 0:0  # the disk cannot be written
directory scratch:/etc/work 0700 0:0  # the disk cannot be written
overlay   new:/etc rw upper scratch:/etc/upper lower sysroot:/bedplate/state/v1@i/etc/upper deployment:/etc  # the disk cannot be written
tmpfs     scratch:/var rw 0700 25%  # the disk cannot be written
directory scratch:/var/upper 0755 0:0  # the disk cannot be written
directory scratch:/var/work 0700 0:0  # the disk cannot be written
overlay   new:/var rw upper scratch:/var/upper lower sysroot:/bedplate/var  # the disk cannot be written
directory var:/lib/dpkg 0755 0:0  # a declared path needs a mount point
tmpfs     scratch:/path-var-lib-dpkg rw 0700 25%  # the disk cannot be written
directory scratch:/path-var-lib-dpkg/upper 0755 0:0  # the disk cannot be written
directory scratch:/path-var-lib-dpkg/work 0700 0:0  # the disk cannot be written
overlay   new:/var/lib/dpkg rw upper scratch:/path-var-lib-dpkg/upper lower sysroot:/bedplate/state/v1@i/paths/var/lib/dpkg  # the disk cannot be written
directory run:/bedplate/sysroot 0700 0:0  # the store stays reachable
physical  run:/bedplate/sysroot ro nosuid nodev  # the store stays reachable
warning   the disk cannot be written (it is): changes to /etc and /var are lost at the end of this boot
";
    assert_eq!(build(&Config::default(), &tree, Counting::Uncounted).to_string(), expected);
}

#[test]
fn a_transient_etc_goes_on_with_what_was_kept() {
    let config = configured("[etc]\nmode = \"transient\"\nkeep = [\"ssh\", \"/etc/new\"]\n");
    let mut tree = TreeFacts { kept_before: Some("v0@i".into()), ..tree() };
    tree.entries.push(("etc/ssh".into(), Entry::Directory(PRIVATE)));
    let plan = build(&config, &tree, Counting::Uncounted);
    let expected = "\
directory sysroot:/bedplate/state/v1@i 0700 0:0  # what etc.keep kept in the deployment that this one came from
fill      sysroot:/bedplate/state/v1@i/etc-keep from sysroot:/bedplate/state/v0@i/etc-keep  # what etc.keep kept in the deployment that this one came from
directory sysroot:/bedplate/state/v1@i 0700 0:0  # a machine keeps its machine-id
directory sysroot:/bedplate/state/v1@i/etc-keep 0755 0:0  # a machine keeps its machine-id
file      sysroot:/bedplate/state/v1@i/etc-keep/machine-id 0644  # a machine keeps its machine-id
file      new:/etc/machine-id 0444  # the deployment has no /etc/machine-id
bind      new:/etc/machine-id rw from sysroot:/bedplate/state/v1@i/etc-keep/machine-id  # a machine keeps its machine-id
directory sysroot:/bedplate/state/v1@i/etc-keep/new 0755 0:0  # listed in etc.keep
directory new:/etc/new 0755 0:0  # listed in etc.keep, optional
bind      new:/etc/new rw from sysroot:/bedplate/state/v1@i/etc-keep/new  # listed in etc.keep, optional
directory sysroot:/bedplate/state/v1@i/etc-keep/ssh 0700 0:0  # listed in etc.keep
directory sysroot:/bedplate/state/v1@i/etc-keep-work/ssh 0700 0:0  # listed in etc.keep
overlay   new:/etc/ssh rw upper sysroot:/bedplate/state/v1@i/etc-keep/ssh lower deployment:/etc/ssh  # listed in etc.keep, optional
";
    assert!(plan.to_string().contains(expected), "{plan}");
    assert_eq!(validate(&plan), Ok(()));
    // Once: from then on it has its own.
    tree.state.push(ETC_KEEP.into());
    assert!(!build(&config, &tree, Counting::Uncounted).to_string().contains("v0@i"));
}

#[test]
fn a_transient_etc_keeps_nothing_on_a_disk_that_cannot_be_written_and_says_so() {
    let tree = TreeFacts { disk: Disk::ReadOnly("it is".into()), ..tree() };
    let plan = build(&configured("[etc]\nmode = \"transient\"\nkeep = [\"ssh\"]\n"), &tree, Counting::Uncounted);
    let warning = "the disk cannot be written: /etc/machine-id, /etc/ssh of this boot are the deployment's and not what was kept, and the \
        next boot that can write has what was kept again";
    assert!(plan.warnings.iter().any(|said| said == warning), "{plan}");
    assert!(!plan.to_string().contains("etc-keep"), "{plan}");
}

#[test]
fn declared_paths_that_cannot_be() {
    for (text, warning) in [
        ("[[path]]\ntarget = \"/none\"\n", "[[path]] target = \"/none\": the deployment has no such directory, leaving the path out"),
        (
            "[var]\nmode = \"none\"\n[[path]]\ntarget = \"/home\"\n",
            "[[path]] target = \"/home\": there is no shared /var (var.mode = \"none\"), leaving the path out",
        ),
        (
            "[etc]\nmode = \"transient\"\nkeep = [\"ssh\"]\n[[path]]\ntarget = \"/etc/ssh\"\n",
            "[[path]] target = \"/etc/ssh\": something is mounted there already, leaving the path out",
        ),
    ] {
        assert_eq!(build(&configured(text), &tree(), Counting::Uncounted).warnings, [warning]);
    }
}

const PATHS: [&str; 20] = [
    "tmp",
    "sysroot",
    "var",
    "usr/local",
    "home",
    "root",
    "opt",
    "srv",
    "mnt",
    "var/lib/dpkg",
    "var/lib/rpm",
    "data",
    "data/inner",
    "home/x",
    "usr/local/y",
    "usr/share/z",
    "etc/ssh",
    "etc/app",
    "srv/a/b",
    "var/lib/dpkg/info",
];

fn entry() -> impl Strategy<Value = Entry> {
    let links = prop::sample::select(vec!["var/opt", "/var/home", "../var/x/y", "../../outside", "/", "", "/var", "/etc"]);
    let owner = (0..0o10000_u16, any::<u32>(), any::<u32>()).prop_map(|(mode, uid, gid)| Owner { mode, uid, gid });
    prop_oneof![
        1 => Just(Entry::Absent),
        4 => owner.prop_map(Entry::Directory),
        1 => links.prop_map(|link| Entry::Symlink(link.into())),
        1 => Just(Entry::Other),
    ]
}

prop_compose! {
    fn any_tree()(
        entries in prop::collection::vec(entry(), PATHS.len()),
        usr_etc in any::<bool>(),
        fstab in prop::collection::vec(prop::sample::select(vec!["/", "/var", "/home", "/tmp", "/srv/", "none", "//opt"]), 0..3),
        [has_machine_id, tmp_mount, var_empty, factory, read_only] in any::<[bool; 5]>(),
        state in prop::sample::subsequence(vec!["etc/upper", "paths/data", "paths/var/lib/dpkg"], 0..3),
    ) -> TreeFacts {
        let lines = fstab.iter().map(|target| format!("x {target}")).collect::<Vec<_>>().join("\n");
        TreeFacts {
            vendor_etc: if usr_etc { VendorEtc::UsrEtc } else { VendorEtc::Etc },
            entries: PATHS.iter().map(ToString::to_string).zip(entries).collect(),
            fstab: fstab::parse(&lines),
            has_machine_id,
            tmp_mount,
            var_empty,
            var_factory: factory.then(|| "var".into()),
            disk: if read_only { Disk::ReadOnly("x".into()) } else { Disk::Writable },
            state: state.into_iter().map(String::from).collect(),
            ..tree()
        }
    }
}

fn declared() -> impl Strategy<Value = String> {
    let targets = PATHS.to_vec();
    let words = |words: &[&'static str]| prop::sample::select(words.to_vec());
    (
        prop::sample::select(targets),
        words(&["shared", "deployment", "transient"]),
        words(&["bind", "ro", "none"]),
        words(&["", "s", "/var/t/", "home"]),
    )
        .prop_map(|(target, scope, mode, source)| {
            format!("[[path]]\ntarget = \"/{target}\"\nscope = \"{scope}\"\nmode = \"{mode}\"\nsource = \"{source}\"\n")
        })
}

prop_compose! {
    fn any_config()(
        root in prop::sample::select(vec!["ro", "transient"]),
        etc in prop::sample::select(vec!["overlay", "transient", "ro", "bind"]),
        var in prop::sample::select(vec!["bind", "transient", "device", "none"]),
        source in prop::sample::select(vec!["", "LABEL=x"]),
        keep in prop::collection::vec(prop::sample::select(vec!["ssh", "ssh/keys", "machine-id", "/etc/app/", "etc/ssh", "x"]), 0..4),
        paths in prop::collection::vec(declared(), 0..5),
    ) -> Config {
        let sections = format!("[root]\nmode = \"{root}\"\n[etc]\nmode = \"{etc}\"\nkeep = {keep:?}\n[var]\nmode = \"{var}\"\nsource = \"{source}\"\n");
        configured(&(sections + &paths.concat()))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_plan_is_valid(tree in any_tree(), config in any_config(), counted in any::<bool>()) {
        let counting = if counted { Counting::Counted } else { Counting::Uncounted };
        let plan = build(&config, &tree, counting);
        prop_assert_eq!(validate(&plan).map_err(|error| error.text), Ok(()), "{}", plan);
        // Nothing but a mount that the configuration asked for writes into the deployment.
        for step in &plan.steps {
            let into_deployment = matches!(&step.action, Action::Bind { from, access: Access::Writable, .. } if from.base == Base::Deployment);
            prop_assert!(!into_deployment || config.etc.mode == config::EtcMode::Bind, "{}", plan);
        }
        // As boot.json and config.json keep it.
        let kept = serde_json::to_string(&config).expect("JSON");
        prop_assert_eq!(serde_json::from_str::<Config>(&kept).expect("own JSON"), config.clone());
        // The same facts give the same plan.
        prop_assert_eq!(build(&config, &tree, counting), plan);
    }
}
