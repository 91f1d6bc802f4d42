//! Steps for /etc.

use super::validate::is_below;
use super::{Builder, PLAIN, PRIVATE, deployment, new, sysroot};
use crate::decide::config::EtcMode;
use crate::decide::model::{Access, Action, Base, Entry, OnError, Place, Step};
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// The machine-id in a deployment's own layer of /etc, below its state.
pub const MACHINE_ID: &str = "etc/upper/machine-id";

impl Builder<'_> {
    pub(super) fn etc(&mut self) {
        match self.config.etc.mode {
            EtcMode::Overlay if self.writable() => self.etc_overlay(),
            EtcMode::Overlay => self.etc_on_read_only_disk(),
            EtcMode::Transient => self.etc_transient(),
            EtcMode::Ro => self.bind("etc.mode = \"ro\"", self.vendor_etc(), "etc", Access::ReadOnly),
            EtcMode::Bind => self.bind("etc.mode = \"bind\": the tree's own, in place", deployment("etc"), "etc", Access::Writable),
        }
        if !self.tree.has_machine_id && matches!(self.config.etc.mode, EtcMode::Overlay) {
            self.empty_machine_id();
        }
    }

    fn vendor_etc(&self) -> Place {
        deployment(self.tree.vendor_etc.path())
    }

    fn etc_overlay(&mut self) {
        let why = "/etc is the vendor's with this deployment's own changes";
        let owner = self.tree.etc_owner;
        let (upper, work) = (self.state("etc/upper"), self.state("etc/work"));
        self.state_directory(why);
        self.directory(why, self.state("etc"), PRIVATE);
        // The merged directory shows the mode and owner of the upper one.
        self.directory(why, upper.clone(), owner);
        self.directory(why, work.clone(), PRIVATE);
        let lower = vec![self.vendor_etc()];
        self.step(why, Action::Overlay { lower, upper, work, to: new("etc"), access: Access::Writable });
    }

    /// Keys, network and passwords stay: the changes kept on the disk are a lower layer.
    fn etc_on_read_only_disk(&mut self) {
        let mut lower: Vec<Place> = Vec::new();
        if self.has_state("etc/upper") {
            lower.push(self.state("etc/upper"));
        }
        lower.push(self.vendor_etc());
        self.transient_overlay("the disk cannot be written", "etc", lower, "etc", self.tree.etc_owner);
    }

    fn etc_transient(&mut self) {
        let why = "etc.mode = \"transient\"";
        self.transient_overlay(why, "etc", vec![self.vendor_etc()], "etc", self.tree.etc_owner);
        if !self.writable() {
            return;
        }
        self.keep_machine_id();
        // Parents first; what is in one of them is kept with it.
        let mut kept: Vec<String> = self.config.etc.keep.iter().map(|path| bare(path).into()).collect();
        kept.sort();
        for path in kept {
            if !self.is_kept(&path) {
                self.keep(&path);
            }
        }
    }

    fn is_kept(&self, path: &str) -> bool {
        let target = alloc::format!("etc/{path}");
        let holds = |to: &Place| to.path != "etc" && (to.path == target || is_below(&target, &to.path));
        self.steps.iter().filter_map(|step| step.action.mounts_on()).filter(|to| !to.path.is_empty()).any(holds)
    }

    /// A file of the state is bound over /etc/machine-id: systemd writes a new id into it in place. The one that the machine
    /// has as an overlay is the same machine's.
    fn keep_machine_id(&mut self) {
        let why = "a machine keeps its machine-id";
        let kept = self.state(if self.has_state(MACHINE_ID) { MACHINE_ID } else { "etc-keep/machine-id" });
        if !self.has_state(MACHINE_ID) {
            self.state_directory(why);
            self.directory(why, self.state("etc-keep"), PLAIN);
            self.step(why, Action::File { at: kept.clone(), mode: 0o644, content: String::new() });
        }
        self.empty_machine_id();
        self.bind(why, kept, "etc/machine-id", Access::Writable);
    }

    fn keep(&mut self, path: &str) {
        let why = "listed in etc.keep";
        let kept = self.state(&alloc::format!("etc-keep/{path}"));
        let target = alloc::format!("etc/{path}");
        let vendor = self.tree.entry(&alloc::format!("{}/{path}", self.tree.vendor_etc.path()));
        let owner = match vendor {
            Entry::Directory(owner) => {
                let from = deployment(&alloc::format!("{}/{path}", self.tree.vendor_etc.path()));
                self.step(why, Action::Fill { from, to: kept.clone() });
                owner
            }
            _ => PLAIN,
        };
        self.directory(why, kept.clone(), owner);
        // A path that leads nowhere costs this path, not the boot.
        let mount_point = Action::Directory { at: new(&target), owner };
        let bind = Action::Bind { from: kept, to: new(&target), access: Access::Writable };
        self.steps.extend([mount_point, bind].map(|action| Step { action, on_error: OnError::Warn, why: why.into() }));
    }

    /// Without the file, systemd presets would run and hide behind drift.
    fn empty_machine_id(&mut self) {
        let at = new("etc/machine-id");
        self.step("the deployment has no /etc/machine-id", Action::File { at, mode: 0o444, content: String::new() });
    }

    /// A place in this deployment's own state.
    pub(super) fn state(&self, path: &str) -> Place {
        sysroot(&alloc::format!("bedplate/state/{}/{path}", self.tree.state_name))
    }

    pub(super) fn has_state(&self, path: &str) -> bool {
        self.tree.state.iter().any(|existing| existing == path)
    }

    pub(super) fn state_directory(&mut self, why: &str) {
        let at = Place::new(Base::Sysroot, alloc::format!("bedplate/state/{}", self.tree.state_name));
        self.directory(why, at, PRIVATE);
    }
}

/// A path of /etc without its leading "/etc/".
fn bare(path: &str) -> &str {
    path.trim_matches('/').trim_start_matches("etc/")
}
