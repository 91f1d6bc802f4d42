//! Which mounts of a running system may hide what the deployment holds.

use crate::decide::mountinfo::MountInfo;
use alloc::vec::Vec;

/// Mounts that are compared by themselves (the root, /usr, /etc), or that hide nothing that counts: what a tree has in var only fills
/// an empty one once, boot files are looked at one by one.
const OTHERS: [&str; 7] = ["/", "/usr", "/etc", "/var", "/boot", "/boot/efi", "/efi"];
/// Nothing of a deployment is at home below these.
const FOREIGN: [&str; 6] = ["/proc", "/sys", "/dev", "/run", "/tmp", "/sysroot"];

/// The mount points to look below, each once, without those that are in another one.
pub fn covers(mounts: &[MountInfo]) -> Vec<&str> {
    let is_in = |path: &str, above: &str| path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let counts = |path: &&str| !OTHERS.contains(path) && !FOREIGN.iter().any(|above| is_in(path, above));
    // An automount would be triggered by looking.
    let targets = mounts.iter().filter(|mount| mount.fstype != "autofs").map(|mount| mount.target.as_str());
    let mut sorted: Vec<&str> = targets.filter(counts).collect();
    sorted.sort_unstable_by_key(|path| path.split('/').collect::<Vec<_>>());
    let mut kept: Vec<&str> = Vec::new();
    for path in sorted {
        if !kept.last().is_some_and(|last| is_in(path, last)) {
            kept.push(path);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::mountinfo;
    use alloc::format;

    #[test]
    fn what_is_looked_below() {
        for (targets, expected) in [
            ("/ /usr /etc /var /tmp /sysroot /proc /proc/sys/fs/binfmt_misc /dev/shm /run/user/0 /boot /boot/efi /efi", ""),
            ("/home /opt /usr/local /var/lib/dpkg /etc/machine-id", "/etc/machine-id /home /opt /usr/local /var/lib/dpkg"),
            ("/home/a /home /home-b /home /home/a/b", "/home /home-b"),
            ("/run-of /sysroot2", "/run-of /sysroot2"),
            ("", ""),
        ] {
            let line = |target| format!("1 2 8:1 / {target} rw - ext4 disk rw");
            let lines = targets.split_whitespace().map(line).collect::<Vec<_>>().join("\n");
            assert_eq!(covers(&mountinfo::parse(&lines)).join(" "), expected, "{targets}");
        }
        assert_eq!(covers(&mountinfo::parse("1 2 8:1 / /home rw - autofs systemd-1 rw\n")), [""; 0]);
    }
}
