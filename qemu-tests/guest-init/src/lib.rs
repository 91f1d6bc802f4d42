//! What host and guest say to each other over the port: one JSON value a line, each request answered by one reply.
//!
//! The guest opens with a [`Hello`]. A request that ends the machine has no reply.

pub mod listing;
pub mod mountinfo;

use mountinfo::Mount;
use serde::{Deserialize, Serialize};

/// The name of the virtio port.
pub const PORT: &str = "bedplate.report";
/// Where a tree says how its init behaves, as a [`Mode`]; absent: [`Mode::Serve`].
pub const MODE_FILE: &str = "/usr/lib/guest/mode";
/// In an initramfs whose init is the guest's own: which modules it loads, one path a line, in order.
pub const MODULE_LIST: &str = "/usr/lib/guest/modules.list";

/// What the guest does once it has said hello.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Waits for requests.
    #[default]
    Serve,
    /// Exits: the kernel panics.
    Panic,
    /// Neither answers nor ends.
    Hang,
    /// Restarts the machine in good order.
    Reboot,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Hello {
    pub mode: Mode,
    /// With dashes, as the kernel has it.
    pub boot_id: String,
    /// Release of the running kernel.
    pub kernel: String,
    /// Seconds since the kernel started.
    pub uptime: String,
    pub mounts: Vec<Mount>,
    /// /run/bedplate/boot.json; empty: there is none.
    pub report: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum Request {
    /// Runs a program to its end; with `kill_when`, kills it as soon as a path that ends like that exists.
    Run {
        argv: Vec<String>,
        kill_when: Option<String>,
    },
    /// Starts a program, and does not wait for it. What it prints goes to the console.
    Start {
        argv: Vec<String>,
    },
    /// Starts all, then waits for all.
    Together {
        commands: Vec<Vec<String>>,
    },
    Read {
        path: String,
    },
    /// A file's bytes as hexadecimal text.
    Hex {
        path: String,
    },
    List {
        path: String,
    },
    Stat {
        path: String,
    },
    Write {
        path: String,
        text: String,
    },
    Append {
        path: String,
        text: String,
    },
    Delete {
        path: String,
    },
    Directory {
        path: String,
    },
    /// Sets the mode, in octal.
    Chmod {
        path: String,
        mode: String,
    },
    /// Writes a file until the disk is full.
    Fill {
        path: String,
    },
    /// Mounts an ext4; read-only where the device is.
    Mount {
        device: String,
        target: String,
    },
    Unmount {
        target: String,
    },
    /// Mounts an ext4 at /sysroot, as the initramfs of a systemd does: with these flags (`ro`, `nosuid`, `nodev`, `noexec`), and all
    /// mounts of the machine are shared. `cmdline` takes the place of the kernel's.
    Physical {
        device: String,
        flags: Vec<String>,
        cmdline: String,
    },
    /// Unmounts all of that again, with what was mounted since, and makes /run anew.
    Clear,
    /// Everything in and below a directory, a line each: see [`listing`].
    Listing {
        path: String,
    },
    /// Changes one thing of a root that stands at /sysroot.
    Plant {
        fault: Fault,
    },
    /// Gives a file fs-verity; of a directory, all files below it; for `/*/`, one in each directory.
    Guard {
        path: String,
    },
    /// Makes the hashes of a device, writes them to another one, and opens both as dm-verity: /dev/dm-0.
    Verity {
        device: String,
        hashes: String,
    },
    /// Changes one byte of a device: the first of this text, where it stands for the first time.
    Corrupt {
        device: String,
        text: String,
    },
    Mounts,
    /// Writes everything back to the disks.
    Sync,
    /// Panics the kernel.
    Crash,
    Hang,
    Reboot,
    Poweroff,
}

/// What a comparison of two roots has to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fault {
    /// One more, of /var.
    Mount,
    /// `nosuid` on /usr.
    Flag,
    /// /usr is shared.
    Propagation,
    /// One more directory in /run/ostree.
    Run,
    /// A key of /run/ostree-booted is called otherwise.
    Key,
    /// Of a file in /etc.
    Mode,
    /// Of a file in /etc.
    Owner,
    /// On a file in /etc.
    Attribute,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reply {
    Done,
    Ran(Ran),
    Together(Vec<Ran>),
    /// Of a file; `None`: there is none.
    Text(Option<String>),
    /// Of a directory, sorted; `None`: there is none.
    Names(Option<Vec<String>>),
    /// `None`: there is none.
    Stat(Option<Stat>),
    Lines(Vec<String>),
    Mounts(Vec<Mount>),
    Failed(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ran {
    /// `None`: a signal ended it.
    pub exit: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    /// Milliseconds from start to end.
    pub millis: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stat {
    /// "file", "directory", "symlink", "other".
    pub kind: String,
    /// Permission bits, in octal.
    pub mode: String,
    pub uid: u32,
    pub gid: u32,
    pub size: u64,
}
