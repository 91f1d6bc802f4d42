use super::{Change, Kind, Layers, Past, walk};
use crate::boot::copy::Flow;
use crate::boot::copy::scratch::{Scratch, is_root};
use crate::boot::inventory;
use crate::boot::store::Store;
use crate::decide::inventory::Inventory;
use crate::decide::manifest;
use crate::decide::model::{Deployment, Home, Id, KernelFit};
use crate::decide::record::Record;
use crate::sys::copy::{self as sys, Device, Node, Subject};
use crate::sys::{AsFd, OwnedFd, fs};
use core::ffi::CStr;
use std::ffi::CString;
use std::string::{String, ToString as _};
use std::vec::Vec;
use std::{eprintln, format, vec};

/// A vendor's /etc, a layer over it, and a store with manifests.
struct Lab {
    scratch: Scratch,
    vendor: OwnedFd,
    upper: OwnedFd,
    conflicts: Inventory,
    kind: Kind,
}

impl Lab {
    fn new() -> Self {
        let scratch = Scratch::new();
        for name in ["bedplate", "bedplate/manifests", "bedplate/deployments"] {
            scratch.make(name);
        }
        Self { vendor: scratch.make("vendor"), upper: scratch.make("upper"), scratch, conflicts: Inventory::default(), kind: Kind::Upper }
    }

    fn store(&self) -> Store {
        Store::open(fs::open_dir(&self.scratch.path).unwrap(), "sysroot").unwrap()
    }

    /// Keeps what the vendor has now under this name below the store.
    fn keep(&self, name: &str) {
        let manifest = inventory::collect(self.vendor.as_fd(), "etc").unwrap();
        fs::write_new_in(&self.store().dir, name, 0o600, manifest.to_string().as_bytes()).unwrap();
    }

    /// Every change as `cause path`, with what an opaque directory hides.
    fn changes(&self) -> Vec<String> {
        let store = self.store();
        let of = deployment("v9");
        let mut past = Past::of(&store, &[], &Record::default(), &of);
        let changes = self.changes_with(&mut past);
        assert_eq!(past.warnings, [""; 0]);
        changes
    }

    fn changes_with(&self, past: &mut Past<'_>) -> Vec<String> {
        let mut changes = Vec::new();
        let vendor = Some(self.vendor.as_fd());
        let layers = Layers { kind: self.kind, upper: self.upper.as_fd(), vendor, place: "etc", conflicts: &self.conflicts };
        let mut each = |change: &Change<'_>| {
            let hides = change.hides.filter(|hides| *hides > 0).map(|hides| format!(" hides {hides}")).unwrap_or_default();
            changes.push(format!("{} {}{hides}", change.cause.word(), change.path.escape_ascii()));
            Flow::Continue
        };
        walk(&layers, past, &mut each).unwrap();
        changes
    }
}

fn deployment(id: &str) -> Deployment {
    let id = Id::parse(id).unwrap();
    Deployment { manifest: None, defect: None, marker: None, kernel: KernelFit::Fits, home: Home::Store, id }
}

fn file(dir: &OwnedFd, name: &str, mode: u16, content: &str) {
    fs::write_new_in(dir, name, mode, content.as_bytes()).unwrap();
}

fn whiteout(dir: &OwnedFd, name: &CStr) {
    sys::make_special_at(dir, name, Node::Character(Device { major: 0, minor: 0 })).unwrap();
}

fn opaque(dir: &OwnedFd, name: &CStr) {
    sys::set_attribute(Subject::Named(dir.as_fd(), name), c"trusted.overlay.opaque", b"y").unwrap();
}

fn directory(dir: &OwnedFd, name: &str) {
    fs::make_dir(dir, name, 0o755).unwrap();
}

#[test]
fn every_cause_is_told_with_its_path() {
    if !is_root() {
        return eprintln!("not run: whiteouts take root");
    }
    let mut lab = Lab::new();
    let (vendor, upper) = (lab.vendor.try_clone().unwrap(), lab.upper.try_clone().unwrap());
    for name in ["edited", "mode", "gone", "same", "link", "kept", "file-to-dir"] {
        file(&vendor, name, 0o644, "vendor");
    }
    for name in ["dir", "dir/deep", "parent", "moded", "dir-to-file", "cleared", "cleared/sub"] {
        directory(&vendor, name);
    }
    for name in ["cleared/one", "cleared/two", "cleared/sub/three", "parent/edited", "dir-to-file/one"] {
        file(&vendor, name, 0o644, "vendor");
    }
    // What the vendor had once.
    file(&vendor, "stale", 0o600, "old");
    file(&vendor, "dropped", 0o644, "old");
    lab.keep("manifests/v0@x");
    fs::unlink_in(&vendor, "dropped").unwrap();
    fs::unlink_in(&vendor, "stale").unwrap();
    file(&vendor, "stale", 0o600, "new");

    for (name, mode, content) in [
        ("edited", 0o644, "local!"),
        ("mode", 0o600, "vendor"),
        ("same", 0o644, "vendor"),
        ("kept", 0o644, "local"),
        ("stale", 0o600, "old"),
        ("dropped", 0o644, "old"),
        ("dir-to-file", 0o644, "x"),
    ] {
        file(&upper, name, mode, content);
    }
    fs::make_symlink(&upper, "link", "target").unwrap();
    for name in ["parent", "file-to-dir", "added", "cleared", "cleared/sub", "dir", "dir/deep"] {
        directory(&upper, name);
    }
    fs::make_dir(&upper, "moded", 0o700).unwrap();
    for name in ["parent/edited", "added/one", "cleared/two", "cleared/sub/new"] {
        file(&upper, name, 0o644, "mine");
    }
    whiteout(&upper, c"gone");
    whiteout(&upper, c"nothing");
    for name in [c"cleared", c"added", c"file-to-dir", c"cleared/sub"] {
        opaque(&upper, name);
    }
    // Nobody has touched it since, but the other one.
    let listed = inventory::collect(upper.as_fd(), "etc").unwrap();
    lab.conflicts.entries = listed.entries.into_iter().filter(|entry| [&b"kept"[..], b"edited"].contains(&entry.path.as_slice())).collect();
    fs::unlink_in(&upper, "edited").unwrap();
    file(&upper, "edited", 0o644, "again");

    let expected = [
        "added added",
        "added added/one",
        "opaque cleared hides 2",
        "added cleared/sub/new",
        "edited cleared/two",
        "type dir-to-file",
        "stale dropped",
        "edited edited",
        "type file-to-dir",
        "deleted gone",
        "conflict kept",
        "type link",
        "metadata mode",
        "metadata moded",
        "duplicate nothing",
        "edited parent/edited",
        "duplicate same",
        "stale stale",
    ];
    assert_eq!(lab.changes(), expected);
    fs::set_owner(&upper, 1, 1).unwrap();
    assert_eq!(lab.changes().first().unwrap(), "metadata .");
}

#[test]
fn a_whole_etc_is_compared_as_a_whole() {
    let lab = Lab { kind: Kind::Whole, ..Lab::new() };
    for dir in [&lab.vendor, &lab.upper] {
        directory(dir, "dir");
        file(dir, "dir/same", 0o644, "same");
    }
    for name in ["gone", "dir/gone", "edited"] {
        file(&lab.vendor, name, 0o644, "vendor");
    }
    directory(&lab.vendor, "gone-dir");
    file(&lab.vendor, "gone-dir/file", 0o644, "vendor");
    file(&lab.upper, "edited", 0o644, "local");
    file(&lab.upper, "dir/added", 0o644, "local");
    assert_eq!(lab.changes(), ["added dir/added", "edited edited", "deleted dir/gone", "deleted gone", "deleted gone-dir"]);
}

#[test]
fn nothing_is_no_change() {
    let lab = Lab::new();
    directory(&lab.vendor, "a");
    directory(&lab.upper, "a");
    assert_eq!(lab.changes(), [""; 0]);
}

#[test]
fn any_depth_and_any_name() {
    let lab = Lab::new();
    let long = CString::new(vec![b'n'; 255]).unwrap();
    let mut dirs = vec![(lab.upper.try_clone().unwrap(), lab.vendor.try_clone().unwrap())];
    for _ in 0..100 {
        let (upper, vendor) = dirs.last().unwrap();
        for dir in [upper, vendor] {
            sys::make_dir_at(dir, &long).unwrap();
        }
        let next = (sys::open_dir_at(upper, &long).unwrap(), sys::open_dir_at(vendor, &long).unwrap());
        sys::create_file_at(&next.0, c"odd \xff\n").unwrap();
        dirs.push(next);
    }
    let changes = lab.changes();
    assert_eq!(changes.len(), 100);
    assert!(changes.iter().all(|change| change.starts_with("added n") && change.ends_with("odd \\xff\\n")));
}

#[test]
fn only_older_vendors_make_stale() {
    let lab = Lab::new();
    file(&lab.upper, "file", 0o644, "one");
    file(&lab.vendor, "file", 0o644, "one");
    let ids = ["v1", "v2", "v3"];
    let deployments = ids.map(|id| {
        let text = format!("id = \"{id}\"\ninstance = \"0000000000000001\"\nkind = \"tree\"\n");
        Deployment { manifest: Some(manifest::parse(&text).unwrap()), ..deployment(id) }
    });
    let mut record = Record::default();
    for deployment in &deployments {
        lab.scratch.make(&format!("bedplate/deployments/{}", deployment.id));
        record.arm(deployment.key().unwrap(), 3, &[]).unwrap();
    }
    let causes = |of: usize| {
        let store = lab.store();
        let mut past = Past::of(&store, &deployments, &record, &deployments[of]);
        let changes = lab.changes_with(&mut past);
        (changes, past.warnings.len())
    };
    lab.keep("deployments/v2/etc.manifest");
    fs::unlink_in(&lab.vendor, "file").unwrap();
    file(&lab.vendor, "file", 0o644, "two");
    assert_eq!(causes(1), (vec!["edited file".into()], 1));
    assert_eq!(causes(2), (vec!["stale file".into()], 1));
    // v1 explains nothing: it has none.
    lab.keep("deployments/v1/etc.manifest");
    assert_eq!(causes(2), (vec!["stale file".into()], 0));
    file(&lab.scratch.dir, "bedplate/manifests/v0@x", 0o600, "damaged");
    assert_eq!(causes(0), (vec!["edited file".into()], 1));
}

/// What stands under a name in each of the trees, and the cause by a model that knows nothing of how it is found.
mod model {
    use super::*;
    use proptest::prelude::*;

    #[derive(Debug, Clone, PartialEq)]
    enum Thing {
        Nothing,
        /// With content and mode.
        File(&'static str, u16),
        Link(&'static str),
        Directory(u16),
        Whiteout,
    }
    use Thing::{Directory, File, Link, Nothing, Whiteout};

    fn thing() -> impl Strategy<Value = Thing> {
        prop_oneof![
            Just(Nothing),
            ("[ab]", prop::sample::select(vec![0o600_u16, 0o644]))
                .prop_map(|(text, mode)| File(if text == "a" { "aa" } else { "bb" }, mode)),
            Just(File("longer", 0o644)),
            prop::sample::select(vec!["x", "y"]).prop_map(Link),
            prop::sample::select(vec![0o700_u16, 0o755]).prop_map(Directory),
        ]
    }

    fn lay(dir: &OwnedFd, name: &str, thing: &Thing) {
        match thing {
            Nothing => {}
            File(text, mode) => file(dir, name, *mode, text),
            Link(target) => fs::make_symlink(dir, name, target).unwrap(),
            Directory(mode) => fs::make_dir(dir, name, *mode).unwrap(),
            Whiteout => whiteout(dir, &CString::new(name).unwrap()),
        }
    }

    fn expected(old: &Thing, vendor: &Thing, local: &Thing) -> Option<&'static str> {
        let is_directory = |thing: &Thing| matches!(thing, Directory(_));
        let kind = core::mem::discriminant::<Thing>;
        let content = |thing: &Thing| match thing {
            File(text, _) | Link(text) => *text,
            _ => "",
        };
        Some(match (local, vendor) {
            (Nothing, _) => return None,
            (Whiteout, Nothing) => "duplicate",
            (Whiteout, _) => "deleted",
            (local, vendor) if local == vendor && is_directory(local) => return None,
            (local, vendor) if local == vendor => "duplicate",
            (local, _) if local == old && !is_directory(local) => "stale",
            (Directory(_), Directory(_)) if local == old => "stale",
            (_, Nothing) => "added",
            (local, vendor) if kind(local) != kind(vendor) => "type",
            (local, vendor) if content(local) != content(vendor) => "edited",
            _ => "metadata",
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn causes_are_those_of_the_model(
            things in prop::collection::vec((thing(), thing(), prop_oneof![4 => thing(), 1 => Just(Whiteout)]), 1..24)
        ) {
            if !is_root() {
                return Ok(());
            }
            let lab = Lab::new();
            let names: Vec<String> = (0..things.len()).map(|number| format!("n{number:02}")).collect();
            for (name, (old, _, _)) in names.iter().zip(&things) {
                lay(&lab.vendor, name, old);
            }
            lab.keep("manifests/v0@x");
            let vendor = Lab { vendor: lab.scratch.make("newer"), upper: lab.upper.try_clone().unwrap(), ..lab };
            for (name, (_, now, local)) in names.iter().zip(&things) {
                lay(&vendor.vendor, name, now);
                lay(&vendor.upper, name, local);
            }
            let cause = |(name, (old, vendor, local)): (&String, &(Thing, Thing, Thing))| {
                expected(old, vendor, local).map(|cause| format!("{cause} {name}"))
            };
            let expected: Vec<String> = names.iter().zip(&things).filter_map(cause).collect();
            prop_assert_eq!(vendor.changes(), expected);
        }
    }
}
