use crate::decide::cmdline::Cmdline;
use crate::decide::ostree::conf::{Composefs, Root, Trust, conf};
use crate::decide::ostree::keyfile::KeyFile;
use crate::decide::ostree::name::Name;
use crate::decide::ostree::target::target;
use alloc::format;
use alloc::string::{String, ToString};
use proptest::prelude::*;

#[test]
fn key_files_are_read_as_glib_does() {
    let file = KeyFile::parse("# words\n\n [a]\nx = 1 \nx=2\n[b c]\n y y= z = 3\n[a]\nw=\n").unwrap();
    for (group, key, value) in [("a", "x", Some("2")), ("b c", "y y", Some("z = 3")), ("a", "w", Some("")), ("b", "x", None)] {
        assert_eq!(file.get(group, key), value, "{group}.{key}");
    }
    for (text, why) in [
        ("x=1\n", "line 1: a key before the first group"),
        ("[a]\nword\n", "line 2: neither a group nor key=value nor a comment"),
        ("[]\n", "line 1: not a group in brackets"),
        ("[a\n", "line 1: not a group in brackets"),
        ("[a]b]\n", "line 1: not a group in brackets"),
    ] {
        assert_eq!(KeyFile::parse(text).unwrap_err(), why, "{text:?}");
    }
}

#[test]
fn the_later_file_counts_key_by_key() {
    let mut merged = KeyFile::parse("[composefs]\nenabled=signed\n[etc]\ntransient=true\n").unwrap();
    merged.overlay(&KeyFile::parse("[etc]\ntransient=false\n").unwrap());
    assert_eq!((merged.get("composefs", "enabled"), merged.get("etc", "transient")), (Some("signed"), Some("false")));
}

/// Text of the file, the command line, and: /sysroot where the repository says true, where it says false, transient /etc, root, composefs.
fn shown(text: &str, cmdline: &str) -> String {
    let file = KeyFile::parse(text).unwrap();
    match conf(&file, &Cmdline::parse(cmdline)) {
        Err(error) => error.text,
        Ok((conf, warnings)) => {
            let readonly = |legacy| if conf.readonly(|| legacy) { "ro" } else { "rw" };
            let root = match conf.root {
                Root::ReadOnly => "",
                Root::Transient => " root",
                Root::TransientReadOnly => " root-ro",
            };
            let composefs = match conf.composefs {
                Composefs::No => "",
                Composefs::Maybe => " maybe",
                Composefs::Yes(Trust::Blind) => " blind",
                Composefs::Yes(Trust::Verity) => " verity",
                Composefs::Yes(Trust::Signed) => " signed",
            };
            let etc = if conf.etc_transient { " etc" } else { "" };
            format!(
                "{}{}{etc}{root}{composefs}{}",
                readonly(true),
                readonly(false),
                warnings.iter().fold(String::new(), |text, warning| text + "; " + warning)
            )
        }
    }
}

#[test]
fn every_key_and_value() {
    let argument = "ostree.prepare-root.composefs";
    for (text, cmdline, expected) in [
        ("", String::new(), "rorw"),
        ("[sysroot]\nreadonly=true\n", String::new(), "roro"),
        ("[sysroot]\nreadonly=0\n", String::new(), "rorw"),
        (
            "[sysroot]\nreadonly=maybe\n",
            String::new(),
            "cannot understand prepare-root.conf: sysroot.readonly is \"maybe\", neither true nor false",
        ),
        ("[etc]\ntransient=yes\n", String::new(), "rorw etc"),
        ("[root]\ntransient=1\n", String::new(), "rorw root"),
        ("[root]\ntransient-ro=true\n", String::new(), "rorw root-ro"),
        (
            "[root]\ntransient=true\ntransient-ro=true\n",
            String::new(),
            "cannot understand prepare-root.conf: root.transient and root.transient-ro are both true",
        ),
        ("[composefs]\nenabled=yes\n", String::new(), "roro blind"),
        ("[composefs]\nenabled=yes\n[sysroot]\nreadonly=false\n", String::new(), "rwrw blind"),
        ("[composefs]\nenabled=maybe\n", String::new(), "rorw maybe"),
        ("[composefs]\nenabled=verity\n", String::new(), "roro verity"),
        ("[composefs]\nenabled=signed\n", String::new(), "roro signed"),
        (
            "[composefs]\nenabled=digest\n",
            String::new(),
            "cannot understand prepare-root.conf: composefs is \"digest\", none of no, maybe, yes, verity, signed",
        ),
        ("", format!("{argument}=verity"), "roro verity"),
        ("", format!("{argument}=signed"), "roro signed"),
        ("[composefs]\nenabled=yes\n", format!("{argument}=0"), "rorw"),
        (
            "[composefs]\nenabled=signed\n",
            format!("{argument}=1"),
            "roro blind; ostree.prepare-root.composefs=1 on the kernel command line: the signature of the deployment is not checked in this boot",
        ),
        (
            "[composefs]\nenabled=verity\n",
            format!("{argument}=no"),
            "rorw; ostree.prepare-root.composefs=no on the kernel command line: fs-verity is not required in this boot",
        ),
        (
            "",
            format!("{argument}=x"),
            "cannot understand ostree.prepare-root.composefs=x: composefs is \"x\", none of no, maybe, yes, verity, signed",
        ),
        ("[etc]\ntransiant=1\n", String::new(), "rorw; prepare-root.conf: etc.transiant is unknown, ignoring it"),
    ] {
        assert_eq!(shown(text, &cmdline), expected, "{text:?} {cmdline}");
    }
}

#[test]
fn who_is_asked_for() {
    for (cmdline, expected) in [
        ("", "none"),
        ("root=x", "none"),
        ("ostree=/ostree/boot.1/os/abc/0 ro", "ostree/boot.1/os/abc/0"),
        ("ostree=/a/0 ostree=/b/0", "a/0"),
        ("x=\"a ostree=/wrong\" ostree=/a/0", "a/0"),
        ("ostree=\"/a b/0\"", "a b/0"),
        ("androidboot.slot_suffix=_b ostree=/a/0", "ostree/root.b"),
        ("androidboot.slot_suffix=_a", "ostree/root.a"),
        ("androidboot.serial=1", "ostree/root.a"),
        ("androidboot.slot_suffix=c", "androidboot.slot_suffix=c on the kernel command line is neither _a nor _b"),
        ("ostree=", "ostree= on the kernel command line names nothing: it needs the path of a deployment's link"),
    ] {
        let found = target(&Cmdline::parse(cmdline)).map_or_else(|error| error.text, |path| path.unwrap_or_else(|| "none".into()));
        assert_eq!(found, expected, "{cmdline}");
    }
}

#[test]
fn names_of_deployments() {
    let checksum = "fb9d672a4577f5761537047d1364ae639d167d1173e154b1adb0453e5f05a022";
    let path = format!("ostree/deploy/debian/deploy/{checksum}.3");
    let name = Name::parse(&path).unwrap();
    assert_eq!((name.path(), name.id().unwrap().as_str()), (path, "debian-fb9d672a4577.3"));
    assert_eq!(name.stateroot(), "ostree/deploy/debian");
    for wrong in [
        "",
        "ostree/deploy/debian/deploy/x.0",
        "ostree/deploy//deploy/x.0",
        &format!("ostree/deploy/a/deploy/{checksum}"),
        &format!("a/{checksum}.0"),
    ] {
        assert_eq!(Name::parse(wrong), None, "{wrong}");
    }
    let other = |os: &str| Name { os: os.into(), ..name.clone() }.id().unwrap().as_str().to_string();
    assert_eq!(other("fedora coreos"), "fedora-coreos-fb9d672a4577.3");
    assert_eq!(other("…"), "ostree-fb9d672a4577.3");
    let instance = |inode, born| name.instance(inode, born);
    assert_eq!(instance(7, (1, 2)), instance(7, (1, 2)));
    assert_ne!(instance(7, (1, 2)), instance(8, (1, 2)));
    assert_ne!(instance(7, (1, 2)), instance(7, (1, 3)));
}

proptest! {
    #[test]
    fn every_text_is_read_or_refused(text in "[\\[\\]=#a-c \n]{0,60}", cmdline in "[a-z=\". ]{0,40}") {
        if let Ok(file) = KeyFile::parse(&text) {
            let _ = conf(&file, &Cmdline::parse(&cmdline));
        }
        let _ = target(&Cmdline::parse(&cmdline));
    }

    #[test]
    fn every_name_gives_an_id(os in "[^/\0]{1,80}", serial in any::<u32>()) {
        let name = Name { os, checksum: "0".repeat(64), serial };
        prop_assert!(name.id().is_some());
        prop_assert_eq!(Name::parse(&name.path()), Some(name));
    }
}
