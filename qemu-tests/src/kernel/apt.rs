//! Packages of another Debian suite, through an apt state of the harness's own: nothing of the host's changes.

use crate::cache;
use crate::error::{OrSay, Result};
use crate::tool::Tool;
use std::fs;
use std::path::{Path, PathBuf};

const MIRROR: &str = "http://deb.debian.org/debian";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The newest version of a package that the suite has, as a file.
pub fn download(suite: &str, package: &str) -> Result<PathBuf> {
    let dir = cache::base().join("apt").join(suite);
    prepare(&dir, suite)?;
    let to = dir.join("download");
    cache::fresh_dir(&to)?;
    tool("apt-get", &dir).arg("download").arg(package).dir(&to).run()?;
    let file = fs::read_dir(&to).or_say(format!("cannot read {}", to.display()))?.flatten().next();
    Ok(file.or_say(format!("apt-get downloaded no {package}"))?.path())
}

fn prepare(dir: &Path, suite: &str) -> Result<()> {
    if dir.join("ready").exists() {
        return Ok(());
    }
    for sub in ["lists/partial", "cache/archives/partial"] {
        fs::create_dir_all(dir.join(sub)).or_say(format!("cannot make {}", dir.display()))?;
    }
    let source = format!("deb [arch=amd64 signed-by={KEYRING}] {MIRROR} {suite} main\n");
    for (name, text) in [("sources.list", source.as_str()), ("status", "")] {
        fs::write(dir.join(name), text).or_say(format!("cannot write to {}", dir.display()))?;
    }
    eprintln!("fetching the package list of Debian {suite}");
    tool("apt-get", dir).arg("update").run()?;
    fs::write(dir.join("ready"), "").or_say(format!("cannot write to {}", dir.display()))
}

fn tool(program: &str, dir: &Path) -> Tool {
    let at = |option: &str, sub: &str| format!("Dir::{option}={}", dir.join(sub).display());
    let options = [
        at("State", ""),
        at("State::status", "status"),
        at("Cache", "cache"),
        at("Etc::sourcelist", "sources.list"),
        "Dir::Etc::sourceparts=-".to_string(),
        // The directory may be one that the user _apt cannot enter.
        "APT::Sandbox::User=root".to_string(),
        "APT::Architecture=amd64".to_string(),
        "Acquire::Languages=none".to_string(),
        "Acquire::IndexTargets::deb::DEP-11::DefaultEnabled=false".to_string(),
    ];
    Tool::new(program).arg("-qq").args(options.iter().flat_map(|option| ["-o", option]))
}
