//! Names of deployments in OSTree's layout, and what they are called here.

use crate::decide::model::{Id, Instance};
use alloc::format;
use alloc::string::String;
use sha2::{Digest, Sha256};

/// How much of a checksum an ID holds.
const SHORT: usize = 12;
/// How much of a stateroot's name.
const OS: usize = 40;

/// `ostree/deploy/OS/deploy/CHECKSUM.SERIAL`, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The stateroot.
    pub os: String,
    /// Of the commit: 64 lower-case hex digits.
    pub checksum: String,
    pub serial: u32,
}

impl Name {
    /// Reads a path below the physical root, without leading slash.
    pub fn parse(path: &str) -> Option<Self> {
        let (os, deployment) = path.strip_prefix("ostree/deploy/")?.split_once("/deploy/")?;
        let (checksum, serial) = deployment.split_once('.')?;
        let hex = |b: u8| b.is_ascii_digit() || matches!(b, b'a'..=b'f');
        let whole = checksum.len() == 64 && checksum.bytes().all(hex) && !os.is_empty() && !os.contains('/');
        let digits = !serial.is_empty() && serial.bytes().all(|b| b.is_ascii_digit());
        Some(Self { os: os.into(), checksum: checksum.into(), serial: serial.parse().ok()? }).filter(|_| whole && digits)
    }

    /// Its path below the physical root.
    pub fn path(&self) -> String {
        format!("{}/deploy/{}.{}", self.stateroot(), self.checksum, self.serial)
    }

    /// The stateroot's path below the physical root.
    pub fn stateroot(&self) -> String {
        format!("ostree/deploy/{}", self.os)
    }

    /// What it is called in the record and by every verb: `debian-3fa4bc1d2e90.0`.
    pub fn id(&self) -> Option<Id> {
        let allowed = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '-' };
        let os: String = self.os.chars().take(OS).map(allowed).collect();
        let os = os.trim_start_matches(['.', '_', '-']);
        let os = if os.is_empty() { "ostree" } else { os };
        Id::parse(&format!("{os}-{}.{}", self.checksum.get(..SHORT)?, self.serial))
    }

    /// Its instance, from what the file system says of the directory: one that was removed and deployed again under the same
    /// serial is another. `born`: seconds and nanoseconds since 1970; zeros where the file system does not know.
    pub fn instance(&self, inode: u64, born: (i64, u32)) -> Instance {
        let text = format!("{}\0{}\0{}\0{inode}\0{}.{}", self.os, self.checksum, self.serial, born.0, born.1);
        let mut short = [0; 8];
        for (to, from) in short.iter_mut().zip(Sha256::digest(text)) {
            *to = from;
        }
        Instance::from_random(short)
    }
}
