//! Writes initramfs archives: cpio "newc", as Documentation/driver-api/early-userspace/buffer-format.rst has it.

use std::io::{self, Write};

const DIRECTORY: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const CHARACTER: u32 = 0o020_000;

/// All entries belong to root, and are as old as the epoch: the same content gives the same bytes.
#[derive(Debug)]
pub struct Archive<W: Write> {
    out: W,
    made: Vec<String>,
}

impl<W: Write> Archive<W> {
    pub fn new(out: W) -> Self {
        Self { out, made: Vec::new() }
    }

    pub fn file(&mut self, path: &str, permissions: u32, content: &[u8]) -> io::Result<()> {
        self.parents(path)?;
        self.entry(path, FILE | permissions, (0, 0), content)
    }

    /// With its parents, unless it is there.
    pub fn directory(&mut self, path: &str) -> io::Result<()> {
        self.parents(path)?;
        if self.made.iter().any(|made| made == path) {
            return Ok(());
        }
        self.made.push(path.to_string());
        self.entry(path, DIRECTORY | 0o755, (0, 0), &[])
    }

    /// A character device.
    pub fn device(&mut self, path: &str, permissions: u32, number: (u32, u32)) -> io::Result<()> {
        self.parents(path)?;
        self.entry(path, CHARACTER | permissions, number, &[])
    }

    /// Ends the archive; another one may follow it in the same file.
    pub fn finish(mut self) -> io::Result<W> {
        self.entry("TRAILER!!!", 0, (0, 0), &[])?;
        Ok(self.out)
    }

    fn parents(&mut self, path: &str) -> io::Result<()> {
        path.rsplit_once('/').map_or(Ok(()), |(parent, _)| self.directory(parent))
    }

    fn entry(&mut self, path: &str, mode: u32, device: (u32, u32), content: &[u8]) -> io::Result<()> {
        let number = |len: usize| u32::try_from(len).map_err(|_| io::Error::other(format!("{path} is too large for an initramfs")));
        let name_size = number(path.len() + 1)?;
        let links = if mode & DIRECTORY == DIRECTORY { 2 } else { 1 };
        // Inode numbers may repeat where there is one link: nothing is taken for a hard link.
        let fields = [0, mode, 0, 0, links, 0, number(content.len())?, 0, 0, device.0, device.1, name_size, 0];
        self.out.write_all(b"070701")?;
        for field in fields {
            write!(self.out, "{field:08X}")?;
        }
        self.padded(&[path.as_bytes(), &[0]].concat(), 110)?;
        self.padded(content, 0)
    }

    /// Header and name together, and content, are filled up to multiples of four.
    fn padded(&mut self, bytes: &[u8], before: usize) -> io::Result<()> {
        self.out.write_all(bytes)?;
        let over = (before + bytes.len()) % 4;
        self.out.write_all([0; 3].get(..(4 - over) % 4).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    fn sample() -> Vec<u8> {
        let mut archive = Archive::new(Vec::new());
        archive.file("usr/lib/a", 0o644, b"hello").unwrap();
        archive.file("usr/lib/b", 0o755, b"").unwrap();
        archive.file("init", 0o755, b"abc").unwrap();
        archive.finish().unwrap()
    }

    #[test]
    fn every_header_starts_at_a_multiple_of_four() {
        let bytes = sample();
        let headers: Vec<_> = bytes.windows(6).enumerate().filter(|(_, w)| w == b"070701").map(|(at, _)| at).collect();
        assert_eq!(headers.len(), 6, "usr, usr/lib, a, b, init, trailer");
        assert!(headers.iter().all(|at| at % 4 == 0), "{headers:?}");
        assert_eq!(bytes.len() % 4, 0);
    }

    #[test]
    fn cpio_lists_it() {
        let spawned = Command::new("cpio").args(["-t", "--quiet"]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let Ok(mut cpio) = spawned else { return eprintln!("skipped: cpio is not installed") };
        cpio.stdin.take().unwrap().write_all(&sample()).unwrap();
        let listed = String::from_utf8(cpio.wait_with_output().unwrap().stdout).unwrap();
        assert_eq!(listed.lines().collect::<Vec<_>>(), ["usr", "usr/lib", "usr/lib/a", "usr/lib/b", "init"]);
    }
}
