//! Steps for the paths that live in /var, and for those that the configuration declares.

use super::validate::is_below;
use super::{Builder, PLAIN, SCRATCH_SIZE, Steps, deployment, new};
use crate::decide::config::{DeclaredPath, PathMode, Scope};
use crate::decide::model::{Access, Action, Base, Entry, Owner, Place, Step};
use alloc::string::String;
use alloc::vec;

/// Path in the root and its place in /var.
pub const VAR_BACKED: [(&str, &str); 6] =
    [("usr/local", "usrlocal"), ("home", "home"), ("root", "roothome"), ("opt", "opt"), ("srv", "srv"), ("mnt", "mnt")];

/// Package databases: they describe /usr, and so go with the deployment wherever its tree has them.
pub const PACKAGE_DATABASES: [&str; 2] = ["var/lib/dpkg", "var/lib/rpm"];

impl Builder<'_> {
    pub(super) fn var_backed_paths(&mut self) {
        if !self.mounts_var() {
            return;
        }
        for (target, place) in VAR_BACKED {
            match self.tree.entry(target) {
                Entry::Directory(owner) if !self.in_fstab(target) && !self.is_declared(target) => self.var_backed(target, place, owner),
                Entry::Symlink(link) => self.link_target(target, &link),
                Entry::Directory(_) | Entry::Absent | Entry::Other => {}
            }
        }
    }

    fn var_backed(&mut self, target: &str, place: &str, owner: Owner) {
        let why = "local data lives in /var";
        let from = Place::new(Base::Var, place);
        self.directory(why, from.clone(), owner);
        self.bind(why, from, target, Access::Writable);
    }

    /// A symlink is the deployment's own choice; what it means in /var is made.
    fn link_target(&mut self, target: &str, link: &str) {
        let owner = if target == "root" { super::PRIVATE } else { PLAIN };
        if let Some(place) = resolve(target, link).as_deref().and_then(|path| path.strip_prefix("var/")) {
            self.directory("the target of a symlink of the deployment", Place::new(Base::Var, place), owner);
        }
    }

    fn is_declared(&self, target: &str) -> bool {
        self.config.path.iter().any(|path| path.target.trim_matches('/') == target)
    }

    /// Parents first, however they were declared.
    pub(super) fn declared_paths(&mut self) {
        let mut paths = self.config.path.clone();
        for target in PACKAGE_DATABASES {
            if self.mounts_var() && !self.is_declared(target) && matches!(self.tree.entry(target), Entry::Directory(_)) {
                let scope = Scope::Deployment;
                paths.push(DeclaredPath { target: alloc::format!("/{target}"), scope, ..DeclaredPath::default() });
            }
        }
        paths.sort_by(|a, b| a.target.cmp(&b.target));
        for path in &paths {
            self.declared(path);
        }
    }

    fn declared(&mut self, path: &DeclaredPath) {
        let target = path.target.trim_matches('/');
        let owner = match self.tree.entry(target) {
            Entry::Directory(owner) => owner,
            _ => PLAIN,
        };
        let access = if path.mode == PathMode::Ro { Access::ReadOnly } else { Access::Writable };
        if path.mode == PathMode::None || !self.can_be_mounted(path, target) || !self.mount_point(target, owner) {
            return;
        }
        match path.scope {
            Scope::Shared => self.declared_shared(target, &path.source, owner, access),
            Scope::Deployment => self.declared_deployment(target, owner, access),
            Scope::Transient => {
                let size = Some(SCRATCH_SIZE.into());
                self.step("declared with scope transient", Action::Tmpfs { to: new(target), mode: owner.mode, size });
            }
        }
    }

    fn can_be_mounted(&mut self, path: &DeclaredPath, target: &str) -> bool {
        let why_not = if path.scope == Scope::Shared && !self.mounts_var() {
            "there is no shared /var (var.mode = \"none\")"
        } else if self.is_taken(target) {
            "something is mounted there already"
        } else {
            return true;
        };
        self.warn(alloc::format!("[[path]] target = \"/{target}\": {why_not}, leaving the path out"));
        false
    }

    /// Makes the mount point where that is possible: in /var, and in what lives there. Elsewhere the tree has to have it.
    fn mount_point(&mut self, target: &str, owner: Owner) -> bool {
        let why = "a declared path needs a mount point";
        if let Some(place) = target.strip_prefix("var/").filter(|_| self.mounts_var()) {
            self.directory(why, Place::new(Base::Var, place), owner);
            return true;
        }
        if self.is_in_data(target) {
            self.directory(why, new(target), owner);
            return true;
        }
        let present = matches!(self.tree.entry(target), Entry::Directory(_));
        if !present {
            self.warn(alloc::format!("[[path]] target = \"/{target}\": the deployment has no such directory, leaving the path out"));
        }
        present
    }

    /// Below a mount of ours that takes writes and hides the tree's own directory.
    fn is_in_data(&self, target: &str) -> bool {
        let writable = |step: &Step| match &step.action {
            Action::Bind { to, access: Access::Writable, .. } | Action::Tmpfs { to, .. } => {
                to.base == Base::New && is_below(target, &to.path)
            }
            _ => false,
        };
        self.steps.iter().any(writable)
    }

    fn declared_shared(&mut self, target: &str, source: &str, owner: Owner, access: Access) {
        let why = "declared with scope shared";
        let source = match source.trim_matches('/') {
            "" => target.strip_prefix("var/").unwrap_or(target),
            source => source.strip_prefix("var/").unwrap_or(source),
        };
        let from = Place::new(Base::Var, source);
        self.directory(why, from.clone(), owner);
        self.bind(why, from, target, access);
    }

    fn declared_deployment(&mut self, target: &str, owner: Owner, access: Access) {
        let why = "this path's data goes with the deployment";
        let name = alloc::format!("paths/{target}");
        let state = self.state(&name);
        let vendor = matches!(self.tree.entry(target), Entry::Directory(_)).then(|| deployment(&self.tree.source(target)));
        if !self.writable() {
            let kept = self.has_state(&name).then_some(state).or(vendor);
            return self.declared_on_read_only_disk(target, owner, kept, access);
        }
        self.state_directory(why);
        if let Some(from) = vendor {
            self.step(why, Action::Fill { from, to: state.clone() });
        }
        self.directory(why, state.clone(), owner);
        self.bind(why, state, target, access);
    }

    fn declared_on_read_only_disk(&mut self, target: &str, owner: Owner, kept: Option<Place>, access: Access) {
        let why = "the disk cannot be written";
        match (kept, access) {
            (Some(from), Access::ReadOnly) => self.bind(why, from, target, access),
            (Some(lower), Access::Writable | Access::Kept | Access::Opened) => {
                let name = alloc::format!("path-{}", target.replace('/', "-"));
                self.transient_overlay(why, &name, vec![lower], target, owner);
            }
            (None, _) => self.step(why, Action::Tmpfs { to: new(target), mode: owner.mode, size: Some(SCRATCH_SIZE.into()) }),
        }
    }
}

/// A symlink's target as a path below the root, without leading slash; `None` where it leads out.
pub fn resolve(link: &str, target: &str) -> Option<String> {
    let mut parts: alloc::vec::Vec<&str> = alloc::vec::Vec::new();
    let parent = link.rsplit_once('/').map_or("", |(parent, _)| parent);
    let start = if target.starts_with('/') { "" } else { parent };
    for part in start.split('/').chain(target.split('/')) {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
