//! What every plan is put together with: steps that have to succeed, and places by their base.

use crate::decide::model::{Access, Action, Base, OnError, Owner, Place, Step};
use alloc::vec::Vec;

/// A plan in the making.
pub(in crate::decide) trait Steps {
    fn steps(&mut self) -> &mut Vec<Step>;

    /// `why` is for people.
    fn step(&mut self, why: &str, action: Action) {
        self.steps().push(Step { action, on_error: OnError::Fatal, why: why.into() });
    }

    fn directory(&mut self, why: &str, at: Place, owner: Owner) {
        self.step(why, Action::Directory { at, owner });
    }

    /// `to` is in the new root.
    fn bind(&mut self, why: &str, from: Place, to: &str, access: Access) {
        self.step(why, Action::Bind { from, to: new(to), access });
    }
}

pub(in crate::decide) fn new(path: &str) -> Place {
    Place::new(Base::New, path)
}

pub(in crate::decide) fn deployment(path: &str) -> Place {
    Place::new(Base::Deployment, path)
}

pub(in crate::decide) fn sysroot(path: &str) -> Place {
    Place::new(Base::Sysroot, path)
}

/// Directories that only root may enter.
pub(in crate::decide) const PRIVATE: Owner = Owner { mode: 0o700, uid: 0, gid: 0 };
/// Directories as most are.
pub(in crate::decide) const PLAIN: Owner = Owner { mode: 0o755, uid: 0, gid: 0 };
