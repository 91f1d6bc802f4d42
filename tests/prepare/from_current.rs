//! A copy of the running deployment is changed by a command and goes on trial; nothing of the running one changes.

use crate::machine::{Machine, machine, mounts_now, read, write};
use crate::namespace::{Disk, takes_writes};
use bedplate::decide::record::Status;
use std::fs;
use std::os::unix::fs::{FileTypeExt, symlink};
use std::process::{Command, Stdio};

fn deploy<'a>(id: &'a str, command: &[&'a str]) -> Vec<&'a str> {
    [&["deploy", "--from-current", "--id", id, "--"], command].concat()
}

/// What is in deployments/, without what the command line cannot name.
fn deployments(machine: &Machine<'_>) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(machine.store("deployments")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn the_next_boot_has_it_and_a_rollback_has_not() {
    machine(Disk::Image("ext4"), |machine| {
        write(&machine.tree("etc/passwd"), "root:x:0:0\n");
        write(&machine.tree("etc/conf"), "vendor\n");
        write(&machine.tree("var/lib/dpkg/status"), "of v1\n");
        machine.running();
        // The machine's own.
        write(&machine.root("etc/passwd"), "root:x:0:0\nme:x:1000:1000\n");
        write(&machine.root("etc/conf"), "mine\n");
        write(&machine.root("etc/sources"), "mine\n");
        write(&machine.root("var/lib/dpkg/status"), "of v1, and what was put there since\n");
        write(&machine.root("var/log/app"), "1\n");
        write(&machine.root("usr/local/mine"), "1\n");
        let script = "echo 2 >/usr/lib/new; rm /etc/hosts; echo www:x:33:33 >>/etc/passwd; cat /etc/conf >/usr/lib/seen-conf; \
            cat /etc/sources >/usr/lib/seen-sources; mkdir /etc/new; echo 1 >/etc/new/file; \
            echo installed >>/var/lib/dpkg/status; echo x >>/var/log/app; cat /usr/local/mine >/usr/lib/seen-local; \
            echo $SYSTEMD_OFFLINE >/usr/lib/seen-offline";
        let (mounts, layer) = (mounts_now(machine), machine.store(&format!("{}/etc/upper", machine.state("v1"))));
        let before = fs::read_dir(&layer).unwrap().count();
        let said = machine.bedplate(&deploy("v2", &["sh", "-c", script]));
        assert_eq!(said, "deployed v2 (version 1): it boots next, on trial with 3 tries\n");

        let history = machine.bedplate(&["history"]);
        assert!(history.contains("deployed   v2 (from v1 by sh -c echo 2 >/usr/lib/new; rm /etc/hosts; "), "{history}");
        assert!(history.contains("; on trial; by "), "{history}");

        // Nothing of what runs has changed, and nothing is left beside the deployment.
        assert_eq!((mounts_now(machine), fs::read_dir(&layer).unwrap().count()), (mounts, before));
        assert!(!takes_writes(&machine.root("usr")) && !machine.root("usr/lib/new").exists());
        assert_eq!(read(&machine.root("etc/passwd")), "root:x:0:0\nme:x:1000:1000\n");
        assert_eq!(read(&machine.root("var/log/app")), "1\n");
        assert_eq!(read(&machine.root("var/lib/dpkg/status")), "of v1, and what was put there since\n");
        assert_eq!(deployments(machine), ["v1", "v2"]);
        let root = |path: &str| machine.store("deployments/v2/root").join(path);
        for (path, text) in [
            ("usr/lib/new", "2\n"),
            ("etc/passwd", "root:x:0:0\nwww:x:33:33\n"),
            ("etc/conf", "vendor\n"),
            ("etc/new/file", "1\n"),
            ("usr/lib/seen-conf", "mine\n"),
            ("usr/lib/seen-sources", "mine\n"),
            ("usr/lib/seen-local", "1\n"),
            ("usr/lib/seen-offline", "1\n"),
            ("var/lib/dpkg/status", "of v1, and what was put there since\ninstalled\n"),
        ] {
            assert_eq!(read(&root(path)), text, "{path}");
        }
        for path in ["etc/hosts", "etc/sources", "usr/local/mine", "var/log/app", "dev/null", "run/lock"] {
            assert!(!root(path).exists(), "{path}");
        }
        let mut beside: Vec<_> = fs::read_dir(machine.store("deployments/v2")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        beside.retain(|name| !name.to_str().unwrap().ends_with(".manifest"));
        beside.sort();
        assert_eq!(beside, ["deployment.toml", "root"]);
        let manifest = read(&machine.store("deployments/v2/deployment.toml"));
        assert!(manifest.contains(&format!("from = \"{}\"", machine.state("v1").trim_start_matches("state/"))), "{manifest}");

        assert_eq!(machine.boot("").stands(), "v2");
        assert_eq!(read(&machine.root("usr/lib/new")), "2\n");
        assert_eq!(read(&machine.root("var/lib/dpkg/status")), "of v1, and what was put there since\ninstalled\n");
        assert_eq!(machine.boot("bedplate.deployment=v1").stands(), "v1");
        assert!(!machine.root("usr/lib/new").exists() && machine.root("etc/hosts").exists());
    });
}

#[test]
fn what_the_room_is_like() {
    machine(Disk::Tmpfs, |machine| {
        machine.write_programs();
        write(&machine.tree("usr/etc/vendor"), "1\n");
        write(&machine.tree("usr/sbin/invoke-rc.d"), "");
        machine.deploy("v1", &["--good"]);
        machine.boot("");
        machine.enter();
        fs::create_dir_all(machine.at("run/resolve")).unwrap();
        fs::write(machine.at("run/resolve/conf"), "nameserver 192.0.2.1\n").unwrap();
        symlink("../run/resolve/conf", machine.root("etc/resolv.conf")).unwrap();
        write(&machine.root("opt/mine"), "1\n");
        let script = "echo x >/dev/null && echo x >/dev/shm/a && echo x >/tmp/a && echo x >/run/lock/a || exit 3; \
            test -c /dev/tty || exit 4; test -c /dev/pts/ptmx || exit 5; test -d /sys/kernel || exit 6; \
            echo $$ >/usr/lib/pid; cat /etc/resolv.conf >/usr/lib/names; cat /usr/sbin/policy-rc.d >/usr/lib/policy; \
            echo 2 >/etc/vendor; echo x >/opt/new; test -e /sysroot/bedplate && exit 7; cat /opt/mine >/usr/lib/opt; cat /proc/1/comm >/usr/lib/init";
        let ended = machine.inside(&[&["/usr/bin/bedplate"], &deploy("v2", &["sh", "-c", script])[..]].concat());
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        let warning = "bedplate: warning: the command has written to /opt, which is in /var and shared by all deployments: \
            that is dropped, do it there yourself\n";
        assert_eq!(ended.err, warning);
        let read_usr = |path: &str| read(&machine.store("deployments/v2/root/usr").join(path));
        assert_eq!(read_usr("lib/names"), "nameserver 192.0.2.1\n");
        assert_eq!(read_usr("lib/policy"), "#!/bin/sh\nexit 101\n");
        assert_eq!((read_usr("etc/vendor"), read_usr("lib/opt"), read_usr("lib/init")), ("2\n".into(), "1\n".into(), "bedplate\n".into()));
        assert_eq!(read_usr("lib/pid"), "2\n", "processes have numbers of their own");
        assert!(!machine.store("deployments/v2/root/usr/sbin/policy-rc.d").exists());
        assert!(!machine.store("var/opt/new").exists() && !machine.store("deployments/v2/root/etc/resolv.conf").exists());
        assert_eq!(fs::read_dir(machine.store("deployments/v2/root/etc")).unwrap().count(), 2, "it is not the vendor's");
        assert!(fs::metadata("/dev/null").unwrap().file_type().is_char_device());
    });
}

#[test]
fn a_failure_leaves_nothing() {
    machine(Disk::Tmpfs, |machine| {
        machine.running();
        let (mounts, record) = (mounts_now(machine), machine.record());
        let refusal = |command: &[&str]| machine.refusal(&deploy("v2", command));
        let script = "echo 1 >/usr/lib/new; echo 1 >/etc/new; echo 1 >/var/new; exit 9";
        assert_eq!(refusal(&["sh", "-c", script]), format!("\"sh -c {script}\" exited with 9: nothing was deployed"));
        assert_eq!(refusal(&["sh", "-c", "kill -9 $$"]), "\"sh -c kill -9 $$\" exited with 137: nothing was deployed");
        let none = "cannot run \"not-there\": No such file or directory (os error 2); nothing was deployed";
        assert_eq!(refusal(&["not-there"]), none);
        assert_eq!(
            refusal(&["rm", "/sbin/init"]),
            "the source cannot boot: there is no init program: looked for /sbin/init, /etc/init, /bin/init"
        );
        for path in ["usr/lib/new", "etc/new", "var/new"] {
            assert!(!machine.root(path).exists(), "{path}");
        }
        assert_eq!((deployments(machine), mounts_now(machine), machine.record()), (vec!["v1".into()], mounts, record));
    });
}

#[test]
fn an_interrupted_one_leaves_nothing_and_nobody() {
    machine(Disk::Tmpfs, |machine| {
        machine.running();
        let mounts = mounts_now(machine);
        for signal in ["TERM", "INT", "KILL"] {
            let mut command = Command::new("/usr/sbin/chroot");
            command.arg(machine.lab.path("sysroot")).arg("/usr/bin/bedplate");
            // The shell and what it leaves behind hold the pipe.
            command.args(deploy("v2", &["sh", "-c", "(read a </dev/ptmx) & echo begun; read b </dev/ptmx"]));
            command.env("PATH", "/usr/bin").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            let mut child = command.spawn().unwrap();
            let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
            let mut line = String::new();
            std::io::BufRead::read_line(&mut out, &mut line).unwrap();
            assert_eq!(line, "begun\n");
            assert!(Command::new("kill").args([&format!("-{signal}"), &child.id().to_string()]).status().unwrap().success());
            // Its end: nobody is left who could write.
            std::io::Read::read_to_string(&mut out, &mut line).unwrap();
            let ended = child.wait_with_output().unwrap();
            let said = String::from_utf8(ended.stderr).unwrap();
            if signal == "KILL" {
                machine.bedplate(&deploy("v3", &["sh", "-c", "true"]));
                assert_eq!(deployments(machine), ["v1", "v3"], "the next one clears away what is left");
            } else {
                assert_eq!((ended.status.code(), said.as_str()), (Some(1), "bedplate: error: interrupted: nothing was deployed\n"));
                assert_eq!(deployments(machine), ["v1"]);
            }
            assert_eq!(mounts_now(machine), mounts);
        }
        assert_eq!(machine.slot("v3").status, Status::Trial);
    });
}

#[test]
fn what_is_refused_does_not_run() {
    machine(Disk::Tmpfs, |machine| {
        machine.running();
        let run = deploy("v1", &["sh", "-c", "exit 9"]);
        assert!(machine.refusal(&run).starts_with("there is a deployment \"v1\" already"));
        fs::remove_file(machine.at("run/bedplate/boot.json")).unwrap();
        assert!(machine.refusal(&deploy("v2", &["sh", "-c", "exit 9"])).starts_with("this boot did not go through prepare-root"));
        assert_eq!(deployments(machine), ["v1"]);
    });
}
