//! Looks at a store. Reads only.

use crate::verbs::access::open_store;
use bedplate::boot::facts;
use bedplate::boot::ledger::{Ledger, Lost};
use bedplate::boot::store::{STORE, Store};
use bedplate::decide::config::Config;
use bedplate::decide::guard;
use bedplate::decide::lint::{self, Finding};
use bedplate::decide::model::Disk;
use bedplate::error::{Errno, OrFail, Result};
use bedplate::sys::fs;

/// What only root may look into, as `init-store` makes it; below the store, which is the first.
const PRIVATE: [&str; 4] = ["", "deployments", "state", "manifests"];

pub fn findings(sysroot: &str) -> Result<Vec<Finding>> {
    let store = open_store(sysroot)?;
    let facts = facts::gather(&store, None, &mut Vec::new())?;
    let ledger = Ledger::open(&store, &facts.deployments, &Disk::Writable, Config::default().boot.tries);
    let mut odd = Vec::new();
    for deployment in &facts.deployments {
        store.marker(&deployment.home_path(), &mut odd);
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
    let mut modes = Vec::new();
    for path in guard::paths(&store.deployments()?) {
        match fs::stat_in(&store.dir, &path) {
            Ok(stat) => modes.push((path, stat.mode)),
            Err(Errno::ENOENT | Errno::ENOTDIR) => {}
            Err(errno) => return Err(errno).or_fail("cannot look at", &format!("{STORE}/{path}")),
        }
    }
    Ok(modes)
}
