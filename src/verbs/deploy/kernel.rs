//! The kernel of the deployment on the boot partition: decided before anything changes, written before the deployment has its
//! name in the store, and taken away again if that fails.

use super::source::Source;
use crate::verbs::access::View;
use crate::verbs::boot_partition::{self, BootPartition};
use crate::verbs::remove;
use crate::verbs::root_tree::{found, vendor_etc};
use bedplate::boot::facts::newest_kernel;
use bedplate::boot::inventory::digest_of_file;
use bedplate::decide::bls_entry::{self, ENTRIES, Entry, FILES, Found, Origin, Role, UNFINISHED};
use bedplate::decide::kernel::{LONGEST_CMDLINE, OwnKernel, newest_first};
use bedplate::decide::manifest::Manifest;
use bedplate::decide::model::{Id, VendorEtc};
use bedplate::decide::os_release;
use bedplate::error::{Errno, Error, OrFail, Result};
use bedplate::sys::{OwnedFd, fs, host};

/// What is to be installed.
#[derive(Debug)]
pub struct Plan<'a> {
    boot: &'a BootPartition,
    owner: String,
    files: [BootFile; 2],
    entry_name: String,
    entry: String,
}

#[derive(Debug)]
struct BootFile {
    /// Path in the tree.
    path: String,
    from: OwnedFd,
    /// Name in `bedplate/`.
    name: String,
    sha256: [u8; 32],
    size: u64,
    there: bool,
}

/// The newest kernel of the tree that has an initramfs: without one, nothing would be there to mount the deployment.
pub fn newest(source: &Source, manifest: &Manifest) -> Option<OwnKernel> {
    newest_kernel(&source.dir, &newest_first(manifest.kernels.clone()))
}

/// Looks at everything and refuses what cannot be done; changes nothing. With `tries`, the loader counts them.
pub fn plan<'a>(
    boot: &'a BootPartition,
    kernel: &OwnKernel,
    view: &View,
    source: &Source,
    manifest: &Manifest,
    tries: Option<u8>,
) -> Result<Plan<'a>> {
    let entries = boot.entries()?;
    check(boot, &manifest.id, &entries)?;
    let files = [boot_file(boot, source, Role::Linux, &kernel.image)?, boot_file(boot, source, Role::Initrd, &kernel.initramfs)?];
    let sizes: Vec<u64> = files.iter().filter(|file| !file.there).map(|file| file.size).collect();
    let space = boot.space()?;
    bls_entry::has_room(bls_entry::need(&sizes, space), space, &removable(boot, view, &entries))?;
    let [linux, initrd] = &files;
    let entry = bls_entry::format(&Entry {
        id: &manifest.id,
        instance: &manifest.instance,
        system: &system(source)?,
        sequence: bls_entry::next_sequence(&entries),
        release: &kernel.release,
        linux: &linux.name,
        initrd: &initrd.name,
        options: &options(view, source, &manifest.id)?,
    });
    let entry_name = bls_entry::entry_name(&manifest.id, tries);
    Ok(Plan { boot, owner: bls_entry::owner(&manifest.id, &manifest.instance), files, entry_name, entry })
}

fn check(boot: &BootPartition, id: &Id, entries: &[Found]) -> Result<()> {
    if fs::is_read_only(&boot.dir).or_fail("cannot look at", &boot.path)? {
        return Err(Error::refused(format!("the boot partition, \"{}\", is read-only: mount it writable first", boot.path)));
    }
    match bls_entry::taken(id, entries) {
        None => Ok(()),
        Some(entry) => {
            let path = boot.on(&format!("{ENTRIES}/{}", entry.name));
            Err(Error::refused(format!("there is an entry \"{path}\" already, of another store: choose another ID, or remove that file")))
        }
    }
}

fn boot_file(boot: &BootPartition, source: &Source, role: Role, path: &str) -> Result<BootFile> {
    let from = fs::open_file_in(&source.dir, path).or_fail("cannot open", path)?;
    let digest = digest_of_file(&from, &mut buffer()).or_fail("cannot read", path)?;
    let name = bls_entry::file_name(role, &digest.sha256);
    let there = is_there(boot, &name, &digest.sha256)?;
    Ok(BootFile { path: path.into(), from, name, sha256: digest.sha256, size: digest.size, there })
}

/// Only if it is what its name says: FAT has no checksums.
fn is_there(boot: &BootPartition, name: &str, sha256: &[u8; 32]) -> Result<bool> {
    let path = format!("{FILES}/{name}");
    match fs::open_file_in(&boot.dir, &path) {
        Err(Errno::ENOENT) => Ok(false),
        file => {
            let file = file.or_fail("cannot open", &boot.on(&path))?;
            Ok(digest_of_file(&file, &mut buffer()).or_fail("cannot read", &boot.on(&path))?.sha256 == *sha256)
        }
    }
}

fn buffer() -> Vec<u8> {
    vec![0; 128 << 10]
}

/// What a person could remove, with the bytes that each would free.
fn removable(boot: &BootPartition, view: &View, entries: &[Found]) -> Vec<(Id, u64)> {
    let may_go = view.facts.deployments.iter().filter(|deployment| remove::check(view, deployment).is_ok());
    let frees = |owner: String| bls_entry::frees(&owner, entries, |name| boot.size_of(name));
    may_go.filter_map(|deployment| Some((deployment.id.clone(), frees(boot_partition::owner(deployment)?)))).collect()
}

fn system(source: &Source) -> Result<String> {
    let text = found(fs::read_text(&source.dir, "usr/lib/os-release")).or_fail("cannot read", "usr/lib/os-release")?;
    Ok(text.map(|text| os_release::name(&text)).unwrap_or_default())
}

/// As kernel-install(8) looks for it: etc/kernel/cmdline, usr/lib/kernel/cmdline, and what the running kernel was started with.
/// /etc is this machine's where it runs from this store, else the tree's; then the running kernel is that of another machine.
fn options(view: &View, source: &Source, id: &Id) -> Result<String> {
    let running = view.report.is_some();
    let read = |dir: &OwnedFd, path: &str| found(fs::read_text(dir, path)).or_fail("cannot read", path);
    let etc = if running {
        read(&fs::open_dir("/").or_fail("cannot open", "/")?, "etc/kernel/cmdline")?
    } else {
        let etc = vendor_etc(&source.dir)?.map_or("etc", VendorEtc::path);
        read(&source.dir, &format!("{etc}/kernel/cmdline"))?
    };
    let vendor = read(&source.dir, "usr/lib/kernel/cmdline")?;
    let proc = if running { Some(host::read_path("/proc/cmdline").or_fail("cannot read", "/proc/cmdline")?) } else { None };
    let texts = [(etc, Origin::File), (vendor, Origin::File), (proc, Origin::Running)];
    let first = texts.into_iter().find_map(|(text, origin)| bls_entry::options(&text?, origin, id));
    match first {
        None => Err(Error::refused(
            "no command line for its kernel: put one into usr/lib/kernel/cmdline of the tree (root=… and what it needs)",
        )),
        Some(options) if options.len() > LONGEST_CMDLINE => {
            let why = format!("the command line for its kernel has {} bytes, at most {LONGEST_CMDLINE} are possible", options.len());
            Err(Error::refused(why))
        }
        Some(options) => Ok(options),
    }
}

impl Plan<'_> {
    /// The name of the entry.
    pub fn entry_name(&self) -> &str {
        &self.entry_name
    }

    /// Files first, each beside, flushed and renamed; then the entry by which a loader finds them.
    pub fn install(&self) -> Result<()> {
        for place in [FILES, ENTRIES] {
            fs::make_dirs(&self.boot.dir, place, 0o755).or_fail("cannot make", &self.boot.on(place))?;
        }
        self.files.iter().filter(|file| !file.there).try_for_each(|file| self.write(file))?;
        self.boot.flush()?;
        let path = format!("{ENTRIES}/{}", self.entry_name);
        fs::replace_in(&self.boot.dir, &path, 0o644, self.entry.as_bytes()).or_fail("cannot write", &self.boot.on(&path))?;
        self.boot.flush()
    }

    fn write(&self, file: &BootFile) -> Result<()> {
        let path = format!("{FILES}/{}", file.name);
        let (on, beside) = (self.boot.on(&path), format!("{path}{UNFINISHED}"));
        let to = fs::create_in(&self.boot.dir, &beside, 0o644).or_fail("cannot create", &on)?;
        fs::copy_content(&file.from, &to).or_fail("cannot write", &on)?;
        fs::sync(&to).or_fail("cannot flush", &on)?;
        let written = digest_of_file(&to, &mut buffer()).or_fail("cannot read", &on)?;
        if written.sha256 != file.sha256 {
            return Err(Error::transient(format!("\"{}\" of the tree has changed while it was copied: deploy it again", file.path)));
        }
        fs::rename_in(&self.boot.dir, &beside, &path).or_fail("cannot rename into place", &on)
    }

    /// Takes away what was installed, also a part of it.
    pub fn take_back(&self) -> Result<()> {
        self.boot.clear(&self.owner)
    }
}
