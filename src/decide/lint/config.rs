//! Findings on the configuration, and on how it fits the tree.

use super::{Finding, Tree};
use crate::decide::config::{EtcMode, Merged, VarMode, unsupported};
use crate::decide::model::VendorEtc;
use alloc::format;
use alloc::vec::Vec;

/// What a key is called in findings where no file sets it.
const NOWHERE: &str = "usr/lib/bedplate/bedplate.toml";

/// All findings on the configuration. `writable` are files and directories that others may change, with their modes.
pub fn config(merged: &Merged, writable: &[(alloc::string::String, u16)], tree: &Tree) -> Vec<Finding> {
    let mut findings: Vec<Finding> =
        merged.problems.iter().map(|problem| Finding::error(&problem.file, problem.line, problem.text.as_str())).collect();
    findings.extend(writable.iter().map(|(file, mode)| Finding::writable_by_others(file, *mode)));
    let origin = |key: &str| merged.origins.of(key).map_or((NOWHERE, None), |(file, line)| (file, Some(line)));
    for asked in unsupported(&merged.config) {
        // What could not be read asks for signatures by itself: that has its finding already.
        if let Some((file, line)) = merged.origins.of(asked.key) {
            findings.push(Finding::warning(file, line, format!("{asked}")));
        }
    }
    for (key, text) in without_effect(merged) {
        let (file, line) = origin(key);
        findings.push(Finding::warning(file, line, text));
    }
    findings.extend(etc_bind(merged, tree).map(|text| {
        let (file, line) = origin("etc.mode");
        Finding::error(file, line, text)
    }));
    findings.extend(tree.kept_files.iter().map(|path| {
        let (file, line) = origin("etc.keep");
        Finding::error(
            file,
            line,
            format!("etc.keep has \"{path}\", which the vendor's /etc has and not as a directory: only directories can be kept"),
        )
    }));
    findings.extend(declared_paths(merged, tree));
    findings
}

/// Keys that mean something only together with another one.
fn without_effect(merged: &Merged) -> Vec<(&'static str, alloc::string::String)> {
    let (etc, var) = (&merged.config.etc, &merged.config.var);
    let mut texts = Vec::new();
    if !etc.keep.is_empty() && etc.mode != EtcMode::Transient {
        texts.push(("etc.keep", format!("etc.keep has no effect with etc.mode = \"{}\": it goes with \"transient\"", etc.mode.word())));
    }
    if !etc.derived.is_empty() && etc.mode != EtcMode::Overlay {
        texts.push(("etc.derived", format!("etc.derived has no effect with etc.mode = \"{}\": it goes with \"overlay\"", etc.mode.word())));
    }
    if !var.source.is_empty() && var.mode != VarMode::Device {
        texts.push(("var.source", format!("var.source has no effect with var.mode = \"{}\": it goes with \"device\"", var.mode.word())));
    }
    texts
}

fn etc_bind(merged: &Merged, tree: &Tree) -> Option<&'static str> {
    let in_place = merged.config.etc.mode == EtcMode::Bind && tree.vendor_etc != Some(VendorEtc::UsrEtc);
    in_place.then_some(
        "etc.mode = \"bind\" makes the vendor's /etc writable in place, and no rollback brings it back: ship it as usr/etc, or choose another mode",
    )
}

/// Outside of /var, a declared path needs a mount point in the tree.
fn declared_paths<'a>(merged: &'a Merged, tree: &'a Tree) -> impl Iterator<Item = Finding> {
    let made = |target: &str| merged.config.var.mode != VarMode::None && target.starts_with("/var/");
    let missing = merged.config.path.iter().map(|path| path.target.as_str());
    let missing = missing.filter(move |target| !made(target) && !tree.directories.iter().any(|directory| directory == target));
    missing.map(|target| {
        let (file, line) = merged.origins.of(target).unwrap_or((NOWHERE, 1));
        Finding::error(file, line, format!("[[path]] target = \"{target}\": the tree has no such directory to mount on: make it"))
    })
}
