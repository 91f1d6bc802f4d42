//! A directory with a physical root, a run directory and a tree to deploy, and the program to run on it.

use bedplate::boot::facts::boot_id;
use bedplate::boot::store::Store;
use bedplate::decide::model::{Booted, Chosen, Id, Instance, Report, SCHEMA};
use bedplate::decide::mountinfo;
use bedplate::decide::record::codec::Reading;
use bedplate::decide::record::{Key, Record};
use bedplate::sys::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

pub struct Bench {
    dir: String,
}

/// How a run of the program ended.
#[derive(Debug)]
pub struct Ended {
    /// -1: by a signal.
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl From<std::process::Output> for Ended {
    fn from(output: std::process::Output) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Self { code: output.status.code().unwrap_or(-1), out: text(output.stdout), err: text(output.stderr) }
    }
}

impl Bench {
    pub fn without_store() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("bedplate-store-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let bench = Self { dir: format!("{}/{name}", std::env::temp_dir().display()) };
        for name in ["", "/sysroot", "/run", "/run/bedplate"] {
            std::fs::create_dir(format!("{}{name}", bench.dir)).unwrap();
        }
        bench
    }

    /// With a store and a tree named `tree` of version 1.
    pub fn new() -> Self {
        let bench = Self::without_store();
        assert_eq!(bench.bedplate(&["init-store"]).code, 0);
        bench.tree("tree", "1");
        bench
    }

    pub fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.dir)
    }

    pub fn with_path(&self, text: &str) -> String {
        text.replace("SYSROOT", &self.path("sysroot")).replace("TREE", &self.path("tree"))
    }

    pub fn write(&self, name: &str, content: &str) {
        std::fs::create_dir_all(Path::new(&self.path(name)).parent().unwrap()).unwrap();
        std::fs::write(self.path(name), content).unwrap();
    }

    pub fn set_mode(&self, name: &str, mode: u32) {
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    pub fn exists(&self, name: &str) -> bool {
        std::fs::symlink_metadata(self.path(name)).is_ok()
    }

    pub fn names(&self, name: &str) -> Vec<String> {
        let entries = std::fs::read_dir(self.path(name)).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// A tree that may be deployed and warns of nothing.
    pub fn tree(&self, name: &str, version: &str) {
        for (file, content) in [
            ("usr/bin/bedplate", "program"),
            ("usr/lib/os-release", &format!("ID=test\nVERSION_ID=\"{version}\"\n")),
            ("sbin/init", "program"),
            ("etc/hosts", "127.0.0.1 localhost\n"),
        ] {
            self.write(&format!("{name}/{file}"), content);
        }
        self.set_mode(&format!("{name}/sbin/init"), 0o755);
    }

    /// The program with these arguments; `TREE` and `SYSROOT` in them stand for the paths.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bedplate"));
        command.args(arguments.iter().map(|argument| self.with_path(argument))).args(["--sysroot", &self.path("sysroot")]);
        let without_run = ["init-store", "pin", "unpin", "set-default", "set-oneshot", "history"];
        if !arguments.first().is_some_and(|verb| without_run.contains(verb)) {
            command.args(["--run", &self.path("run")]);
        }
        command.stdin(Stdio::null());
        command
    }

    pub fn bedplate(&self, arguments: &[&str]) -> Ended {
        self.command(arguments).output().unwrap().into()
    }

    /// The same, expected to do what it is asked for without a word of complaint.
    pub fn done(&self, arguments: &[&str]) -> String {
        let ended = self.bedplate(arguments);
        assert_eq!((ended.code, ended.err.as_str()), (0, ""), "{arguments:?}: {}", ended.out);
        ended.out
    }

    pub fn store(&self) -> Store {
        Store::open(fs::open_dir(&self.path("sysroot")).unwrap(), "sysroot").unwrap()
    }

    pub fn record(&self) -> Record {
        match self.store().read_record() {
            Reading::Valid { record, .. } => record,
            other => panic!("{other:?}"),
        }
    }

    /// Changes the record as another verb would.
    pub fn change(&self, change: impl FnOnce(&mut Record)) {
        let store = self.store();
        let Reading::Valid { mut record, next } = store.read_record() else { panic!("no record") };
        change(&mut record);
        store.commit(&mut record, next).unwrap();
    }

    pub fn instance(&self, id: &str) -> Instance {
        bedplate::boot::facts::read_manifest(&self.store(), &Id::parse(id).unwrap()).unwrap().instance
    }

    pub fn key(&self, id: &str) -> Key {
        Key::of(&Id::parse(id).unwrap(), &self.instance(id))
    }

    /// As if this boot were of that deployment.
    pub fn boot(&self, id: &str) {
        let report = Report {
            schema: SCHEMA,
            bedplate: "0".into(),
            boot_id: boot_id().unwrap(),
            deployment: Booted { id: Id::parse(id).unwrap(), instance: Some(self.instance(id)), version: String::new() },
            ostree: None,
            choice: Chosen {
                rule: "trial".into(),
                reason: String::new(),
                counted: true,
                try_number: None,
                try_of: None,
                fallback: None,
                fell_back_from: None,
            },
            previous: None,
            carried: None,
            reset: None,
            failed: Vec::new(),
            mounts: Vec::new(),
            warnings: Vec::new(),
            timing: Vec::new(),
            kexec_from: None,
            argument: None,
            init: "sbin/init".into(),
            config: bedplate::decide::config::Config::default(),
        };
        self.write("run/bedplate/boot.json", &serde_json::to_string(&report).unwrap());
    }

    /// As if this boot were of that deployment, and its root the one of this test.
    pub fn boot_as_root(&self, id: &str) {
        self.boot(id);
        let mounts = mountinfo::parse(&std::fs::read_to_string("/proc/self/mountinfo").unwrap());
        let root = mounts.iter().rfind(|mount| mount.target == "/").unwrap();
        let device = format!("{}:{}", root.device.0, root.device.1);
        let file = self.path("run/bedplate/boot.json");
        let mut report: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let mounted = serde_json::json!({ "target": "/", "fstype": "any", "access": "ro", "device": device, "root": root.root });
        report["mounts"] = serde_json::Value::Array(vec![mounted]);
        std::fs::write(file, report.to_string()).unwrap();
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.dir).unwrap();
    }
}
