use super::*;
use alloc::format;
use proptest::prelude::*;

const ROOT: &str = "4392712ba01368efdf14b05c76f9e4df0d53664630b5d48632ed17a137f39076";

fn line(rest: &str) -> String {
    format!("1 254:16 254:32 4096 4096 12288 0 sha256 {ROOT} {rest}")
}

#[test]
fn status_lines() {
    for (text, expected) in [
        ("V", Ok(State::Verified)),
        ("C", Ok(State::Corrupted)),
        // Of newer kernels, without and with error correction.
        ("V -", Ok(State::Verified)),
        ("C 12", Ok(State::Corrupted)),
        ("", Err("not a status of dm-verity")),
        ("v", Err("not a status of dm-verity")),
        ("VC", Err("not a status of dm-verity")),
        ("0 12 linear", Err("not a status of dm-verity")),
    ] {
        assert_eq!(state(text), expected, "{text:?}");
    }
}

#[test]
fn table_lines() {
    use OnCorruption::{Error, Ignore, Panic, Restart};
    for (rest, on_corruption, signed) in [
        ("-", Error, false),
        ("12ab", Error, false),
        ("- 0", Error, false),
        ("- 1 ignore_corruption", Ignore, false),
        ("- 1 restart_on_corruption", Restart, false),
        ("- 2 panic_on_corruption ignore_zero_blocks", Panic, false),
        ("- 3 check_at_most_once root_hash_sig_key_desc image:key", Error, true),
        // A value is no option, whatever it is called.
        ("- 8 use_fec_from_device ignore_corruption fec_blocks 9 fec_start 1 fec_roots 2", Error, false),
        ("- 2 restart_on_corruption an_option_of_tomorrow", Restart, false),
    ] {
        let expected = Table { algorithm: "sha256".into(), root_hash: ROOT.into(), on_corruption, signed };
        assert_eq!(table(&line(rest)), Ok(expected), "{rest}");
    }
}

#[test]
fn what_is_no_table() {
    let good = line("-");
    let with = |from: &str, to: &str| good.replacen(from, to, 1);
    for (text, why) in [
        (String::new(), "fewer words than a table of dm-verity has"),
        (line(""), "fewer words than a table of dm-verity has"),
        (with("1 ", "2 "), "a version of dm-verity that is not known"),
        (with("12288", "many"), "not a number of blocks or bytes"),
        (with(ROOT, &ROOT.to_uppercase()), "not a root hash and a salt"),
        (with(ROOT, &ROOT[1..]), "not a root hash and a salt"),
        (line("salt"), "not a root hash and a salt"),
        (line("- 2 ignore_corruption"), "not as many options as it says"),
        (line("- ignore_corruption"), "not as many options as it says"),
    ] {
        assert_eq!(table(&text), Err(why), "{text}");
    }
}

proptest! {
    #[test]
    fn nothing_panics(text in "\\PC*") {
        let _ = (state(&text), table(&text));
    }

    #[test]
    fn what_a_kernel_writes_is_read(
        digest in prop::collection::vec(any::<u8>(), 1..65),
        blocks in any::<u64>(),
        options in prop::collection::vec(prop::sample::select(&["ignore_zero_blocks", "check_at_most_once", "try_verify_in_tasklet"]), 0..4),
        is_restarted in any::<bool>(),
    ) {
        let root_hash = digest.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        let options: Vec<&str> = options.into_iter().chain(is_restarted.then_some("restart_on_corruption")).collect();
        let options = if options.is_empty() { String::new() } else { format!(" {} {}", options.len(), options.join(" ")) };
        let found = table(&format!("1 8:1 8:2 512 4096 {blocks} 1 blake2b-256 {root_hash} -{options}")).unwrap();
        let on_corruption = if is_restarted { OnCorruption::Restart } else { OnCorruption::Error };
        prop_assert_eq!(found, Table { algorithm: "blake2b-256".into(), root_hash, on_corruption, signed: false });
    }
}
