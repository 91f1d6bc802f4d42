//! A machine whose root stands, used from inside: programs run in that root, with the kernel's file systems and /run.

use crate::machine::{Machine, PROGRAM, set_mode};
use crate::namespace::run;
use std::fs;
use std::path::Path;
use std::process::Command;

/// How a program in the root ended.
#[derive(Debug)]
pub struct Inside {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Machine<'_> {
    /// Gives the tree programs that run in it.
    pub fn write_programs(&self) {
        fs::remove_file(self.tree("usr/bin/bedplate")).unwrap();
        for (program, name) in [(PROGRAM, "bedplate"), ("/bin/sh", "sh"), ("/bin/rm", "rm"), ("/bin/mkdir", "mkdir"), ("/bin/cat", "cat")] {
            self.install(Path::new(program), &format!("usr/bin/{name}"));
        }
        for directory in ["proc", "sys", "dev", "run", "tmp"] {
            fs::create_dir_all(self.tree(directory)).unwrap();
        }
    }

    /// With the libraries that it is linked with.
    fn install(&self, program: &Path, name: &str) {
        let output = Command::new("ldd").arg(program).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        for library in text.split_whitespace().filter(|word| word.starts_with('/')) {
            let to = self.tree(library.trim_start_matches('/'));
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(library, to).unwrap();
        }
        fs::copy(program, self.tree(name)).unwrap();
        set_mode(&self.tree(name), 0o755);
    }

    /// What switch_root and the first minutes of the booted system do for the root.
    pub fn enter(&self) {
        run("mount", &["--rbind", "/proc", self.lab.path("sysroot/proc")]);
        run("mount", &["--bind", self.lab.path("run"), self.lab.path("sysroot/run")]);
    }

    /// Runs a program of the root in it.
    pub fn inside(&self, words: &[&str]) -> Inside {
        let output = Command::new("/usr/sbin/chroot").arg(self.lab.path("sysroot")).args(words).env("PATH", "/usr/bin").output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Inside { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// bedplate, which has to succeed without a word of complaint.
    pub fn bedplate(&self, words: &[&str]) -> String {
        let ended = self.inside(&[&["/usr/bin/bedplate"], words].concat());
        assert_eq!((ended.code, ended.err.as_str()), (Some(0), ""), "{words:?}");
        ended.out
    }

    /// What bedplate says when it refuses or fails.
    pub fn refusal(&self, words: &[&str]) -> String {
        let ended = self.inside(&[&["/usr/bin/bedplate"], words].concat());
        assert_eq!((ended.code, ended.out.as_str()), (Some(1), ""), "{words:?}: {}", ended.err);
        ended.err.trim_end().strip_prefix("bedplate: error: ").unwrap_or(&ended.err).to_owned()
    }

    /// A good deployment with programs in it, booted.
    pub fn running(&self) {
        self.write_programs();
        self.deploy("v1", &["--good"]);
        assert_eq!(self.boot("").stands(), "v1");
        self.enter();
    }
}
