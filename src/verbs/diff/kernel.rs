//! Drift of what is started before the deployment: the running kernel, the loader entry, and the copies of its kernel and initramfs
//! on the boot partition.

use super::gather::{Look, Other, Subject};
use crate::verbs::boot_partition::{self, BootPartition};
use bedplate::boot::facts::newest_kernel;
use bedplate::boot::inventory::digest_of_file;
use bedplate::decide::bls_entry::{self, FILES, Found, Role};
use bedplate::decide::cmdline::Cmdline;
use bedplate::decide::kernel::{ENTRY, newest_first};
use bedplate::decide::model::KernelFit;
use bedplate::error::{Errno, OrFail, Result};
use bedplate::sys::{fs, host};

const BUFFER: usize = 128 << 10;

fn kernel(text: String) -> Other {
    Other { what: "kernel", text }
}

/// Of the deployment that runs; of another one nothing was started.
pub fn drift(subject: &Subject<'_>, look: Look) -> Result<Vec<Other>> {
    if !subject.runs() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    found.extend(foreign_kernel(subject));
    found.extend(foreign_entry(subject)?);
    found.extend(installed(subject, look)?);
    Ok(found)
}

fn foreign_kernel(subject: &Subject<'_>) -> Option<Other> {
    let KernelFit::Mismatch { releases, .. } = &subject.deployment.kernel else { return None };
    let (id, running) = (&subject.deployment.id, &subject.view.facts.kernel);
    let text = format!(
        "{running} runs, which is none of {id}'s ({}): start the loader entry of {id}, or see boot.kernel-mismatch",
        releases.join(", ")
    );
    Some(kernel(text))
}

/// With kexec, the deployment's own kernel was started by that of another entry.
fn foreign_entry(subject: &Subject<'_>) -> Result<Option<Other>> {
    let path = "/proc/cmdline";
    let cmdline = Cmdline::parse(&host::read_path(path).or_fail("cannot read", path)?);
    let id = &subject.deployment.id;
    let other = cmdline.get(ENTRY).filter(|entry| *entry != id.as_str());
    let text = |entry| format!("the loader entry of {entry} was started, not that of {id}: choose {id} in the boot loader");
    Ok(other.map(|entry| Other { what: "loader-entry", text: text(entry) }))
}

/// Files that its entry names, which are called by what they hold.
fn installed(subject: &Subject<'_>, look: Look) -> Result<Vec<Other>> {
    let Some(boot) = BootPartition::find(subject.boot)? else { return Ok(Vec::new()) };
    let id = &subject.deployment.id;
    let owner = boot_partition::owner(subject.deployment);
    let entries: Vec<Found> = boot.entries()?.into_iter().filter(|entry| owner.is_some() && entry.owner == owner).collect();
    let names: Vec<&String> = entries.iter().flat_map(|entry| &entry.files).collect();
    let mut found = Vec::new();
    for name in &names {
        let Some(why) = defect(&boot, name, look)? else { continue };
        let path = boot.on(&format!("{FILES}/{name}"));
        found.push(kernel(format!("\"{path}\" {why}: deploy the tree of {id} under another ID, which writes it anew")));
    }
    if look == Look::Close && !names.is_empty() {
        let missing = own_files(subject)?.into_iter().filter(|(_, name)| !names.iter().any(|named| named.eq_ignore_ascii_case(name)));
        let text = |(path, _)| format!("\"{path}\" of {id} is not what its loader entry starts: deploy its tree under another ID");
        found.extend(missing.map(text).map(kernel));
    }
    Ok(found)
}

/// The newest kernel of the tree and its initramfs: their paths, and the names that they have on a boot partition.
fn own_files(subject: &Subject<'_>) -> Result<Vec<(String, String)>> {
    let releases = subject.deployment.manifest.as_ref().map(|manifest| manifest.kernels.clone()).unwrap_or_default();
    let Some(own) = newest_kernel(&subject.tree, &newest_first(releases)) else { return Ok(Vec::new()) };
    let name = |role, path: String| {
        let file = fs::open_file_in(&subject.tree, &path).or_fail("cannot open", &path)?;
        let digest = digest_of_file(file, &mut vec![0; BUFFER]).or_fail("cannot read", &path)?;
        let name = bls_entry::file_name(role, &digest.sha256);
        Ok((path, name))
    };
    Ok(vec![name(Role::Linux, own.image)?, name(Role::Initrd, own.initramfs)?])
}

fn defect(boot: &BootPartition, name: &str, look: Look) -> Result<Option<&'static str>> {
    let path = format!("{FILES}/{name}");
    let file = match fs::open_file_in(&boot.dir, &path) {
        Err(Errno::ENOENT) => return Ok(Some("is gone, and the loader entry names it")),
        file => file.or_fail("cannot open", &boot.on(&path))?,
    };
    if look == Look::Quick {
        return Ok(None);
    }
    let sum = digest_of_file(&file, &mut vec![0; BUFFER]).or_fail("cannot read", &boot.on(&path))?.sha256;
    let as_named = [Role::Linux, Role::Initrd].iter().any(|role| bls_entry::file_name(*role, &sum).eq_ignore_ascii_case(name));
    Ok((!as_named).then_some("is not what was installed"))
}
