//! What must hold of a guest's reply to a step.

use crate::scenario::Checks;
use guest_init::{Ran, Reply, Stat};
use std::collections::BTreeMap;

pub fn check(checks: &Checks, reply: &Reply) -> Vec<String> {
    match reply {
        Reply::Ran(ran) => of_run(checks, ran),
        Reply::Together(all) => of_together(checks, all),
        Reply::Text(text) => of_file(checks, text.as_deref()),
        Reply::Names(names) => of_names(checks, names.as_deref()),
        Reply::Stat(stat) => of_stat(checks, stat.as_ref()),
        Reply::Failed(_) if checks.fails => Vec::new(),
        Reply::Failed(why) => vec![why.clone()],
        Reply::Done if checks.fails => vec!["succeeded, and should have been refused".to_string()],
        Reply::Done | Reply::Mounts(_) | Reply::Lines(_) => Vec::new(),
    }
}

fn of_run(checks: &Checks, ran: &Ran) -> Vec<String> {
    let mut misses = Vec::new();
    // -1: a signal ended it.
    let (exit, wanted) = (ran.exit.unwrap_or(-1), checks.exit.unwrap_or(0));
    if exit != wanted {
        misses.push(format!("exit code {exit}, expected {wanted}; standard error: {}", ran.stderr.trim()));
    }
    misses.extend(lacking("standard error", &ran.stderr, &checks.errors));
    misses.extend(of_text(checks, "standard output", &ran.stdout));
    misses
}

fn of_together(checks: &Checks, all: &[Ran]) -> Vec<String> {
    let mut exits: Vec<_> = all.iter().map(|ran| ran.exit.unwrap_or(-1)).collect();
    exits.sort_unstable();
    let wanted = checks.exits.clone().unwrap_or_else(|| vec![0; all.len()]);
    let errors: Vec<_> = all.iter().map(|ran| ran.stderr.trim()).collect();
    let mut misses = Vec::new();
    if exits != wanted {
        misses.push(format!("exit codes {exits:?}, expected {wanted:?}; standard errors: {errors:?}"));
    }
    misses.extend(lacking("standard errors", &errors.join("\n"), &checks.errors));
    misses
}

fn of_file(checks: &Checks, text: Option<&str>) -> Vec<String> {
    match text {
        Some(_) if checks.absent => vec!["the file exists".to_string()],
        Some(text) => of_text(checks, "the file", text),
        None if checks.absent => Vec::new(),
        None => vec!["no such file".to_string()],
    }
}

/// Shared by replies and files on the disk.
pub fn of_text(checks: &Checks, what: &str, text: &str) -> Vec<String> {
    let mut misses = lacking(what, text, &checks.contains);
    let present = checks.lacks.iter().filter(|part| text.contains(part.as_str()));
    misses.extend(present.map(|part| format!("{what} has {part:?}: {:?}", text.trim())));
    if checks.equals.as_deref().is_some_and(|wanted| wanted != text) {
        misses.push(format!("{what} is {text:?}, expected {:?}", checks.equals.as_deref().unwrap_or_default()));
    }
    misses.extend(of_json(what, text, &checks.json));
    misses
}

fn lacking(what: &str, text: &str, parts: &[String]) -> Vec<String> {
    let missing = parts.iter().filter(|part| !text.contains(part.as_str()));
    missing.map(|part| format!("{what} lacks {part:?}: {:?}", text.trim())).collect()
}

/// Values by JSON pointer; `null` also stands for what is not there.
pub fn of_json(what: &str, text: &str, wanted: &BTreeMap<String, serde_json::Value>) -> Vec<String> {
    if wanted.is_empty() {
        return Vec::new();
    }
    let Ok(value) = serde_json::from_str::<serde_json::Value>(text) else { return vec![format!("{what} is not JSON: {:?}", text.trim())] };
    let null = serde_json::Value::Null;
    let found = wanted.iter().map(|(pointer, wanted)| (pointer, value.pointer(pointer).unwrap_or(&null), wanted));
    found
        .filter(|(_, found, wanted)| found != wanted)
        .map(|(at, found, wanted)| format!("{what}: {at} is {found}, expected {wanted}"))
        .collect()
}

fn of_names(checks: &Checks, names: Option<&[String]>) -> Vec<String> {
    match (names, &checks.names) {
        (Some(_), _) if checks.absent => vec!["the directory exists".to_string()],
        (None, _) if !checks.absent => vec!["no such directory".to_string()],
        (Some(names), Some(wanted)) if names != wanted => vec![format!("names {names:?}, expected {wanted:?}")],
        (Some(names), _) => lacking("the directory", &names.join("\n"), &checks.contains),
        _ => Vec::new(),
    }
}

fn of_stat(checks: &Checks, stat: Option<&Stat>) -> Vec<String> {
    let Some(stat) = stat else {
        return if checks.absent { Vec::new() } else { vec!["no such file".to_string()] };
    };
    let mut misses: Vec<_> = checks.absent.then(|| "it exists".to_string()).into_iter().collect();
    for (what, found, wanted) in [("kind", &stat.kind, &checks.kind), ("mode", &stat.mode, &checks.mode)] {
        if wanted.as_ref().is_some_and(|wanted| wanted != found) {
            misses.push(format!("{what} {found}, expected {}", wanted.as_deref().unwrap_or_default()));
        }
    }
    misses
}
