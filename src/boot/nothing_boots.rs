//! What prepare-root leaves behind when no root stands: a screen and what comes next, in /run; a line of history, where the
//! disk takes it.

use super::countdown;
use super::prepare::Options;
use super::store::Store;
use crate::decide::config::WhenNothingBoots;
use crate::decide::model::Disk;
use crate::decide::nothing_boots::{Head, Scene, screen};
use crate::decide::plan::units::{RUN_COUNTDOWN, RUN_SCREEN};
use crate::error::{Error, OrFail, Result};
use crate::sys::{fs, host};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// For the emergency units of the initramfs, and for people. `scene` is what was found, where the store was reached.
pub fn leave(options: &Options, policy: WhenNothingBoots, error: &Error, scene: Option<(&Store, &Scene<'_>)>) {
    let kernel = host::release();
    let machine = machine(scene);
    let head = Head {
        machine: &machine,
        time: host::unix_time(),
        kernel: &kernel,
        next: policy,
        seconds: countdown::SECONDS,
        sysroot: &options.sysroot,
    };
    let text = screen(&head, &error.text, scene.map(|(_, scene)| scene));
    let written = put(&options.run, RUN_SCREEN, &text).and_then(|()| put(&options.run, RUN_COUNTDOWN, &format!("{}\n", policy.word())));
    if let Err(error) = written {
        log::warn!("{error}, staying at the prompt instead of the countdown");
    }
    if let Some((store, scene)) = scene.filter(|(_, scene)| *scene.disk == Disk::Writable) {
        keep(store, scene);
    }
}

/// The same where prepare-root was not reached, or its root was not entered.
pub fn leave_unless_left(options: &Options, policy: WhenNothingBoots, error: &Error) {
    let left = fs::open_dir(&options.run).and_then(|run| fs::stat_in(run, RUN_SCREEN));
    if left.is_err() {
        leave(options, policy, error, None);
    }
}

fn put(run: &str, path: &str, text: &str) -> Result<()> {
    let dir = fs::open_dir(run).or_fail("cannot open", run)?;
    fs::make_dirs(&dir, fs::split(path).0, 0o755).or_fail("cannot make the directory of", path)?;
    fs::replace_in(&dir, path, 0o644, text.as_bytes()).or_fail("cannot write", path)
}

/// For the next boot that succeeds. The restart flushes it.
fn keep(store: &Store, scene: &Scene<'_>) {
    let boot_id = scene.facts.boot_id.as_str();
    let line = serde_json::json!({
        "time": host::unix_time(), "boot-id": boot_id, "event": "nothing-boots", "deployment": null, "why": scene.summary(),
    });
    if let Err(error) = store.append_history(&line.to_string()) {
        log::warn!("{error}, going on without this line of history");
    }
}

/// What tells this machine from others: the host name of what ran last, and what its firmware says.
fn machine(scene: Option<(&Store, &Scene<'_>)>) -> String {
    let host_name = scene.and_then(|(store, scene)| host_name(store, scene));
    let firmware = ["sys_vendor", "product_name", "product_serial"].map(|name| host::read_path(&format!("/sys/class/dmi/id/{name}")));
    let firmware = firmware.into_iter().flatten().chain(host::read_path("/proc/device-tree/model"));
    let words: Vec<String> = host_name.into_iter().chain(firmware).map(|text| text.trim_matches(['\0', '\n', ' ']).to_string()).collect();
    let words: Vec<String> = words.into_iter().filter(|word| !word.is_empty()).collect();
    if words.is_empty() { "unknown".into() } else { words.join(", ") }
}

fn host_name(store: &Store, scene: &Scene<'_>) -> Option<String> {
    let incumbent = scene.record.incumbent?;
    let deployment = scene.facts.owner(incumbent)?;
    let (id, instance) = (&deployment.id, deployment.instance()?);
    let places = [
        format!("state/{id}@{instance}/etc/upper/hostname"),
        format!("deployments/{id}/root/usr/etc/hostname"),
        format!("deployments/{id}/root/etc/hostname"),
    ];
    let small = |path: &&String| fs::stat_in(&store.dir, path).is_ok_and(|stat| stat.size < 256);
    places.iter().find(small).and_then(|path| fs::read_text(&store.dir, path).ok())
}
