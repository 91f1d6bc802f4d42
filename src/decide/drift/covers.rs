//! Which mounts of a running system may hide what the deployment holds.

use crate::decide::mountinfo::MountInfo;
use alloc::vec::Vec;

/// Mounts that are compared by themselves (the root, /usr, /etc), or that hide nothing that counts: what a tree has in var only fills
/// an empty one once, boot files are looked at one by one.
const OTHERS: [&str; 7] = ["/", "/usr", "/etc", "/var", "/boot", "/boot/efi", "/efi"];
/// Nothing of a deployment is at home below these.
const FOREIGN: [&str; 6] = ["/proc", "/sys", "/dev", "/run", "/tmp", "/sysroot"];

/// File systems whose other end may be gone: looking would wait for it. An automount would be triggered.
const DISTANT: [&str; 11] = ["autofs", "nfs", "nfs4", "cifs", "smb3", "smbfs", "ceph", "afs", "9p", "fuse", "lustre"];

fn is_distant(mount: &MountInfo) -> bool {
    DISTANT.contains(&mount.fstype.as_str()) || mount.fstype.starts_with("fuse.")
}

/// The mount points to look below, each once, without those that are in another one, and without those where one would come to a
/// file system that may not answer.
pub fn covers(mounts: &[MountInfo]) -> Vec<&str> {
    let is_in = |path: &str, above: &str| path.strip_prefix(above).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let counts = |path: &&str| !OTHERS.contains(path) && !FOREIGN.iter().any(|above| is_in(path, above));
    let targets = mounts.iter().map(|mount| mount.target.as_str());
    // What is mounted last at a path is what one comes to.
    let top = |path: &str| mounts.iter().rfind(|mount| mount.target == path);
    let distant: Vec<&str> = targets.clone().filter(|path| top(path).is_some_and(is_distant)).collect();
    let answers = |path: &&str| !distant.iter().any(|far| is_in(far, path) || is_in(path, far));
    let mut sorted: Vec<&str> = targets.filter(counts).filter(answers).collect();
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
            ("/home=nfs4 /opt=fuse.sshfs /srv=9p /mnt=autofs /root=fuseblk", "/root"),
            ("/ /home /home/far=nfs /home-b /opt", "/home-b /opt"),
            ("/home=cifs /home/near /opt=autofs /opt /srv=autofs /srv=nfs", "/opt"),
            ("", ""),
        ] {
            let line = |mount: &str| {
                let (target, fstype) = mount.split_once('=').unwrap_or((mount, "ext4"));
                format!("1 2 8:1 / {target} rw - {fstype} disk rw")
            };
            let lines = targets.split_whitespace().map(line).collect::<Vec<_>>().join("\n");
            assert_eq!(covers(&mountinfo::parse(&lines)).join(" "), expected, "{targets}");
        }
    }
}
