//! The root of an OSTree deployment, step by step, as `ostree-prepare-root` makes it.

use super::booted::{Booted, BootedComposefs};
use super::conf::{Composefs, Conf, Root, Trust};
use super::{BOOTED, HOTFIX_UPPER, HOTFIX_WORK, IMAGE, REPO};
use crate::decide::model::{Access, Action, Base, Id, Owner, Place, Plan, RunContent, RunFile, Step, Style, Verity};
use crate::decide::plan::steps::{PLAIN, PRIVATE, Steps, deployment, new, sysroot};
use crate::error::{Error, Result};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// What was found of the deployment and of the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own")]
pub struct Tree {
    pub id: Id,
    /// Device and inode of the deployment's directory.
    pub device: u64,
    pub inode: u64,
    /// The stateroot's var, below the physical root.
    pub var: String,
    /// It has an image, [`IMAGE`].
    pub has_image: bool,
    /// The digest of the image in a commit that is signed, where that was asked for: 64 hex digits.
    pub signed_digest: Option<String>,
    /// `ostree admin unlock --hotfix` was run in it.
    pub hotfix: bool,
    /// The physical root takes writes.
    pub writable: bool,
    /// /sysroot is to be read-only.
    pub readonly: bool,
    /// /boot is on the physical root and managed by OSTree: its `loader` is a symlink, and the deployment has a /boot.
    pub boot: bool,
    /// Somebody asks for /var to be mounted here; else the system generator does it later.
    pub mount_var: bool,
    /// A name for a transient /etc that no other one has.
    pub unique: String,
    pub init: String,
}

/// Builds the plan. The error is what the configuration asks for and the deployment cannot give.
pub fn build(conf: &Conf, tree: &Tree) -> Result<Plan> {
    let composefs = image(conf, tree)?;
    let mut builder = Builder { conf, tree, composefs, steps: Vec::new() };
    builder.run_directories();
    builder.root()?;
    builder.boot();
    builder.etc();
    builder.usr();
    builder.physical_root();
    let booted = RunFile { path: BOOTED.into(), content: RunContent::Bytes(builder.booted().to_bytes()) };
    Ok(Plan {
        deployment: tree.id.clone(),
        steps: builder.steps,
        warnings: Vec::new(),
        run_files: alloc::vec![booted],
        init: tree.init.clone(),
    })
}

/// What vouches for the image that / is made of; `None`: / is the deployment's directory.
fn image(conf: &Conf, tree: &Tree) -> Result<Option<Trust>> {
    match (conf.composefs, tree.has_image) {
        (Composefs::No, _) | (Composefs::Maybe, false) => Ok(None),
        (Composefs::Maybe, true) => Ok(Some(Trust::Blind)),
        (Composefs::Yes(trust), true) => Ok(Some(trust)),
        (Composefs::Yes(_), false) => {
            let id = &tree.id;
            Err(Error::deterministic(format!(
                "prepare-root.conf asks for composefs, and {id} has no \"{IMAGE}\": deploy it with composefs on"
            )))
        }
    }
}

struct Builder<'a> {
    conf: &'a Conf,
    tree: &'a Tree,
    composefs: Option<Trust>,
    steps: Vec<Step>,
}

/// Nobody passes through but who may pass everywhere.
const CLOSED: Owner = Owner { mode: 0, uid: 0, gid: 0 };

impl Steps for Builder<'_> {
    fn steps(&mut self) -> &mut Vec<Step> {
        &mut self.steps
    }
}

impl Builder<'_> {
    fn run_directories(&mut self) {
        self.directory("OSTree's state of this boot", run("ostree"), PLAIN);
        self.directory("what nobody else is to see of it", run("ostree/.private"), CLOSED);
    }

    fn root(&mut self) -> Result<()> {
        let Some(trust) = self.composefs else {
            if self.conf.root != Root::ReadOnly {
                return Err(Error::usage("prepare-root.conf: root.transient needs composefs: set composefs.enabled, or take it out"));
            }
            self.bind("the deployment is the root", deployment(""), "", Access::Kept);
            return Ok(());
        };
        let verity = match (trust, &self.tree.signed_digest) {
            (Trust::Blind, _) => Verity::NotAsked,
            (Trust::Verity, _) => Verity::Required,
            (Trust::Signed, Some(digest)) => Verity::Digest(digest.clone()),
            (Trust::Signed, None) => {
                return Err(Error::deterministic("nobody has looked for the deployment's signature: this is a bug of bedplate"));
            }
        };
        let changes = (self.conf.root != Root::ReadOnly).then(|| self.root_changes());
        let access = if self.conf.root == Root::Transient { Access::Writable } else { Access::ReadOnly };
        let objects = sysroot(&format!("{REPO}/objects"));
        let (image, to) = (deployment(IMAGE), new(""));
        self.step("the deployment's composefs is the root", Action::Composefs { image, objects, changes, to, access, verity });
        Ok(())
    }

    fn root_changes(&mut self) -> [Place; 2] {
        let [upper, work] = ["upper", "work"].map(|part| run(&format!("ostree/.private/root/{part}")));
        let why = "root.transient: changes to / are lost at the end of this boot";
        self.directory(why, upper.clone(), PLAIN);
        self.directory(why, work.clone(), PRIVATE);
        [upper, work]
    }

    fn boot(&mut self) {
        if self.tree.boot {
            self.bind("/boot is on the physical root", sysroot("boot"), "boot", Access::Kept);
        }
    }

    fn etc(&mut self) {
        if self.conf.etc_transient {
            self.transient_etc();
        } else if self.tree.readonly || self.composefs.is_some() {
            self.bind("/etc is the deployment's own", deployment("etc"), "etc", Access::Opened);
        }
    }

    fn transient_etc(&mut self) {
        let why = "etc.transient: changes to /etc are lost at the end of this boot";
        let home = self.etc_home();
        let [upper, work] = ["upper", "work"].map(|part| run(&format!("{home}/{part}")));
        self.directory(why, run(&home), PRIVATE);
        self.directory(why, upper.clone(), PLAIN);
        self.directory(why, work.clone(), PLAIN);
        let lower = alloc::vec![new("usr/etc")];
        self.step(why, Action::Overlay { lower, upper, work, to: new("etc"), access: Access::Kept, style: Style::Plain });
    }

    /// Below /run.
    fn etc_home(&self) -> String {
        format!("ostree/transient-etc.{}", self.tree.unique)
    }

    /// An image is read-only as a whole. A hotfix is not for a deployment that somebody has signed.
    fn usr(&mut self) {
        if self.tree.hotfix && self.composefs != Some(Trust::Signed) {
            let lower = alloc::vec![new("usr")];
            let (upper, work) = (deployment(HOTFIX_UPPER), deployment(HOTFIX_WORK));
            let access = if self.tree.writable { Access::Writable } else { Access::ReadOnly };
            let why = "ostree admin unlock --hotfix: /usr has changes that stay";
            self.step(why, Action::Overlay { lower, upper, work, to: new("usr"), access, style: Style::Plain });
        } else if self.composefs.is_none() {
            self.bind("/usr is read-only", new("usr"), "usr", Access::ReadOnly);
        }
    }

    /// Where it is read-only, the stateroot's var is writable below it, by a mount of its own.
    fn physical_root(&mut self) {
        let access = if self.tree.readonly { Access::ReadOnly } else { Access::Kept };
        self.bind("the physical root stays reachable", sysroot(""), "sysroot", access);
        let var = self.tree.var.clone();
        if self.tree.readonly {
            let seen = format!("sysroot/{var}");
            self.bind("the stateroot's var is for writing", sysroot(&var), &seen, Access::Opened);
        }
        if self.tree.mount_var {
            self.bind("/run/ostree/initramfs-mount-var is there", sysroot(&var), "var", Access::Kept);
        }
    }

    fn booted(&self) -> Booted {
        let composefs = self.composefs.map(|trust| BootedComposefs {
            verity: trust != Trust::Blind,
            signed_by: (trust == Trust::Signed).then(|| self.conf.keypath.clone()),
        });
        Booted {
            device: self.tree.device,
            inode: self.tree.inode,
            root_transient: self.conf.root == Root::Transient,
            root_transient_ro: self.conf.root == Root::TransientReadOnly,
            composefs,
            sysroot_readonly: self.tree.readonly,
            transient_etc: self.conf.etc_transient.then(|| format!("/run/{}", self.etc_home())),
        }
    }
}

fn run(path: &str) -> Place {
    Place::new(Base::Run, path.to_string())
}
