//! Steps for /var.

use super::{Builder, PLAIN, Steps, deployment, new, sysroot};
use crate::decide::config::VarMode;
use crate::decide::model::{Access, Action};
use alloc::vec;

/// The shared /var, below the physical root.
pub const SHARED_VAR: &str = "bedplate/var";

impl Builder<'_> {
    pub(super) fn var(&mut self) {
        match self.config.var.mode {
            VarMode::Bind if self.writable() => self.var_bind(),
            VarMode::Bind => {
                self.transient_overlay("the disk cannot be written", "var", vec![sysroot(SHARED_VAR)], "var", PLAIN);
            }
            VarMode::Transient => self.var_transient(),
            VarMode::Device => {
                let source = self.config.var.source.clone();
                self.step("var.mode = \"device\"", Action::Device { source, to: new("var") });
            }
            VarMode::None => {}
        }
    }

    fn var_bind(&mut self) {
        let shared = sysroot(SHARED_VAR);
        if let Some(factory) = self.tree.var_factory.as_ref().filter(|_| self.tree.var_empty) {
            self.step("an empty /var is filled once", Action::Fill { from: deployment(factory), to: shared.clone() });
        }
        self.directory("deployments share /var", shared.clone(), PLAIN);
        self.bind("deployments share /var", shared, "var", Access::Writable);
    }

    fn var_transient(&mut self) {
        let why = "var.mode = \"transient\"";
        match &self.tree.var_factory {
            Some(factory) => self.transient_overlay(why, "var", vec![deployment(factory)], "var", PLAIN),
            None => self.step(why, Action::Tmpfs { to: new("var"), mode: 0o755, size: Some(super::SCRATCH_SIZE.into()) }),
        }
    }

    /// Whether something of ours stands at /var when the plan is done.
    pub(super) fn mounts_var(&self) -> bool {
        self.config.var.mode != VarMode::None
    }
}
