//! `plan`: the choice and the mount plan that prepare-root would make here. Changes nothing and needs no root.

use super::{Exit, ostree, say, say_json};
use crate::cli;
use crate::verbs::access::View;
use bedplate::boot::ostree::Wanted;
use bedplate::boot::prepare::Options;
use bedplate::boot::store::StoreKind;
use bedplate::boot::{self, load, tree};
use bedplate::decide::cmdline::{self, Cmdline};
use bedplate::decide::config::{Config, unsupported};
use bedplate::decide::model::{
    BootId, Candidate, Deployment, Disk, Facts, FailedCandidate, Id, OstreeHome, Plan, Request, SCHEMA, Selection,
};
use bedplate::decide::ostree::conf::Conf;
use bedplate::decide::ostree::target::target;
use bedplate::decide::plan;
use bedplate::decide::select::{Input, select};
use bedplate::error::{Error, OrFail, Result};
use bedplate::sys::{fs, host};
use serde::Serialize;
use std::fmt::Write as _;
use std::io::Write;

pub fn run(args: &cli::Plan, out: &mut dyn Write) -> Result<Exit> {
    let view = View::open(args.sysroot.as_deref(), "/run")?;
    let (request, mut warnings) = request(args, &view.config)?;
    warnings.extend(view.warnings.iter().cloned());
    let ostree = Ostree::look(args, &view, &mut warnings)?;
    let planned = Planned::of(&view, &request, ostree.as_ref())?;
    warnings.extend(planned.selection.notes.iter().cloned());
    if args.json {
        say_json(out, &Json::new(&planned, &warnings))?;
    } else {
        say(out, &text(&planned, &warnings))?;
    }
    Ok(Exit::Done)
}

/// Where no initramfs is meant, by the configuration that this boot went by: what a deployment holds says nothing of the
/// initramfs's.
fn request(args: &cli::Plan, config: &Config) -> Result<(Request, Vec<String>)> {
    let cmdline = load::cmdline(args.cmdline.as_deref())?;
    let config_root = args.config_root.as_deref().or_else(|| host::is_initramfs().then_some("/"));
    if let Some(root) = config_root {
        return load::request(root, &cmdline);
    }
    let (request, mut warnings) = cmdline::request(&Cmdline::parse(&cmdline), config.clone());
    warnings.extend(unsupported(&request.config).iter().map(ToString::to_string));
    Ok((request, warnings))
}

/// What prepare-root would come to: the candidates that are left, and the steps for the first of them.
struct Planned {
    failed: Vec<FailedCandidate>,
    selection: Selection,
    plan: Plan,
}

impl Planned {
    /// Each round takes one candidate out that would fail, as prepare-root does in one boot.
    fn of(view: &View, request: &Request, ostree: Option<&Ostree>) -> Result<Self> {
        let mut failed: Vec<FailedCandidate> = Vec::new();
        loop {
            let selection = choose(view, request, ostree, &failed);
            let Some(first) = selection.first() else { return Err(nothing_boots(&failed)) };
            match plan_of(view, request, ostree, first) {
                Ok(plan) => return Ok(Self { failed, selection, plan }),
                Err(error) => failed.push(FailedCandidate { id: first.id.clone(), why: error.text }),
            }
        }
    }
}

/// As for a boot that has not begun: what this boot has attempted does not count.
fn choose(view: &View, request: &Request, ostree: Option<&Ostree>, failed: &[FailedCandidate]) -> Selection {
    let another_boot = BootId::parse(&"0".repeat(32)).unwrap_or_else(|| view.facts.boot_id.clone());
    let facts = Facts { boot_id: another_boot, ..view.facts.clone() };
    let disk = match &view.ledger.lost {
        None => Disk::Writable,
        Some(lost) => Disk::ReadOnly(lost.reason()),
    };
    let failed: Vec<Id> = failed.iter().map(|candidate| candidate.id.clone()).collect();
    let mut record = view.ledger.record.clone();
    if let Some(Ostree { link, .. }) = ostree {
        let asked = ostree::at(&view.store, &facts, link);
        if !request.config.ostree.rollback || view.store.kind == StoreKind::OstreeAlone {
            return ostree::by_loader(asked.map(|asked| &asked.id).filter(|id| !failed.contains(id)));
        }
        record = ostree::heeded(&record, asked, &facts, request.config.boot.tries);
    }
    select(Input { request, facts: &facts, record: &record, disk: &disk, failed: &failed })
}

/// A boot of OSTree's.
struct Ostree {
    /// The link to the deployment that is asked for.
    link: String,
    conf: Conf,
    options: Options,
}

impl Ostree {
    /// Where the command line says `ostree=`.
    fn look(args: &cli::Plan, view: &View, warnings: &mut Vec<String>) -> Result<Option<Self>> {
        let cmdline = Cmdline::parse(&load::cmdline(args.cmdline.as_deref())?);
        let Some(link) = target(&cmdline)? else { return Ok(None) };
        let config_root = args.config_root.clone().unwrap_or_else(|| "/".into());
        let root = fs::open_dir(&config_root).or_fail("cannot open", &config_root)?;
        let (conf, odd) = boot::ostree::conf(root, &cmdline)?;
        warnings.extend(odd);
        let options = Options { sysroot: view.path.clone(), config_root, ..Options::default() };
        Ok(Some(Self { link, conf, options }))
    }

    fn plan(&self, view: &View, deployment: &Deployment, home: &OstreeHome, init: Option<&str>) -> Result<Plan> {
        let Self { conf, options, .. } = self;
        let tree = fs::open_dir_in(&view.store.sysroot, &home.path).or_fail("cannot open the deployment", &home.path)?;
        let wanted = Wanted { options, conf, sysroot: &view.store.sysroot, id: &deployment.id, path: &home.path, init };
        let (mut plan, warnings) = boot::ostree::plan_of(&wanted, &tree)?;
        plan.warnings.extend(warnings);
        Ok(plan)
    }
}

fn plan_of(view: &View, request: &Request, ostree: Option<&Ostree>, candidate: &Candidate) -> Result<Plan> {
    let deployment = view.deployment(candidate.id.as_str())?;
    if let Some(defect) = &deployment.defect {
        return Err(defect.clone());
    }
    if let Some(home) = deployment.ostree() {
        let why = || Error::refused(format!("{} is one of OSTree's: give its ostree= by --cmdline", deployment.id));
        return ostree.ok_or_else(why)?.plan(view, deployment, home, request.init.as_deref());
    }
    let tree = tree::gather(&view.store, deployment, &request.config, &Disk::Writable, request.init.as_deref())?;
    Ok(plan::build(&request.config, &tree, candidate.counting))
}

fn nothing_boots(failed: &[FailedCandidate]) -> Error {
    let each = failed.iter().map(|candidate| format!("{}: {}", candidate.id, candidate.why));
    let each = std::iter::once("no deployment can be chosen".to_string()).chain(each).collect::<Vec<_>>().join("; ");
    Error::refused(format!("{each}; deploy one, or see bedplate list"))
}

fn text(planned: &Planned, warnings: &[String]) -> String {
    let Planned { failed, selection, plan } = planned;
    let mut text = String::new();
    for candidate in failed {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "fails     {}: {}", candidate.id, candidate.why);
    }
    for (candidate, word) in selection.candidates.iter().zip(std::iter::once("choice   ").chain(std::iter::repeat("then     "))) {
        let kernel = candidate.kernel.as_ref().map(|kernel| format!(" (by kexec into its kernel {})", kernel.release)).unwrap_or_default();
        let _ = writeln!(text, "{word} {}: {}{kernel}", candidate.id, candidate.rule.sentence());
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
    /// What would be tried before the first candidate, and fail.
    failed: &'a [FailedCandidate],
    candidates: Vec<JsonCandidate<'a>>,
    steps: Vec<String>,
    warnings: Vec<&'a String>,
}

#[derive(Serialize)]
struct JsonCandidate<'a> {
    id: &'a str,
    rule: &'static str,
    reason: &'static str,
    /// The kernel that is started first, where the running one does not do.
    kexec: Option<&'a str>,
}

impl<'a> Json<'a> {
    fn new(planned: &'a Planned, warnings: &'a [String]) -> Self {
        let Planned { failed, selection, plan } = planned;
        let candidate = |c: &'a Candidate| JsonCandidate {
            id: c.id.as_str(),
            rule: c.rule.word(),
            reason: c.rule.sentence(),
            kexec: c.kernel.as_ref().map(|kernel| kernel.release.as_str()),
        };
        Self {
            schema: SCHEMA,
            failed,
            candidates: selection.candidates.iter().map(candidate).collect(),
            steps: plan.steps.iter().map(ToString::to_string).collect(),
            warnings: plan.warnings.iter().chain(warnings).collect(),
        }
    }
}
