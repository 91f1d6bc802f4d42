//! Symlinks that point outside of the deployment or of /var.

use crate::machine::{machine, mounts_now, read, write};
use crate::namespace::Disk;
use std::fs;
use std::os::unix::fs::symlink;

#[test]
fn no_link_leads_a_mount_outside() {
    machine(Disk::Tmpfs, |machine| {
        let outside = machine.lab.path("outside");
        write(&machine.at("outside/file"), "outside");
        let up = "../../../../../../../../../..";
        // In the deployment: a backed path, a declared one, and a part of /etc.
        for (link, target) in [("opt", outside.to_owned()), ("srv", format!("{up}{outside}")), ("data", outside.to_owned())] {
            let _ = fs::remove_dir(machine.tree(link));
            symlink(target, machine.tree(link)).unwrap();
        }
        fs::remove_dir(machine.tree("usr/local")).unwrap();
        symlink(format!("{up}{outside}"), machine.tree("usr/local")).unwrap();
        symlink(outside, machine.tree("etc/ssh")).unwrap();
        machine.configure(
            "[etc]\nmode = \"transient\"\nkeep = [\"ssh/keys\"]\n[[path]]\ntarget = \"/data\"\n[[path]]\ntarget = \"/var/lib/app\"\nscope = \"deployment\"\n",
        );
        machine.deploy("v1", &["--good"]);
        // In /var: what backs /home and /root.
        for (link, target) in [("home", outside.to_owned()), ("roothome", format!("{up}{outside}"))] {
            symlink(target, machine.store("var").join(link)).unwrap();
        }
        let listing = |dir: &str| {
            let mut names: Vec<_> = fs::read_dir(machine.at(dir)).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            names.sort();
            names
        };
        let ended = machine.boot("");
        assert_eq!(ended.stands(), "v1");
        assert_eq!(listing("outside"), ["file"]);
        assert_eq!(read(&machine.at("outside/file")), "outside");
        // Nothing shows the outside, and nothing is mounted there.
        let table = mounts_now(machine);
        assert!(table.iter().all(|line| !line.ends_with(" /outside") && !line.starts_with("/outside")), "{table:#?}");
        for path in ["home", "root"] {
            assert!(!machine.root(path).join("file").exists(), "/{path}");
        }
    });
}

#[test]
fn a_link_in_var_that_leads_to_nothing_yet_means_what_it_will_mean() {
    machine(Disk::Tmpfs, |machine| {
        machine.deploy("v1", &["--good"]);
        fs::create_dir_all(machine.store("var")).unwrap();
        symlink("/var/data/home", machine.store("var/home")).unwrap();
        assert_eq!(machine.boot("").stands(), "v1");
        write(&machine.root("home/mine"), "1");
        assert_eq!(read(&machine.store("var/data/home/mine")), "1");
        assert!(!machine.store("var/var").exists());
    });
}

#[test]
fn a_store_with_links_in_it_stays_inside() {
    machine(Disk::Tmpfs, |machine| {
        machine.deploy("v1", &["--good"]);
        write(&machine.at("outside/deployments/v2/deployment.toml"), "outside");
        let outside = machine.lab.path("outside");
        symlink(format!("{outside}/deployments/v2"), machine.store("deployments/v2")).unwrap();
        fs::remove_dir_all(machine.store("state")).unwrap();
        symlink(outside, machine.store("state")).unwrap();
        let ended = machine.boot("bedplate.deployment=v2");
        assert!(machine.at("outside").read_dir().unwrap().count() == 1, "{:?}", ended.said);
        assert!(mounts_now(machine).iter().all(|line| !line.ends_with("/outside") && !line.starts_with("/outside")));
    });
}
