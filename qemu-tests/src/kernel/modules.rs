//! Which modules must be loaded, in which order, for some to be there: modules.dep as depmod(8) writes it.

use super::Kernel;
use crate::error::{OrSay, Result};
use std::collections::HashMap;
use std::fs;

/// modules.dep by module name, with `-` and `_` the same.
#[derive(Debug)]
pub struct Dependencies {
    /// Name to its path below the directory of modules.dep.
    paths: HashMap<String, String>,
    /// Path to what must be loaded before, nearest first.
    needs: HashMap<String, Vec<String>>,
}

impl Dependencies {
    pub fn of(kernel: &Kernel) -> Result<Self> {
        let path = kernel.modules.join("modules.dep");
        Ok(Self::parse(&fs::read_to_string(&path).or_say(format!("cannot read {}", path.display()))?))
    }

    pub fn parse(text: &str) -> Self {
        let (mut paths, mut needs) = (HashMap::new(), HashMap::new());
        for (path, before) in text.lines().filter_map(|line| line.split_once(':')) {
            paths.insert(name_of(path), path.to_string());
            needs.insert(path.to_string(), before.split_whitespace().map(str::to_string).collect());
        }
        Self { paths, needs }
    }

    /// Paths in loading order, each once. A name that is not there is left out: it is built in, or the
    /// boot will say what is missing.
    pub fn in_order(&self, names: &[&str]) -> Vec<String> {
        let mut order: Vec<String> = Vec::new();
        for path in names.iter().filter_map(|name| self.paths.get(&name.replace('-', "_"))) {
            let before = self.needs.get(path).into_iter().flatten().rev();
            for path in before.chain([path]) {
                if !order.contains(path) {
                    order.push(path.clone());
                }
            }
        }
        order
    }
}

/// `kernel/fs/xfs/xfs.ko.xz` is `xfs`.
fn name_of(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.split(".ko").next().unwrap_or(file).replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEP: &str = "kernel/fs/btrfs/btrfs.ko.xz: kernel/lib/raid6/raid6_pq.ko.xz kernel/crypto/xor.ko.xz\n\
                       kernel/lib/raid6/raid6_pq.ko.xz:\nkernel/crypto/xor.ko.xz:\nkernel/fs/overlayfs/overlay.ko:\n\
                       kernel/fs/xfs/xfs.ko: kernel/lib/libcrc32c.ko kernel/crypto/xor.ko.xz\nkernel/drivers/a-b.ko:\n";

    #[test]
    fn what_is_needed_comes_first_and_once() {
        let order = Dependencies::parse(DEP).in_order(&["overlay", "btrfs", "xfs", "overlay"]);
        let names: Vec<_> = order.iter().map(|path| name_of(path)).collect();
        assert_eq!(names, ["overlay", "xor", "raid6_pq", "btrfs", "libcrc32c", "xfs"]);
    }

    #[test]
    fn dashes_are_underscores_and_what_is_built_in_is_left_out() {
        assert_eq!(Dependencies::parse(DEP).in_order(&["ext4", "a_b"]), ["kernel/drivers/a-b.ko"]);
        assert_eq!(Dependencies::parse(DEP).in_order(&["a-b"]), ["kernel/drivers/a-b.ko"]);
    }
}
