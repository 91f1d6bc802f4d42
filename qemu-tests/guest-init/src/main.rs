//! The init of the tiny test guests. It needs nothing but the kernel, and makes no decision: the host asks, it answers.
//!
//! As PID 1 it mounts what an initramfs has not mounted for it. As a service of a larger system it only serves.

mod answer;
mod end;
mod modules;
mod port;

use guest_init::{Hello, MODE_FILE, Mode, Request, mountinfo};
use rustix::mount::{MountFlags, mount};
use std::fs::{ReadDir, read_dir, read_to_string};
use std::io::{BufRead, BufReader};
use std::process::ExitCode;

/// Of machines that start by their firmware.
const ESP: &str = "/dev/vda2";

fn main() -> ExitCode {
    if std::process::id() == 1 {
        modules::load();
        mount_missing();
    }
    match serve() {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("guest-init: {why}");
            ExitCode::FAILURE
        }
    }
}

/// Where an initramfs has not done it, and there is a place for it.
fn mount_missing() {
    for (target, fstype, source, probe) in [
        ("/dev", "devtmpfs", "devtmpfs", "/dev/null"),
        ("/proc", "proc", "proc", "/proc/self"),
        ("/sys", "sysfs", "sysfs", "/sys/class"),
        ("/run", "tmpfs", "tmpfs", "/run/bedplate"),
        ("/sys/firmware/efi/efivars", "efivarfs", "efivarfs", ""),
        ("/efi", "vfat", ESP, ""),
    ] {
        if (probe.is_empty() || !std::path::Path::new(probe).exists()) && read_dir(target).is_ok_and(is_bare) {
            report_error(target, mount(source, target, fstype, MountFlags::empty(), None));
        }
    }
}

/// Nothing is there, but for what an initramfs brings for the kernel's own use.
fn is_bare(entries: ReadDir) -> bool {
    entries.flatten().all(|entry| entry.file_name() == "console")
}

fn report_error<E: std::fmt::Display>(what: &str, result: Result<(), E>) {
    if let Err(why) = result {
        eprintln!("guest-init: {what}: {why}");
    }
}

fn serve() -> Result<(), String> {
    let mut port = port::open()?;
    let mode = mode();
    port::send(&mut port, &hello(mode))?;
    match mode {
        Mode::Serve => serve_requests(port),
        Mode::Panic => Ok(()),
        Mode::Hang => end::hang(),
        Mode::Reboot => end::reboot(),
    }
}

fn mode() -> Mode {
    read_to_string(MODE_FILE).ok().and_then(|text| serde_json::from_value(text.trim().into()).ok()).unwrap_or_default()
}

fn hello(mode: Mode) -> Hello {
    let word = |path| read_to_string(path).unwrap_or_default().split_whitespace().next().unwrap_or_default().to_string();
    Hello {
        mode,
        boot_id: word("/proc/sys/kernel/random/boot_id"),
        kernel: word("/proc/sys/kernel/osrelease"),
        uptime: word("/proc/uptime"),
        mounts: mounts(),
        report: read_to_string("/run/bedplate/boot.json").unwrap_or_default(),
    }
}

fn mounts() -> Vec<mountinfo::Mount> {
    mountinfo::parse(&read_to_string("/proc/self/mountinfo").unwrap_or_default())
}

fn serve_requests(mut port: std::fs::File) -> Result<(), String> {
    let lines = BufReader::new(port.try_clone().map_err(|e| e.to_string())?).lines();
    for line in lines {
        let line = line.map_err(|e| format!("cannot read the port: {e}"))?;
        match serde_json::from_str(&line) {
            Ok(Request::Crash) => end::crash(),
            Ok(Request::Hang) => return end::hang(),
            Ok(Request::Reboot) => return end::reboot(),
            Ok(Request::Poweroff) => return end::poweroff(),
            Ok(request) => port::send(&mut port, &answer::answer(request))?,
            Err(why) => port::send(&mut port, &guest_init::Reply::Failed(format!("not a request: {why}")))?,
        }
    }
    Err("the port was closed".to_string())
}
