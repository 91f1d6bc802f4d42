//! That the judge can fail: each flush is left out in turn, each rename is done before or after the flush that it has to wait for
//! or that has to wait for it, and the record is read as if its checksum were not looked at.

use super::cut::{Reader, Run, cut};
use super::disk::{Change, Event, Flush, durable};
use super::images::Depth;
use super::judge::Judge;
use super::record::Recording;
use std::collections::BTreeMap;

/// What broken runs came to, by what was broken; the value is what was seen first.
#[derive(Debug, Default)]
pub struct Proof {
    pub found: BTreeMap<String, Option<String>>,
    /// Of all recordings: in how many runs it was found, and in how many not, because something later makes up for it.
    pub runs: (usize, usize),
    /// Flushes that have nothing to do there.
    pub idle: Vec<String>,
}

impl Proof {
    pub fn add(&mut self, other: Self) {
        for (what, why) in other.found {
            let entry = self.found.entry(what).or_default();
            *entry = entry.take().or(why);
        }
        self.runs = (self.runs.0 + other.runs.0, self.runs.1 + other.runs.1);
        self.idle.extend(other.idle);
    }

    pub fn caught(&self) -> usize {
        self.found.values().flatten().count()
    }
}

/// Breaks a recorded run in every way.
pub fn prove(recording: &Recording, judge: &mut Judge<'_>) -> Proof {
    let mut proof = Proof::default();
    for (what, run) in broken(recording, &mut proof.idle) {
        let result = cut(&run, judge, Depth::Few, &mut |_, _| Ok(())).0;
        match &result {
            Err(_) => proof.runs.0 += 1,
            Ok(()) => proof.runs.1 += 1,
        }
        let why = result.err().map(|why| format!("{}: {why}", recording.name));
        let entry = proof.found.entry(what).or_default();
        *entry = entry.take().or(why);
    }
    proof
}

fn broken<'a>(recording: &'a Recording, idle: &mut Vec<String>) -> Vec<(String, Run<'a>)> {
    let events = &recording.trace.events;
    let all: Vec<usize> = (0..events.len()).collect();
    let mut broken = Vec::new();
    for (at, event) in events.iter().enumerate() {
        let say = |at| recording.describe(at);
        match event {
            Event::Flush(_) => {
                let what = format!("{}, after {}", say(at), last_change(recording, at));
                if durable(&events[..=at])[..at] == durable(&events[..at]) {
                    idle.push(format!("{what} ({})", recording.name));
                } else {
                    let without = all.iter().copied().filter(|other| *other != at).collect();
                    broken.push((format!("without the {what}"), Run::arranged(recording, without)));
                }
            }
            Event::Change(change @ Change::Names(_)) if change.is_rename() && is_promised(&say(at)) => {
                if let Some(flush) = (0..at).rev().find(|before| matches!(events[*before], Event::Flush(_))) {
                    broken.push((format!("{} before the {}", say(at), say(flush)), Run::arranged(recording, moved(&all, at, flush))));
                }
                if let Some((flush, commit)) = flush_and_commit(events, at).filter(|_| says_before_the_record(&say(at))) {
                    let order = moved(&moved(&all, at, commit), flush - 1, commit);
                    broken.push((format!("{} after the {}", say(at), say(commit)), Run::arranged(recording, order)));
                }
            }
            Event::Touch => {
                if let Some(flush) = (0..at).rev().find(|before| matches!(events[*before], Event::Flush(Flush::Data(_)))) {
                    broken.push((
                        format!("{} after the deployment was touched", say(flush)),
                        Run::arranged(recording, moved(&all, flush, at)),
                    ));
                }
            }
            Event::Change(_) | Event::Mount => {}
        }
    }
    if events.iter().any(|event| matches!(event, Event::Flush(Flush::Data(_)))) {
        broken
            .push(("a reader that does not look at the checksum".into(), Run { reader: Reader::WithoutChecksum, ..Run::whole(recording) }));
    }
    broken
}

/// The record itself is what is rebuilt; what is kept of a removed deployment may be put aside at any time before its files go.
fn says_before_the_record(rename: &str) -> bool {
    !rename.ends_with("-> record") && !rename.contains(".del/") && !rename.contains("-> manifests/")
}

/// The history may lose lines: it is never flushed. A layer that is set aside for another leaves nothing half done: without one,
/// the next boot makes one.
fn is_promised(rename: &str) -> bool {
    !rename.starts_with("history.jsonl") && !rename.contains("/etc.aside")
}

/// The flush that follows a rename, and the record's after that.
fn flush_and_commit(events: &[Event], rename: usize) -> Option<(usize, usize)> {
    let flush = (rename + 1..events.len()).find(|at| matches!(events[*at], Event::Flush(Flush::Whole(_))))?;
    let commit = (flush + 1..events.len()).find(|at| matches!(events[*at], Event::Flush(Flush::Data(_))))?;
    Some((flush, commit))
}

/// One event at another place, the others in their order.
fn moved(order: &[usize], from: usize, to: usize) -> Vec<usize> {
    let mut order = order.to_vec();
    let event = order.remove(from);
    order.insert(to, event);
    order
}

fn last_change(recording: &Recording, at: usize) -> String {
    let name = |before: &usize| matches!(&recording.trace.events[*before], Event::Change(Change::Names(_) | Change::Write { .. }));
    (0..at).rev().find(name).map_or("nothing".into(), |before| recording.describe(before))
}
