//! `plan`: the choice and the mount plan that prepare-root would make here. Changes nothing and needs no root.

use super::{Exit, say, say_json};
use crate::cli;
use crate::verbs::access::View;
use bedplate::boot::{load, tree};
use bedplate::decide::model::{BootId, Disk, Facts, Plan, Request, Selection};
use bedplate::decide::plan;
use bedplate::decide::select::{Input, select};
use bedplate::error::{Error, Result};
use serde::Serialize;
use std::fmt::Write as _;
use std::io::Write;

pub fn run(args: &cli::Plan, out: &mut dyn Write) -> Result<Exit> {
    let (request, mut warnings) = load::request(&args.config_root, &load::cmdline(args.cmdline.as_deref())?)?;
    let view = View::open(args.sysroot.as_deref(), "/run")?;
    warnings.extend(view.warnings.iter().cloned());
    let selection = choose(&view, &request);
    warnings.extend(selection.notes.iter().cloned());
    let plan = plan_of(&view, &request, &selection)?;
    if args.json {
        say_json(out, &Json::new(&selection, &plan, &warnings))?;
    } else {
        say(out, &text(&selection, &plan, &warnings))?;
    }
    Ok(Exit::Done)
}

/// As for a boot that has not begun: what this boot has attempted does not count.
fn choose(view: &View, request: &Request) -> Selection {
    let another_boot = BootId::parse(&"0".repeat(32)).unwrap_or_else(|| view.facts.boot_id.clone());
    let facts = Facts { boot_id: another_boot, ..view.facts.clone() };
    let disk = match &view.ledger.lost {
        None => Disk::Writable,
        Some(lost) => Disk::ReadOnly(lost.reason()),
    };
    select(Input { request, facts: &facts, record: &view.ledger.record, disk: &disk, failed: &[] })
}

fn plan_of(view: &View, request: &Request, selection: &Selection) -> Result<Plan> {
    let first = selection.first().ok_or_else(|| Error::refused("no deployment can be chosen: deploy one, or see bedplate list"))?;
    let deployment = view.deployment(first.id.as_str())?;
    if let Some(defect) = &deployment.defect {
        return Err(Error::refused(format!("{} would be tried first and fail: {defect}", first.id)));
    }
    let tree = tree::gather(&view.store, deployment, &request.config, &Disk::Writable, request.init.as_deref())?;
    Ok(plan::build(&request.config, &tree, first.counting))
}

fn text(selection: &Selection, plan: &Plan, warnings: &[String]) -> String {
    let mut text = String::new();
    for (candidate, word) in selection.candidates.iter().zip(std::iter::once("choice   ").chain(std::iter::repeat("then     "))) {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{word} {}: {}", candidate.id, candidate.rule.sentence());
    }
    let _ = write!(text, "{plan}");
    for warning in warnings {
        let _ = writeln!(text, "warning   {warning}");
    }
    text
}

#[derive(Serialize)]
struct Json<'a> {
    schema: u32,
    candidates: Vec<JsonCandidate<'a>>,
    steps: Vec<String>,
    warnings: Vec<&'a String>,
}

#[derive(Serialize)]
struct JsonCandidate<'a> {
    id: &'a str,
    rule: &'static str,
    reason: &'static str,
}

impl<'a> Json<'a> {
    fn new(selection: &'a Selection, plan: &'a Plan, warnings: &'a [String]) -> Self {
        let candidate =
            |c: &'a bedplate::decide::model::Candidate| JsonCandidate { id: c.id.as_str(), rule: c.rule.word(), reason: c.rule.sentence() };
        Self {
            schema: bedplate::decide::model::SCHEMA,
            candidates: selection.candidates.iter().map(candidate).collect(),
            steps: plan.steps.iter().map(ToString::to_string).collect(),
            warnings: plan.warnings.iter().chain(warnings).collect(),
        }
    }
}
