//! Looks at a store. Reads only.

use crate::verbs::access::open_store;
use bedplate::boot::facts;
use bedplate::boot::ledger::{Ledger, Lost};
use bedplate::boot::store::{STORE, Store};
use bedplate::decide::config::Config;
use bedplate::decide::lint::{self, Finding};
use bedplate::decide::model::Disk;
use bedplate::error::{Errno, OrFail, Result};
use bedplate::sys::fs;

/// What only root may look into, as `init-store` makes it.
const PRIVATE: [&str; 4] = ["bedplate", "bedplate/deployments", "bedplate/state", "bedplate/manifests"];

pub fn findings(sysroot: &str) -> Result<Vec<Finding>> {
    let store = open_store(sysroot)?;
    let facts = facts::gather(&store, None, &mut Vec::new())?;
    let ledger = Ledger::open(&store, &facts.deployments, &Disk::Writable, Config::default().boot.tries);
    let mut odd = Vec::new();
    for deployment in &facts.deployments {
        store.marker(&deployment.id, &mut odd);
    }
    Ok(lint::store(&lint::Store {
        modes: modes(&store)?,
        private: &PRIVATE,
        record_lost: ledger.lost.as_ref().map(Lost::reason),
        record: &ledger.record,
        deployments: &facts.deployments,
        names: &fs::names_in(&store.dir, "deployments").or_fail("cannot read", "bedplate/deployments")?,
        odd: &odd,
    }))
}

/// Of what is there; what is missing has other findings.
fn modes(store: &Store) -> Result<Vec<(String, u16)>> {
    let manifests = store.deployments()?;
    let manifests = manifests.iter().map(|id| format!("{STORE}/deployments/{id}/deployment.toml"));
    let fixed = PRIVATE.into_iter().chain(["bedplate/record"]).map(String::from);
    let mut modes = Vec::new();
    for path in fixed.chain(manifests) {
        match fs::stat_in(&store.sysroot, &path) {
            Ok(stat) => modes.push((path, stat.mode)),
            Err(Errno::ENOENT | Errno::ENOTDIR) => {}
            Err(errno) => return Err(errno).or_fail("cannot look at", &path),
        }
    }
    Ok(modes)
}
