//! What in a store nobody but its owner may change: whoever can, decides what boots.

use super::model::Id;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Below the store, which is the first of them.
const FIXED: [&str; 9] = ["", "record", "config.json", "history.jsonl", "history.jsonl.1", "deployments", "manifests", "state", "var"];
/// Below a deployment's directory, which is the first of them. What is in its tree is the image's business.
const OF_DEPLOYMENT: [&str; 6] = ["", "/deployment.toml", "/boot-success", "/boot-failure", "/etc.manifest", "/usr.manifest"];

const WRITABLE_BY_OTHERS: u16 = 0o022;
const STICKY: u16 = 0o1000;

/// The guarded paths below the store, with those of the deployments that there are.
pub fn paths<'a>(deployments: impl IntoIterator<Item = &'a Id>) -> Vec<String> {
    let of = |id: &Id| OF_DEPLOYMENT.map(|file| format!("deployments/{id}{file}"));
    FIXED.into_iter().map(ToString::to_string).chain(deployments.into_iter().flat_map(of)).collect()
}

/// Whether others may change what has this mode. A sticky var keeps apart whose files are whose, as /tmp does.
pub fn is_open(path: &str, mode: u16) -> bool {
    mode & WRITABLE_BY_OTHERS != 0 && !(path == "var" && mode & STICKY != 0)
}
