//! `prepare-root`: the job of the initramfs.

use super::Exit;
use crate::cli;
use bedplate::boot::prepare::{Options, Outcome, prepare};
use bedplate::error::{Error, Result};

pub fn run(args: cli::PrepareRoot) -> Result<Exit> {
    let defaults = Options::default();
    let mut places = args.places.into_iter();
    let (sysroot, cmdline) = (places.next().unwrap_or(defaults.sysroot), places.next());
    if let Some(more) = places.next() {
        return Err(Error::usage(format!("prepare-root takes SYSROOT and CMDLINE, nothing more: \"{more}\"")));
    }
    let options = Options { sysroot, cmdline, config_root: args.config_root, run: args.run };
    match prepare(&options)? {
        Outcome::Stands(_) => {}
        Outcome::StoodAlready => log::info!("the root of this boot stands already, nothing to do"),
        Outcome::Disabled => log::info!("bedplate=0 on the kernel command line, nothing to do"),
    }
    Ok(Exit::Done)
}
