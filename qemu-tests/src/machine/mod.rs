//! A virtual machine: QEMU with a disk, a console that is kept as a file, and a port over which the guest reports.

mod accel;
mod events;
mod port;

pub use accel::Accel;

use crate::error::{OrSay, Result};
use crate::scenario::{Ended, Watchdog};
use events::Events;
use guest_init::{Hello, PORT, Reply, Request};
use port::Port;
use std::cmp::Ordering;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What QEMU starts.
#[derive(Debug, Clone)]
pub struct Parts {
    pub start: Start,
    /// Of memory.
    pub mebibytes: u32,
    pub processors: u32,
    /// Bound for the whole boot on a machine without KVM.
    pub seconds: u64,
}

/// How a kernel gets into the machine.
#[derive(Debug, Clone)]
pub enum Start {
    /// QEMU loads it.
    Kernel { image: PathBuf, initramfs: PathBuf, cmdline: String },
    /// UEFI finds a boot loader on the disk. `variables` is written to.
    Firmware { code: PathBuf, variables: PathBuf },
}

/// A drive of the machine: /dev/vda, /dev/vdb and so on.
#[derive(Debug, Clone)]
pub struct Drive {
    pub image: PathBuf,
    pub sector: u32,
    pub read_only: bool,
    /// Where all that is written to it is logged; see [`crate::blocklog`]. The file is there, empty and large.
    pub log: Option<PathBuf>,
}

/// Everything that a boot needs.
#[derive(Debug, Clone)]
pub struct Spec {
    pub parts: Parts,
    pub drives: Vec<Drive>,
    /// As QEMU's `-rtc base=` takes it.
    pub clock: Option<String>,
    pub watchdog: Option<Watchdog>,
    /// By the watchdog, after which the same machine starts again: what it remembers of it, it still has then.
    pub resets: usize,
    /// Where the console goes.
    pub console: PathBuf,
}

/// Running until it is dropped.
#[derive(Debug)]
pub struct Machine {
    qemu: Child,
    port: Port,
    /// Of a machine with a watchdog: nothing else tells of its reset.
    events: Option<Events>,
    resets: usize,
    console: PathBuf,
    deadline: Instant,
}

impl Machine {
    pub fn start(spec: &Spec, accel: Accel) -> Result<Self> {
        let deadline = Instant::now() + Duration::from_secs(spec.parts.seconds * patience());
        let events = spec.watchdog.map(|_| Events::listen()).transpose()?;
        // The harness may be killed; its machines must not stay behind.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "qemu-system-x86_64"]).args(arguments(spec, accel));
        command.args(events.iter().flat_map(Events::arguments));
        let errors = fs::File::create(spec.console.with_extension("qemu")).or_say("cannot keep QEMU's messages")?;
        let mut qemu = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .spawn()
            .or_say("cannot run setpriv and qemu-system-x86_64")?;
        let port = Port::new(qemu.stdin.take().or_say("no stdin")?, qemu.stdout.take().or_say("no stdout")?);
        Ok(Self { qemu, port, events, resets: spec.resets, console: spec.console.clone(), deadline })
    }

    /// What the guest says first.
    pub fn hello(&mut self) -> Result<Hello> {
        self.port.receive(self.deadline).or_say("no guest came up")
    }

    pub fn ask(&mut self, request: &Request) -> Result<Reply> {
        self.port.send(request)?;
        self.port.receive(self.deadline)
    }

    /// For a request that ends the machine.
    pub fn tell(&mut self, request: &Request) -> Result<()> {
        self.port.send(request)
    }

    /// What the guest is sent is lost to it from now on, and so is what it has not written to the disk.
    pub fn cut(&mut self) -> Result<()> {
        self.qemu.kill().or_say("cannot end QEMU")?;
        self.qemu.wait().map(drop).or_say("cannot wait for QEMU")
    }

    /// Waits for the machine to end by itself, and says how it did, by its console: QEMU's exit code is the same for all. The
    /// watchdog's reset is no word of the kernel's, but QEMU's.
    pub fn end(&mut self) -> Result<Ended> {
        while self.qemu.try_wait().or_say("cannot wait for QEMU")?.is_none() {
            self.wait_a_little().or_say("the machine does not end")?;
        }
        let console = self.console();
        let resets = self.events.as_ref().map_or(0, Events::watchdog_resets);
        match resets.cmp(&self.resets) {
            Ordering::Less => return Err(format!("the watchdog has reset the machine {resets} times, expected {}", self.resets)),
            Ordering::Equal => {}
            Ordering::Greater => return Ok(Ended::Watchdog),
        }
        let signs =
            [("Kernel panic - not syncing", Ended::Panic), ("reboot: Power down", Ended::Poweroff), ("reboot: Restarting", Ended::Reboot)];
        let sign = signs.iter().find(|(text, _)| console.contains(text));
        sign.map(|(_, ended)| *ended).or_say("the machine ended without a word from the kernel")
    }

    /// Waits until all the texts stand on the console.
    pub fn console_shows(&mut self, texts: &[String]) -> Result<()> {
        loop {
            let console = self.console();
            let Some(missing) = texts.iter().find(|text| !console.contains(text.as_str())) else { return Ok(()) };
            if self.qemu.try_wait().or_say("cannot wait for QEMU")?.is_some() {
                return Err(format!("the machine ended before the console showed {missing:?}"));
            }
            self.wait_a_little().or_say(format!("the console does not show {missing:?}"))?;
        }
    }

    pub fn console(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.console).unwrap_or_default()).replace('\r', "")
    }

    /// Whether the time of this boot is over.
    pub fn is_late(&self) -> bool {
        Instant::now() > self.deadline
    }

    /// An error once the time of this boot is over.
    fn wait_a_little(&self) -> Result<()> {
        if self.is_late() {
            return Err("time is up".to_string());
        }
        std::thread::sleep(Duration::from_millis(20));
        Ok(())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // It has ended already, or is ended now: nothing to report in either case.
        let _ = self.cut();
    }
}

/// A factor for all times, for slow machines: `QEMU_PATIENCE`.
fn patience() -> u64 {
    std::env::var("QEMU_PATIENCE").ok().and_then(|text| text.parse().ok()).unwrap_or(1).max(1)
}

fn arguments(spec: &Spec, accel: Accel) -> Vec<String> {
    let parts = &spec.parts;
    let text = |path: &Path| path.display().to_string();
    let mut all: Vec<String> = accel.arguments();
    let mut add = |args: &[&str]| all.extend(args.iter().map(ToString::to_string));
    add(&["-smp", &parts.processors.to_string(), "-m", &parts.mebibytes.to_string()]);
    add(&["-nodefaults", "-no-user-config", "-display", "none"]);
    if spec.resets == 0 {
        add(&["-no-reboot"]);
    }
    match &parts.start {
        Start::Kernel { image, initramfs, cmdline } => add(&["-kernel", &text(image), "-initrd", &text(initramfs), "-append", cmdline]),
        Start::Firmware { code, variables } => {
            let flash = |file: &Path, access: &str| format!("if=pflash,format=raw,file={},readonly={access}", text(file));
            add(&["-machine", "q35", "-drive", &flash(code, "on"), "-drive", &flash(variables, "off")]);
        }
    }
    add(&["-serial", &format!("file:{}", text(&spec.console)), "-device", "virtio-rng-pci", "-device", "virtio-serial-pci"]);
    add(&["-chardev", "stdio,id=report,signal=on", "-device", &format!("virtserialport,chardev=report,name={PORT}")]);
    if let Some(clock) = &spec.clock {
        add(&["-rtc", &format!("base={clock}")]);
    }
    if spec.watchdog.is_some() {
        add(&["-device", "i6300esb", "-action", "watchdog=reset"]);
    }
    for (number, drive) in spec.drives.iter().enumerate() {
        let sector = drive.sector;
        for words in backend(drive, number) {
            add(&words.each_ref().map(String::as_str));
        }
        add(&["-device", &format!("virtio-blk-pci,drive=d{number},logical_block_size={sector},physical_block_size={sector}")]);
    }
    all
}

/// What stands behind a drive: nothing waits for the host's own disk.
fn backend(drive: &Drive, number: usize) -> Vec<[String; 2]> {
    let image = drive.image.display();
    let Some(log) = &drive.log else {
        let read_only = if drive.read_only { "on" } else { "off" };
        return vec![["-drive".into(), format!("if=none,id=d{number},file={image},format=raw,cache=unsafe,readonly={read_only}")]];
    };
    let (log, sector) = (log.display(), drive.sector);
    let node = |node: String| ["-blockdev".to_string(), node];
    vec![
        node(format!("driver=file,node-name=d{number}-image,filename={image},cache.no-flush=on")),
        node(format!("driver=file,node-name=d{number}-log,filename={log},cache.no-flush=on")),
        node(format!("driver=blklogwrites,node-name=d{number},file=d{number}-image,log=d{number}-log,log-sector-size={sector}")),
    ]
}
