//! Files for the booted system's service manager, written to /run once the root stands.
//!
//! They carry no policy of their own: a deployment that has no bedplate inside is still bounded by them.

use super::{in_fstab, var::SHARED_VAR};
use crate::decide::config::{Config, EtcMode, VarMode};
use crate::decide::fstab;
use crate::decide::model::{Counting, Disk, Entry, RunContent, RunFile, TreeFacts};
use alloc::string::String;
use alloc::vec::Vec;

/// Where the physical root is bound when the tree has no /sysroot; below /run.
pub const RUN_SYSROOT: &str = "bedplate/sysroot";
/// A copy of the program that every boot can rely on, in a directory of its own; below /run.
pub const RUN_PROGRAM: &str = "bedplate/bin/bedplate";
/// Exists while this boot must not end at a prompt: emergency and rescue reboot after a countdown; below /run.
pub const RUN_COUNTDOWN: &str = "bedplate/countdown";
/// The screen for whoever stands in front of a machine that does not boot, shown before the countdown; below /run.
pub const RUN_SCREEN: &str = "bedplate/nothing-boots";
/// Exists once this boot was marked good; below /run.
pub const RUN_MARKED_GOOD: &str = "bedplate/marked-good";

/// Names the watchdog that was armed in the initramfs; below /run.
pub const RUN_WATCHDOG: &str = "bedplate/watchdog";

/// Exists where a deadline is set for this boot; below /run.
pub const DEADLINE_TIMER: &str = "systemd/system/bedplate-deadline.timer";
/// Exists where this boot's watchdog has a keeper; below /run.
pub const KEEPER: &str = "systemd/system/bedplate-watchdog.service";

const UNITS: &str = "systemd/system";

/// All files for this boot.
pub fn run_files(config: &Config, tree: &TreeFacts, counting: Counting) -> Vec<RunFile> {
    let mut files = Vec::new();
    if remounts(tree).is_some() {
        files.push(text("systemd-remount-fs.service.d/50-bedplate.conf", NOT_THIS_BOOT.into()));
    }
    if config.etc.mode == EtcMode::Transient && tree.disk == Disk::Writable {
        files.push(text("systemd-machine-id-commit.service.d/50-bedplate.conf", NOT_THIS_BOOT.into()));
    }
    if config.var.mode == VarMode::Bind && tree.disk == Disk::Writable && !in_fstab(tree, "var") {
        files.push(text("var.mount", var_mount(tree)));
    }
    files.extend(bounds(config, counting));
    files
}

/// What keeps a counted boot from hanging for ever.
pub fn bounds(config: &Config, counting: Counting) -> Vec<RunFile> {
    let mut files = Vec::new();
    if counting == Counting::Counted {
        files.push(RunFile { path: RUN_COUNTDOWN.into(), content: RunContent::Text("reboot\n".into()) });
        files.extend(countdown());
        files.extend(config.boot.deadline.into_iter().flat_map(deadline));
        if config.boot.watchdog.is_some() {
            ensure_keeper(&mut files);
        }
    }
    files
}

fn text(name: &str, content: String) -> RunFile {
    RunFile { path: alloc::format!("{UNITS}/{name}"), content: RunContent::Text(content) }
}

/// The fstab line by which systemd-remount-fs would make / or /usr writable, or freeze the whole disk.
pub(super) fn remounts(tree: &TreeFacts) -> Option<&'static str> {
    tree.fstab.iter().filter_map(fstab::remounted).min()
}

/// Switches a unit off. systemd-machine-id-commit fails on a machine-id that is bound from the disk: it expects a tmpfs.
const NOT_THIS_BOOT: &str = "[Unit]\nConditionPathExists=!/run/bedplate/boot.json\n";

/// A full unit, so that shutdown stops what uses /var (the journal first) and unmounts it cleanly.
fn var_mount(tree: &TreeFacts) -> String {
    let physical = match tree.entry("sysroot") {
        Entry::Directory(_) => "/sysroot",
        _ => "/run/bedplate/sysroot",
    };
    alloc::format!(
        "[Unit]\nDescription=Shared /var\nBefore=local-fs.target\n\n\
         [Mount]\nWhat={physical}/{SHARED_VAR}\nWhere=/var\nType=none\nOptions=bind\n"
    )
}

fn deadline(seconds: u64) -> [RunFile; 3] {
    let timer = alloc::format!(
        "[Unit]\nDescription=Deadline of the deployment on trial\nDefaultDependencies=no\n\n\
         [Timer]\nOnBootSec={seconds}s\nAccuracySec=1s\nUnit=bedplate-deadline.service\n"
    );
    [
        text("bedplate-deadline.timer", timer),
        text("bedplate-deadline.service", DEADLINE_SERVICE.into()),
        link("sysinit.target.wants/bedplate-deadline.timer", "../bedplate-deadline.timer"),
    ]
}

/// Notes the outcome where that is possible, and reboots in any case.
const DEADLINE_SERVICE: &str = "\
[Unit]
Description=Reboot a deployment that did not succeed in time
DefaultDependencies=no
ConditionPathExists=!/run/bedplate/marked-good
SuccessAction=reboot-force
FailureAction=reboot-force

[Service]
Type=oneshot
ExecStart=-/run/bedplate/bin/bedplate note deadline
TimeoutStartSec=30s
";

/// Adds what feeds the watchdog while the boot goes well, unless it is among the files. A boot that is not counted needs it
/// where an earlier attempt of the same boot has armed what nothing stops.
pub fn ensure_keeper(files: &mut Vec<RunFile>) {
    if !files.iter().any(|file| file.path == KEEPER) {
        files.push(text("bedplate-watchdog.service", KEEPER_SERVICE.into()));
        files.push(link("sysinit.target.wants/bedplate-watchdog.service", "../bedplate-watchdog.service"));
    }
}

/// Whether one of the files runs the copy of the program.
pub fn needs_program(files: &[RunFile]) -> bool {
    files.iter().any(|file| matches!(&file.content, RunContent::Text(text) if text.contains(RUN_PROGRAM)))
}

/// It waits for nothing, and ends with the machine's last processes, not with its services: it has neither default dependencies
/// nor a conflict with shutdown.target, so that a shutdown is guarded, too. Stopping it by hand (SIGINT) stops the watchdog; the
/// SIGTERM that systemd-shutdown sends to all that is left does not. Killed in any other way, it comes back before the time is over.
const KEEPER_SERVICE: &str = "\
[Unit]
Description=Feed the watchdog while the deployment is on trial
DefaultDependencies=no
IgnoreOnIsolate=yes
StartLimitIntervalSec=0

[Service]
ExecStart=/run/bedplate/bin/bedplate note watchdog
KillSignal=SIGINT
SendSIGKILL=no
Restart=on-failure
RestartSec=100ms
OOMScoreAdjust=-1000
";

fn countdown() -> [RunFile; 3] {
    let before_prompt = "[Unit]\nWants=bedplate-countdown.service\nAfter=bedplate-countdown.service\n";
    [
        text("bedplate-countdown.service", COUNTDOWN_SERVICE.into()),
        text("emergency.target.d/50-bedplate.conf", before_prompt.into()),
        text("rescue.target.d/50-bedplate.conf", before_prompt.into()),
    ]
}

/// A key stops it; without one the machine reboots. A program that is not there counts as no key.
const COUNTDOWN_SERVICE: &str = "\
[Unit]
Description=Reboot a deployment on trial that came to a prompt
DefaultDependencies=no
ConditionPathExists=/run/bedplate/countdown
Before=emergency.service rescue.service
FailureAction=reboot-force

[Service]
Type=oneshot
ExecStart=/run/bedplate/bin/bedplate note countdown
StandardInput=tty-force
StandardOutput=tty
StandardError=inherit
TTYPath=/dev/console
";

fn link(name: &str, target: &str) -> RunFile {
    RunFile { path: alloc::format!("{UNITS}/{name}"), content: RunContent::Link(target.into()) }
}
