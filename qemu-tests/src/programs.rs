//! The two programs of the guests: bedplate, and the init of the tiny ones.

use crate::cache::{self, workspace};
use crate::error::{OrSay, Result};
use crate::tool::Tool;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Both statically linked.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Programs {
    pub bedplate: PathBuf,
    pub guest_init: PathBuf,
}

impl Programs {
    /// `BEDPLATE_BIN` names another bedplate than target/bedplate. The guest's init is built where it is not up to date.
    pub fn find() -> Result<Self> {
        Ok(Self { bedplate: bedplate()?, guest_init: build_guest_init()? })
    }
}

fn bedplate() -> Result<PathBuf> {
    let path = std::env::var_os("BEDPLATE_BIN").map_or_else(|| workspace().join("target/bedplate"), PathBuf::from);
    path.canonicalize().or_say(format!("no program at {}: run `make build`, or name one in BEDPLATE_BIN", path.display()))
}

fn build_guest_init() -> Result<PathBuf> {
    // Another run of the harness may be at it.
    let _lock = cache::lock("guest-init")?;
    let path = workspace().join("target/guest-init");
    Tool::new(workspace().join("scripts/build-static")).arg(&path).env("PACKAGE", "guest-init").run()?;
    Ok(path)
}
