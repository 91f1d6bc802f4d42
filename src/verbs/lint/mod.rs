//! `lint`: what is wrong with an image before it ships. Changes nothing and needs no root.

mod ostree;
mod store;
mod tree;

use super::{Exit, say, say_json};
use crate::cli;
use bedplate::decide::lint::{Finding, Severity, count, summary};
use bedplate::decide::model::SCHEMA;
use bedplate::error::{Errno, Error, OrFail, Result};
use bedplate::sys::{OwnedFd, fs};
use serde::Serialize;
use std::io::Write;

pub fn run(args: &cli::Lint, out: &mut dyn Write) -> Result<Exit> {
    let mut findings = below(&args.dir, tree::findings(&open(&args.dir)?)?);
    if let Some(sysroot) = &args.sysroot {
        findings.extend(below(sysroot, store::findings(sysroot)?));
    }
    let errors = count(&findings, Severity::Error);
    if args.json {
        let warnings = count(&findings, Severity::Warning);
        say_json(out, &Json { schema: SCHEMA, errors, warnings, findings })?;
    } else {
        say(out, &text(&findings))?;
    }
    Ok(if errors == 0 { Exit::Done } else { Exit::Usage })
}

fn open(dir: &str) -> Result<OwnedFd> {
    match fs::open_dir(dir) {
        Err(errno @ (Errno::ENOENT | Errno::ENOTDIR)) => {
            Err(Error::usage(format!("cannot check \"{dir}\": {errno}; give the root of a tree")))
        }
        opened => opened.or_fail("cannot open", dir),
    }
}

/// With the files named as a person can open them.
fn below(dir: &str, findings: Vec<Finding>) -> Vec<Finding> {
    let dir = dir.trim_end_matches('/');
    findings.into_iter().map(|finding| Finding { file: format!("{dir}/{}", finding.file), ..finding }).collect()
}

#[derive(Serialize)]
struct Json {
    schema: u32,
    errors: usize,
    warnings: usize,
    findings: Vec<Finding>,
}

fn text(findings: &[Finding]) -> String {
    let lines = findings.iter().map(|finding| format!("{finding}\n"));
    lines.chain([summary(findings) + "\n"]).collect()
}
