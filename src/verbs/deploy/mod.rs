//! `deploy`: copies a tree into the store, beside, synced and renamed, and only then arms it in the record. What is half
//! written can never be selected; the next `deploy` or `remove` clears it away.

mod current;
mod install;
mod kernel;
mod manifests;
mod source;

use super::access::View;
use super::boot_partition::BootPartition;
use super::hooks::Hooks;
use super::remove::{clear_leftovers, take_back};
use super::unlock::{System, hold, shown};
use super::{Exit, counted, loader, ostree, plain, say};
use crate::cli;
use bedplate::boot::copy::{Totals, measure};
use bedplate::decide::config::RecordKind;
use bedplate::decide::deploy::{self, Need, Nesting, Space, Standing, WhileOnTrial, has_room, may_deploy};
use bedplate::decide::kernel::OwnKernel;
use bedplate::decide::loader::state::Change;
use bedplate::decide::manifest::{Manifest, TreeKind};
use bedplate::decide::marker::{Marker, Verdict};
use bedplate::decide::model::{Candidate, Deployment, Id, Instance};
use bedplate::decide::record::Key;
use bedplate::decide::record::change::Armed;
use bedplate::decide::unlock::is_ours;
use bedplate::error::{Error, OrFail, Result};
use bedplate::sys::program::interrupt::Interrupts;
use bedplate::sys::{AsFd, copy, host};
use source::Source;
use std::io::Write;

pub fn run(args: &cli::Deploy, out: &mut dyn Write) -> Result<Exit> {
    let id = Id::try_from(args.id.clone()).map_err(|why| Error::usage(format!("--id \"{}\": {why}", args.id)))?;
    if args.tries == Some(0) {
        return Err(Error::usage("--tries 0: a deployment without tries never boots; give 1 to 255"));
    }
    let order = Order::of(args)?;
    let boot = BootPartition::find(args.boot.as_deref())?;
    let mut view = View::open_for_change(args.sysroot.as_deref(), &args.run)?;
    ostree::refuse_here(&view, "ostree admin upgrade or ostree admin deploy adds a deployment")?;
    let boot = boot.filter(|boot| boot.serves(&view));
    let interrupts = Interrupts::hold().or_fail("cannot hold signals for", "deploy")?;
    clear_leftovers(&view.store, boot.as_ref(), id.as_str())?;
    let mut adding = Adding { args, id, boot, interrupts: &interrupts, out };
    match order {
        Order::Tree(path) => {
            let source = Source::open(path)?;
            adding.warn(&view, &source, install::Place::Elsewhere)?;
            let totals = check_room(&view, &source)?;
            adding.add(&mut view, &source, install::Place::Elsewhere, totals)
        }
        Order::Current(command) => adding.changed(&mut view, command),
    }
}

/// What is asked for.
enum Order<'a> {
    /// The tree in this directory.
    Tree(&'a str),
    /// The running one, after a command.
    Current(&'a [String]),
}

impl<'a> Order<'a> {
    fn of(args: &'a cli::Deploy) -> Result<Self> {
        let why = match (args.from_current, args.words.as_slice()) {
            (false, [path]) => return Ok(Self::Tree(path)),
            (true, command @ [_, ..]) if !args.good => return Ok(Self::Current(command)),
            (true, [_, ..]) => "--good is for a tree that is known to work: what a command makes goes on trial".into(),
            (true, []) => "--from-current needs a command: deploy --from-current --id ID -- COMMAND…".into(),
            (false, []) => "not given: a directory with a tree, or --from-current and a command (--help tells more)".to_string(),
            (false, [_, more, ..]) => format!("unrecognized argument: {more} (--help tells more)"),
        };
        Err(Error::usage(why))
    }
}

/// Adds one deployment.
struct Adding<'a> {
    args: &'a cli::Deploy,
    id: Id,
    boot: Option<BootPartition>,
    interrupts: &'a Interrupts,
    out: &'a mut dyn Write,
}

impl Adding<'_> {
    fn standing(&self) -> Standing {
        if self.args.good { Standing::Good } else { Standing::Trial }
    }

    /// Refuses what may not be deployed, and says what a person should know of it.
    fn warn(&self, view: &View, source: &Source, place: install::Place) -> Result<()> {
        let warnings = check(self.args, &self.id, self.standing(), view, source, place)?;
        for warning in &warnings {
            log::warn!("{warning}");
        }
        Ok(())
    }

    /// All that can be refused is refused before the command runs.
    fn changed(&mut self, view: &mut View, command: &[String]) -> Result<Exit> {
        let system = System::look(view)?;
        is_ours(&system.running(view))?;
        let (deployment, tree) = system.booted()?;
        // What is copied does not change meanwhile.
        let _held = hold(view, &deployment.id)?;
        let source = Source { dir: copy::open_again(tree).or_fail("cannot open", "the running deployment")? };
        check(self.args, &self.id, self.standing(), view, &source, install::Place::Beside)?;
        let totals = check_room(view, &source)?;
        loader::prove(view, &self.id)?;
        let id = self.id.clone();
        let work = current::Work { system: &system, id: &id, command, interrupts: self.interrupts };
        let made = work.make(view, &source, totals)?;
        let place = install::Place::Beside;
        let totals = measure(made.dir.as_fd());
        let checked = totals.and_then(|totals| self.warn(view, &made, place).map(|()| totals));
        let added = checked.and_then(|totals| self.add(view, &made, place, totals));
        if added.is_err() {
            work.clear(&view.store)?;
        }
        added
    }

    fn add(&mut self, view: &mut View, source: &Source, place: install::Place, totals: Totals) -> Result<Exit> {
        let (args, standing, boot) = (self.args, self.standing(), self.boot.as_ref());
        loader::prove(view, &self.id)?;
        let manifest = manifest(args, self.id.clone(), view, source)?;
        let own = kernel::newest(source, &manifest);
        let plan = match (boot, &own) {
            (Some(boot), Some(own)) => Some(kernel::plan(boot, own, view, source, &manifest, loader_tries(args, standing, view))?),
            _ => None,
        };
        if plan.is_none() && view.report.is_some() && view.config.boot.record == RecordKind::Bls {
            return Err(Error::refused(
                "boot.record is \"bls\", and there would be no entry for the loader to count: the tree needs a kernel with an initramfs, and the boot partition has to be mounted",
            ));
        }
        let content = install::Content { source, place, totals, manifest: &manifest, kernel: plan.as_ref() };
        install::install(&view.store, content, self.interrupts)?;
        let hooks = Hooks::of(view, &manifest.id)?;
        if let Err(error) = hooks.add() {
            take_back(&view.store, boot, &manifest)?;
            return Err(error);
        }
        let armed = arm(args, standing, view, &manifest)?;
        loader::arm(view, &manifest.id, change(args, standing, view))?;
        let mut text = summary(&manifest, standing, view, armed);
        text.push_str(&about_kernel(own.as_ref(), plan.as_ref(), &hooks));
        say(self.out, &text)?;
        Ok(Exit::Done)
    }
}

/// What the loader counts down, where it is the one that counts.
fn loader_tries(args: &cli::Deploy, standing: Standing, view: &View) -> Option<u8> {
    let boot = &view.config.boot;
    (boot.record == RecordKind::Bls && standing == Standing::Trial).then(|| args.tries.unwrap_or(boot.tries))
}

/// Who starts its kernel; not a word of a tree that has none.
fn about_kernel(own: Option<&OwnKernel>, plan: Option<&kernel::Plan<'_>>, hooks: &Hooks) -> String {
    let Some(OwnKernel { release, .. }) = own else { return String::new() };
    let release = plain(release);
    match plan {
        Some(plan) => format!("its kernel {release} is on the boot partition: {}\n", plan.entry_name()),
        None if hooks.are_there() => String::new(),
        None => {
            format!("no boot partition with loader/entries is mounted: who starts its kernel {release} is left to you (--boot names one)\n")
        }
    }
}

fn check(args: &cli::Deploy, id: &Id, standing: Standing, view: &View, source: &Source, place: install::Place) -> Result<Vec<String>> {
    let existing = view.store.deployments()?;
    let store = deploy::Store { existing: &existing, record: &view.ledger.record, booted: view.booted_key(), protected: &protected(view) };
    let trial = if args.force { WhileOnTrial::Force } else { WhileOnTrial::Refuse };
    let mut facts = source.facts(&view.store)?;
    if place == install::Place::Beside {
        // The running deployment and its copy are in the store, and belong there.
        facts.place = Nesting::Apart;
    }
    may_deploy(id, standing, trial, store, &facts)
}

/// What the boot loader that counts is told.
fn change(args: &cli::Deploy, standing: Standing, view: &View) -> Change {
    match standing {
        Standing::Trial => Change::Arm { tries: args.tries.unwrap_or(view.config.boot.tries) },
        Standing::Good => Change::Good,
    }
}

/// Of the tree, for which there is room.
fn check_room(view: &View, source: &Source) -> Result<Totals> {
    let totals = measure(source.dir.as_fd())?;
    let space = copy::space(&view.store.dir).or_fail("cannot look at the space of", "bedplate")?;
    let need = Need { bytes: totals.bytes, inodes: totals.inodes(), sharing: source.sharing(&view.store) };
    has_room(need, Space { bytes: space.bytes, inodes: space.inodes })?;
    Ok(totals)
}

/// What keeps its slot: the booted one and what boots if the next boot fails.
fn protected(view: &View) -> Vec<Key> {
    let selection = view.next_boot();
    let key_of = |candidate: &Candidate| view.facts.deployment(&candidate.id).and_then(Deployment::key);
    let candidates = [selection.first(), view.fallback(&selection)].into_iter().flatten();
    view.booted_key().into_iter().chain(candidates.filter_map(key_of)).collect()
}

fn manifest(args: &cli::Deploy, id: Id, view: &View, source: &Source) -> Result<Manifest> {
    let instance = Instance::from_random(host::random_bytes().or_fail("cannot get random bytes for", "the instance")?);
    let from = view.booted().and_then(|booted| booted.instance().map(|instance| format!("{}@{instance}", booted.id)));
    let version = match &args.version_name {
        Some(version) => version.clone(),
        None => source.version()?,
    };
    Ok(Manifest { id, instance, version, created: host::unix_time(), kind: TreeKind::Tree, kernels: source.kernels()?, from, digest: None })
}

/// The tree is complete and on the disk: now it may boot. The marker of a good one is written before the record.
fn arm(args: &cli::Deploy, standing: Standing, view: &mut View, manifest: &Manifest) -> Result<Armed> {
    let key = Key::of(&manifest.id, &manifest.instance);
    let tries = args.tries.unwrap_or(view.config.boot.tries);
    let protected = protected(view);
    let armed = match standing {
        Standing::Trial => view.ledger.record.arm(key, tries, &protected),
        Standing::Good => {
            view.store.write_marker(&Deployment::from(manifest.clone()), &success_marker(view, manifest))?;
            view.ledger.record.arm_good(key, tries)
        }
    };
    let armed = armed.map_err(|_| Error::refused("the record is full"));
    let result = armed.and_then(|armed| view.commit().map(|()| armed));
    let armed = result.map_err(|error| {
        let id = &manifest.id;
        Error::new(error.kind, format!("{id} is in the store but not armed, and does not boot: {error}; remove it and deploy it again"))
    })?;
    view.note("deployed", &manifest.id, &how(args, standing, view));
    Ok(armed)
}

/// What history says of it: which command made it of which deployment, where one did.
fn how(args: &cli::Deploy, standing: Standing, view: &View) -> String {
    let standing = if standing == Standing::Good { "as known to work" } else { "on trial" };
    match view.booted().filter(|_| args.from_current) {
        Some(booted) => format!("from {} by {}; {standing}", booted.id, shown(&args.words)),
        None => standing.into(),
    }
}

fn success_marker(view: &View, manifest: &Manifest) -> Marker {
    Marker {
        verdict: Verdict::Success,
        instance: manifest.instance.clone(),
        revision: view.ledger.record.revision.saturating_add(1),
        time: host::unix_time(),
        boot_id: view.facts.boot_id.to_string(),
        how: "deploy --good".into(),
    }
}

fn summary(manifest: &Manifest, standing: Standing, view: &View, armed: Armed) -> String {
    let key = Key::of(&manifest.id, &manifest.instance);
    let tries = view.ledger.record.slot(key).map_or(0, |slot| slot.left);
    let version = if manifest.version.is_empty() { String::new() } else { format!(" (version {})", plain(&manifest.version)) };
    let id = &manifest.id;
    let mut lines = vec![match standing {
        Standing::Trial => format!("deployed {id}{version}: it boots next, on trial with {}", counted(tries.into(), "try", "tries")),
        Standing::Good => format!("deployed {id}{version}: it boots next, as known to work"),
    }];
    let name = |key| view.id_of(key).map_or_else(|| "a deployment that is gone".to_string(), ToString::to_string);
    if let Some(key) = armed.superseded {
        lines.push(format!("{} gives way to it and is no longer on trial", name(key)));
    }
    if let Some(key) = armed.cleared_default {
        lines.push(format!("the default {} is cleared (bedplate set-default sets one)", name(key)));
    }
    if let Some(key) = armed.evicted {
        lines.push(format!("{} lost its slot, the oldest in the record: it is kept, and boots only by argument", name(key)));
    }
    lines.join("\n") + "\n"
}
