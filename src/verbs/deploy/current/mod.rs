//! `deploy --from-current`: a copy of the running deployment, changed by a command that runs in it. The running system does not
//! change: not its /usr, /etc or /var.

mod policy;
mod room;

use super::install;
use super::source::Source;
use crate::verbs::access::View;
use crate::verbs::unlock::{System, shown};
use bedplate::boot::copy::{Flow, Mounts, Totals, copy_tree, copy_tree_with, measure, remove_tree_in};
use bedplate::boot::settle::settle;
use bedplate::boot::store::{STORE, Store};
use bedplate::decide::model::Id;
use bedplate::decide::plan::PACKAGE_DATABASES;
use bedplate::error::{Errno, Error, OrFail, Result};
use bedplate::sys::program::apart::{Apart, End, Event, Processes};
use bedplate::sys::program::interrupt::{Interrupt, Interrupts};
use bedplate::sys::{AsFd, OwnedFd, fs};
use policy::Policy;
use room::Room;
use std::io::IsTerminal;

/// What is thrown away after the command, beside the tree.
const SCRATCH: &str = "scratch";
/// In it: /etc of the running system as it was, and the layers of /etc and /var with what the command changed.
const ETC_BEFORE: &str = "etc-before";
const LAYERS: [&str; 4] = ["etc/upper", "etc/work", "var/upper", "var/work"];
/// Places in /var where packages put what belongs to no deployment.
const NOT_DEPLOYED: [(&str, &str); 2] = [("opt", "/opt"), ("usrlocal", "/usr/local")];

/// What is to be made, and where.
#[derive(Debug, Clone, Copy)]
pub struct Work<'a> {
    pub system: &'a System,
    pub id: &'a Id,
    pub command: &'a [String],
    pub interrupts: &'a Interrupts,
}

impl Work<'_> {
    /// Makes the tree beside its place: copied, changed by the command, and with nothing else left there. A failure leaves nothing.
    pub fn make(&self, view: &View, source: &Source, totals: Totals) -> Result<Source> {
        let made = self.change(view, source, totals);
        if made.is_err() {
            self.clear(&view.store)?;
        }
        made
    }

    fn place(&self) -> String {
        format!("deployments/.{}.new", self.id)
    }

    /// Takes away what was made beside.
    pub fn clear(&self, store: &Store) -> Result<()> {
        let deployments = fs::open_dir_in(&store.dir, "deployments").or_fail("cannot open", "bedplate/deployments")?;
        remove_tree_in(deployments.as_fd(), "bedplate/deployments", &format!(".{}.new", self.id))
    }

    fn change(&self, view: &View, source: &Source, totals: Totals) -> Result<Source> {
        let place = self.place();
        fs::make_dir(&view.store.dir, &place, 0o700).or_fail("cannot make", &place)?;
        let dir = fs::open_dir_in(&view.store.dir, &place).or_fail("cannot open", &place)?;
        install::copy(&dir, source, totals, self.interrupts)?;
        let root = fs::open_dir_in(&dir, "root").or_fail("cannot open", "root")?;
        install::complete(&root)?;
        self.databases(&view.store, &root)?;
        make_scratch(&dir)?;
        let policy = Policy::put(&root)?;
        self.run(&view.path)?;
        policy.take_away(&root)?;
        self.keep_etc(&dir, &root)?;
        say_what_is_lost(&dir)?;
        remove_tree_in(dir.as_fd(), &place, SCRATCH)?;
        Ok(Source { dir: root })
    }

    /// Those of the running system describe its /usr as it is now, also where it was changed in place.
    fn databases(&self, store: &Store, root: &OwnedFd) -> Result<()> {
        let (deployment, _) = self.system.booted()?;
        let Some(instance) = deployment.instance() else { return Ok(()) };
        for database in PACKAGE_DATABASES {
            let path = format!("state/{}@{instance}/paths/{database}", deployment.id);
            let now = match fs::open_dir_in(&store.dir, &path) {
                Err(Errno::ENOENT) => continue,
                opened => opened.or_fail("cannot open", &format!("{STORE}/{path}"))?,
            };
            let (parent, name) = fs::split(database);
            let parent = fs::open_dir_in(root, parent).or_fail("cannot open", parent)?;
            remove_tree_in(parent.as_fd(), "", name)?;
            copy_tree(now.as_fd(), parent.as_fd(), name, &mut |_| Flow::Continue)?;
        }
        Ok(())
    }

    fn run(&self, sysroot: &str) -> Result<()> {
        let room = Room { sysroot, place: &format!("{STORE}/{}", self.place()), databases: &PACKAGE_DATABASES, command: self.command };
        let apart = Apart::start(Processes::Bound, || room.run()).or_fail("cannot start a process for", "the command")?;
        let command = shown(self.command);
        match self.wait(apart)? {
            End::Status(0) => Ok(()),
            End::Status(status) => Err(Error::transient(format!("\"{command}\" exited with {status}: nothing was deployed"))),
            End::Failed(why) => Err(Error::transient(format!("cannot run \"{command}\": {why}; nothing was deployed"))),
        }
    }

    /// What is typed at a terminal has reached the command, too, and it decides (a shell goes on). Else it ends at once.
    fn wait(&self, apart: Apart) -> Result<End> {
        let on = "the command";
        loop {
            match apart.next(self.interrupts).or_fail("cannot wait for", on)? {
                Event::Ended => return apart.end().or_fail("cannot wait for", on),
                Event::Interrupted(Interrupt::Stop) if std::io::stdin().is_terminal() => {}
                Event::Interrupted(_) => {
                    apart.kill();
                    apart.end().or_fail("cannot wait for", on)?;
                    return Err(Error::refused("interrupted: nothing was deployed"));
                }
            }
        }
    }

    /// What the command changed in /etc becomes the vendor's; what was changed here before does not.
    fn keep_etc(&self, dir: &OwnedFd, root: &OwnedFd) -> Result<()> {
        let open = |path: &str| fs::open_dir_in(dir, &format!("{SCRATCH}/{path}")).or_fail("cannot open", path);
        let (before, upper) = (open(ETC_BEFORE)?, open("etc/upper")?);
        let path = self.system.vendor_etc.path();
        let vendor = fs::open_dir_in(root, path).or_fail("cannot open", path)?;
        for sentence in settle(before.as_fd(), upper.as_fd(), vendor.as_fd())?.first {
            log::warn!("{sentence}: the deployment is without it");
        }
        Ok(())
    }
}

fn make_scratch(dir: &OwnedFd) -> Result<()> {
    fs::make_dir(dir, SCRATCH, 0o700).or_fail("cannot make", SCRATCH)?;
    let scratch = fs::open_dir_in(dir, SCRATCH).or_fail("cannot open", SCRATCH)?;
    let etc = fs::open_dir("/etc").or_fail("cannot open", "/etc")?;
    copy_tree_with(etc.as_fd(), Mounts::Cross, scratch.as_fd(), ETC_BEFORE, &mut |_| Flow::Continue)?;
    for layer in LAYERS {
        fs::make_dirs(&scratch, layer, 0o755).or_fail("cannot make", layer)?;
    }
    // The merged directory shows the mode and owner of the upper one.
    for (upper, of) in [("etc/upper", "/etc"), ("var/upper", "/var")] {
        let stat = fs::open_dir(of).and_then(fs::stat_fd).or_fail("cannot look at", of)?;
        fs::set_mode_in(&scratch, upper, stat.mode).or_fail("cannot set the mode of", upper)?;
        fs::open_dir_in(&scratch, upper)
            .and_then(|upper| fs::set_owner(upper, stat.uid, stat.gid))
            .or_fail("cannot set the owner of", upper)?;
    }
    Ok(())
}

fn say_what_is_lost(dir: &OwnedFd) -> Result<()> {
    for (place, path) in NOT_DEPLOYED {
        let changed = match fs::open_dir_in(dir, &format!("{SCRATCH}/var/upper/{place}")) {
            Err(Errno::ENOENT | Errno::ENOTDIR) => continue,
            changed => measure(changed.or_fail("cannot open", path)?.as_fd())?,
        };
        if changed.files + changed.others > 0 {
            log::warn!(
                "the command has written to {path}, which is in /var and shared by all deployments: that is dropped, do it there yourself"
            );
        }
    }
    Ok(())
}
