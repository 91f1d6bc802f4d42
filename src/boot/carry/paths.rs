//! Declared paths whose data goes with the deployment: a new one begins with a copy of what the one had that it came from.

use super::source::Source;
use crate::boot::attempt::Ground;
use crate::boot::copy::{Fill, fill};
use crate::boot::store::STORE;
use crate::decide::config::{PathMode, Scope};
use crate::decide::model::Deployment;
use crate::decide::plan::PACKAGE_DATABASES;
use crate::error::{Errno, Error, OrFail, Result};
use crate::sys::{AsFd, fs};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Targets, without leading slash, for which this deployment has no place yet: its first boot makes one; parents first. A package database describes /usr:
/// that of the tree counts, where it has one.
pub fn due(ground: &Ground<'_>, deployment: &Deployment, state: &str) -> Result<Vec<String>> {
    let declared = ground.request.config.path.iter().filter(|path| path.scope == Scope::Deployment && path.mode != PathMode::None);
    let mut targets: Vec<String> = declared.map(|path| path.target.trim_matches('/').to_string()).collect();
    targets.sort();
    let mut due = Vec::new();
    for target in targets {
        let database = PACKAGE_DATABASES.contains(&target.as_str());
        let own = format!("deployments/{}/root/{target}", deployment.id);
        if !(exists(ground, &format!("{state}/paths/{target}"))? || database && exists(ground, &own)?) {
            due.push(target);
        }
    }
    Ok(due)
}

fn exists(ground: &Ground<'_>, path: &str) -> Result<bool> {
    match fs::stat_in(&ground.store.dir, path) {
        Ok(_) => Ok(true),
        Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(false),
        Err(errno) => Err(errno).or_fail("cannot look at", &format!("{STORE}/{path}")),
    }
}

/// Copies each, beside, flushed and renamed. `warnings` gets what could not be kept.
pub fn carry(ground: &Ground<'_>, source: &Source, state: &str, targets: &[String], warnings: &mut Vec<String>) -> Result<()> {
    for target in targets {
        let Some(from) = source.path(target)? else { continue };
        fs::make_dirs(&ground.store.dir, state, 0o700).or_fail("cannot make", &format!("{STORE}/{state}"))?;
        let path = format!("{state}/paths/{target}");
        let filled = fill(ground.store.dir.as_fd(), &path, &format!("{STORE}/{path}"), || Ok(from));
        let failed = |error: Error| Error::new(error.kind, format!("cannot carry /{target} forward from {}: {error}", source.name));
        if let Fill::Filled(copied) = filled.map_err(failed)? {
            let sentences = copied.left_out.first.iter();
            warnings.extend(sentences.map(|sentence| format!("/{target}: {sentence}, going on without it")));
        }
    }
    Ok(())
}
