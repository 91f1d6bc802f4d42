//! Every sequence of events up to a depth, over a few deployments, with the real rules and the real record.
//!
//! `explore [DEPTH [DEPLOYMENTS]]`, breadth first: what is wrong is shown by a shortest sequence that leads to it. Without
//! arguments it is a sample that fits in a test run; `scripts/explore` goes further.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "all of this is a test")]

mod boot;
mod checks;
mod events;
mod reference;
mod world;

use bedplate::decide::config::{Config, Count};
use checks::{INVARIANTS, Tally, Violation};
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::process::ExitCode;
use std::time::Instant;
use world::{Quality, Store, Tree, World};

/// Name, and what differs from the defaults.
type Variant = (&'static str, fn(&mut Config));

const VARIANTS: [Variant; 4] = [
    ("the defaults", |_| {}),
    ("count = \"always\"", |config| config.boot.count = Count::Always),
    ("tries = 1, refunds = 0", |config| (config.boot.tries, config.boot.refunds) = (1, 0)),
    ("tries = 2, good-tries = 0", |config| (config.boot.tries, config.boot.good_tries) = (2, 0)),
];

/// Events in a row, deployments, and how many of the variants, of the sample.
const SAMPLE: [(usize, usize, usize); 3] = [(3, 3, 2), (2, 3, 4), (2, 4, 4)];

fn main() -> ExitCode {
    let numbers: Vec<usize> = std::env::args().skip(1).filter_map(|word| word.parse().ok()).collect();
    let sizes = match numbers.as_slice() {
        [depth, deployments, ..] => vec![(*depth, *deployments, VARIANTS.len())],
        [depth] => vec![(*depth, 3, VARIANTS.len())],
        [] => SAMPLE.to_vec(),
    };
    let mut tally = Tally::new();
    let mut wrong = 0;
    for (depth, deployments, variants) in sizes {
        for variant in VARIANTS.into_iter().take(variants) {
            wrong += explore(variant, depth, deployments, &mut tally);
        }
    }
    for name in INVARIANTS {
        let times = tally.get(name).copied().unwrap_or(0);
        wrong += usize::from(times == 0);
        println!("{times:>10} times{}: {name}", if times == 0 { ", NEVER PUT TO THE TEST" } else { "" });
    }
    if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How many invariants were violated.
fn explore((name, vary): Variant, depth: usize, deployments: usize, tally: &mut Tally) -> usize {
    let mut config = Config::default();
    vary(&mut config);
    let mut explorer = Explorer::new(tally);
    let began = Instant::now();
    explorer.explore(&config, depth, deployments);
    let Explorer { seen, steps, found, exceptions, .. } = explorer;
    let seconds = began.elapsed().as_secs_f32();
    println!("{deployments} deployments, {depth} events, {name}: {} states, {steps} steps, {seconds:.1} s", seen.len());
    for (why, count) in exceptions {
        println!("  {count} states are left out of the 24 boots: {why}");
    }
    for (invariant, how) in &found {
        println!("VIOLATED: {invariant}\n{how}");
    }
    found.len()
}

struct Explorer<'a> {
    tally: &'a mut Tally,
    hasher: RandomState,
    seen: HashSet<u64>,
    /// For each state: the one before it, and the event between.
    trail: Vec<(usize, String)>,
    steps: u64,
    found: BTreeMap<&'static str, String>,
    exceptions: BTreeMap<&'static str, u64>,
}

impl<'a> Explorer<'a> {
    fn new(tally: &'a mut Tally) -> Self {
        let (found, exceptions) = (BTreeMap::new(), BTreeMap::new());
        Self { tally, hasher: RandomState::new(), seen: HashSet::new(), trail: vec![], steps: 0, found, exceptions }
    }

    fn explore(&mut self, config: &Config, depth: usize, deployments: usize) {
        let mut queue: VecDeque<(World, usize, usize)> = VecDeque::new();
        for (name, world) in starts(config, deployments) {
            self.enter(world, (usize::MAX, name), 0, &mut queue);
        }
        while let Some((world, at, events)) = queue.pop_front() {
            if events == depth {
                continue;
            }
            for next in events::all(&world) {
                self.steps += 1;
                let violation = checks::of_step(&world, &next, self.tally);
                let event = next.event.clone();
                self.note(violation, at, &event);
                self.enter(next.world, (at, event), events + 1, &mut queue);
            }
        }
    }

    /// Only what was not reached before, by as few events.
    fn enter(&mut self, world: World, step: (usize, String), events: usize, queue: &mut VecDeque<(World, usize, usize)>) {
        if !self.seen.insert(self.hasher.hash_one(world.fingerprint())) {
            return;
        }
        let at = self.trail.len();
        self.trail.push(step);
        if let Some(why) = checks::exception(&world) {
            *self.exceptions.entry(why).or_default() += 1;
        }
        let violation = checks::of_state(&world, self.tally);
        self.note(violation, at, "left alone");
        queue.push_back((world, at, events));
    }

    /// The first of its name has the shortest way to it.
    fn note(&mut self, violation: Option<Violation>, at: usize, event: &str) {
        let Some((name, why)) = violation else { return };
        if self.found.contains_key(name) {
            return;
        }
        let mut way = vec![format!("  {event}: {why}")];
        let mut at = at;
        while let Some((before, event)) = self.trail.get(at) {
            way.push(format!("  {event}"));
            at = *before;
        }
        way.reverse();
        self.found.insert(name, way.join("\n"));
    }
}

/// One that is good and runs; one on trial that has not been booted; one that is good, and a newer one on trial.
fn starts(config: &Config, deployments: usize) -> Vec<(String, World)> {
    let empty = |quality: Quality| {
        let mut trees: Vec<Option<Tree>> = vec![None; deployments];
        trees[0] = Some(Tree::new(0, quality));
        let (record, store) = (bedplate::decide::record::Record::default(), Store::Writable);
        let world =
            World { config: config.clone(), trees, record, lost: false, store, argument: None, running: None, boot: 1, reset_seen: false };
        let key = world.live().next().unwrap().key();
        (world, key)
    };
    let tries = config.boot.tries;
    let (mut new, key) = empty(Quality::Works);
    new.record.arm(key, tries, &[]).unwrap();
    let mut good = new.clone();
    boot::boot(&mut good);
    let mut broken = empty(Quality::Crashes).0;
    broken.record.arm(key, tries, &[]).unwrap();
    vec![("v1 is good, and runs".into(), good), ("v1 is on trial".into(), new), ("v1 is on trial (Crashes)".into(), broken)]
}
