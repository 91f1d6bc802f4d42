//! OSTree's contract: what `ostree-prepare-root` (ostree 2026.4) reads and leaves, as plain data.
//!
//! [`conf`] and [`target`] say what is asked for, [`plan`] how the root is built, [`booted`] what libostree is told of it.

pub mod asked;
pub mod booted;
pub mod commit;
pub mod conf;
pub mod entry;
pub mod keyfile;
pub mod name;
pub mod plan;
pub mod signature;
pub mod target;
#[cfg(test)]
mod tests;
pub mod variant;

/// The repository, below the physical root.
pub const REPO: &str = "ostree/repo";
/// Where stateroots are, below the physical root.
pub const DEPLOY: &str = "ostree/deploy";
/// In a deployment: the image of its composefs.
pub const IMAGE: &str = ".ostree.cfs";
/// In a deployment: the layers of `ostree admin unlock --hotfix`.
pub const HOTFIX_UPPER: &str = ".usr-ovl-upper";
pub const HOTFIX_WORK: &str = ".usr-ovl-work";
/// Below /run: what libostree is told of the boot.
pub const BOOTED: &str = "ostree-booted";
/// Below /run: whoever made it wants /var mounted before the switch of roots.
pub const MOUNT_VAR: &str = "ostree/initramfs-mount-var";
