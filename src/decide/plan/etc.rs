//! Steps for /etc.

use super::validate::is_below;
use super::{Builder, PLAIN, PRIVATE, Steps, deployment, new, sysroot};
use crate::decide::config::EtcMode;
use crate::decide::model::{Access, Action, Base, Entry, OnError, Place, Step, Style};
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

/// The machine-id in a deployment's own layer of /etc, below its state.
pub const MACHINE_ID: &str = "etc/upper/machine-id";
/// What a transient /etc keeps, below a deployment's state.
pub const ETC_KEEP: &str = "etc-keep";

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
        self.step(why, Action::Overlay { lower, upper, work, to: new("etc"), access: Access::Writable, style: Style::Portable });
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
            self.keeps_nothing();
            return;
        }
        self.kept_before();
        self.keep_machine_id();
        // Parents first; what is in one of them is kept with it.
        let mut kept: Vec<String> = self.config.etc.keep.iter().map(|path| below_etc(path).into()).collect();
        kept.sort();
        for path in kept {
            if !self.is_kept(&path) {
                self.keep(&path);
            }
        }
    }

    fn keeps_nothing(&mut self) {
        let kept: Vec<String> = self.config.etc.keep.iter().map(|path| alloc::format!(", /etc/{}", below_etc(path))).collect();
        self.warn(alloc::format!(
            "the disk cannot be written: /etc/machine-id{} of this boot are the deployment's and not what was kept, and the next boot that can write has what was kept again",
            kept.concat()
        ));
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
        let kept = self.state(&if self.has_state(MACHINE_ID) { MACHINE_ID.into() } else { alloc::format!("{ETC_KEEP}/machine-id") });
        if !self.has_state(MACHINE_ID) {
            self.state_directory(why);
            self.directory(why, self.state(ETC_KEEP), PLAIN);
            self.step(why, Action::File { at: kept.clone(), mode: 0o644, content: String::new() });
        }
        self.empty_machine_id();
        self.bind(why, kept, "etc/machine-id", Access::Writable);
    }

    /// Over what the vendor has, in layers: what the vendor changes later is seen, but where a file was changed here. A path that
    /// leads nowhere costs this path, not the boot.
    fn keep(&mut self, path: &str) {
        let why = "listed in etc.keep";
        let (upper, target) = (self.state(&alloc::format!("{ETC_KEEP}/{path}")), new(&alloc::format!("etc/{path}")));
        let vendor = alloc::format!("{}/{path}", self.tree.vendor_etc.path());
        let entry = self.tree.entry(&vendor);
        if entry == Entry::Other {
            self.warn(alloc::format!("etc.keep has \"{path}\": that is a file and only directories can be kept, leaving it out"));
            return;
        }
        let Entry::Directory(owner) = entry else {
            self.directory(why, upper.clone(), PLAIN);
            self.optional(why, Action::Directory { at: target.clone(), owner: PLAIN });
            self.optional(why, Action::Bind { from: upper, to: target, access: Access::Writable });
            return;
        };
        let work = self.state(&alloc::format!("{ETC_KEEP}-work/{path}"));
        self.directory(why, upper.clone(), owner);
        self.directory(why, work.clone(), PRIVATE);
        let lower = vec![deployment(&vendor)];
        self.optional(why, Action::Overlay { lower, upper, work, to: target, access: Access::Writable, style: Style::Portable });
    }

    fn optional(&mut self, why: &str, action: Action) {
        self.steps.push(Step { action, on_error: OnError::Warn, why: why.into() });
    }

    /// A deployment goes on with what was kept in the one that it came from; that one keeps its own.
    fn kept_before(&mut self) {
        if let Some(before) = self.tree.kept_before.as_ref().filter(|_| !self.has_state(ETC_KEEP)) {
            let why = "what etc.keep kept in the deployment that this one came from";
            let from = sysroot(&alloc::format!("bedplate/state/{before}/{ETC_KEEP}"));
            self.state_directory(why);
            self.step(why, Action::Fill { from, to: self.state(ETC_KEEP) });
        }
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
pub fn below_etc(path: &str) -> &str {
    path.trim_matches('/').trim_start_matches("etc/")
}
