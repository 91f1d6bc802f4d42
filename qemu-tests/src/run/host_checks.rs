//! What must hold of what the host sees itself: how the machine ended, its console, and its disk afterwards.

use super::boot::Seen;
use super::step_checks::of_text;
use crate::disk::{self, Disk};
use crate::error::Result;
use crate::record::OnDisk;
use crate::scenario::{Checks, Expect, ExpectFile, ExpectSlot};
use bedplate::decide::record::{Barred, Key, OnceGood, Pinned, Record, Slot, Status};
use std::fs;
use std::path::Path;

pub fn check(expect: &Expect, seen: &Seen, disk: &Disk, out: &Path) -> Vec<String> {
    let mut misses = of_end(expect, seen);
    let dir = out.join("seen");
    let read = disk.look(&dir).and_then(|()| OnDisk::read(&dir.join("bedplate")));
    match read {
        Ok(on_disk) => {
            misses.extend(of_record(expect, &on_disk));
            let file = |path: &str| dir.join(on_disk.expand(path));
            misses.extend(expect.disk.iter().flat_map(|(path, wanted)| of_file(path, wanted, &file(path))));
        }
        Err(why) => misses.push(format!("cannot read the disk: {why}")),
    }
    misses
}

/// Two listings of what is to be unchanged.
pub fn unchanged(before: Result<Vec<String>>, after: impl FnOnce() -> Result<Vec<String>>) -> Vec<String> {
    match before.and_then(|before| after().map(|after| disk::differences(&before, &after))) {
        Ok(differences) => differences.iter().map(|line| format!("on disk, changed: {line}")).collect(),
        Err(why) => vec![format!("cannot tell what is unchanged: {why}")],
    }
}

fn of_end(expect: &Expect, seen: &Seen) -> Vec<String> {
    let mut misses = Vec::new();
    let both = expect.ended.zip(seen.ended).filter(|(wanted, found)| wanted != found);
    misses.extend(both.map(|(wanted, found)| format!("the machine ended with {}, expected {}", found.word(), wanted.word())));
    let checks = Checks { contains: expect.console.clone(), lacks: expect.console_lacks.clone(), ..Checks::default() };
    let found = of_text(&checks, "the console", &seen.console);
    // The console itself follows below the failure.
    misses.extend(found.iter().filter_map(|miss| miss.split(": ").next()).map(str::to_string));
    misses
}

fn of_record(expect: &Expect, on_disk: &OnDisk) -> Vec<String> {
    let mut misses = Vec::new();
    let name = |key: fn(&Record) -> Option<Key>| on_disk.record().map_or("no record", |record| on_disk.name(key(record)));
    for (what, found, wanted) in [
        ("the record", on_disk.word(), &expect.record),
        ("default", name(|record| record.default), &expect.default),
        ("one-shot", name(|record| record.one_shot), &expect.one_shot),
        ("incumbent", name(|record| record.incumbent), &expect.incumbent),
    ] {
        misses
            .extend(wanted.as_ref().filter(|wanted| *wanted != found).map(|wanted| format!("on disk, {what}: {found}, expected {wanted}")));
    }
    misses.extend(expect.slots.iter().flat_map(|(id, wanted)| of_slot(id, wanted, on_disk.slot(id))));
    misses
}

fn of_slot(id: &str, wanted: &ExpectSlot, slot: Option<&Slot>) -> Vec<String> {
    let Some(slot) = slot else {
        return if wanted.none { Vec::new() } else { vec![format!("on disk, {id} has no slot in the record")] };
    };
    let mut misses: Vec<_> = wanted.none.then(|| format!("on disk, {id} has a slot: {slot:?}")).into_iter().collect();
    let number = |number: Option<u8>| number.map(|number| number.to_string());
    let flag = |flag: Option<bool>| flag.map(|flag| flag.to_string());
    for (what, found, wanted) in [
        ("status", status(slot.status).to_string(), wanted.status.clone()),
        ("outcome", slot.outcome.word().to_string(), wanted.outcome.clone()),
        ("tries left", slot.left.to_string(), number(wanted.left)),
        ("tries done", slot.done.to_string(), number(wanted.done)),
        ("forced", slot.forced.to_string(), number(wanted.forced)),
        ("refunds used", slot.refunds_used.to_string(), number(wanted.refunds_used)),
        ("started", slot.started.to_string(), number(wanted.started)),
        ("pinned", (slot.pinned == Pinned::Yes).to_string(), flag(wanted.pinned)),
        ("barred", (slot.barred == Barred::Yes).to_string(), flag(wanted.barred)),
        ("once good", (slot.once_good == OnceGood::Yes).to_string(), flag(wanted.once_good)),
    ] {
        misses.extend(wanted.filter(|wanted| *wanted != found).map(|wanted| format!("on disk, {id}: {what} {found}, expected {wanted}")));
    }
    misses
}

const fn status(status: Status) -> &'static str {
    match status {
        Status::Trial => "trial",
        Status::Good => "good",
        Status::Superseded => "superseded",
        Status::MarkedBad => "marked-bad",
        Status::Broken => "broken",
        Status::Unarmed => "unarmed",
    }
}

fn of_file(path: &str, wanted: &ExpectFile, file: &Path) -> Vec<String> {
    let there = file.symlink_metadata().is_ok();
    if wanted.absent || !there {
        let miss = if there { "exists" } else { "is not there" };
        return if wanted.absent == there { vec![format!("on disk, {path} {miss}")] } else { Vec::new() };
    }
    if let Some(names) = &wanted.names {
        let found = names_in(file);
        return if found == *names { Vec::new() } else { vec![format!("on disk, {path} has {found:?}, expected {names:?}")] };
    }
    let checks = Checks { contains: wanted.contains.clone(), equals: wanted.equals.clone(), ..Checks::default() };
    let text = fs::read(file).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    of_text(&checks, &format!("on disk, {path}"), &text)
}

fn names_in(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
