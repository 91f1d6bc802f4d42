//! `list`: all deployments with their standing, newest last.

use super::access::View;
use super::ostree::{self, Chooser, Shown};
use super::{Exit, plain, say, say_json};
use crate::cli;
use bedplate::decide::model::{Deployment, SCHEMA};
use bedplate::decide::record::{Barred, Pinned, Slot, Status};
use bedplate::error::Result;
use serde::Serialize;
use std::io::Write;

pub fn run(args: &cli::List, out: &mut dyn Write) -> Result<Exit> {
    let view = View::open(args.sysroot.as_deref(), &args.run)?;
    let mut rows: Vec<Row> = view.facts.deployments.iter().map(|deployment| Row::of(&view, deployment)).collect();
    rows.sort_by_key(|row| row.order);
    if args.json {
        say_json(out, &Json { schema: SCHEMA, deployments: rows, warnings: &view.warnings })?;
    } else {
        say(out, &text(&rows))?;
        view.warnings.iter().for_each(|warning| log::warn!("{warning}"));
    }
    Ok(Exit::Done)
}

#[derive(Serialize)]
struct Json<'a> {
    schema: u32,
    deployments: Vec<Row>,
    warnings: &'a [String],
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Row {
    id: String,
    instance: Option<String>,
    version: String,
    /// trial, exhausted, good, superseded, marked-bad, broken, not-armed; boot-loader: no record has a say
    state: &'static str,
    tries_left: u8,
    fruitless: u8,
    /// booted, incumbent, default, one-shot, pinned, barred, asked-for (by the boot loader's first entry)
    is: Vec<&'static str>,
    defect: Option<String>,
    /// Of a deployment of OSTree's.
    ostree: Option<Shown>,
    /// 0 for one that is not armed.
    order: u8,
}

impl Row {
    fn of(view: &View, deployment: &Deployment) -> Self {
        let key = deployment.key();
        let record = &view.ledger.record;
        let slot = key.and_then(|key| record.slot(key));
        // Known also where its manifest is damaged, and with it the key.
        let booted = view.booted().filter(|booted| booted.id == deployment.id).map(|_| "booted");
        let mut is: Vec<&'static str> = booted.into_iter().collect();
        let named = [("incumbent", record.incumbent), ("default", record.default), ("one-shot", record.one_shot)];
        is.extend(named.into_iter().filter(|(_, named)| named.is_some() && *named == key).map(|(word, _)| word));
        if slot.is_some_and(|slot| slot.pinned == Pinned::Yes) {
            is.push("pinned");
        }
        if slot.is_some_and(|slot| slot.barred == Barred::Yes) {
            is.push("barred");
        }
        if view.asked.as_ref() == Some(&deployment.id) {
            is.push("asked-for");
        }
        let by_loader = deployment.ostree().is_some() && ostree::chooser(view) == Some(Chooser::BootLoader);
        Self {
            id: deployment.id.to_string(),
            instance: deployment.instance().map(ToString::to_string),
            version: deployment.manifest.as_ref().map(|manifest| manifest.version.clone()).unwrap_or_default(),
            state: if by_loader { "boot-loader" } else { slot.map_or("not-armed", state) },
            tries_left: slot.map_or(0, |slot| slot.left),
            fruitless: slot.map_or(0, |slot| slot.done),
            is,
            defect: deployment.defect.as_ref().map(ToString::to_string),
            ostree: Shown::of(view, deployment),
            order: slot.map_or(0, |slot| slot.order),
        }
    }

    fn cells(&self) -> [String; 5] {
        let tries = if self.state == "trial" { self.tries_left.to_string() } else { "-".into() };
        let mut notes = self.is.join(" ");
        if let Some(ostree) = self.ostree.as_ref().map(Shown::notes).filter(|ostree| !ostree.is_empty()) {
            notes = format!("{notes} {}", ostree.join(", ")).trim().into();
        }
        if let Some(defect) = &self.defect {
            notes = format!("{notes} cannot boot: {defect}").trim().into();
        }
        [self.id.clone(), plain(&self.version), self.state.replace('-', " "), tries, plain(&notes)]
    }
}

fn state(slot: &Slot) -> &'static str {
    match slot.status {
        Status::Trial if slot.left == 0 => "exhausted",
        Status::Trial => "trial",
        Status::Good => "good",
        Status::Superseded => "superseded",
        Status::MarkedBad => "marked-bad",
        Status::Broken => "broken",
        Status::Unarmed => "not-armed",
    }
}

fn text(rows: &[Row]) -> String {
    if rows.is_empty() {
        return "there are no deployments: add one with bedplate deploy\n".into();
    }
    let head = ["ID", "VERSION", "STATE", "TRIES LEFT", "NOTES"].map(String::from);
    let table: Vec<[String; 5]> = std::iter::once(head).chain(rows.iter().map(Row::cells)).collect();
    let width = |column: usize| table.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..5).map(width).collect();
    let line = |row: &[String; 5]| {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    table.iter().map(line).collect()
}
