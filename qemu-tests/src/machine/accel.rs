//! How QEMU runs the guest's instructions.

use super::{Machine, Spec};
use crate::cache;
use crate::programs::Programs;
use crate::tiny;
use std::fs;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accel {
    Kvm,
    /// Without help from the processor.
    Tcg,
}

impl Accel {
    /// KVM where a guest comes up with it: the device may be there and not work. Tried once a boot of the host.
    pub fn find(programs: &Programs) -> Self {
        if fs::File::options().read(true).write(true).open("/dev/kvm").is_err() {
            return Self::Tcg;
        }
        let host = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let seen = cache::base().join(format!("kvm-{}", host.trim()));
        match fs::read_to_string(&seen).as_deref() {
            Ok("works") => Self::Kvm,
            Ok(_) => Self::Tcg,
            Err(_) => {
                let found = Self::try_kvm(programs);
                // Not kept: tried again next time.
                let _ = fs::write(seen, if found == Self::Kvm { "works" } else { "does not work" });
                found
            }
        }
    }

    fn try_kvm(programs: &Programs) -> Self {
        let hello = tiny::bare(programs).and_then(|parts| {
            let spec =
                Spec { parts, drives: Vec::new(), clock: None, watchdog: None, resets: 0, console: cache::base().join("kvm-trial.log") };
            Machine::start(&spec, Self::Kvm)?.hello()
        });
        if hello.is_ok() { Self::Kvm } else { Self::Tcg }
    }

    pub const fn word(self) -> &'static str {
        match self {
            Self::Kvm => "KVM",
            Self::Tcg => "TCG: no KVM",
        }
    }

    pub(super) fn arguments(self) -> Vec<String> {
        // TCG of QEMU 7.2 gives double faults at cmpxchg16b with two processors; without the others it is faster.
        let words = match self {
            Self::Kvm => ["-accel", "kvm", "-cpu", "host"],
            Self::Tcg => ["-accel", "tcg", "-cpu", "max,-cx16,-la57,-pku,-smap,-smep"],
        };
        words.map(str::to_string).to_vec()
    }
}
