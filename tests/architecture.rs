//! Who may name whom, read from the sources: `decide/` knows neither the kernel nor the code that acts, and the kernel is
//! spoken to in `sys/` alone. Comments and string literals do not count.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "all of this file is a test")]

use std::fs;
use std::path::{Path, PathBuf};

/// All Rust files below a directory of this package.
fn sources(dir: &str) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut dirs = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(dir)];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                dirs.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                files.push(path);
            }
        }
    }
    assert!(!files.is_empty());
    files
}

/// The words and the single punctuation characters of a source text, with their lines.
fn tokens(text: &str) -> Vec<(usize, String)> {
    let mut tokens: Vec<(usize, String)> = Vec::new();
    let mut line = 1;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let len = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("r#\"") {
            rest.find("\"#").map_or(rest.len(), |at| at + 2)
        } else if first == '"' {
            string_len(rest)
        } else if rest.starts_with("'\"'") {
            3
        } else if first.is_alphanumeric() || first == '_' {
            let len = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            tokens.push((line, rest[..len].to_owned()));
            len
        } else {
            tokens.push((line, first.to_string()));
            first.len_utf8()
        };
        line += rest[..len].matches('\n').count();
        rest = &rest[len..];
    }
    tokens.retain(|(_, token)| !token.trim().is_empty());
    tokens
}

/// From the opening quote to behind the closing one.
fn string_len(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '"' if !escaped => return at + 1,
            _ => escaped = c == '\\' && !escaped,
        }
    }
    text.len()
}

/// Where one of the words stands as a part of a path: beside `::`, or in the braces of a `use`.
fn paths_with(text: &str, words: &[&str]) -> Vec<usize> {
    let tokens = tokens(text);
    let is = |at: usize, token: &str| tokens.get(at).is_some_and(|(_, t)| t == token);
    let mut in_use = false;
    let mut found = Vec::new();
    for (at, (line, token)) in tokens.iter().enumerate() {
        match token.as_str() {
            "use" => in_use = true,
            ";" => in_use = false,
            _ => {}
        }
        let beside = is(at + 1, ":") && is(at + 2, ":") || at >= 2 && is(at - 1, ":") && is(at - 2, ":");
        if words.contains(&token.as_str()) && (in_use || beside) {
            found.push(*line);
        }
    }
    found
}

#[test]
fn decide_names_neither_sys_nor_boot() {
    for file in sources("src/decide") {
        let lines = paths_with(&fs::read_to_string(&file).unwrap(), &["sys", "boot"]);
        let test = file.ends_with("tests.rs") || file.components().any(|part| part.as_os_str() == "tests");
        assert!(lines.is_empty() || test, "{} names sys or boot in lines {lines:?}", file.display());
    }
}

#[test]
fn only_sys_speaks_to_the_kernel() {
    for file in sources("src").into_iter().filter(|file| !file.starts_with(concat!(env!("CARGO_MANIFEST_DIR"), "/src/sys"))) {
        let text = fs::read_to_string(&file).unwrap();
        let words = ["unsafe", "rustix", "nix", "libc"];
        let found: Vec<_> = tokens(&text).into_iter().filter(|(_, token)| words.contains(&token.as_str())).collect();
        assert!(found.is_empty(), "{}: {found:?} belongs into src/sys", file.display());
    }
}

#[test]
fn files_stay_short() {
    for file in sources("src") {
        let lines = fs::read_to_string(&file).unwrap().lines().count();
        assert!(lines < 350, "{} has {lines} lines: split it", file.display());
    }
}

#[test]
fn the_reader_of_sources_sees_what_it_looks_for() {
    let bad = "use crate::{decide, sys::fs};\nfn f() { super::boot::go(); } // sys::no\nlet sys = \"sys::no \\\" boot::no\";";
    assert_eq!(paths_with(bad, &["sys", "boot"]), [1, 2]);
    assert_eq!(paths_with("config.boot.tries; let boot: u8 = 1;", &["sys", "boot"]), [0; 0]);
    assert_eq!(tokens("a\n/* b */ unsafe").last(), Some(&(2, "unsafe".to_owned())));
}
