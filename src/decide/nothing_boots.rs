//! When no deployment boots: why, as one line, and as a screen for whoever stands in front of the machine.

#[cfg(test)]
mod tests;

use super::config::WhenNothingBoots;
use super::model::{Deployment, Disk, Facts, FailedCandidate, KernelFit};
use super::record::{OnceGood, Outcome, Record, Slot, Status};
use super::utc::utc;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// What a boot came to in which no root stands.
#[derive(Debug, Clone, Copy)]
pub struct Scene<'a> {
    pub facts: &'a Facts,
    pub record: &'a Record,
    pub disk: &'a Disk,
    /// In order.
    pub failed: &'a [FailedCandidate],
}

/// The machine around it.
#[derive(Debug, Clone, Copy)]
pub struct Head<'a> {
    /// Whatever tells it from others.
    pub machine: &'a str,
    /// Seconds since 1970, by its own clock.
    pub time: u64,
    pub kernel: &'a str,
    pub next: WhenNothingBoots,
    /// Length of the countdown.
    pub seconds: u64,
    /// Where the disk is mounted.
    pub sysroot: &'a str,
}

/// Columns of the screen: those of a serial console, but the last, at which some begin a new line.
const WIDTH: usize = 79;

impl Scene<'_> {
    /// For the log and the history: each deployment with what keeps it from booting.
    pub fn summary(&self) -> String {
        let each: Vec<String> =
            self.facts.deployments.iter().map(|deployment| format!("{}: {}", deployment.id, self.why_not(deployment))).collect();
        if each.is_empty() { "there are no deployments".into() } else { each.join("; ") }
    }

    /// What failed in this boot, else what is wrong with it, else why no rule came to it.
    fn why_not(&self, deployment: &Deployment) -> String {
        let failed = self.failed.iter().find(|candidate| candidate.id == deployment.id).map(|candidate| candidate.why.clone());
        let defect = || deployment.defect.as_ref().map(ToString::to_string);
        failed.or_else(defect).unwrap_or_else(|| self.passed_over(deployment).into())
    }

    fn passed_over(&self, deployment: &Deployment) -> &'static str {
        let slot = self.slot(deployment);
        match slot.map(|slot| slot.status) {
            None | Some(Status::Unarmed) => "not armed",
            Some(Status::Broken) => "failed for good in an earlier boot",
            Some(_) if matches!(deployment.kernel, KernelFit::Mismatch { .. }) => "no modules for the running kernel",
            Some(_) if slot.is_some_and(|slot| slot.failed_in(self.facts.boot_id.short())) => "failed earlier in this boot",
            Some(_) => "no tries left",
        }
    }

    fn slot(&self, deployment: &Deployment) -> Option<&Slot> {
        deployment.key().and_then(|key| self.record.slot(key))
    }

    /// How it stands in the record.
    fn standing(&self, deployment: &Deployment) -> String {
        let Some(slot) = self.slot(deployment) else { return "not armed".into() };
        let status = match slot.status {
            Status::Trial => format!("on trial, {}", counted(slot.left, "try left", "tries left")),
            Status::Good => "good".into(),
            Status::Superseded => "superseded".into(),
            Status::MarkedBad => "marked bad".into(),
            Status::Broken => "broken".into(),
            Status::Unarmed => "not armed".into(),
        };
        let incumbent = if self.record.incumbent == Some(slot.key) { ", the last that succeeded" } else { "" };
        let fruitless = match slot.done {
            0 => String::new(),
            done => format!("; {} without success", counted(done, "boot", "boots")),
        };
        format!("{status}{incumbent}{fruitless}")
    }

    /// How an earlier boot of it ended, where that was no success.
    fn last_end(&self, deployment: &Deployment) -> Option<&'static str> {
        let slot = self.slot(deployment).filter(|slot| slot.attempt != self.facts.boot_id.short())?;
        let known = slot.attempt != [0; 8] || slot.outcome != Outcome::Open;
        (known && slot.outcome != Outcome::Success).then(|| slot.outcome.sentence())
    }

    /// The one to name at the boot loader: the newest that was good once and did not fail just now, else the newest that did not.
    fn best_to_name(&self) -> Option<&Deployment> {
        let fails =
            |deployment: &&Deployment| deployment.defect.is_none() && !self.failed.iter().any(|candidate| candidate.id == deployment.id);
        let rank = |deployment: &&Deployment| {
            let slot = self.slot(deployment);
            (slot.is_some_and(|slot| slot.once_good == OnceGood::Yes), slot.map_or(0, |slot| slot.order))
        };
        self.facts.deployments.iter().filter(fails).max_by_key(rank)
    }
}

fn counted(number: u8, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// The screen: plain text of full lines, none longer than a serial console. `why` is the error; without a scene the store
/// was not even reached.
pub fn screen(head: &Head<'_>, why: &str, scene: Option<&Scene<'_>>) -> String {
    let rule = "=".repeat(WIDTH);
    let mut lines = Vec::from([rule.clone(), "  BEDPLATE: THIS MACHINE DOES NOT BOOT".into(), rule.clone()]);
    lines.extend(paragraph("machine   ", head.machine));
    lines.extend(paragraph("time      ", &format!("{} by this machine's clock", utc(head.time))));
    lines.extend(paragraph("kernel    ", head.kernel));
    match scene {
        Some(scene) => lines.extend(deployments(scene)),
        None => lines.extend(paragraph("why       ", why)),
    }
    lines.push(String::new());
    lines.extend(paragraph("next      ", &next(head)));
    lines.extend(what_to_do(head, scene));
    lines.push(rule);
    lines.join("\n") + "\n"
}

fn deployments(scene: &Scene<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    if let Disk::ReadOnly(why) = scene.disk {
        lines.extend(paragraph("disk      ", &format!("cannot be written: {why}")));
    }
    if scene.facts.deployments.is_empty() {
        lines.extend(paragraph("why       ", "there are no deployments in the store"));
    }
    for deployment in &scene.facts.deployments {
        lines.push(String::new());
        lines.extend(paragraph("", &format!("{} - {}", deployment.id, scene.standing(deployment))));
        lines.extend(paragraph("    this boot  ", &scene.why_not(deployment)));
        lines.extend(scene.last_end(deployment).into_iter().flat_map(|end| paragraph("    before     ", end)));
    }
    lines
}

fn next(head: &Head<'_>) -> String {
    let act = match head.next {
        WhenNothingBoots::Reboot => "restarts and tries again",
        WhenNothingBoots::Halt => "halts",
        WhenNothingBoots::Emergency => return "this machine waits at a prompt, where its initramfs has one".into(),
    };
    format!("in {} s this machine {act}; a key stops that and opens a prompt, where its initramfs has one", head.seconds)
}

fn what_to_do(head: &Head<'_>, scene: Option<&Scene<'_>>) -> Vec<String> {
    let name = scene.and_then(Scene::best_to_name).map_or("ID", |deployment| deployment.id.as_str());
    let sysroot = head.sysroot;
    let steps = [
        format!("at the boot loader, add to the kernel command line: bedplate.deployment={name}"),
        format!(
            "at a prompt: the disk is at {sysroot}, what happened in {sysroot}/bedplate/history.jsonl; mend it, then: bedplate prepare-root"
        ),
        "from another system, with the disk at /mnt: bedplate list --sysroot /mnt; bedplate set-default ID --sysroot /mnt".into(),
    ];
    let mut lines = Vec::new();
    for (head, step) in ["you can   1 ", "          2 ", "          3 "].into_iter().zip(&steps) {
        lines.extend(paragraph(head, step));
    }
    lines
}

/// Words in lines of at most [`WIDTH`] columns: the first begins with `head`, the others below its end. A word is never cut: a
/// path or an argument is to be typed.
fn paragraph(head: &str, text: &str) -> Vec<String> {
    let margin = " ".repeat(head.len() + 2);
    let (mut lines, mut line) = (Vec::new(), format!("  {head}"));
    let mut empty = true;
    for word in text.split_whitespace() {
        let word = word.replace(char::is_control, "?");
        if !empty && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(core::mem::replace(&mut line, margin.clone()));
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line.push_str(&word);
        empty = false;
    }
    lines.push(line.trim_end().into());
    lines
}
