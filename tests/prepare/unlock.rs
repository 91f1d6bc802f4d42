//! /usr is opened: for everybody until the next boot, or in place for one command.

use crate::machine::{Machine, machine, read, write};
use crate::namespace::{Disk, run, takes_writes};
use bedplate::decide::config::Require;
use bedplate::decide::model::Report;
use bedplate::decide::unlock::{Opened, parse};
use bedplate::sys::{AsFd, fs as bedplate_fs};
use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};

fn opened(machine: &Machine<'_>) -> Vec<Opened> {
    parse(read(&machine.store("deployments/v1/unlocked.json")).as_bytes()).unwrap()
}

#[test]
fn until_the_next_boot_everybody_may_write() {
    machine(Disk::Tmpfs, |machine| {
        write(&machine.tree("var/lib/dpkg/status"), "of v1\n");
        machine.running();
        write(&machine.root("usr/local/mine"), "1");
        assert!(!takes_writes(&machine.root("usr")));
        let said = machine.bedplate(&["unlock"]);
        assert_eq!(said, "/usr is unlocked: it takes changes, and the next boot starts without them\n");
        assert_eq!(machine.bedplate(&["unlock"]), "/usr is unlocked already, until the next boot\n");
        write(&machine.root("usr/lib/os-release"), "changed");
        write(&machine.root("usr/new/file"), "1");
        write(&machine.root("var/lib/dpkg/status"), "with what was installed\n");
        assert_eq!(read(&machine.root("run/bedplate/unlock/upper/new/file")), "1");
        // What is mounted below is still there, and is not part of it.
        assert_eq!(read(&machine.root("usr/local/mine")), "1");
        write(&machine.root("usr/local/more"), "1");
        assert!(machine.store("var/usrlocal/more").exists() && !machine.root("run/bedplate/unlock/upper/local").exists());
        assert_eq!(read(&machine.store("deployments/v1/root/usr/lib/os-release")), "VERSION_ID=1\n");
        assert!(!takes_writes(&machine.root("")));
        let status = machine.bedplate(&["status"]);
        assert!(status.contains("warning    /usr is unlocked: what is changed there is lost at the next boot\n"), "{status}");
        assert!(!status.contains("made writable"), "{status}");
        assert_eq!(machine.bedplate(&["mark", "good"]), "v1 is good already\n");
        let history = machine.bedplate(&["history"]);
        assert_eq!(history.matches("unlocked   v1 (/usr takes changes until the next boot; by ").count(), 1, "{history}");

        machine.boot("");
        assert_eq!(read(&machine.root("usr/lib/os-release")), "VERSION_ID=1\n");
        assert_eq!(read(&machine.root("var/lib/dpkg/status")), "of v1\n");
        assert!(!takes_writes(&machine.root("usr")) && !machine.root("usr/new").exists());
    });
}

#[test]
fn one_command_sees_usr_open_in_place() {
    machine(Disk::Tmpfs, |machine| {
        write(&machine.tree("usr/etc/hosts"), "vendor\n");
        machine.running();
        run("mount", &["-o", "remount,bind,ro,nosuid,nodev", machine.lab.path("sysroot/sysroot")]);
        let mounts = machine.inside(&["/usr/bin/cat", "/proc/self/mountinfo"]).out;
        // It goes on when a line comes, and others look meanwhile.
        let script = "echo 1 >/usr/lib/new; rm /usr/lib/os-release; \
            echo x >/usr/etc/hosts || echo closed >/var/etc; echo x >/x || echo closed >/var/root; \
            echo x >/sysroot/x || echo closed >/var/store; echo 1 >/usr/local/new; \
            cat /proc/self/mountinfo >/var/mounts; echo begun; read line";
        let mut command = Command::new("/usr/sbin/chroot");
        command.arg(machine.lab.path("sysroot")).args(["/usr/bin/bedplate", "unlock", "--live", "--", "/usr/bin/sh", "-c", script]);
        command.env("PATH", "/usr/bin").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        std::io::BufRead::read_line(&mut std::io::BufReader::new(child.stdout.take().unwrap()), &mut line).unwrap();
        assert_eq!(line, "begun\n");
        // Others see what was done, and cannot do it.
        assert_eq!(read(&machine.root("usr/lib/new")), "1\n");
        assert!(!takes_writes(&machine.root("usr")) && !takes_writes(&machine.root("sysroot")));
        assert_eq!(machine.inside(&["/usr/bin/cat", "/proc/self/mountinfo"]).out, mounts);
        // Nobody copies it, or opens it for another one, while it changes.
        let why = "the command of an unlock --live, or what it has left running, can change /usr of v1: wait for its end";
        for words in [&["unlock"][..], &["unlock", "--live", "--", "sh"], &["deploy", "--from-current", "--id", "v2", "--", "sh"]] {
            assert_eq!(machine.refusal(words), why);
        }
        // It is written down, and that it is not over.
        let [Opened { exit: None, command, boot_id, .. }] = &opened(machine)[..] else { panic!("{:?}", opened(machine)) };
        assert_eq!((command[0].as_str(), boot_id.as_str()), ("/usr/bin/sh", read(&machine.at("boot-id")).trim().replace('-', "").as_str()));
        drop(child.stdin.take());
        assert_eq!(child.wait().unwrap().code(), Some(1), "read at the end of its input");

        assert_eq!(opened(machine)[0].exit, Some(1));
        for path in ["etc", "root", "store"] {
            assert_eq!(read(&machine.root(&format!("var/{path}"))), "closed\n", "{path}");
        }
        assert!(machine.store("deployments/v1/root/usr/lib/new").exists() && machine.store("var/usrlocal/new").exists());
        assert_eq!(read(&machine.root("etc/hosts")), "vendor\n");
        // Programs that change who they are work there.
        let usr = read(&machine.root("var/mounts")).lines().rfind(|line| line.split(' ').nth(4) == Some("/usr")).unwrap().to_owned();
        let flags: Vec<&str> = usr.split(' ').nth(5).unwrap().split(',').collect();
        assert!(flags.contains(&"rw") && !flags.contains(&"nosuid"), "{usr}");
        let history = machine.bedplate(&["history"]);
        assert!(history.contains("unlocked   v1 (in place, for one command: /usr/bin/sh -c "), "{history}");
        assert!(history.contains("locked     v1 (the command exited with 1; by "), "{history}");
        // It stays.
        machine.boot("");
        assert_eq!(read(&machine.root("usr/lib/new")), "1\n");
    });
}

#[test]
fn directories_of_packages_beside_usr_are_open_to_the_command_alone() {
    machine(Disk::Tmpfs, |machine| {
        write(&machine.tree("bin/tool"), "vendor\n");
        symlink("usr/lib", machine.tree("lib")).unwrap();
        machine.running();
        let script = "echo 1 >/bin/new; rm /bin/tool; echo 1 >/sbin/new; echo 1 >/lib/new; echo x >/x || echo closed >/var/root";
        let live = ["/usr/bin/bedplate", "unlock", "--live", "--", "/usr/bin/sh", "-c", script];
        let ended = machine.inside(&live);
        assert_eq!(ended.code, Some(0), "{}", ended.err);
        for path in ["bin/new", "sbin/new", "usr/lib/new"] {
            assert_eq!(read(&machine.store("deployments/v1/root").join(path)), "1\n", "{path}");
            assert_eq!(read(&machine.root(path)), "1\n", "{path}");
        }
        assert!(!machine.root("bin/tool").exists());
        assert_eq!(read(&machine.root("var/root")), "closed\n");
        for path in ["bin", "sbin", "usr"] {
            assert!(!takes_writes(&machine.root(path)), "{path}");
        }
        fs::hard_link(machine.store("deployments/v1/root/bin/new"), machine.store("var/other-name")).unwrap();
        assert!(machine.refusal(&live[1..]).starts_with("\"/bin/new\" has another name outside /bin of this deployment"));

        machine.configure("[root]\nmode = \"transient\"\n");
        machine.boot("");
        machine.enter();
        let why = "/bin is no link into /usr, and with root.mode = \"transient\" what is changed there is lost: use deploy --from-current";
        assert_eq!(machine.refusal(&live[1..]), why);
    });
}

/// It still has /usr open: that is said, and until it ends nobody relies on what is there.
#[test]
fn what_the_command_leaves_running_is_told() {
    machine(Disk::Tmpfs, |machine| {
        machine.running();
        run("mount", &["--bind", "/dev", machine.lab.path("sysroot/dev")]);
        run("mkfifo", &[machine.root("var/go-on").to_str().unwrap()]);
        let script = "(read line </var/go-on; echo 1 >/usr/late) >/dev/null 2>&1 &";
        let ended = machine.inside(&["/usr/bin/bedplate", "unlock", "--live", "--", "/usr/bin/sh", "-c", script]);
        let warning = "bedplate: warning: what the command has started still runs, and can change /usr until it ends\n";
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), warning));
        assert!(
            machine.bedplate(&["history"]).contains("locked     v1 (the command exited with 0, and what it has started still runs; by ")
        );
        let copy = ["deploy", "--from-current", "--id", "v2", "--", "sh", "-c", "true"];
        assert!(machine.refusal(&copy).ends_with("or what it has left running, can change /usr of v1: wait for its end"));
        let lock = bedplate_fs::open_file_in(&machine.open_store().dir, "deployments/v1/deployment.toml").unwrap();
        write(&machine.root("var/go-on"), "\n");
        bedplate_fs::lock(lock.as_fd()).unwrap();
        assert_eq!(read(&machine.root("usr/late")), "1\n");
        drop(lock);
        machine.bedplate(&copy);
        assert!(machine.store("deployments/v2/root/usr/late").exists());
    });
}

#[test]
fn how_the_command_ended_is_said() {
    machine(Disk::Tmpfs, |machine| {
        machine.running();
        let live = |script: &str| machine.refusal(&["unlock", "--live", "--", "sh", "-c", script]);
        assert_eq!(live("exit 7"), "\"sh -c exit 7\" exited with 7");
        assert_eq!(live("kill -9 $$"), "\"sh -c kill -9 $$\" exited with 137");
        let none = machine.refusal(&["unlock", "--live", "--", "not-there", "--x"]);
        assert_eq!(none, "cannot run \"not-there --x\": No such file or directory (os error 2)");
        assert_eq!(opened(machine).iter().map(|opened| opened.exit).collect::<Vec<_>>(), [Some(7), Some(137), None]);
        assert_eq!(machine.bedplate(&["unlock", "--live", "--", "sh", "-c", "echo out"]), "out\n");
        assert_eq!(opened(machine)[3].exit, Some(0));
    });
}

#[test]
fn what_is_refused_changes_nothing() {
    machine(Disk::Tmpfs, |machine| {
        machine.running();
        let live = ["unlock", "--live", "--", "sh", "-c", "echo 1 >/usr/changed"];
        let file = machine.store("deployments/v1/root/usr/lib/os-release");
        fs::hard_link(&file, machine.store("var/other-name")).unwrap();
        let why = "\"/usr/lib/os-release\" has another name outside /usr of this deployment, and what has it would change, too: \
            use deploy --from-current";
        assert_eq!(machine.refusal(&live), why);
        fs::remove_file(machine.store("var/other-name")).unwrap();
        machine.bedplate(&["unlock"]);
        assert!(machine.refusal(&live).starts_with("/usr is unlocked until the next boot, and a change below that would not be seen"));
        assert!(!machine.root("usr/changed").exists() && !machine.store("deployments/v1/unlocked.json").exists());

        machine.boot("");
        machine.enter();
        run("mount", &["--bind", machine.lab.path("outside"), machine.lab.path("sysroot/usr")]);
        let by_host = |words: &[&str]| {
            let places = ["--sysroot", machine.lab.path("disk"), "--run", machine.lab.path("run")];
            let output = Command::new(crate::machine::PROGRAM).args(words).args(places).output().unwrap();
            String::from_utf8(output.stderr).unwrap()
        };
        // The root of this test is not that of the machine.
        assert!(by_host(&["unlock"]).contains("/ is not the mount that prepare-root made"));
        run("umount", &[machine.lab.path("sysroot/usr")]);
        fs::remove_file(machine.at("run/bedplate/boot.json")).unwrap();
        for words in [&["unlock"][..], &live] {
            assert!(machine.refusal(words).starts_with("this boot did not go through prepare-root"), "{words:?}");
        }
    });
}

#[test]
fn what_has_to_be_what_was_built_stays_so() {
    machine(Disk::Tmpfs, |machine| {
        machine.running();
        let file = machine.at("run/bedplate/boot.json");
        let mut report: Report = serde_json::from_str(&read(&file)).unwrap();
        report.config.integrity.require = Require::Signed;
        fs::write(&file, serde_json::to_string(&report).unwrap()).unwrap();
        for words in [&["unlock"][..], &["unlock", "--live", "--", "sh"]] {
            assert!(machine.refusal(words).starts_with("integrity.require is \"signed\": what runs has to be what was built"), "{words:?}");
        }
        assert!(!takes_writes(&machine.root("usr")));
    });
}
