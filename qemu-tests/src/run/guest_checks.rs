//! What must hold of what the guest says of itself: its boot report and its mount table.

use super::boot::Seen;
use super::step_checks::of_json;
use crate::scenario::{Expect, ExpectMount};
use guest_init::Hello;
use guest_init::mountinfo::Mount;
use serde_json::Value;

pub fn check(expect: &Expect, seen: &Seen) -> Vec<String> {
    let Some(hello) = &seen.hello else { return Vec::new() };
    let mut misses = of_report(expect, hello);
    misses.extend(expect.mounts.iter().filter_map(|wanted| of_mount(wanted, &hello.mounts)));
    for (path, wanted) in &expect.mount_count {
        let found = hello.mounts.iter().filter(|mount| is_below(&mount.target, path)).count();
        if found != *wanted {
            let targets: Vec<_> = hello.mounts.iter().map(|mount| mount.target.as_str()).collect();
            misses.push(format!("{found} mounts at {path} and below, expected {wanted}: {targets:?}"));
        }
    }
    misses
}

fn is_below(target: &str, path: &str) -> bool {
    target.strip_prefix(path.trim_end_matches('/')).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn of_report(expect: &Expect, hello: &Hello) -> Vec<String> {
    let report: Value = serde_json::from_str(&hello.report).unwrap_or_default();
    let text = |pointer: &str| report.pointer(pointer).and_then(Value::as_str).unwrap_or("none").to_string();
    let number = |pointer: &str| report.pointer(pointer).and_then(Value::as_u64).map_or("none".to_string(), |n| n.to_string());
    let counted = report.pointer("/choice/counted").and_then(Value::as_bool).map(|counted| counted.to_string());
    let mut misses = Vec::new();
    for (what, found, wanted) in [
        ("booted deployment", text("/deployment/id"), expect.deployment.clone()),
        ("rule", text("/choice/rule"), expect.rule.clone()),
        ("counted", counted.unwrap_or_default(), expect.counted.map(|counted| counted.to_string())),
        ("try", format!("{}/{}", number("/choice/try-number"), number("/choice/try-of")), expect.r#try.clone()),
        ("fallback", text("/choice/fallback"), expect.fallback.clone()),
        ("fell back from", text("/choice/fell-back-from"), expect.fell_back_from.clone()),
    ] {
        misses.extend(wanted.filter(|wanted| *wanted != found).map(|wanted| format!("{what}: {found}, expected {wanted}")));
    }
    misses.extend(of_json("boot.json", &hello.report, &expect.report));
    misses.extend(of_lists(expect, &report));
    misses
}

fn of_lists(expect: &Expect, report: &Value) -> Vec<String> {
    let list = |pointer: &str| report.pointer(pointer).and_then(Value::as_array).cloned().unwrap_or_default();
    let failed: Vec<_> = list("/failed").iter().filter_map(|one| Some(one.get("id")?.as_str()?.to_string())).collect();
    let mut misses = Vec::new();
    if expect.failed.as_ref().is_some_and(|wanted| *wanted != failed) {
        misses.push(format!("failed in this boot: {failed:?}, expected {:?}", expect.failed.as_deref().unwrap_or_default()));
    }
    let warnings: Vec<_> = list("/warnings").iter().filter_map(|warning| Some(warning.as_str()?.to_string())).collect();
    let missing = expect.warnings.iter().filter(|wanted| !warnings.iter().any(|warning| warning.contains(wanted.as_str())));
    misses.extend(missing.map(|wanted| format!("no warning says {wanted:?}: {warnings:?}")));
    misses
}

/// The last one at a path is the topmost.
fn of_mount(wanted: &ExpectMount, mounts: &[Mount]) -> Option<String> {
    let target = &wanted.target;
    let none = wanted.fstype.as_deref() == Some("none");
    let Some(mount) = mounts.iter().rfind(|mount| mount.target == *target) else {
        return (!none).then(|| format!("nothing is mounted at {target}"));
    };
    let flags = wanted.flags.iter().map(String::as_str).chain(wanted.access.as_deref());
    let missing: Vec<_> = flags.filter(|flag| !mount.has(flag)).collect();
    let other = wanted.fstype.as_ref().is_some_and(|fstype| *fstype != mount.fstype);
    (other || !missing.is_empty()).then(|| format!("{target} is {} {}, expected {wanted:?}", mount.fstype, mount.options.join(",")))
}
