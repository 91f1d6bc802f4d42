use super::*;
use crate::decide::cmdline::Cmdline;
use alloc::vec;
use proptest::prelude::*;

fn id(name: &str) -> Id {
    Id::parse(name).unwrap()
}

fn instance() -> Instance {
    Instance::from_random([0x5a; 8])
}

fn entry<'a>(id: &'a Id, instance: &'a Instance) -> Entry<'a> {
    let (linux, initrd) = ("linux-0123456789abcdef0123456789abcdef", "initrd-0123456789abcdef0123456789abcdef");
    Entry { id, instance, system: "Debian 13", sequence: 7, release: "6.12.1", linux, initrd, options: "ro bedplate.entry=v1" }
}

fn found(name: &str, owner: Option<&str>, sequence: u64, files: &[&str]) -> Found {
    Found { name: name.into(), owner: owner.map(Into::into), sequence, files: files.iter().map(ToString::to_string).collect() }
}

#[test]
fn an_entry_as_a_loader_reads_it() {
    let (id, instance) = (id("v1"), instance());
    let entry = entry(&id, &instance);
    let text = format(&entry);
    assert_eq!(
        text,
        "# bedplate deployment v1@5a5a5a5a5a5a5a5a\ntitle Debian 13 (v1)\nsort-key bedplate\nversion 7-6.12.1\n\
         linux /bedplate/linux-0123456789abcdef0123456789abcdef\ninitrd /bedplate/initrd-0123456789abcdef0123456789abcdef\n\
         options ro bedplate.entry=v1\n"
    );
    assert_eq!(read("x.conf", &text), found("x.conf", Some("v1@5a5a5a5a5a5a5a5a"), 7, &[entry.linux, entry.initrd]));
    let odd = format(&Entry { system: " \n", options: "a\nlinux /x", ..entry });
    assert!(odd.contains("title Linux (v1)\n") && odd.contains("options a linux /x\n"), "{odd}");
}

#[test]
fn entries_of_others() {
    let table = [
        ("", found("x", None, 0, &[])),
        ("title x\nversion 6.1.0-9-amd64\nlinux /debian/6.1/linux\n", found("x", None, 6, &[])),
        (
            "linux\t//bedplate//linux-1\ninitrd \\bedplate\\initrd-1\n  initrd /bedplate/initrd-2\n",
            found("x", None, 0, &["linux-1", "initrd-1", "initrd-2"]),
        ),
        ("linuxes /bedplate/a\nlinux /bedplate/a/b\nlinux bedplate\nversion x\n", found("x", None, 0, &[])),
        ("title x\n# bedplate deployment v1@x\nversion 99999999999999999999999\n", found("x", None, 0, &[])),
    ];
    for (text, expected) in table {
        assert_eq!(read("x", text), expected, "{text}");
    }
}

#[test]
fn names_of_entries() {
    for (name, expected) in [
        ("bedplate-v1.conf", Some("v1")),
        ("bedplate-v1+3.conf", Some("v1")),
        ("bedplate-a-b.c+2-1.conf", Some("a-b.c")),
        ("bedplate-.conf", None),
        ("bedplate-v1.conf.new", None),
        ("debian-v1.conf", None),
        ("bedplate-a+b+1.conf", None),
    ] {
        assert_eq!(id_in(name), expected.map(id), "{name}");
    }
    assert_eq!((entry_name(&id("v1"), None), entry_name(&id("v1"), Some(3))), ("bedplate-v1.conf".into(), "bedplate-v1+3.conf".into()));
    assert!(is_unfinished(".bedplate-v1+3.conf.new") && !is_unfinished("bedplate-v1.conf.new") && !is_unfinished(".x.conf.new"));
    let there = [found("bedplate-V2+0-3.conf", None, 0, &[]), found("other.conf", None, 0, &[])];
    assert_eq!(taken(&id("v2"), &there), there.first());
    assert_eq!(taken(&id("v3"), &there), None);
}

#[test]
fn the_newest_comes_first() {
    assert_eq!(next_sequence(&[]), 1);
    let entries = [found("a", Some("v1@x"), 4, &[]), found("b", Some("v2@x"), 3, &[]), found("c", None, 20_260_101, &[])];
    assert_eq!(next_sequence(&entries), 5);
    assert_eq!(next_sequence(&[found("a", Some("v1@x"), u64::MAX, &[])]), u64::MAX);
}

#[test]
fn only_what_is_ours_and_unneeded_goes() {
    let digest = [0xab; 32];
    let (linux, initrd) = (file_name(Role::Linux, &digest), file_name(Role::Initrd, &digest));
    assert_eq!(linux, "linux-abababababababababababababababab");
    let names = vec![linux.clone(), initrd.clone(), format!("{linux}.new"), "linux-mine".to_string(), "README".to_string()];
    assert_eq!(unneeded(&names, &[]), [&linux, &initrd, &format!("{linux}.new")]);
    let entries = ["v1@a", "v1@b", "v2@a"].map(|owner| found(owner, Some(owner), 0, &[]));
    assert_eq!(stale(&entries, &["v1@a".to_string()]).map(|entry| entry.name.as_str()).collect::<Vec<_>>(), ["v1@a"]);
    let entries = [found("a", None, 0, &[&linux.to_uppercase()])];
    assert_eq!(unneeded(&names, &entries), [&initrd, &format!("{linux}.new")]);
}

#[test]
fn room() {
    let space = |bytes| Space { bytes, block: 512 };
    assert_eq!(need(&[], space(0)), 5 * 512);
    assert_eq!(need(&[1, 512, 513], space(0)), (5 + 1 + 1 + 2) * 512);
    assert_eq!(need(&[u64::MAX, u64::MAX], Space { bytes: 0, block: 0 }), u64::MAX);
    assert_eq!(has_room(512, space(512), &[]), Ok(()));
    let refused = |removable: &[(Id, u64)]| has_room(3 << 20, space(1 << 20), removable).unwrap_err().text;
    let why = "not enough space on the boot partition: 3.0 MiB are needed and 1.0 MiB are free; ";
    assert_eq!(refused(&[]), format!("{why}make room there, or give another place with --boot"));
    assert_eq!(refused(&[(id("v1"), 0)]), format!("{why}make room there, or give another place with --boot"));
    assert_eq!(refused(&[(id("v1"), 1 << 20), (id("v2"), 2 << 20)]), format!("{why}bedplate remove v2 would free 2.0 MiB"));
    let entries = [found("a", Some("v1@x"), 0, &["k1", "i1"]), found("b", Some("v2@x"), 0, &["k1", "i2"])];
    let size_of = |name: &str| if name == "k1" { 100 } else { 10 };
    assert_eq!((frees("v1@x", &entries, size_of), frees("v2@x", entries.get(1..).unwrap(), size_of)), (10, 110));
}

#[test]
fn command_lines() {
    let table = [
        (Origin::File, "", None),
        (Origin::File, "# nothing\n", None),
        (Origin::Running, "BOOT_IMAGE=/x bedplate.deployment=v2 initrd=\\a", None),
        (Origin::File, "root=LABEL=x ro\n", Some("root=LABEL=x ro bedplate.entry=v1")),
        (Origin::File, "#c\nroot=x\nquiet bedplate.root=transient\n", Some("root=x quiet bedplate.root=transient bedplate.entry=v1")),
        (
            Origin::Running,
            "BOOT_IMAGE=/k root=x bedplate=0 bedplate.etc=ro \"bedplate.x=a b\" bedplates=1 bedplate",
            Some("root=x bedplates=1 bedplate.entry=v1"),
        ),
        (Origin::Running, "root=x #y bedplate.entry=v9 -- single", Some("root=x #y bedplate.entry=v1 -- single")),
    ];
    for (origin, text, expected) in table {
        assert_eq!(options(text, origin, &id("v1")).as_deref(), expected, "{text}");
    }
}

proptest! {
    #[test]
    fn any_text_is_an_entry(name in ".*", text in "((linux|initrd|version|# bedplate deployment) ?|/bedplate/|[ -~]|\\PC|\n)*") {
        let found = read(&name, &text);
        let _ = (id_in(&name), next_sequence(&[found]));
    }

    #[test]
    fn what_is_written_is_read(name in "[A-Za-z0-9][A-Za-z0-9._-]{0,20}", system in ".*", release in ".*", options in ".*", sequence: u64, tries: Option<u8>, digest: [u8; 32]) {
        let (id, instance) = (id(&name), instance());
        let (linux, initrd) = (file_name(Role::Linux, &digest), file_name(Role::Initrd, &digest));
        let entry = Entry { id: &id, instance: &instance, system: &system, sequence, release: &release, linux: &linux, initrd: &initrd, options: &options };
        let text = format(&entry);
        prop_assert_eq!(text.lines().count(), 7);
        let found = read("x", &text);
        prop_assert_eq!(found.owner, Some(owner(&id, &instance)));
        prop_assert_eq!(&found.files, &[linux, initrd]);
        prop_assert!(release.starts_with(|c: char| c.is_ascii_digit()) || found.sequence == sequence);
        prop_assert_eq!(id_in(&entry_name(&id, tries)), Some(id));
    }

    #[test]
    fn a_command_line_keeps_its_words(text in "([a-z.=\"#]{1,8}[ \n]){0,6}", running: bool) {
        let origin = if running { Origin::Running } else { Origin::File };
        if let Some(options) = options(&text, origin, &id("v1")) {
            prop_assert!(!options.contains('\n') || text.matches('"').count() % 2 == 1);
            let open = options.matches('"').count() % 2 == 1;
            prop_assert!(open || Cmdline::parse(&options).get("bedplate.entry") == Some("v1"));
        }
    }
}
