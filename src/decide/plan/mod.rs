//! The plan: the ordered steps that produce the new root, after the table in the design's section 4.
//!
//! It decides on [`TreeFacts`] alone and mounts nothing. [`validate`](validate::validate) checks any plan, also before it is applied.

mod etc;
mod paths;
pub(in crate::decide) mod steps;
#[cfg(test)]
mod tests;
mod text;
pub mod units;
pub mod validate;
mod var;

pub use etc::{ETC_KEEP, MACHINE_ID, below_etc};
pub use paths::{PACKAGE_DATABASES, VAR_BACKED, resolve};
pub use var::SHARED_VAR;

use super::config::{Config, RootMode};
use super::model::{Access, Action, Base, Counting, Disk, Entry, Owner, Place, Plan, Step, Style, TreeFacts};
use alloc::string::String;
use alloc::vec::Vec;
use steps::{PLAIN, PRIVATE, Steps, deployment, new, sysroot};

/// The size of a tmpfs that stands in for a disk; of memory, as tmpfs takes it.
const SCRATCH_SIZE: &str = "25%";

/// Builds the plan for one deployment. `counting` decides whether the booted system gets a deadline.
pub fn build(config: &Config, tree: &TreeFacts, counting: Counting) -> Plan {
    let mut builder = Builder { config, tree, steps: Vec::new(), warnings: Vec::new() };
    builder.root();
    builder.etc();
    builder.var();
    builder.var_backed_paths();
    builder.declared_paths();
    builder.tmp();
    builder.physical_root();
    let run_files = units::run_files(config, tree, counting);
    builder.warn_about_fstab();
    Plan { deployment: tree.id.clone(), steps: builder.steps, warnings: builder.warnings, run_files, init: tree.init.clone() }
}

struct Builder<'a> {
    config: &'a Config,
    tree: &'a TreeFacts,
    steps: Vec<Step>,
    warnings: Vec<String>,
}

impl Steps for Builder<'_> {
    fn steps(&mut self) -> &mut Vec<Step> {
        &mut self.steps
    }
}

impl Builder<'_> {
    /// An overlay whose changes are lost at the end of this boot; `name` is its tmpfs.
    fn transient_overlay(&mut self, why: &str, name: &str, lower: Vec<Place>, to: &str, owner: Owner) {
        let place = |part: &str| Place::new(Base::Scratch, alloc::format!("{name}/{part}"));
        let size = Some(SCRATCH_SIZE.into());
        self.step(why, Action::Tmpfs { to: Place::new(Base::Scratch, name), mode: 0o700, size });
        self.directory(why, place("upper"), owner);
        self.directory(why, place("work"), PRIVATE);
        let (upper, work) = (place("upper"), place("work"));
        self.step(why, Action::Overlay { lower, upper, work, to: new(to), access: Access::Writable, style: Style::Portable });
    }

    fn root(&mut self) {
        match self.config.root.mode {
            RootMode::Ro => self.bind("the deployment is the root", deployment(""), "", Access::ReadOnly),
            RootMode::Transient => {
                let why = "root.mode = \"transient\": changes to / are lost at the end of this boot";
                self.transient_overlay(why, "root", alloc::vec![deployment("")], "", PLAIN);
            }
        }
        self.bind("/usr is the vendor's and read-only", deployment("usr"), "usr", Access::ReadOnly);
    }

    fn tmp(&mut self) {
        let mounted_by_tree = self.tree.tmp_mount || self.in_fstab("tmp");
        if !mounted_by_tree && matches!(self.tree.entry("tmp"), Entry::Directory(_)) {
            self.step("nothing in the deployment mounts /tmp", Action::Tmpfs { to: new("tmp"), mode: 0o1777, size: None });
        }
    }

    fn physical_root(&mut self) {
        let why = "the store stays reachable";
        let to = match self.tree.entry("sysroot") {
            Entry::Directory(_) => new("sysroot"),
            _ => Place::new(Base::Run, units::RUN_SYSROOT),
        };
        if to.base == Base::Run {
            self.directory(why, to.clone(), PRIVATE);
        }
        self.step(why, Action::Physical { to });
    }

    fn warn_about_fstab(&mut self) {
        if let Some(line) = units::remounts(self.tree) {
            self.warn(alloc::format!(
                "/etc/fstab has a line for {line}, which would undo the mounts: systemd-remount-fs is switched off for this boot"
            ));
        }
        if self.in_fstab("var") && self.mounts_var() {
            self.warn(
                "/etc/fstab has a line for /var, which is mounted already: the line has no effect (use var.mode = \"device\")".into(),
            );
        }
        if let Disk::ReadOnly(why) = &self.tree.disk {
            self.warn(alloc::format!("the disk cannot be written ({why}): changes to /etc and /var are lost at the end of this boot"));
        }
    }

    fn warn(&mut self, warning: String) {
        self.warnings.push(warning);
    }

    fn in_fstab(&self, path: &str) -> bool {
        in_fstab(self.tree, path)
    }

    /// Whether a mount at `target` would be the second one there, or hide one below it.
    fn is_taken(&self, target: &str) -> bool {
        let hidden = |to: &Place| to.path == target || validate::is_below(&to.path, target);
        self.steps.iter().filter_map(|step| step.action.mounts_on()).any(hidden)
    }

    fn writable(&self) -> bool {
        self.tree.disk == Disk::Writable
    }
}

fn in_fstab(tree: &TreeFacts, path: &str) -> bool {
    tree.fstab.iter().any(|line| line.target.starts_with('/') && line.target.trim_matches('/') == path)
}
