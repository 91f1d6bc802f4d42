//! Paths of /etc that were reset while the system ran: what is left of them in the layer of changes is dropped at the next boot,
//! as far as it equals the deployment's. One path a line, below /etc, as a journal writes names.

use super::name::{escape, unescape};
use alloc::string::String;
use alloc::vec::Vec;

/// What a reset makes while it copies, in the directory that it is for. A cut leaves it there.
pub const BESIDE: &str = ".bedplate-reset";

/// Lines that are no paths are passed over: dropping nothing is always right.
pub fn parse(text: &str) -> Vec<Vec<u8>> {
    text.lines().filter_map(unescape).filter(|path| is_path(path)).collect()
}

/// In order, each once.
pub fn format(paths: &[Vec<u8>]) -> String {
    let mut paths: Vec<&Vec<u8>> = paths.iter().filter(|path| is_path(path)).collect();
    paths.sort();
    paths.dedup();
    paths.iter().map(|path| escape(path) + "\n").collect()
}

fn is_path(path: &[u8]) -> bool {
    let component = |part: &[u8]| !matches!(part, b"" | b"." | b"..") && !part.contains(&0);
    path.split(|byte| *byte == b'/').all(component)
}

/// Whether a path is one of them, or below one.
pub fn covers(queued: &[Vec<u8>], path: &[u8]) -> bool {
    let at_or_below = |above: &Vec<u8>| path.strip_prefix(above.as_slice()).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"));
    queued.iter().any(at_or_below)
}
