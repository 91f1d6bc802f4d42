//! Findings on a store.

use super::Finding;
use crate::decide::deploy::{kept_by_record, orphans};
use crate::decide::guard;
use crate::decide::model::{Deployment, Id};
use crate::decide::record::Record;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// What was found in a store. Paths are below it; the store itself is the empty one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store<'a> {
    /// What [`guard::paths`] lists and is there, with its mode.
    pub modes: Vec<(String, u16)>,
    /// Directories whose content is nobody's business: they hold keys, passwords and setuid programs.
    pub private: &'a [&'a str],
    /// Why the record tells nothing, if so.
    pub record_lost: Option<String>,
    pub record: &'a Record,
    pub deployments: &'a [Deployment],
    /// Everything in deployments/.
    pub names: &'a [String],
    /// What else was odd when it was looked at.
    pub odd: &'a [String],
}

/// All findings on the store.
pub fn store(store: &Store<'_>) -> Vec<Finding> {
    let mut findings: Vec<Finding> = store.modes.iter().filter_map(|(path, mode)| mode_of(store, path, *mode)).collect();
    if let Some(why) = &store.record_lost {
        let text = format!("{why}: the machine chooses by the boot-success markers, without counting");
        findings.push(Finding::error("bedplate/record", None, text));
    }
    findings.extend(store.deployments.iter().filter_map(|deployment| deployment_of(store, deployment)));
    findings.extend(store.names.iter().filter_map(|name| leftover(name)));
    findings.extend(store.odd.iter().map(|text| Finding::warning("bedplate", None, text.as_str())));
    findings
}

fn mode_of(store: &Store<'_>, path: &str, mode: u16) -> Option<Finding> {
    let file = format!("bedplate/{path}");
    let file = file.trim_end_matches('/');
    if guard::is_open(path, mode) {
        return Some(Finding::writable_by_others(file, mode));
    }
    let open = store.private.contains(&path) && mode & 0o055 != 0;
    open.then(|| Finding::warning(file, None, format!("others may look into it (mode {mode:04o}): chmod 0700 it")))
}

fn deployment_of(store: &Store<'_>, deployment: &Deployment) -> Option<Finding> {
    let id = &deployment.id;
    let text = match (&deployment.defect, deployment.key()) {
        (Some(defect), key) => match kept_by_record(id, key, store.record, &orphans(store.record, store.deployments)) {
            Some(why) => format!("cannot boot: {defect}; repair it, bedplate remove refuses: {why}"),
            None => format!("cannot boot: {defect}; bedplate remove {id}, and deploy it again"),
        },
        (None, Some(key)) if store.record_lost.is_none() && store.record.slot(key).is_none() => {
            "not armed: it boots only by bedplate.deployment=; deploy it under another ID".into()
        }
        _ => return None,
    };
    Some(Finding::warning(&format!("bedplate/deployments/{id}"), None, text))
}

fn leftover(name: &str) -> Option<Finding> {
    if Id::parse(name).is_some() {
        return None;
    }
    let text = match name.strip_prefix('.').and_then(|name| name.rsplit_once('.')) {
        Some((id, "new")) if Id::parse(id).is_some() => "left by a deploy that was interrupted: the next deploy or remove deletes it",
        Some((id, "del")) if Id::parse(id).is_some() => "left by a removal that was interrupted: the next deploy or remove finishes it",
        _ => "not the name of a deployment: it is never looked at; move it away",
    };
    Some(Finding::warning(&format!("bedplate/deployments/{name}"), None, text))
}
