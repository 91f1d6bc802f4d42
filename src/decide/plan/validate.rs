//! What holds for every plan, whatever the configuration: checked before any plan is applied.

use crate::decide::model::{Access, Action, Base, Place, Plan};
use crate::error::{Error, Result};
use alloc::vec::Vec;

/// What holds for the plan of an OSTree deployment: targets are normal paths, / comes first, parents are mounted before children,
/// no target is mounted twice, and /usr ends read-only: by a mount of its own, or by / being an image that takes no changes. A
/// person can have unlocked both.
pub fn validate_ostree(plan: &Plan) -> Result<()> {
    let mut mounted: Vec<&str> = Vec::new();
    for action in plan.steps.iter().map(|step| &step.action) {
        places(action).into_iter().try_for_each(check_place)?;
        let Some(target) = action.mounts_on() else { continue };
        check_order(&mounted, &target.path)?;
        mounted.push(&target.path);
    }
    let image = plan.steps.iter().any(|step| matches!(step.action, Action::Composefs { .. }));
    let required = if image { [""].as_slice() } else { ["", "usr"].as_slice() };
    match required.iter().find(|target| !mounted.contains(target)) {
        Some(missing) => Err(wrong("mounts nothing at", missing)),
        None => Ok(()),
    }
}

/// Targets are normal paths, parents are mounted before children, no target is mounted twice, / comes first, /usr ends
/// read-only with nothing writable on it but /usr/local, and an overlay's upper is not in its lower.
pub fn validate(plan: &Plan) -> Result<()> {
    let mut mounted: Vec<&str> = Vec::new();
    for action in plan.steps.iter().map(|step| &step.action) {
        places(action).into_iter().try_for_each(check_place)?;
        check_overlay(action)?;
        let Some(target) = action.mounts_on() else { continue };
        check_order(&mounted, &target.path)?;
        check_usr(action, &target.path)?;
        mounted.push(&target.path);
    }
    for required in ["", "usr"] {
        if !mounted.contains(&required) {
            return Err(wrong("mounts nothing at", required));
        }
    }
    Ok(())
}

fn wrong(what: &str, path: &str) -> Error {
    Error::transient(alloc::format!("the plan {what} /{path}: this is a bug of bedplate, please report it"))
}

fn places(action: &Action) -> Vec<&Place> {
    match action {
        Action::Directory { at, .. } | Action::File { at, .. } => alloc::vec![at],
        Action::Bind { from, to, .. } | Action::Fill { from, to } => alloc::vec![from, to],
        Action::Overlay { lower, upper, work, to, .. } => lower.iter().chain([upper, work, to]).collect(),
        Action::Composefs { image, objects, changes, to, .. } => [image, objects, to].into_iter().chain(changes.iter().flatten()).collect(),
        Action::Tmpfs { to, .. } | Action::Device { to, .. } | Action::Physical { to } => alloc::vec![to],
    }
}

fn check_place(place: &Place) -> Result<()> {
    let normal = place.path.is_empty() || place.path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    if normal { Ok(()) } else { Err(wrong("has a path that is not normal,", &place.path)) }
}

fn check_order(mounted: &[&str], target: &str) -> Result<()> {
    if mounted.is_empty() != target.is_empty() {
        return Err(wrong("does not begin with / but mounts", target));
    }
    if mounted.contains(&target) {
        return Err(wrong("mounts twice at", target));
    }
    match mounted.iter().find(|earlier| !target.is_empty() && is_below(earlier, target)) {
        Some(_) => Err(wrong("hides earlier mounts by mounting at", target)),
        None => Ok(()),
    }
}

fn check_usr(action: &Action, target: &str) -> Result<()> {
    let in_usr = target == "usr" || is_below(target, "usr");
    let writable = match action {
        Action::Bind { access, .. } | Action::Overlay { access, .. } => *access == Access::Writable,
        _ => true,
    };
    let exempt = target == "usr/local" || is_below(target, "usr/local");
    if in_usr && writable && !exempt { Err(wrong("makes writable", target)) } else { Ok(()) }
}

fn check_overlay(action: &Action) -> Result<()> {
    let Action::Overlay { lower, upper, work, to, .. } = action else { return Ok(()) };
    let inside = |place: &Place, of: &Place| place.base == of.base && (place.path == of.path || is_below(&place.path, &of.path));
    if lower.is_empty() || upper.base != work.base || lower.iter().any(|lower| inside(upper, lower) || inside(work, lower)) {
        return Err(wrong("mixes the layers of the overlay at", &to.path));
    }
    if matches!(upper.base, Base::Scratch | Base::Sysroot) { Ok(()) } else { Err(wrong("puts changes into the deployment for", &to.path)) }
}

/// Whether `path` is strictly below `parent`; everything but the root itself is below the root.
pub(super) fn is_below(path: &str, parent: &str) -> bool {
    if parent.is_empty() {
        return !path.is_empty();
    }
    path.strip_prefix(parent).is_some_and(|rest| rest.starts_with('/'))
}
