//! Every parser and codec of what a disk or a command line gives, with what must hold of its result whatever the input is.
//!
//! A target panics where that does not hold. Texts are in `text`, the disk's own formats in `disk`, what
//! loaders and watchdogs keep in `loader`, OSTree's in `ostree`.

mod disk;
mod loader;
mod ostree;
mod text;

/// A name, as in Cargo.toml and in `seeds/`, and what it does with any bytes.
pub type Target = (&'static str, fn(&[u8]));

pub const TARGETS: &[Target] = &[
    ("cmdline", text::cmdline),
    ("next_cmdline", text::next_cmdline),
    ("config", text::config),
    ("manifest", text::manifest),
    ("marker", text::marker),
    ("inventory", text::inventory),
    ("conflicts", text::conflicts),
    ("accounts", text::accounts),
    ("mountinfo", text::mountinfo),
    ("fstab", text::fstab),
    ("os_release", text::os_release),
    ("root_spec", text::root_spec),
    ("unit", text::unit),
    ("names", text::names),
    ("kernels", text::kernels),
    ("report", text::report),
    ("unlocked", text::unlocked),
    ("reset", text::reset),
    ("record", disk::record),
    ("superblock", disk::superblock),
    ("partitions", disk::partitions),
    ("counter", loader::counter),
    ("loader_variable", loader::loader_variable),
    ("grubenv", loader::grubenv),
    ("gpt", loader::gpt),
    ("panic_record", loader::panic_record),
    ("health_conf", loader::health_conf),
    ("health_output", loader::health_output),
    ("watchdog", loader::watchdog),
    ("dm_verity", text::dm_verity),
    ("keyfile", ostree::keyfile),
    ("commit", ostree::commit),
    ("public_keys", ostree::public_keys),
];

/// Runs the target with this name.
pub fn run(name: &str, data: &[u8]) {
    let (_, target) = TARGETS.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("no target {name}"));
    target(data);
}
