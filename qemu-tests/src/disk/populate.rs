//! Fills a sysroot, with bedplate itself: what a store looks like is its business alone.

use crate::cache::{self, Key};
use crate::debian;
use crate::error::{OrSay, Result};
use crate::ostree::commit::Signature;
use crate::ostree::{self, Deployed};
use crate::programs::Programs;
use crate::scenario::{self, Deployment, Flavour, Scenario, Tier};
use crate::tiny;
use crate::tool::Tool;
use ed25519_dalek::SigningKey;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};

/// In the directory for things in between: what comes on the ESP.
pub const ESP: &str = "esp";

/// All that a sysroot is made of.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub struct Content {
    pub disk: scenario::Disk,
    pub tier: Tier,
    pub flavour: Flavour,
    pub deployments: Vec<Deployment>,
    pub trees: Vec<Deployment>,
    /// Of the initramfs.
    pub config: String,
    pub programs: Programs,
}

impl Content {
    pub fn of(scenario: &Scenario, programs: &Programs) -> Self {
        Self {
            disk: scenario.disk.clone(),
            tier: scenario.tier,
            flavour: scenario.flavour,
            deployments: scenario.deployments.clone(),
            trees: scenario.trees.clone(),
            config: scenario.config.clone(),
            programs: programs.clone(),
        }
    }

    pub fn key(&self) -> Result<Key> {
        let text = serde_json::to_vec(&(&self.disk, self.tier, &self.deployments, &self.trees, &self.config)).or_say("cannot encode")?;
        // The harness itself lays out trees.
        let own = std::env::current_exe().or_say("cannot find this program")?;
        let key = Key::default().with(text).with_file(&self.programs.bedplate)?.with_file(&self.programs.guest_init)?.with_file(&own)?;
        match self.tier {
            Tier::Tiny => Ok(key),
            Tier::Debian => Ok(key.with(debian::inputs(&self.programs, self.flavour)?)),
        }
    }
}

/// `work` is a directory for things in between.
pub fn populate(sysroot: &Path, content: &Content, work: &Path) -> Result<()> {
    let bedplate = |verb: &str| Tool::new(&content.programs.bedplate).arg(verb).arg("--sysroot").arg(sysroot);
    bedplate("init-store").run()?;
    let esp = work.join(ESP);
    if content.disk.esp > 0 {
        cache::fresh_dir(&esp)?;
    }
    let mut made = Vec::new();
    for deployment in &content.deployments {
        let tree = lay(work, deployment, content)?;
        if let Some(odd) = &deployment.ostree {
            made.push((&deployment.id, ostree(sysroot, &tree, &deployment.id, odd, &made)?));
            cache::remove(&tree)?;
            continue;
        }
        let good = deployment.good.then(|| "--good".to_string());
        let tries = deployment.tries.map(|tries| format!("--tries={tries}"));
        let boot = (content.disk.esp > 0).then(|| format!("--boot={}", esp.display()));
        bedplate("deploy").args(["--id", &deployment.id]).args(good).args(tries).args(boot).arg(&tree).run()?;
        cache::remove(&tree)?;
    }
    for tree in &content.trees {
        let from = lay(work, tree, content)?;
        fs::create_dir_all(sysroot.join("trees")).or_say("cannot make trees")?;
        Tool::new("mv").arg(from).arg(sysroot.join("trees").join(&tree.id)).run()?;
    }
    content.disk.files.iter().try_for_each(|(path, text)| write(&sysroot.join(path), text))
}

/// `made`: those before it.
fn ostree(sysroot: &Path, tree: &Path, id: &str, odd: &scenario::Ostree, made: &[(&String, Deployed)]) -> Result<Deployed> {
    let key = odd.signer.map(|seed| SigningKey::from_bytes(&[seed; 32]));
    let signature = key.as_ref().map_or(Signature::None, Signature::By);
    let deployed = ostree::deploy(sysroot, tree, id, &signature).or_say("cannot deploy as OSTree does (needs root)")?;
    if let Some(of) = &odd.image_of {
        let (_, other) = made.iter().find(|(id, _)| *id == of).or_say(format!("no deployment {of} before {id}"))?;
        let image = |deployed: &Deployed| sysroot.join(&deployed.path).join(ostree::IMAGE);
        fs::copy(image(other), image(&deployed)).or_say("cannot copy an image")?;
    }
    Ok(deployed)
}

fn lay(work: &Path, deployment: &Deployment, content: &Content) -> Result<PathBuf> {
    let tree = work.join("tree");
    cache::fresh_dir(&tree)?;
    match content.tier {
        Tier::Tiny => tiny::lay(&tree, deployment, content)?,
        Tier::Debian => debian::lay(&tree, deployment, content)?,
    }
    Ok(tree)
}

fn write(path: &Path, text: &str) -> Result<()> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).or_say(format!("cannot make {}", parent.display()))?;
    fs::write(path, text).or_say(format!("cannot write {}", path.display()))
}
