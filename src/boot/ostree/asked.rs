//! The deployment that the boot loader asks for, where the record has a say.

use super::{conf, resolve};
use crate::boot::prepare::Options;
use crate::boot::store::{STORE, Store};
use crate::decide::cmdline::Cmdline;
use crate::decide::model::{Deployment, Facts, FailedCandidate, Id, Request};
use crate::decide::ostree::asked::{Heeded, heed};
use crate::decide::ostree::conf::Conf;
use crate::decide::record::Record;
use crate::error::{Errno, OrFail, Result};
use crate::sys::fs;
use alloc::string::String;
use alloc::vec::Vec;

/// What it asks for, and how roots are made here.
#[derive(Debug)]
pub struct Asked {
    /// Below the physical root: a link to a deployment.
    pub link: String,
    pub conf: Conf,
}

impl Asked {
    /// Reads prepare-root.conf.
    pub fn look(options: &Options, cmdline: &Cmdline, link: String, warnings: &mut Vec<String>) -> Result<Self> {
        let root = fs::open_dir(&options.config_root).or_fail("cannot open", &options.config_root)?;
        let (conf, odd) = conf(root, cmdline)?;
        for warning in &odd {
            log::warn!("{warning}");
        }
        warnings.extend(odd);
        Ok(Self { link, conf })
    }

    /// Works the loader's word into the record, in memory. A deployment that is not there has failed already. A kernel that was
    /// started by kexec goes on with what the one before it chose: the word was heard there.
    pub fn hear(&self, request: &Request, record: &mut Record, store: &Store, facts: &Facts) -> Option<FailedCandidate> {
        if request.attempt.is_some() {
            record.default = None;
            return None;
        }
        let stands = |key| facts.owner(key).is_some();
        let (found, why) = match resolve(&store.sysroot, &self.link) {
            Ok(path) => (facts.ostree_at(&path), alloc::format!("\"/sysroot/{path}\" is no deployment")),
            Err(error) => (None, error.text),
        };
        let heeded = heed(record, found.and_then(Deployment::key), request.config.boot.tries, stands);
        if heeded == Heeded::NoRoom {
            log::warn!("the record has no room for a new deployment: it has to wait (bedplate unpin frees a slot)");
        }
        let missing = FailedCandidate { id: Id::unnamed(), why };
        if found.is_some() { None } else { Some(missing) }
    }
}

/// Whether the record chooses on an OSTree system. Until the booted system has made the store, the boot loader does.
pub fn keeps_record(options: &Options, request: &Request) -> Result<bool> {
    if request.disabled || !request.config.ostree.rollback {
        return Ok(false);
    }
    let sysroot = fs::open_dir(&options.sysroot).or_fail("cannot open", &options.sysroot)?;
    match fs::stat_in(sysroot, STORE) {
        Ok(_) => Ok(true),
        Err(Errno::ENOENT) => Ok(false),
        Err(errno) => Err(errno).or_fail("cannot look at", STORE),
    }
}
