//! `diff`: every local change with its cause; of one file, how it differs from the deployment's.

pub mod file;
pub mod gather;
pub mod kernel;
pub mod listed;
pub mod ostree;
pub mod paint;
pub mod scope;
pub mod summary;
pub mod text;
pub mod tree;
pub mod usr;

use super::access::View;
use super::{Exit, counted, say, say_json};
use crate::cli;
use bedplate::decide::drift::Cause;
use bedplate::decide::model::{Deployment, SCHEMA};
use bedplate::error::{Error, Result};
use gather::{Look, Other, Subject, gather};
use listed::Listed;
use paint::Paint;
use scope::Scope;
use serde::Serialize;
use std::io::{IsTerminal, Write};

/// A number of files.
pub fn files(number: u64) -> String {
    counted(number, "file", "files")
}

pub fn run(args: &cli::Diff, out: &mut dyn Write) -> Result<Exit> {
    let causes = causes(&args.cause)?;
    let view = View::open(args.sysroot.as_deref(), &args.run)?;
    let deployment = deployment(&view, args.deployment.as_deref())?;
    let subject = Subject { boot: args.boot.as_deref(), ..Subject::open(&view, deployment, &args.run)? };
    let scope = Scope::of(&args.path, &subject)?;
    if let (Some(path), false, []) = (scope.one(), args.json, causes.as_slice()) {
        if let Some(pair) = file::Pair::find(&subject, path)? {
            say(out, &pair.text(Paint::of_output())?)?;
            return Ok(Exit::Done);
        }
    }
    let mut changes = Vec::new();
    let wanted = |listed: &Listed| (causes.is_empty() || causes.contains(&listed.cause)) && scope.holds(&listed.path);
    let rest = gather(&subject, Look::Close, &mut |listed| changes.extend(Some(listed).filter(wanted)))?;
    // A filter asks for paths: what has none is not among them.
    let others = if causes.is_empty() && scope.is_all() { rest.others } else { Vec::new() };
    changes.sort_by(|a, b| a.path.split(|byte| *byte == b'/').cmp(b.path.split(|byte| *byte == b'/')));
    let warnings = view.warnings.iter().cloned().chain(rest.warnings).collect();
    let drift = Drift { schema: SCHEMA, deployment: deployment.id.to_string(), version: version(deployment), changes, others, warnings };
    drift.show(args, &scope, out)
}

/// What is listed; its JSON form is stable under [`SCHEMA`].
#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Drift {
    schema: u32,
    deployment: String,
    version: String,
    changes: Vec<Listed>,
    others: Vec<Other>,
    warnings: Vec<String>,
}

impl Drift {
    fn show(&self, args: &cli::Diff, scope: &Scope, out: &mut dyn Write) -> Result<Exit> {
        if args.json {
            say_json(out, self)?;
            return Ok(Exit::Done);
        }
        self.warnings.iter().for_each(|warning| log::warn!("{warning}"));
        if std::io::stdout().is_terminal() {
            say(out, &tree::text(&self.changes, scope, Paint::of_output()))?;
            if self.changes.is_empty() && self.others.is_empty() {
                say(out, &self.nothing(args))?;
            }
        } else {
            self.changes.iter().try_for_each(|listed| say(out, &format!("{}\n", listed.line())))?;
        }
        self.others.iter().try_for_each(|other| say(out, &format!("{:<9} {}\n", other.what, other.text)))?;
        Ok(Exit::Done)
    }

    fn nothing(&self, args: &cli::Diff) -> String {
        if args.path.is_empty() && args.cause.is_empty() {
            format!("no changes: exactly the deployment {}\n", self.deployment)
        } else {
            format!("no such changes of {}\n", self.deployment)
        }
    }
}

fn version(deployment: &Deployment) -> String {
    deployment.manifest.as_ref().map(|manifest| manifest.version.clone()).unwrap_or_default()
}

fn causes(words: &[String]) -> Result<Vec<Cause>> {
    let cause = |word: &String| {
        Cause::from_word(word).ok_or_else(|| {
            let known: Vec<&str> = Cause::ALL.iter().map(|cause| cause.word()).collect();
            Error::usage(format!("\"{word}\" is no cause (there are: {})", known.join(", ")))
        })
    };
    words.iter().map(cause).collect()
}

/// The one named, else the booted one, else what would boot.
fn deployment<'a>(view: &'a View, named: Option<&str>) -> Result<&'a Deployment> {
    if let Some(id) = named {
        return view.deployment(id);
    }
    let next = || view.next_boot().first().and_then(|first| view.facts.deployment(&first.id));
    view.booted().or_else(next).ok_or_else(|| Error::refused("there is no deployment to compare with: name one by --deployment"))
}
