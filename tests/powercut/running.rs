//! The verbs that change what runs: each from inside the root that stands, on the small machine of prepare-root's tests.

use super::boots::{on_machine, places};
use super::machine::{Machine, PROGRAM, write};
use super::namespace::Disk;
use super::places::Places;
use super::record::Recording;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Needs root; without it there are none, and that is said.
pub fn all() -> Vec<Recording> {
    [reset_path, unlock_live, deploy_current].into_iter().filter_map(|record| on_machine(Disk::Tmpfs, record)).collect()
}

/// Copies a program and what it is linked with to one directory.
fn install(machine: &Machine<'_>, program: &str, to: &str) {
    let to = machine.at(to);
    fs::create_dir_all(&to).unwrap();
    let output = Command::new("ldd").arg(program).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for file in text.split_whitespace().filter(|word| word.starts_with('/')).chain([program]) {
        let name = Path::new(file).file_name().unwrap().to_str().unwrap();
        fs::copy(file, to.join(if name.starts_with("ld-") { "ld" } else { name })).unwrap();
    }
}

/// How such a program is started.
fn started(directory: &str, program: &str) -> [String; 4] {
    [format!("{directory}/ld"), "--library-path".into(), directory.into(), format!("{directory}/{program}")]
}

/// v1 is good and runs; bedplate and a shell are in /run, which is not of the disk.
fn running(machine: &Machine<'_>) {
    machine.write_tree("usr/sbin/invoke-rc.d", "");
    machine.write_tree("var/lib/dpkg/status", "of v1\n");
    for directory in ["proc", "sys", "dev", "run", "tmp", "sysroot"] {
        fs::create_dir_all(machine.tree(directory)).unwrap();
    }
    machine.deploy("v1", &["--good"]);
    assert_eq!(machine.boot("").stands(), "v1");
    machine.enter();
    for program in [PROGRAM, "/bin/sh"] {
        install(machine, program, "run/p");
    }
}

/// Records bedplate with these words, in the root.
fn record(name: &'static str, machine: &Machine<'_>, places: &Places, words: &[&str]) -> Recording {
    let mut command = Command::new("/usr/sbin/chroot");
    command.arg(machine.lab.path("sysroot")).args(started("/run/p", "bedplate")).args(words);
    Recording::of(name, &command, 0, &machine.at("disk"), places, &[])
}

/// The store is at /sysroot there, and `more` comes first.
fn inside(machine: &Machine<'_>, more: &[(&str, String)]) -> Places {
    let path = |path: &str| machine.lab.path(path).to_owned();
    let more = more.iter().map(|(at, to)| (path(&format!("sysroot/{at}")), to.clone()));
    let inside = more.chain([(path("sysroot/sysroot"), String::new()), (path("disk"), String::new())]).collect();
    Places { inside, closed: [path("sysroot/etc"), path("sysroot/var")].into(), ..places(machine) }
}

/// What the overlay does with files of directories that it has copied up already is done to its upper, as far as names tell.
fn reset_path(machine: &Machine<'_>) -> Recording {
    running(machine);
    for path in ["etc/hosts", "etc/own"] {
        write(&machine.root(path), &format!("mine, {path}"));
    }
    let upper = format!("bedplate/{}/etc/upper", machine.state("v1"));
    let mut places = inside(machine, &[("etc", upper)]);
    places.closed.clear();
    record("reset PATH", machine, &places, &["reset", "/etc/hosts", "/etc/own"])
}

fn unlock_live(machine: &Machine<'_>) -> Recording {
    running(machine);
    let places = inside(machine, &[("usr", "bedplate/deployments/v1/root/usr".into())]);
    let shell = started("/run/p", "sh");
    let shell: Vec<&str> = shell.iter().map(String::as_str).collect();
    let words = [&["unlock", "--live", "--"], &shell[..], &["-c", "echo 1 >>/usr/lib/new"]].concat();
    record("unlock --live", machine, &places, &words)
}

/// The command's own programs are in /var: nothing of /run is there.
fn deploy_current(machine: &Machine<'_>) -> Recording {
    running(machine);
    install(machine, "/bin/sh", "sysroot/var/p");
    let new = "bedplate/deployments/.v2.new";
    let in_room = |path: &str| (machine.lab.path(&format!("sysroot/sysroot/{new}/root/{path}")).to_owned(), None);
    let on_disk = |path: &str| (machine.lab.path(&format!("sysroot/{path}")).to_owned(), Some(format!("{new}/root/{path}")));
    let mut apart: Vec<(String, Option<String>)> = ["dev", "etc", "proc", "run", "sys", "tmp", "var"].map(in_room).into();
    apart.extend([on_disk("usr"), on_disk("var/lib/dpkg")]);
    apart.extend(["etc", "var", "tmp", "run"].map(|path| (machine.lab.path(&format!("sysroot/{path}")).to_owned(), None)));
    let elsewhere = vec![machine.lab.path(&format!("sysroot/sysroot/{new}/scratch")).to_owned()];
    let database = machine.store(&format!("{}/paths/var/lib/dpkg", machine.state("v1")));
    let places = Places { elsewhere, apart, trees: vec![machine.tree(""), database], ..inside(machine, &[]) };
    let shell = started("/var/p", "sh");
    let shell: Vec<&str> = shell.iter().map(String::as_str).collect();
    let script = "echo 2 >>/usr/lib/new; echo new >>/var/lib/dpkg/status; : >>/etc/new; echo x >>/var/dropped";
    let words = [&["deploy", "--from-current", "--id", "v2", "--"], &shell[..], &["-c", script]].concat();
    record("deploy --from-current", machine, &places, &words)
}
