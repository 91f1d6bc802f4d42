//! Findings on a root tree.

use super::Finding;
use super::unit::Program;
use crate::decide::config::{Config, VarMode};
use crate::decide::deploy::{Part, consequence};
use crate::decide::fstab::remounted;
use crate::decide::model::{FstabLine, VendorEtc};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// What was found in a tree. Paths are without leading slash, targets of `[[path]]` as they were declared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    pub has_usr: bool,
    pub vendor_etc: Option<VendorEtc>,
    /// Why no init program can be run, if so.
    pub no_init: Option<String>,
    /// Mount points that are no directories.
    pub no_mount_points: Vec<String>,
    /// What is missing of bedplate's booted half.
    pub missing_half: Vec<(Part, String)>,
    pub has_machine_id: bool,
    pub fstab: Vec<FstabLine>,
    /// Targets of `[[path]]` that are directories.
    pub directories: Vec<String>,
    /// What `etc.keep` names that the vendor's /etc has, and not as a directory.
    pub kept_files: Vec<String>,
    /// bedplate's own units.
    pub units: Vec<Unit>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unit {
    pub file: String,
    pub state: UnitState,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UnitState {
    /// A link to /dev/null, or empty.
    Masked,
    /// Programs that it runs and that the tree does not have.
    Lacks(Vec<Program>),
}

/// All findings on the tree. The configuration tells what bedplate mounts by itself.
pub fn tree(tree: &Tree, config: &Config) -> Vec<Finding> {
    let mut findings = cannot_boot(tree);
    findings.extend(fstab(tree, config));
    if let Some(vendor) = tree.vendor_etc.filter(|_| !tree.has_machine_id) {
        let text = "missing: each deployment makes an empty one at its first boot; put an empty file there";
        findings.push(Finding::warning(&format!("{}/machine-id", vendor.path()), None, text));
    }
    let no_mount_point = "there is no such directory to mount on: bedplate deploy makes it, other ways of installing do not";
    findings.extend(tree.no_mount_points.iter().map(|path| Finding::warning(path, None, no_mount_point)));
    let no_half = |part: &Part| format!("missing: {} (make install DESTDIR= puts it there)", consequence(*part));
    findings.extend(tree.missing_half.iter().map(|(part, path)| Finding::warning(path, None, no_half(part))));
    findings.extend(tree.units.iter().flat_map(unit));
    findings
}

fn cannot_boot(tree: &Tree) -> Vec<Finding> {
    let no_usr = (!tree.has_usr).then(|| Finding::error("usr", None, "there is no such directory: it is no root tree"));
    let no_etc = tree.vendor_etc.is_none().then(|| Finding::error("etc", None, "there is neither usr/etc nor etc: it is no root tree"));
    let no_init = tree.no_init.as_ref().map(|why| Finding::error("sbin/init", None, format!("the tree cannot boot: {why}")));
    [no_usr, no_etc, no_init].into_iter().flatten().collect()
}

fn fstab(tree: &Tree, config: &Config) -> Vec<Finding> {
    let Some(vendor) = tree.vendor_etc else { return Vec::new() };
    let file = format!("{}/fstab", vendor.path());
    let finding = |line: &FstabLine| match line.target.trim_matches('/') {
        _ if remounted(line).is_some() => {
            let target = &line.target;
            let text = format!(
                "a line for {target} would undo the read-only mounts: take it out (at boot, systemd-remount-fs is switched off for it)"
            );
            Some(Finding::error(&file, line.line, text))
        }
        "var" if config.var.mode != VarMode::None => {
            let text = "a line for /var has no effect, it is mounted already: take it out, or use var.mode = \"device\"";
            Some(Finding::warning(&file, line.line, text))
        }
        _ => None,
    };
    tree.fstab.iter().filter_map(finding).collect()
}

fn unit(unit: &Unit) -> Vec<Finding> {
    match &unit.state {
        UnitState::Masked => alloc::vec![Finding::warning(&unit.file, None, "masked: what it is for does not happen; unmask it")],
        UnitState::Lacks(programs) => {
            let lacks = |program: &Program| {
                let text = format!("the tree has no {}: the unit fails at each boot", program.path);
                Finding::warning(&unit.file, program.line, text)
            };
            programs.iter().map(lacks).collect()
        }
    }
}
