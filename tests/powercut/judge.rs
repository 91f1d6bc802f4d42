//! Looks at the image of a disk with the program's own reader, and says what must not be.

use super::aside::Aside;
use super::disk::{Change, Event, Extent, Tree};
use super::given_back::GivenBack;
use super::images::digest;
use super::layers::Layers;
use super::place::Show;
use super::trace::Trace;
use super::whole::Renamed;
use bedplate::boot::facts;
use bedplate::boot::ledger::{self, Ledger};
use bedplate::boot::store::Store;
use bedplate::decide::model::{BootId, Candidate, Disk, Facts, Request};
use bedplate::decide::record::Record;
use bedplate::decide::record::codec::{self, Place, Reading};
use bedplate::decide::select::{Input, select};
use bedplate::decide::unlock;
use bedplate::sys::fs;
use std::collections::BTreeMap;

type Paths = BTreeMap<Vec<u8>, usize>;

/// What the reader makes of a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    pub record: Option<Record>,
    /// ID and rule of the first candidate; the ID of the first that can boot.
    pub choice: (Option<String>, Option<String>),
    /// The first that could boot if the record were lost.
    pub without_record: Option<String>,
    pub warnings: Vec<String>,
    /// `ID@INSTANCE` of each deployment that could boot.
    pub whole: Vec<String>,
    /// Slots of the record without a deployment.
    pub orphans: usize,
}

/// A content that the record has had, from an event on.
#[derive(Debug)]
struct Version {
    since: usize,
    seen: Option<Seen>,
    record: Option<Record>,
}

/// What holds for one recorded run.
pub struct Judge<'a> {
    trace: &'a Trace,
    /// Paths that need not be as they were left when the program has ended.
    unsettled: &'a [&'a str],
    versions: Vec<Version>,
    first: Option<Seen>,
    last: Option<Seen>,
    /// Digest of each deployment, by `ID@INSTANCE`.
    deployments: BTreeMap<String, u64>,
    settled: u64,
    renamed: Renamed,
    aside: Aside,
    layers: Layers,
    given_back: GivenBack,
    show: Show,
}

impl<'a> Judge<'a> {
    pub fn new(trace: &'a Trace, unsettled: &'a [&'a str]) -> Self {
        let mut judge = Self {
            trace,
            unsettled,
            versions: Vec::new(),
            first: None,
            last: None,
            deployments: BTreeMap::new(),
            settled: 0,
            renamed: Renamed::of(trace),
            aside: Aside::of(&trace.before, &trace.after),
            layers: Layers::of(&trace.before, &trace.after),
            given_back: GivenBack::of(&trace.before, &trace.after),
            show: Show::new(),
        };
        judge.first = judge.look_at(&trace.before);
        judge.last = judge.look_at(&trace.after);
        judge.deployments = judge.of_deployments();
        judge.settled = judge.settled_part(&trace.after, &super::place::paths(&trace.after));
        judge.find_versions();
        judge
    }

    /// How many times the record was written.
    pub fn commits(&self) -> usize {
        self.versions.len() - 1
    }

    pub fn dir(&self) -> &std::path::Path {
        &self.show.dir
    }

    fn look_at(&mut self, tree: &Tree) -> Option<Seen> {
        self.show.show(tree, &super::place::paths(tree));
        look(&self.show.dir).unwrap_or_else(|why| panic!("a disk that was not cut: {why}"))
    }

    fn find_versions(&mut self) {
        let mut now = self.trace.before.clone();
        self.versions.push(Version { since: 0, seen: self.first.clone(), record: record(&now) });
        for (at, event) in self.trace.events.iter().enumerate() {
            let Event::Change(change) = event else { continue };
            now.apply(change, Extent::Whole);
            let touches = matches!(change, Change::Write { .. } | Change::Names(_));
            if let Some(new) =
                touches.then(|| record(&now)).flatten().filter(|new| self.versions.last().unwrap().record.as_ref() != Some(new))
            {
                let seen = self.look_at(&now);
                self.versions.push(Version { since: at + 1, seen, record: Some(new) });
            }
        }
    }

    fn of_deployments(&self) -> BTreeMap<String, u64> {
        let mut digests = BTreeMap::new();
        for (tree, seen) in [(&self.trace.after, &self.last), (&self.trace.before, &self.first)] {
            let paths = super::place::paths(tree);
            for key in seen.iter().flat_map(|seen| &seen.whole) {
                digests.insert(key.clone(), deployment_digest(tree, &paths, key));
            }
        }
        digests
    }

    fn settled_part(&self, tree: &Tree, paths: &Paths) -> u64 {
        let settled = |path: &&Vec<u8>| {
            let path = String::from_utf8_lossy(path);
            !self.unsettled.iter().any(|unsettled| path.starts_with(unsettled))
        };
        let paths: Paths = paths.iter().filter(|(path, _)| settled(path)).map(|(path, ino)| (path.clone(), *ino)).collect();
        // Times of directories are nobody's business but in a deployment, which is looked at for itself.
        let mut tree = tree.clone();
        tree.inodes.iter_mut().for_each(|inode| inode.modified = None);
        digest(&tree, &paths, "")
    }

    /// The version that has to be there at a moment: a try that was counted, and what was promised by ending well.
    fn promised(&self, events: &[Event], at: usize, original: &[usize]) -> usize {
        let written = |event: usize| self.versions.iter().rposition(|version| version.since <= event).unwrap_or(0);
        if at == events.len() {
            return self.versions.len() - 1;
        }
        let promised = |event: usize| match events.get(event) {
            Some(Event::Touch) => written(original[event]),
            // A boot that writes the record at all has done so before.
            Some(Event::Mount) => 1.min(self.versions.len() - 1),
            _ => 0,
        };
        (0..=at).map(promised).max().unwrap_or(0)
    }

    /// Judges an image at a moment of a run; `original` has the places of the run's events in the trace that was recorded.
    pub fn check(&mut self, tree: &Tree, paths: &Paths, events: &[Event], at: usize, original: &[usize]) -> Result<Option<Seen>, String> {
        self.show.show(tree, paths);
        let seen = look(&self.show.dir)?;
        let promised = self.promised(events, at, original);
        let version = self.version(seen.as_ref(), promised)?;
        self.renamed.check(tree)?;
        self.aside.check(tree)?;
        self.layers.check(tree)?;
        self.given_back.check(tree)?;
        let Some(seen) = seen else { return Ok(None) };
        self.check_choice(&seen, version)?;
        self.check_deployments(&seen, tree, paths)?;
        if at == events.len() && self.settled_part(tree, paths) != self.settled {
            return Err(format!("the program has ended well, but what it wrote is not all there: {}", self.difference(tree, paths)));
        }
        Ok(Some(seen))
    }

    /// The record is the old one or a new one, and not older than what was promised.
    fn version(&self, seen: Option<&Seen>, promised: usize) -> Result<usize, String> {
        let record = seen.and_then(|seen| seen.record.as_ref());
        let found = self.versions.iter().rposition(|version| version.record.as_ref() == record);
        match found {
            Some(version) if version < promised => {
                Err(format!("the record is that of before (commit {version} of {promised} that were promised)"))
            }
            Some(version) => Ok(version),
            None if record.is_none() => Err("the record is lost".into()),
            None => Err("the record is one that nobody wrote".into()),
        }
    }

    fn check_choice(&self, seen: &Seen, version: usize) -> Result<(), String> {
        let expected = &self.versions[version].seen;
        let choice = |seen: &Option<Seen>| seen.as_ref().map(|seen| seen.choice.clone()).unwrap_or_default();
        if seen.choice != choice(expected) {
            return Err(format!("boots {:?} instead of {:?}", seen.choice, choice(expected)));
        }
        if expected.as_ref().is_some_and(|expected| expected.orphans != seen.orphans) {
            return Err(format!("{} slots of the record have no deployment", seen.orphans));
        }
        let allowed: Vec<Option<&String>> = match version {
            0 => vec![&self.first, &self.last],
            _ => vec![&self.last],
        }
        .into_iter()
        .map(|seen| seen.as_ref().and_then(|seen| seen.without_record.as_ref()))
        .collect();
        if !allowed.contains(&seen.without_record.as_ref()) {
            return Err(format!("the markers lead to {:?}, not to one of {allowed:?}", seen.without_record));
        }
        match seen.warnings.first().filter(|_| expected.as_ref().is_none_or(|expected| expected.warnings != seen.warnings)) {
            Some(warning) => Err(format!("the reader complains: {warning}")),
            None => Ok(()),
        }
    }

    /// What looks as if it could boot was written completely.
    fn check_deployments(&self, seen: &Seen, tree: &Tree, paths: &Paths) -> Result<(), String> {
        for key in &seen.whole {
            if self.deployments.get(key) != Some(&deployment_digest(tree, paths, key)) && !self.says_opened(tree, key) {
                return Err(format!("{} can be booted, and is not what was deployed", key.split('@').next().unwrap_or_default()));
            }
        }
        Ok(())
    }

    /// Whether it is written down that a command more than before may have changed it in place.
    fn says_opened(&self, tree: &Tree, key: &str) -> bool {
        let path = format!("bedplate/deployments/{}/unlocked.json", key.split('@').next().unwrap_or_default());
        let opened = |tree: &Tree| tree.content(&path).and_then(|text| unlock::parse(text).ok()).map_or(0, |opened| opened.len());
        opened(tree) > opened(&self.trace.before)
    }

    fn difference(&self, tree: &Tree, paths: &Paths) -> String {
        let after = super::place::paths(&self.trace.after);
        let inode = |tree: &Tree, paths: &Paths, path: &Vec<u8>| paths.get(path).map(|ino| tree.inodes[*ino].clone());
        let differs = |path: &&Vec<u8>| {
            let undated = |inode: Option<super::disk::Inode>| inode.map(|inode| super::disk::Inode { modified: None, ..inode });
            undated(inode(tree, paths, path)) != undated(inode(&self.trace.after, &after, path))
        };
        let settled = |path: &&Vec<u8>| !self.unsettled.iter().any(|unsettled| String::from_utf8_lossy(path).starts_with(unsettled));
        let path = after.keys().chain(paths.keys()).filter(settled).find(differs);
        path.map_or("a hard link".into(), |path| String::from_utf8_lossy(path).into_owned())
    }
}

/// The tree, the manifest, and the descriptions of the vendor's /etc and of /usr.
fn deployment_digest(tree: &Tree, paths: &Paths, key: &str) -> u64 {
    let dir = format!("bedplate/deployments/{}", key.split('@').next().unwrap_or_default());
    ["root", "deployment.toml", "etc.manifest", "usr.manifest"]
        .iter()
        .fold(0, |sum, name| sum ^ digest(tree, paths, &format!("{dir}/{name}")))
}

/// The record in a tree, where one is valid.
fn record(tree: &Tree) -> Option<Record> {
    let content = tree.content("bedplate/record")?;
    let copy = |place: Place| {
        let at = usize::try_from(place.offset()).unwrap();
        content.get(at..content.len().min(at + codec::BLOCK)).unwrap_or_default()
    };
    match codec::read(copy(Place::A), copy(Place::B)) {
        Reading::Valid { record, .. } => Some(record),
        _ => None,
    }
}

/// The reader of the initramfs, at the next boot. `None`: there is no store.
fn look(sysroot: &std::path::Path) -> Result<Option<Seen>, String> {
    let open = |path: &std::path::Path| fs::open_dir(path.to_str().unwrap());
    if open(&sysroot.join("bedplate")).is_err() {
        return Ok(None);
    }
    let store = open(sysroot).map_err(|errno| errno.to_string()).and_then(|root| Store::open(root, "").map_err(|error| error.text));
    let store = store?;
    let mut warnings = Vec::new();
    // Before there is a directory for them there are no deployments.
    if open(&sysroot.join("bedplate/deployments")).is_err() {
        return Ok(None);
    }
    let mut facts = facts::gather(&store, None, &mut warnings).map_err(|error| error.text)?;
    facts.boot_id = BootId::parse(&"0".repeat(32)).ok_or("no boot id")?;
    let request = Request::default();
    let tries = request.config.boot.tries;
    let ledger = Ledger::open(&store, &facts.deployments, &Disk::Writable, tries);
    let record = ledger.lost.is_none().then(|| ledger.record.clone());
    let remembered = Record::remembered(&ledger::remembered(&facts.deployments), tries);
    let lost = Disk::ReadOnly("the record is lost".into());
    let (_, without_record) = choice(&facts, &request, &remembered, &lost);
    Ok(Some(Seen {
        record,
        choice: choice(&facts, &request, &ledger.record, &ledger.access),
        without_record,
        warnings,
        whole: whole(&facts),
        orphans: ledger
            .record
            .slots
            .iter()
            .filter(|slot| !facts.deployments.iter().any(|deployment| deployment.key() == Some(slot.key)))
            .count(),
    }))
}

fn choice(facts: &Facts, request: &Request, record: &Record, disk: &Disk) -> (Option<String>, Option<String>) {
    let selection = select(Input { request, facts, record, disk, failed: &[] });
    let boots = |candidate: &&Candidate| facts.deployment(&candidate.id).is_some_and(|deployment| deployment.defect.is_none());
    let named = |candidate: &Candidate| format!("{} by rule {}", candidate.id, candidate.rule.word());
    (selection.first().map(named), selection.candidates.iter().find(boots).map(|candidate| candidate.id.to_string()))
}

fn whole(facts: &Facts) -> Vec<String> {
    let bootable = facts.deployments.iter().filter(|deployment| deployment.defect.is_none());
    bootable.filter_map(|deployment| Some(format!("{}@{}", deployment.id, deployment.instance()?))).collect()
}
