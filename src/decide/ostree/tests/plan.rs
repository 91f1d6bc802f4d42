use crate::decide::model::Id;
use crate::decide::ostree::conf::{Composefs, Conf, Root, Trust};
use crate::decide::ostree::plan::{Tree, build};
use crate::decide::plan::validate::validate_ostree;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

fn tree() -> Tree {
    Tree {
        id: Id::parse("debian-fb9d672a4577.0").unwrap(),
        device: 1,
        inode: 2,
        var: "ostree/deploy/debian/var".into(),
        has_image: false,
        signed_digest: None,
        hotfix: false,
        writable: true,
        readonly: false,
        boot: true,
        mount_var: false,
        unique: "abcdef".into(),
        init: "sbin/init".into(),
    }
}

/// The mounts and directories of a plan without their reasons, one a line; or why there is none.
fn steps(conf: &Conf, tree: &Tree) -> String {
    match build(conf, tree) {
        Err(error) => error.text,
        Ok(plan) => {
            validate_ostree(&plan).unwrap();
            let line = |step: &crate::decide::model::Step| step.action.to_string();
            let lines: Vec<String> = plan.steps.iter().skip(2).map(line).collect();
            lines.join("\n").replace("ostree/deploy/debian", "OS")
        }
    }
}

const LEGACY: &str = "bind      new:/ as-is from deployment:/\nbind      new:/boot as-is from sysroot:/boot";
const USR: &str = "bind      new:/usr ro from new:/usr";
const RO: &str = "bind      new:/sysroot ro from sysroot:/\nbind      new:/sysroot/OS/var rw-mount from sysroot:/OS/var";

#[test]
fn a_writable_sysroot_needs_no_etc() {
    assert_eq!(steps(&Conf::default(), &tree()), format!("{LEGACY}\n{USR}\nbind      new:/sysroot as-is from sysroot:/"));
}

#[test]
fn a_read_only_sysroot_gets_etc_and_var_for_writing() {
    let tree = Tree { readonly: true, ..tree() };
    let etc = "bind      new:/etc rw-mount from deployment:/etc";
    assert_eq!(steps(&Conf::default(), &tree), format!("{LEGACY}\n{etc}\n{USR}\n{RO}"));
    let unwritable = Tree { writable: false, mount_var: true, boot: false, ..tree };
    let expected = "bind      new:/ as-is from deployment:/\nbind      new:/etc rw-mount from deployment:/etc\n\
                    bind      new:/usr ro from new:/usr\nbind      new:/sysroot ro from sysroot:/\n\
                    bind      new:/sysroot/OS/var rw-mount from sysroot:/OS/var\nbind      new:/var as-is from sysroot:/OS/var";
    assert_eq!(steps(&Conf::default(), &unwritable), expected);
}

#[test]
fn a_transient_etc_is_an_overlay_in_run_whatever_sysroot_is() {
    let conf = Conf { etc_transient: true, ..Conf::default() };
    let expected = "directory run:/ostree/transient-etc.abcdef 0700 0:0\ndirectory run:/ostree/transient-etc.abcdef/upper 0755 0:0\n\
                    directory run:/ostree/transient-etc.abcdef/work 0755 0:0\n\
                    overlay   new:/etc as-is upper run:/ostree/transient-etc.abcdef/upper lower new:/usr/etc";
    let steps = steps(&conf, &tree());
    assert!(steps.contains(expected), "{steps}");
}

#[test]
fn a_hotfix_is_an_overlay_on_usr_but_never_on_what_is_signed() {
    let tree = Tree { hotfix: true, ..tree() };
    let overlay = "overlay   new:/usr rw upper deployment:/.usr-ovl-upper lower new:/usr";
    assert!(steps(&Conf::default(), &tree).contains(overlay));
    let unwritable = Tree { writable: false, ..tree.clone() };
    assert!(steps(&Conf::default(), &unwritable).contains(&overlay.replace(" rw ", " ro ")));
    let signed = Conf { composefs: Composefs::Yes(Trust::Signed), ..Conf::default() };
    let signed_tree = Tree { has_image: true, signed_digest: Some("00".repeat(32)), ..tree };
    let steps = steps(&signed, &signed_tree);
    assert!(!steps.contains("new:/usr") && steps.contains("with verity and a signed digest"), "{steps}");
}

#[test]
fn composefs_and_what_it_takes() {
    let conf = |composefs, root| Conf { root, composefs, ..Conf::default() };
    let with_image = Tree { has_image: true, readonly: true, ..tree() };
    let etc = "bind      new:/boot as-is from sysroot:/boot\nbind      new:/etc rw-mount from deployment:/etc";
    let image = "composefs new:/ ro from deployment:/.ostree.cfs";
    assert_eq!(steps(&conf(Composefs::Yes(Trust::Blind), Root::ReadOnly), &with_image), format!("{image}\n{etc}\n{RO}"));
    assert_eq!(steps(&conf(Composefs::Maybe, Root::ReadOnly), &with_image), format!("{image}\n{etc}\n{RO}"));
    assert!(steps(&conf(Composefs::Yes(Trust::Verity), Root::ReadOnly), &with_image).starts_with(&format!("{image} with verity\n")));
    let transient = steps(&conf(Composefs::Yes(Trust::Blind), Root::Transient), &with_image);
    assert!(
        transient.contains("directory run:/ostree/.private/root/upper 0755 0:0") && transient.contains("composefs new:/ rw"),
        "{transient}"
    );
    assert!(steps(&conf(Composefs::Yes(Trust::Blind), Root::TransientReadOnly), &with_image).contains("composefs new:/ ro"));
    assert_eq!(steps(&conf(Composefs::Maybe, Root::ReadOnly), &tree()), steps(&Conf::default(), &tree()));
    let refused = steps(&conf(Composefs::Yes(Trust::Blind), Root::ReadOnly), &tree());
    assert!(refused.contains("has no \".ostree.cfs\""), "{refused}");
    let refused = steps(&conf(Composefs::No, Root::Transient), &tree());
    assert!(refused.contains("root.transient needs composefs"), "{refused}");
}
