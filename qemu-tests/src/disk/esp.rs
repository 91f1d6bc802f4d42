//! The EFI system partition of machines that start by their firmware: made and read with mtools, for want of FAT in many kernels.

use crate::cache;
use crate::error::{OrSay, Result};
use crate::machine::Start;
use crate::run::out_dir;
use crate::scenario::{self, Scenario};
use crate::tool::Tool;
use std::fs;
use std::path::{Path, PathBuf};

/// Of Debian's package systemd-boot-efi.
const LOADER: &str = "/usr/lib/systemd/boot/efi/systemd-bootx64.efi";
/// Of Debian's package ovmf.
const CODE: &str = "/usr/share/OVMF/OVMF_CODE_4M.fd";
const VARIABLES: &str = "/usr/share/OVMF/OVMF_VARS_4M.fd";
/// No menu: the first entry starts at once.
const SETTINGS: &str = "timeout 0\n";

/// Bytes on the disk.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    pub offset: u64,
    pub size: u64,
}

impl Place {
    /// It follows the sysroot.
    pub fn of(disk: &scenario::Disk) -> Option<Self> {
        let offset = super::PARTITION_START + (disk.mebibytes << 20);
        (disk.esp > 0).then_some(Self { offset, size: disk.esp << 20 })
    }

    /// For sgdisk.
    pub fn partition(self) -> Vec<String> {
        let range = format!("2:{}:{}", self.offset / 512, (self.offset + self.size) / 512 - 1);
        ["-n", &range, "-t", "2:ef00", "-c", "2:ESP"].map(str::to_string).to_vec()
    }
}

/// Makes the file system with the loader, and with what is in the directory `content`.
pub fn build(image: &Path, place: Place, content: &Path) -> Result<()> {
    for dir in ["EFI/BOOT", "loader/entries"] {
        fs::create_dir_all(content.join(dir)).or_say("cannot make the ESP")?;
    }
    fs::copy(LOADER, content.join("EFI/BOOT/BOOTX64.EFI")).or_say(format!("cannot copy {LOADER}"))?;
    fs::write(content.join("loader/loader.conf"), SETTINGS).or_say("cannot write loader.conf")?;
    let offset = format!("--offset={}", place.offset / 512);
    Tool::new("mkfs.vfat").args(["-F", "32", "-n", "ESP", &offset]).arg(image).arg((place.size >> 10).to_string()).run()?;
    let entries = fs::read_dir(content).or_say("cannot read what comes on the ESP")?.flatten().map(|entry| entry.path());
    mtool("mcopy", image, place).arg("-s").args(entries).arg("::").run().map(drop)
}

/// What is there, copied to the new directory `to`.
pub fn look(image: &Path, place: Place, to: &Path) -> Result<()> {
    cache::fresh_dir(to)?;
    mtool("mcopy", image, place).arg("-s").args(["::/loader", "::/bedplate"]).arg(to).run().map(drop)
}

/// mtools is suspicious of a disk whose size is no multiple of its tracks.
fn mtool(program: &str, image: &Path, place: Place) -> Tool {
    Tool::new(program).env("MTOOLS_SKIP_CHECK", "1").arg("-i").arg(format!("{}@@{}", image.display(), place.offset))
}

/// With variables of the scenario's own: what the firmware keeps lives from boot to boot.
pub fn start(scenario: &Scenario) -> Result<Start> {
    let variables = out_dir(scenario).join("variables");
    if !variables.exists() {
        fs::copy(VARIABLES, &variables).or_say(format!("cannot copy {VARIABLES}"))?;
    }
    Ok(Start::Firmware { code: PathBuf::from(CODE), variables })
}
