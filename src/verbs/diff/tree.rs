//! Changes as a tree, for a terminal.

use super::files;
use super::listed::{Listed, Side, shown};
use super::paint::Paint;
use super::scope::{Scope, is_in};
use crate::verbs::counted;
use bedplate::decide::drift::Cause;
use std::fmt::Write as _;

/// Deeper ones are not moved further to the right.
const DEEPEST: usize = 16;

/// Sorted changes, each below the directories that lead to it. What is in an added directory is counted, unless it was asked for.
pub fn text(changes: &[Listed], scope: &Scope, paint: Paint) -> String {
    let mut text = String::new();
    let mut above: Vec<&[u8]> = Vec::new();
    let mut rest = changes;
    while let Some((listed, tail)) = rest.split_first() {
        let below = tail.iter().take_while(|other| is_in(&other.path, &listed.path)).count();
        let (inside, after) = tail.split_at(below);
        let added = |listed: &Listed| listed.cause == Cause::Added;
        let collapsed =
            listed.is_directory() && added(listed) && !inside.is_empty() && inside.iter().all(added) && !scope.enters(&listed.path);
        lead(&mut text, &mut above, &listed.path);
        let what = if collapsed { contents(inside) } else { what(listed) };
        let _ = writeln!(text, "{} {}{} {what}", paint.cause(listed.cause), indent(above.len() - 1), name(listed, above.len() - 1));
        rest = if collapsed { after } else { tail };
    }
    text
}

/// The directories on the way that were not shown yet; `above` ends with the path itself then.
fn lead<'a>(text: &mut String, above: &mut Vec<&'a [u8]>, path: &'a [u8]) {
    while above.last().is_some_and(|last| *last == path || !is_in(path, last)) {
        above.pop();
    }
    let known = above.last().map_or(0, |last| last.len() + 1);
    let ends = path.iter().enumerate().skip(known.max(1)).filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    for end in ends {
        let Some(directory) = path.get(..end) else { continue };
        let _ = writeln!(text, "{:<9} {}{}/", "", indent(above.len()), last_name(directory, above.len()));
        above.push(directory);
    }
    above.push(path);
}

fn indent(depth: usize) -> String {
    "  ".repeat(depth.min(DEEPEST))
}

/// The first directory with its slash.
fn last_name(path: &[u8], depth: usize) -> String {
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
    if depth == 0 { shown(path) } else { shown(name) }
}

fn name(listed: &Listed, depth: usize) -> String {
    let slash = if listed.is_directory() { "/" } else { "" };
    format!("{}{slash}", last_name(&listed.path, depth))
}

/// Of an added directory.
fn contents(inside: &[Listed]) -> String {
    let directories = inside.iter().filter(|listed| listed.is_directory()).count() as u64;
    let others = inside.len() as u64 - directories;
    match directories {
        0 => format!(" ({})", files(others)),
        directories => format!(" ({}, {})", files(others), counted(directories, "directory", "directories")),
    }
}

/// Sizes and time, as far as they say something.
fn what(listed: &Listed) -> String {
    let size = |side: &Side| (side.kind == "file").then(|| bytes(side.size));
    let mut parts = Vec::new();
    match (listed.local.as_ref(), listed.vendor.as_ref()) {
        (Some(local), Some(vendor)) if local.kind != vendor.kind => {
            parts.push(format!("{}, the vendor's is a {}", local.kind, vendor.kind));
        }
        (Some(local), vendor) => parts.extend(size(local).map(|own| match vendor.and_then(size) {
            Some(vendor) if listed.cause != Cause::Duplicate => format!("{own}, the vendor's {vendor}"),
            _ => own,
        })),
        (None, Some(vendor)) => parts.extend(size(vendor).map(|size| format!("the vendor's {size}"))),
        (None, None) => {}
    }
    parts.extend(listed.hides.map(|hides| format!("hides {}", files(hides))));
    parts.extend(listed.modified());
    if parts.is_empty() { String::new() } else { format!(" {}", parts.join(", ")) }
}

fn bytes(size: u64) -> String {
    match size {
        0..10_240 => format!("{size} B"),
        10_240..10_485_760 => format!("{} KiB", size >> 10),
        _ => format!("{} MiB", size >> 20),
    }
}
