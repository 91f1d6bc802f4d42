//! Unit files, as far as it takes to know which programs they run (systemd.service(5), "COMMAND LINES").

use alloc::string::String;
use alloc::vec::Vec;

/// A program named by its absolute path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Program {
    /// From 1.
    pub line: usize,
    pub path: String,
}

const KEYS: [&str; 6] = ["ExecCondition", "ExecStartPre", "ExecStart", "ExecStartPost", "ExecStop", "ExecStopPost"];

/// The programs of all commands, in order. Names that the service manager looks up, and paths with specifiers or variables,
/// are passed over.
pub fn programs(text: &str) -> Vec<Program> {
    text.lines().zip(1..).filter_map(|(text, line)| program(text).map(|path| Program { line, path: path.into() })).collect()
}

fn program(line: &str) -> Option<&str> {
    let (key, command) = line.split_once('=')?;
    if !KEYS.contains(&key.trim()) {
        return None;
    }
    let command = command.trim_start().trim_start_matches(['@', '-', ':', '+', '!', '|']);
    let path = command.split_whitespace().next()?.trim_matches(['"', '\'']);
    (path.starts_with('/') && !path.contains(['%', '$'])).then_some(path)
}
