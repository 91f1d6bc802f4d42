//! Runs programs.

use guest_init::Ran;
use std::io;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const PATH: &str = "/usr/bin:/usr/sbin:/bin:/sbin";

pub fn run(argv: &[String], kill_when: Option<&str>) -> io::Result<Ran> {
    let mut started = Started::new(argv)?;
    if let Some(path) = kill_when {
        started.kill_when_exists(path)?;
    }
    started.end()
}

/// Its end is nobody's business.
pub fn start(argv: &[String]) -> io::Result<()> {
    let (program, arguments) = argv.split_first().ok_or_else(|| io::Error::other("no program is named"))?;
    Command::new(program).args(arguments).env("PATH", PATH).stdin(Stdio::null()).spawn().map(drop)
}

pub fn together(commands: &[Vec<String>]) -> io::Result<Vec<Ran>> {
    let started = commands.iter().map(|argv| Started::new(argv)).collect::<io::Result<Vec<_>>>()?;
    started.into_iter().map(Started::end).collect()
}

struct Started {
    child: Child,
    at: Instant,
}

impl Started {
    fn new(argv: &[String]) -> io::Result<Self> {
        let (program, arguments) = argv.split_first().ok_or_else(|| io::Error::other("no program is named"))?;
        let at = Instant::now();
        let mut command = Command::new(program);
        command.args(arguments).env("PATH", PATH);
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        Ok(Self { child, at })
    }

    fn kill_when_exists(&mut self, path: &str) -> io::Result<()> {
        while self.child.try_wait()?.is_none() {
            if Path::new(path).symlink_metadata().is_ok() {
                return self.child.kill();
            }
            std::thread::sleep(Duration::from_micros(200));
        }
        Ok(())
    }

    fn end(self) -> io::Result<Ran> {
        let output = self.child.wait_with_output()?;
        Ok(Ran {
            exit: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
            millis: u64::try_from(self.at.elapsed().as_millis()).unwrap_or(u64::MAX),
        })
    }
}
