//! Opens the store for a verb: where it is, what this boot was, and under which lock and mount it may be written.

use super::ostree::{self, Chooser};
use super::who::who;
use bedplate::boot::announce::BOOT_JSON;
use bedplate::boot::copy::Flow;
use bedplate::boot::drift::{self, Past};
use bedplate::boot::facts;
use bedplate::boot::ledger::{self, Ledger, Lost};
use bedplate::boot::store::{STORE, Store, StoreKind};
use bedplate::decide::config::{Config, KernelMismatch};
use bedplate::decide::drift::Tally;
use bedplate::decide::loader::state::State;
use bedplate::decide::model::{BootId, Candidate, Deployment, Disk, Facts, Id, Report, Request, Selection};
use bedplate::decide::record::{Key, Record};
use bedplate::decide::select::{Input, select};
use bedplate::error::{Errno, Error, Kind, OrFail, Result};
use bedplate::sys::{AsFd, fs, host, mount};
use serde::de::DeserializeOwned;

/// Where the physical root is looked for, when none is named.
const SYSROOTS: [&str; 2] = ["/sysroot", "/run/bedplate/sysroot"];

/// A store with all that a verb needs to know of it.
#[derive(Debug)]
pub struct View {
    pub store: Store,
    /// Of the physical root.
    pub path: String,
    pub facts: Facts,
    pub ledger: Ledger,
    /// The effective configuration: of this boot, else of the store's last boot, else the defaults.
    pub config: Config,
    /// The report of this boot; `None` where there is none or it is another boot's.
    pub report: Option<Report>,
    /// What the boot loader counts, where it does.
    pub loader: Option<State>,
    /// On an OSTree system, the deployment for which the boot loader's first entry asks, where that can be told.
    pub asked: Option<Id>,
    pub warnings: Vec<String>,
}

/// The physical root: the one named, else the first that holds a store.
pub fn find_sysroot(named: Option<&str>) -> String {
    let holds_store = |path: &&str| fs::open_dir(path).and_then(|dir| fs::stat_in(dir, "bedplate")).is_ok();
    match named {
        Some(path) => path.into(),
        None => SYSROOTS.into_iter().find(holds_store).unwrap_or("/sysroot").into(),
    }
}

impl View {
    /// Opens for reading. `run` is where this boot's report is.
    pub fn open(sysroot: Option<&str>, run: &str) -> Result<Self> {
        let path = find_sysroot(sysroot);
        let store = open_to_read(&path)?;
        let (report, warning) = read_report(run)?.or_warn("going on as without it");
        let mut view = Self::gather(sysroot, &path, store, report)?;
        view.warnings.extend(warning);
        Ok(view)
    }

    fn gather(named: Option<&str>, path: &str, store: Store, report: Option<Report>) -> Result<Self> {
        let mut warnings = Vec::new();
        let facts = facts::gather(&store, None, &mut warnings)?;
        let report = report.filter(|report| report.boot_id == facts.boot_id);
        // The disk of another machine was named: what this one runs is not there, and its configuration does not count.
        let report = report.filter(|report| named.is_none() || running(&facts, report).is_some());
        let (config, warning) = effective_config(&store, report.as_ref())?;
        warnings.extend(warning);
        let read_only = fs::is_read_only(&store.dir).or_fail("cannot look at", path)?;
        let disk = if read_only { Disk::ReadOnly("it is mounted read-only".into()) } else { Disk::Writable };
        let ledger = Ledger::open(&store, &facts.deployments, &disk, config.boot.tries);
        warnings.extend(ledger.warning());
        let loader = super::loader::state(config.boot.record, &store.sysroot, path, report.as_ref(), &facts);
        let asked = ostree::asked(&store, &facts, report.as_ref());
        Ok(Self { store, path: path.into(), facts, ledger, config, report, loader, asked, warnings })
    }

    /// Opens for writing: one verb at a time, in a private mount namespace where the store is mounted read-only.
    /// A lost record is rebuilt.
    pub fn open_for_change(sysroot: Option<&str>, run: &str) -> Result<Self> {
        let path = find_sysroot(sysroot);
        if fs::is_read_only(&open_store(&path)?.dir).or_fail("cannot look at", &path)? {
            mount::writable_in_private_namespace(&path)?;
        }
        let store = open_store(&path)?;
        lock(&store.dir)?;
        let report = match read_report(run)? {
            Found::Whole(report) => Some(report),
            Found::Absent => None,
            // Nothing may be changed while nobody knows what runs.
            Found::Damaged(why) => return Err(Error::transient(format!("{why}; the next boot writes it anew"))),
        };
        let mut view = Self::gather(sysroot, &path, store, report)?;
        if ostree::chooser(&view) == Some(Chooser::BootLoader) {
            return Err(Error::refused(
                "the boot loader alone chooses on this OSTree system ([ostree] rollback is off): nothing is changed",
            ));
        }
        view.say_what_is_odd();
        view.rebuild_if_lost()?;
        Ok(view)
    }

    /// A verb that changes something shows no list of warnings. A lost record is told of when it is rebuilt.
    fn say_what_is_odd(&self) {
        let lost = self.ledger.warning();
        for warning in self.warnings.iter().filter(|warning| lost.as_ref() != Some(warning)) {
            log::warn!("{warning}");
        }
    }

    fn rebuild_if_lost(&mut self) -> Result<()> {
        let why = match &self.ledger.lost {
            None => return Ok(()),
            Some(newer @ Lost::Newer(_)) => {
                return Err(Error::refused(format!("{}: nothing is changed, use that bedplate", newer.reason())));
            }
            Some(unread @ Lost::Unread(_)) => {
                return Err(Error::transient(format!("{}: nothing is changed, try again", unread.reason())));
            }
            Some(corrupt @ Lost::Corrupt(_)) => corrupt.reason(),
        };
        let mut record = Record::remembered(&ledger::remembered(&self.facts.deployments), self.config.boot.tries);
        record.revision = record.revision.saturating_add(1);
        self.store.create_record(&record)?;
        let how = format!("{why}: rebuilt it from the boot-success markers");
        log::warn!("{how}");
        self.ledger = Ledger::open(&self.store, &self.facts.deployments, &Disk::Writable, self.config.boot.tries);
        self.note("rebuilt", None, &how);
        Ok(())
    }

    /// The deployment with this ID; the error says which exist.
    pub fn deployment(&self, id: &str) -> Result<&Deployment> {
        let found = self.facts.deployments.iter().find(|deployment| deployment.id.as_str() == id);
        found.ok_or_else(|| {
            let ids: Vec<&str> = self.facts.deployments.iter().map(|deployment| deployment.id.as_str()).collect();
            let ids = if ids.is_empty() { "none".into() } else { ids.join(", ") };
            Error::refused(format!("there is no deployment \"{id}\" (there are: {ids})"))
        })
    }

    /// The key of a deployment that has a slot; the error says why there is none.
    pub fn armed(&self, id: &str) -> Result<Key> {
        let deployment = self.deployment(id)?;
        if let Some(defect) = deployment.defect.as_ref().filter(|_| deployment.manifest.is_none()) {
            return Err(Error::refused(format!("\"{id}\" cannot boot: {defect}; put that file back, or deploy it under another ID")));
        }
        let key = deployment.key().filter(|key| self.ledger.record.slot(*key).is_some());
        key.ok_or_else(|| Error::refused(format!("\"{id}\" is not armed: it was put there by hand or evicted; deploy it under another ID")))
    }

    /// The deployment that this machine runs, where it is still there in the same instance.
    pub fn booted(&self) -> Option<&Deployment> {
        running(&self.facts, self.report.as_ref()?)
    }

    /// Its key, by the report where its own manifest cannot be read any more.
    pub fn booted_key(&self) -> Option<Key> {
        let booted = self.booted()?;
        booted.key().or_else(|| Some(Key::of(&booted.id, self.report.as_ref()?.deployment.instance.as_ref()?)))
    }

    /// The deployment that this boot's command line names.
    pub fn argument(&self) -> Option<Key> {
        let named = self.report.as_ref()?.argument.as_deref()?;
        self.deployment(named).ok().and_then(Deployment::key)
    }

    pub fn id_of(&self, key: Key) -> Option<&Id> {
        self.facts.id_of(key)
    }

    /// What the rules say for the next boot, if nothing else happens and nobody gives an argument. Which kernel it will have is
    /// the boot loader's choice: here it is taken to fit.
    pub fn next_boot(&self) -> Selection {
        let another_boot = BootId::parse(&"0".repeat(32)).unwrap_or_else(|| self.facts.boot_id.clone());
        let facts = Facts { boot_id: another_boot, previous: None, ..self.facts.clone() };
        let mut request = Request { config: self.config.clone(), ..Request::default() };
        request.config.boot.kernel_mismatch = KernelMismatch::Ignore;
        let disk = match &self.ledger.lost {
            None => Disk::Writable,
            Some(lost) => Disk::ReadOnly(lost.reason()),
        };
        let chooser = ostree::chooser(self);
        if chooser == Some(Chooser::BootLoader) {
            return ostree::by_loader(self.asked.as_ref());
        }
        let asked = self.asked.as_ref().filter(|_| chooser.is_some()).and_then(|id| self.facts.deployment(id));
        let record = &ostree::heeded(&self.ledger.record, asked, &facts, self.config.boot.tries);
        let limited = self.loader.as_ref().map(|loader| loader.limit(record, &facts.deployments, None));
        let record = limited.as_ref().unwrap_or(record);
        select(Input { request: &request, facts: &facts, record, disk: &disk, failed: &[] })
    }

    /// Why this one cannot boot, as far as one can see without trying.
    pub fn defect(&self, candidate: &Candidate) -> Option<&Error> {
        self.facts.deployment(&candidate.id)?.defect.as_ref()
    }

    /// What boots if the first candidate fails: the next that can.
    pub fn fallback<'a>(&self, selection: &'a Selection) -> Option<&'a Candidate> {
        let first = selection.first()?;
        selection.candidates.iter().find(|candidate| candidate.id != first.id && self.defect(candidate).is_none())
    }

    /// How much of a deployment's own /etc differs from its vendor's, by cause; and what could not be used to tell.
    pub fn etc_drift(&self, deployment: &Deployment) -> Result<(Tally, Vec<String>)> {
        let mut past = Past::of(&self.store, &self.facts.deployments, &self.ledger.record, deployment);
        let mut tally = Tally::default();
        drift::lasting(&self.store, deployment, &self.config.etc, &mut past, &mut |change| {
            tally.add(change.cause, || drift::etc_path(change.path));
            Flow::Continue
        })?;
        Ok((tally, past.warnings))
    }

    pub fn commit(&mut self) -> Result<()> {
        self.ledger.commit(&self.store)
    }

    /// One line of history; a disk that cannot take it costs the line, not the verb.
    pub fn note<'a>(&self, event: &str, deployment: impl Into<Option<&'a Id>>, why: &str) {
        self.note_more(event, deployment, serde_json::json!({ "why": why }));
    }

    /// The same with other members of the line, which are an object.
    pub fn note_more<'a>(&self, event: &str, deployment: impl Into<Option<&'a Id>>, more: serde_json::Value) {
        let (time, boot_id, id) = (host::unix_time(), self.facts.boot_id.as_str(), deployment.into().map(Id::as_str));
        let mut line = serde_json::json!({ "time": time, "boot-id": boot_id, "event": event, "deployment": id, "by": who() });
        if let (Some(line), serde_json::Value::Object(more)) = (line.as_object_mut(), more) {
            line.extend(more.into_iter().map(|(name, value)| (name, shortened(value))));
        }
        if let Err(error) = self.store.append_history(&line.to_string()) {
            log::warn!("{error}, going on without this line of history");
        }
    }
}

/// History is bounded, and so is each line of it: of a long text the end tells most.
fn shortened(value: serde_json::Value) -> serde_json::Value {
    const LONGEST: usize = 4096;
    match value {
        serde_json::Value::String(text) if text.chars().count() > LONGEST => {
            let skipped = text.chars().count() - LONGEST;
            format!("…{}", text.chars().skip(skipped).collect::<String>()).into()
        }
        other => other,
    }
}

/// The deployment that the report is of. Where its manifest cannot be read any more, its ID has to do.
fn running<'a>(facts: &'a Facts, report: &Report) -> Option<&'a Deployment> {
    let booted = &report.deployment;
    let same = |deployment: &Deployment| deployment.manifest.is_none() || deployment.instance() == booted.instance.as_ref();
    facts.deployments.iter().find(|deployment| deployment.id == booted.id && same(deployment))
}

/// The store below a physical root that is there.
pub fn open_store(path: &str) -> Result<Store> {
    let store = open_to_read(path)?;
    if store.kind == StoreKind::OstreeAlone {
        let why = "the boot loader alone chooses on this OSTree system, nothing is kept of it";
        let next =
            "ostree admin changes it; with [ostree] rollback = true in the initramfs, the first boot that is marked good makes a store";
        return Err(Error::new(Kind::NoStore, format!("there is no store at \"{path}/{STORE}\": {why} ({next})")));
    }
    Ok(store)
}

/// The same, or what there is to look at on an OSTree system without a store.
fn open_to_read(path: &str) -> Result<Store> {
    match fs::open_dir(path) {
        Ok(dir) => Store::open_or_ostree(dir, path),
        Err(Errno::ENOENT) => Err(Error::new(Kind::NoStore, format!("there is no \"{path}\": this is not a bedplate system"))),
        Err(errno) => Err(errno).or_fail("cannot open", path),
    }
}

/// Waits for its turn to change the store; the lock ends with the descriptor.
pub fn lock(dir: &impl AsFd) -> Result<()> {
    if fs::try_lock(dir.as_fd()).is_ok() {
        return Ok(());
    }
    log::info!("waiting for another bedplate to finish");
    fs::lock(dir.as_fd()).or_fail("cannot lock", "bedplate")
}

/// A file that bedplate has written for itself.
enum Found<T> {
    Absent,
    /// What is wrong with it.
    Damaged(String),
    Whole(T),
}

impl<T: DeserializeOwned> Found<T> {
    fn of(text: std::result::Result<String, Errno>, on: &str) -> Result<Self> {
        match text.map(|text| serde_json::from_str(&text)) {
            Ok(Ok(content)) => Ok(Self::Whole(content)),
            Ok(Err(error)) => Ok(Self::Damaged(format!("cannot understand \"{on}\": {error}"))),
            Err(Errno::ENOENT) => Ok(Self::Absent),
            Err(errno) => Err(errno).or_fail("cannot read", on),
        }
    }

    /// The content, if any, and the warning where it is damaged: `instead` says what happens then.
    fn or_warn(self, instead: &str) -> (Option<T>, Option<String>) {
        match self {
            Self::Whole(content) => (Some(content), None),
            Self::Absent => (None, None),
            Self::Damaged(why) => (None, Some(format!("{why}, {instead}; the next boot writes it anew"))),
        }
    }
}

/// The report below `run`.
fn read_report(run: &str) -> Result<Found<Report>> {
    let text = fs::open_dir(run).and_then(|run| fs::read_text(run, BOOT_JSON));
    Found::of(text, &format!("{run}/{BOOT_JSON}"))
}

/// The report of this boot. One that is damaged is as none, with a warning.
pub fn this_boot(run: &str) -> Result<Option<Report>> {
    let boot_id = facts::boot_id()?;
    Ok(read_for_this_boot(run, BOOT_JSON)?.filter(|report: &Report| report.boot_id == boot_id))
}

/// A file below `run` that may be from another boot. One that is damaged is as none, with a warning.
pub fn read_for_this_boot<T: DeserializeOwned>(run: &str, name: &str) -> Result<Option<T>> {
    let text = fs::open_dir(run).and_then(|run| fs::read_text(run, name));
    let (content, warning) = Found::of(text, &format!("{run}/{name}"))?.or_warn("going on as without it");
    if let Some(warning) = warning {
        log::warn!("{warning}");
    }
    Ok(content)
}

/// With a warning where the configuration that the store keeps is damaged.
fn effective_config(store: &Store, report: Option<&Report>) -> Result<(Config, Option<String>)> {
    if let Some(report) = report {
        return Ok((report.config.clone(), None));
    }
    let kept = Found::of(fs::read_text(&store.dir, "config.json"), "bedplate/config.json")?;
    let (config, warning) = kept.or_warn("going by the defaults");
    Ok((config.unwrap_or_default(), warning))
}
