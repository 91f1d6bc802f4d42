//! An OSTree system without an initramfs: the kernel starts the program from the disk, which is /, as PID 1.

use crate::machine::PROGRAM;
use crate::namespace::{Disk, Lab, lab, run};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Output};

const LINK: &str = "ostree/boot.1/debian/cafe/0";

/// init of the deployment: tells what it finds, by what the shell alone can do.
const INIT: &str = "#!/usr/bin/sh
exec > /var/told 2>&1
echo \"init $$ $*\"
while read -r line; do echo \"$line\"; done < /proc/self/mountinfo
for file in /run/* /run/ostree/.[!.]* /sysroot/ostree/*; do echo \"is $file\"; done
echo x > /etc/x; echo x > /usr/x
";

/// Copies a program and the libraries that it is linked with.
fn install(program: &str, root: &Path, to: &str) {
    let ldd = Command::new("ldd").arg(program).output().unwrap();
    let libraries = String::from_utf8(ldd.stdout).unwrap();
    let libraries = libraries.split_whitespace().filter(|word| word.starts_with('/')).map(|path| (path, path));
    for (from, to) in libraries.chain([(program, to)]) {
        let to = root.join(to.trim_start_matches('/'));
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
    }
}

/// The disk: a deployment that holds a shell, and the program beside it.
fn fill(disk: &Path, config: &str) {
    let path = format!("ostree/deploy/debian/deploy/{}.0", "a".repeat(64));
    let deployment = disk.join(&path);
    for name in ["usr/bin", "usr/sbin", "usr/etc", "etc", "var", "boot", "sysroot", "proc", "sys", "dev", "run"] {
        fs::create_dir_all(deployment.join(name)).unwrap();
    }
    symlink("usr/sbin", deployment.join("sbin")).unwrap();
    install("/bin/sh", &deployment, "usr/bin/sh");
    fs::write(deployment.join("usr/sbin/init"), INIT).unwrap();
    fs::set_permissions(deployment.join("usr/sbin/init"), fs::Permissions::from_mode(0o755)).unwrap();
    for name in ["proc", "sys", "dev", "run", "boot/loader.1", "ostree/deploy/debian/var", "ostree/repo", "ostree/boot.1/debian/cafe"] {
        fs::create_dir_all(disk.join(name)).unwrap();
    }
    symlink("loader.1", disk.join("boot/loader")).unwrap();
    symlink(Path::new("../../../..").join(path), disk.join(LINK)).unwrap();
    fs::write(disk.join("ostree/repo/config"), config).unwrap();
    install(PROGRAM, disk, "usr/lib/ostree/ostree-prepare-root");
}

/// Starts it as a kernel would, in namespaces of its own.
fn start(lab: &Lab, cmdline: &str) -> Output {
    let (disk, file) = (lab.path("sysroot"), lab.path("cmdline"));
    fs::write(file, format!("{cmdline}\n")).unwrap();
    let script = format!(
        "mount -t proc proc {disk}/proc && mount --bind {file} {disk}/proc/cmdline && \
         exec chroot {disk} /usr/lib/ostree/ostree-prepare-root single"
    );
    let arguments = ["--mount", "--pid", "--fork", "--propagation", "private", "sh", "-c", &script];
    Command::new("timeout").args(["60", "unshare"]).args(arguments).output().unwrap()
}

fn told(lab: &Lab) -> String {
    fs::read_to_string(lab.path("sysroot/ostree/deploy/debian/var/told")).unwrap()
}

/// Mount point, options, and the directory that it shows.
fn mounts(told: &str) -> Vec<String> {
    let fields = told.lines().map(|line| line.split(' ').collect::<Vec<_>>()).filter(|fields| fields.len() > 8);
    let fields = fields.filter(|fields| !["/dev/", "/proc/"].iter().any(|below| fields[4].starts_with(below)));
    let mut mounts: Vec<String> =
        fields.map(|fields| format!("{} {} {}", fields[4], &fields[5][..2], fields[3].replace(&"a".repeat(64), "A"))).collect();
    mounts.sort();
    mounts
}

#[test]
fn the_deployment_takes_the_place_of_the_disk() {
    lab(Disk::Image("ext4"), |lab| {
        fill(Path::new(lab.path("sysroot")), "[core]\nrepo_version=1\n[sysroot]\nreadonly=true\n");
        let output = start(lab, &format!("init=/{LINK}/usr/lib/ostree/ostree-prepare-root ostree=/{LINK}"));
        let told = told(lab);
        assert!(told.starts_with("init 1 single\n"), "{told} {output:?}");
        let a = "/ostree/deploy/debian/deploy/A.0";
        let expected = [
            format!("/ rw {a}"),
            "/boot rw /boot".into(),
            "/dev rw /".into(),
            format!("/etc rw {a}/etc"),
            "/proc rw /".into(),
            "/run rw /".into(),
            "/sys rw /".into(),
            "/sysroot ro /".into(),
            "/sysroot/ostree/deploy/debian/var rw /ostree/deploy/debian/var".into(),
            format!("/usr ro {a}/usr"),
            "/var rw /ostree/deploy/debian/var".into(),
        ];
        assert_eq!(mounts(&told), expected);
        for file in ["/run/ostree-booted", "/run/ostree", "/run/ostree/.private", "/run/bedplate", "/sysroot/ostree/repo"] {
            assert!(told.contains(&format!("is {file}\n")), "{file}: {told}");
        }
        assert!(told.contains("/usr/x") && !told.contains("/etc/x"), "{told}");
        run("umount", &["-l", lab.path("sysroot")]);
    });
}
