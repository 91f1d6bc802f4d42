//! The fuzz targets on every seed in the repository, with the stable compiler. `scripts/fuzz` goes on from there.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::case_sensitive_file_extension_comparisons,
    reason = "all of this file is a test"
)]

#[path = "../fuzz/src/lib.rs"]
mod fuzz;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const MANIFEST: &str = include_str!("../fuzz/Cargo.toml");

/// Bytes of a seed: those of the file, or, of `NAME.hex`, what its lines `OFFSET: HEX` say (as xxd writes them), zeros between.
fn bytes_of(path: &Path) -> Vec<u8> {
    let bytes = fs::read(path).unwrap();
    if path.extension().is_none_or(|extension| extension != "hex") {
        return bytes;
    }
    let mut expanded = Vec::new();
    for line in String::from_utf8(bytes).unwrap().lines() {
        let (offset, hex) = line.split_once(':').unwrap();
        expanded.resize(usize::from_str_radix(offset, 16).unwrap(), 0);
        let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
        let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
        expanded.extend(digits.chunks(2).map(byte));
    }
    expanded
}

fn seeds() -> Vec<(String, std::path::PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds");
    let targets = fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
    let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_owned();
    targets.flat_map(|dir| fs::read_dir(&dir).unwrap().map(move |entry| (name(&dir), entry.unwrap().path()))).collect()
}

#[test]
fn every_seed_holds() {
    for (target, path) in seeds() {
        println!("{}", path.display());
        let bytes = bytes_of(&path);
        fuzz::run(&target, &bytes);
        // And what is next to it: cut short, and with one byte changed.
        for at in (0..bytes.len()).step_by(bytes.len() / 256 + 1) {
            fuzz::run(&target, &bytes[..at]);
            let mut changed = bytes.clone();
            changed[at] ^= 0x11;
            fuzz::run(&target, &changed);
        }
    }
}

#[test]
fn every_target_is_built_and_has_seeds() {
    let known: BTreeSet<String> = fuzz::TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    let built = MANIFEST.lines().filter_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    let built: BTreeSet<String> = built.skip(1).map(String::from).collect();
    let seeded: BTreeSet<String> = seeds().into_iter().map(|(target, _)| target).collect();
    assert_eq!((&built, &seeded), (&known, &known));
    let few = known.iter().find(|target| seeds().iter().filter(|(of, _)| of == *target).count() < 2);
    assert_eq!(few, None, "a seed alone is no start");
}
