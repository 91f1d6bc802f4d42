//! The kernel's own file systems, where they are not mounted yet, and a console for PID 1.

use crate::error::{Errno, OrFail, Result};
use crate::sys::mount::{self, Flags, Parameter};
use crate::sys::{fs, process};

/// Place, type, mode, and what is not allowed there (as systemd mounts them).
const MOUNTS: [(&str, &str, &str, Flags); 4] = [
    ("dev", "devtmpfs", "0755", Flags::NOSUID),
    ("proc", "proc", "", Flags::NOSUID.and(Flags::NODEV).and(Flags::NOEXEC)),
    ("sys", "sysfs", "", Flags::NOSUID.and(Flags::NODEV).and(Flags::NOEXEC)),
    ("run", "tmpfs", "0755", Flags::NOSUID.and(Flags::NODEV)),
];

/// Those that are mounted already are left as they are.
pub fn mount_all() -> Result<()> {
    let root = fs::open_dir("/").or_fail("cannot open", "/")?;
    for (name, fstype, mode, flags) in MOUNTS {
        match fs::make_dir(&root, name, 0o755) {
            Ok(()) | Err(Errno::EEXIST) => {}
            Err(errno) => return Err(errno).or_fail("cannot make", name),
        }
        let path = alloc::format!("/{name}");
        if fs::mount_id(&path) != fs::mount_id("/") {
            continue;
        }
        let mode = (!mode.is_empty()).then_some(Parameter::Text("mode", mode));
        let file_system = mount::make_fs(fstype, mode.as_slice())?;
        mount::set_flags(&file_system, flags, Flags::default()).or_fail("cannot restrict", &path)?;
        mount::attach(file_system, fs::open_dir(&path).or_fail("cannot open", &path)?).or_fail("cannot mount", &path)?;
    }
    // Without a console there is nobody to talk to; the boot goes on.
    let _ = process::use_console();
    Ok(())
}
