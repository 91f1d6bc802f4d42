//! From a kernel that the chosen deployment has no modules for to its own, within one boot of the machine.

use super::store::Store;
use crate::decide::kernel::{LONGEST_CMDLINE, OwnKernel, next_cmdline};
use crate::decide::model::{BootId, Deployment, Id, Kexec};
use crate::error::{Errno, Error, OrFail, Result};
use crate::sys::{fs, host, kexec, mount, power};
use alloc::format;
use core::convert::Infallible;

/// The switch of the kernel by which kexec is turned off until the next boot.
const DISABLED: &str = "/proc/sys/kernel/kexec_load_disabled";

/// Whether the running kernel can start another one.
pub fn look() -> Kexec {
    if host::read_path(DISABLED).is_ok_and(|text| text.trim() != "0") {
        return Kexec::Impossible("it is switched off (kernel.kexec_load_disabled)".into());
    }
    match kexec::probe() {
        Ok(()) => Kexec::Possible,
        Err(Errno::ENOSYS) => Kexec::Impossible("the running kernel is built without it".into()),
        Err(errno) => Kexec::Impossible(format!("{errno}")),
    }
}

/// Loads the deployment's own kernel and initramfs, makes the disk read-only, so that the next kernel finds it whole, and
/// jumps. Returns only with an error; then the disk is as it was.
pub fn jump(store: &Store, deployment: &Deployment, kernel: &OwnKernel, running: &str, boot: &BootId) -> Result<Infallible> {
    let id = &deployment.id;
    load(store, deployment, kernel, running, boot)?;
    let error = start(store, id, kernel);
    // systemctl reboot would start what is loaded.
    let unloaded = kexec::unload().or_fail("cannot unload the kernel", &kernel.image).err();
    Err(unloaded.map_or(error.clone(), |more| Error::transient(format!("{error} (and {more})"))))
}

/// Comes back with the reason why the kernel that is loaded was not started.
fn start(store: &Store, id: &Id, kernel: &OwnKernel) -> Error {
    log::info!("{id}: starting its own kernel {} by kexec", kernel.release);
    let quiet = mount::make_read_only(&store.sysroot).or_fail("cannot make read-only, before another kernel is started,", "the disk");
    if let Err(error) = quiet {
        return error;
    }
    let errno = power::start_loaded_kernel();
    let back = mount::make_writable(&store.sysroot).or_fail("cannot make writable again", "the disk");
    back.err().unwrap_or_else(|| Error::transient(format!("cannot start the kernel {} that was loaded: {errno}", kernel.release)))
}

/// By which one of OSTree's is named; without it, its own kernel would not know what to boot.
fn link(deployment: &Deployment) -> Result<Option<&str>> {
    let Some(home) = deployment.ostree() else { return Ok(None) };
    let none = || Error::transient(format!("no boot loader entry leads to {}: its own kernel cannot be told of it", deployment.id));
    home.link.as_deref().map(Some).ok_or_else(none)
}

fn load(store: &Store, deployment: &Deployment, kernel: &OwnKernel, running: &str, boot: &BootId) -> Result<()> {
    let cmdline = next_cmdline(running, &deployment.id, link(deployment)?, boot);
    if cmdline.len() > LONGEST_CMDLINE {
        return Err(Error::transient(format!(
            "the command line for the kernel {} has {} bytes, at most {LONGEST_CMDLINE} are possible",
            kernel.release,
            cmdline.len()
        )));
    }
    let root = deployment.tree_path();
    let tree = fs::open_dir_in(&store.sysroot, &root).or_fail("cannot open the tree", &root)?;
    let open = |path: &str| fs::open_file_in(&tree, path).or_fail("cannot open", path);
    kexec::load(open(&kernel.image)?, open(&kernel.initramfs)?, &cmdline).or_fail("cannot load the kernel", &kernel.image)
}
