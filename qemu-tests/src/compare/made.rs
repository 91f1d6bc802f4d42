//! What takes long: each made once for what it is made of, by the scripts in `guest/ostree`.

use super::configuration::{Configuration, Feature};
use super::guest::Program;
use crate::cache::{self, Key, workspace};
use crate::debian::build as debian;
use crate::error::{OrSay, Result};
use crate::kernel::{self, Kernel};
use crate::run::Host;
use crate::tool::Tool;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Where both programs are in their initramfs.
pub const PROGRAM: &str = "/usr/lib/ostree/ostree-prepare-root";

fn script(name: &str) -> PathBuf {
    workspace().join("qemu-tests/guest/ostree").join(name)
}

/// What all boots share.
#[derive(Debug)]
pub struct Lab {
    pub host: Host,
    pub kernel: Kernel,
    /// A Debian with OSTree's tools.
    pub tools: PathBuf,
    /// Debian's ostree-prepare-root with its libraries, by path.
    pub original: BTreeMap<String, Vec<u8>>,
}

impl Lab {
    /// Needs the network the first time only.
    pub fn find(host: Host) -> Result<Self> {
        let tools = tools()?;
        let original = with_libraries(&tools.join("root"))?;
        Ok(Self { host, kernel: kernel::get(kernel::Version::default())?, tools, original })
    }
}

/// All disks, in the order in which a machine has them.
pub fn disks(tools: &Path) -> Result<Vec<Disk>> {
    KINDS.iter().map(|kind| disk(tools, *kind)).collect()
}

fn disk(tools: &Path, kind: Kind) -> Result<Disk> {
    let key = Key::default().with(tools.as_os_str().as_encoded_bytes()).with_file(&script("make-disk"))?;
    let made = cache::get("ostree-disk", kind.iter().fold(key, Key::with), |to| {
        Tool::new(script("make-disk")).arg(tools).arg(to).args(kind).run().map(drop)
    })?;
    Disk::in_dir(&made)
}

/// An image, and what `ostree=` has to say for it.
#[derive(Debug, Clone)]
pub struct Disk {
    pub image: PathBuf,
    pub link: String,
}

impl Disk {
    fn in_dir(made: &Path) -> Result<Self> {
        let link = fs::read_to_string(made.join("link")).or_say(format!("cannot read {}", made.display()))?;
        Ok(Self { image: made.join("image"), link: link.trim().to_string() })
    }
}

/// Words for make-disk.
type Kind = [&'static str; 3];

const KINDS: [Kind; 5] = [
    ["boot", "plain", "default"],
    ["no-boot", "plain", "default"],
    ["boot", "hotfix", "default"],
    ["no-boot", "hotfix", "default"],
    ["boot", "plain", "readonly"],
];

/// Which disk a configuration is about.
pub fn disk_of(configuration: &Configuration) -> Option<usize> {
    let word = |feature, with, without| if configuration.has(feature) { with } else { without };
    let kind = [
        word(Feature::NoBoot, "no-boot", "boot"),
        word(Feature::Hotfix, "hotfix", "plain"),
        word(Feature::RepoReadonly, "readonly", "default"),
    ];
    KINDS.iter().position(|one| *one == kind)
}

/// A Debian with OSTree's tools, in `root`.
pub fn tools() -> Result<PathBuf> {
    let key = Key::default().with_file(&script("make-tools"))?.with_file(&script("packages"))?;
    cache::get("ostree-tools", key, |to| {
        eprintln!("making a Debian with OSTree's tools from its packages: some minutes, once");
        Tool::new(script("make-tools")).arg(to).run().map(drop)
    })
}

/// As ldd(1) in that root names them: `NAME => PATH (ADDRESS)`, and the interpreter without a name.
fn with_libraries(root: &Path) -> Result<BTreeMap<String, Vec<u8>>> {
    let listed = Tool::new("chroot").arg(root).arg("ldd").arg(PROGRAM).run()?;
    let libraries = listed.split_whitespace().filter(|word| word.starts_with('/'));
    let read = |path: &str| {
        let path = path.trim_start_matches('/');
        let bytes = fs::read(root.join(path)).or_say(format!("cannot read {path} of {}", root.display()))?;
        Ok((path.to_string(), bytes))
    };
    libraries.chain([PROGRAM]).map(read).collect()
}

/// A disk with a Debian as its one deployment.
pub fn system(lab: &Lab) -> Result<Disk> {
    let scripts = [script("make-system"), debian::script("make-tree"), debian::script("guest-init.service")];
    let key = Key::default().with(lab.tools.as_os_str().as_encoded_bytes()).with_file(&lab.host.programs.guest_init)?;
    let key = scripts.iter().try_fold(key, |key, path| key.with_file(path))?;
    let made = cache::get("ostree-system", key, |to| {
        Tool::new(script("make-system")).arg(&lab.tools).arg(&lab.host.programs.guest_init).arg(to).run().map(drop)
    })?;
    Disk::in_dir(&made)
}

/// A generic initramfs, with OSTree's dracut module or with bedplate's.
pub fn initramfs(lab: &Lab, program: Program) -> Result<PathBuf> {
    let installed = debian::installed(&lab.host.programs)?;
    let module = match program {
        Program::Original => "ostree",
        Program::Bedplate => "bedplate",
    };
    let key = [&lab.tools, &installed].iter().fold(Key::default(), |key, path| key.with(path.as_os_str().as_encoded_bytes()));
    cache::get("ostree-initramfs", key.with_file(&script("make-initramfs"))?.with(module), |to| {
        Tool::new(script("make-initramfs")).arg(&lab.tools).arg(&installed).arg(to).arg(module).run().map(drop)
    })
}
