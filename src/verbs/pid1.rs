//! `pid1`: PID 1 of an initramfs that holds nothing but bedplate.

use super::Exit;
use crate::cli;
use bedplate::boot::pid1;
use bedplate::error::{Error, Result};

pub fn run(args: &cli::Pid1) -> Result<Exit> {
    if std::process::id() != 1 {
        return Err(Error::usage("pid1 is for PID 1 of an initramfs: put bedplate there as /init"));
    }
    pid1::run(args.from, &args.arguments)
}
