//! A power cut at every write. The real program is recorded as it changes a store; of each recording, every state that the disk
//! could be in after a cut is made and judged by the real reader. Then each flush is taken away in turn, and has to be missed.
//!
//! `BEDPLATE_CUTS=all` tries everything that is bounded here by a sample; `few` finds what is broken, and breaks nothing by itself.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_debug_implementations,
    reason = "all of this is a test"
)]

mod aside;
#[path = "../store/bench.rs"]
mod bench;
#[path = "../prepare/booted.rs"]
mod booted;
mod boots;
mod cut;
mod disk;
mod given_back;
mod harmless;
mod images;
mod judge;
mod layers;
#[path = "../prepare/machine.rs"]
mod machine;
mod model;
#[path = "../namespace/mod.rs"]
mod namespace;
mod place;
mod places;
mod program;
mod proof;
mod record;
mod running;
mod strace;
mod trace;
mod verbs;
mod whole;

use cut::{Run, Tried, cut};
use images::Depth;
use judge::Judge;
use program::Program;
use proof::{Proof, prove};
use record::Recording;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What came of one recording.
struct Outcome {
    commits: usize,
    tried: Tried,
    asked: usize,
    result: Result<(), String>,
    proof: Proof,
}

fn main() {
    if std::env::args().any(|argument| argument == "--list") {
        return println!("powercut: test");
    }
    strace::check();
    model::check();
    let depth = match std::env::var("BEDPLATE_CUTS").as_deref() {
        Ok("all") => Depth::All,
        Ok("few") => Depth::Few,
        _ => Depth::Sample,
    };
    let recordings: Vec<Recording> = verbs::all().into_iter().chain(boots::all()).chain(running::all()).collect();
    let outcomes = at_once(&recordings, |recording| judge(recording, depth));
    let good = print(&recordings, &outcomes);
    let proved = depth == Depth::Few || print_proof(outcomes.into_iter().map(|outcome| outcome.proof));
    assert!(good && proved, "see above");
}

fn judge(recording: &Recording, depth: Depth) -> Outcome {
    let mut judge = Judge::new(&recording.trace, &recording.unsettled);
    let mut program = Program::new();
    let (mut number, every) = (0, depth.every());
    let (result, tried) = cut(&Run::whole(recording), &mut judge, depth, &mut |judge, seen| {
        number += 1;
        if number % every == 1 { program.ask(judge, seen) } else { Ok(()) }
    });
    let result = result.and_then(|()| quiet(recording));
    let proof = if depth == Depth::Few { Proof::default() } else { prove(recording, &mut judge) };
    Outcome { commits: judge.commits(), tried, asked: program.asked(), result, proof }
}

/// The incumbent's boot writes nothing and flushes nothing.
fn quiet(recording: &Recording) -> Result<(), String> {
    match recording.count() {
        (0, 0) => Ok(()),
        (changes, flushes) if recording.name == boots::QUIET => Err(format!("{changes} changes and {flushes} flushes")),
        _ => Ok(()),
    }
}

/// The results in the order of the recordings.
fn at_once(recordings: &[Recording], work: impl Fn(&Recording) -> Outcome + Sync) -> Vec<Outcome> {
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some((number, recording)) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, recordings.get(at)?)))
                {
                    let outcome = work(recording);
                    done.lock().unwrap().push((number, outcome));
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap();
    done.sort_by_key(|(number, _)| *number);
    done.into_iter().map(|(_, outcome)| outcome).collect()
}

fn print(recordings: &[Recording], outcomes: &[Outcome]) -> bool {
    println!("{:48} changes flushes commits    cuts  images  program", "power cuts");
    let mut sum = Tried::default();
    for (recording, Outcome { commits, tried, asked, result, .. }) in recordings.iter().zip(outcomes) {
        let (changes, flushes) = recording.count();
        println!("{:48} {changes:7} {flushes:7} {commits:7} {:7} {:7} {asked:8}", recording.name, tried.cuts, tried.distinct);
        if let Err(why) = result {
            println!("    FAILED: {why}");
        }
        sum = Tried { cuts: sum.cuts + tried.cuts, distinct: sum.distinct + tried.distinct };
    }
    println!(
        "{:72} {:7} {:7} {:8}",
        format!("{} runs", recordings.len()),
        sum.cuts,
        sum.distinct,
        outcomes.iter().map(|outcome| outcome.asked).sum::<usize>()
    );
    outcomes.iter().all(|outcome| outcome.result.is_ok())
}

/// What was broken, and by what it was noticed.
fn print_proof(proofs: impl Iterator<Item = Proof>) -> bool {
    let mut proof = Proof::default();
    proofs.for_each(|other| proof.add(other));
    println!("\nbroken on purpose");
    for (what, caught) in &proof.found {
        println!("{} {what}\n        {}", if caught.is_some() { "caught" } else { "MISSED" }, caught.as_deref().unwrap_or("by nothing"));
    }
    proof.idle.iter().for_each(|what| println!("needless: {what}"));
    let (runs, (caught, made_up)) = (proof.found.len(), proof.runs);
    println!("{} of {runs} caught ({caught} broken runs; in {made_up} others a later flush of the same verb does it, too)", proof.caught());
    proof.caught() == runs && proof.idle.is_empty()
}
