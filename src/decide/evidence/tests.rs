use super::*;
use crate::decide::model::{BootId, Kexec};
use crate::decide::record::Key;
use crate::decide::record::ending::{LastBoot, Phase};
use alloc::format;
use alloc::vec;
use proptest::prelude::*;

fn log(reason: &str, kernel: &str) -> Vec<u8> {
    format!(
        "{reason}\n<0>[    4.102030] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000000\n\
         <4>[    4.102031] CPU: 0 UID: 0 PID: 1 Comm: init {kernel} #1 PREEMPT(voluntary)  Debian 6.12.1-1\n"
    )
    .into_bytes()
}

#[test]
fn the_reset_bit() {
    for (text, expected) in [("32\n", Watchdog::Reset), ("33", Watchdog::Reset), ("0\n", Watchdog::Silent), ("16", Watchdog::Silent)] {
        assert_eq!(watchdog(text), expected, "{text}");
    }
    assert!(["", "x", "-32", "0x20", "99999999999"].into_iter().all(|text| watchdog(text) == Watchdog::Silent));
}

#[test]
fn the_end_of_a_panic_stands_for_it() {
    let kernel = |log: &[u8]| panic(log).map(|panic| panic.kernel);
    let found = |text: &str| Some(Some(text.into()));
    assert_eq!(kernel(&log("Panic#1 Part1", "Not tainted 6.12.1-cloud")), found("6.12.1-cloud"));
    assert_eq!(kernel(&log("Panic#12 Part1", "Tainted: G        W          6.1.0")), found("6.1.0"));
    assert_eq!(kernel(&log("Panic#1 Part1", "without a word on taint")), Some(None));
    assert_eq!(kernel(b"Panic#1 Part1\n\xff\xfe"), Some(None));
    for other in ["Panic#1 Part2", "Oops#1 Part1", "Panic#1", "", "Panic# Part", "Restart#1 Part1"] {
        assert_eq!(kernel(&log(other, "Not tainted 6.1")), None, "{other}");
    }
    assert_ne!(panic(&log("Panic#1 Part1", "a")), panic(&log("Panic#1 Part1", "b")));
    let names =
        ["dmesg-ramoops-0", "dmesg-efi_pstore-170000000001001", "dmesg-erst-7", "dmesg.txt", "console-ramoops-0", "dmesg-efi-1.enc.z"];
    assert_eq!(names.map(is_kernel_log), [true, true, true, false, false, false]);
}

fn facts(kernel: &str, other: &[&str]) -> Facts {
    use crate::decide::model::{Deployment, Home, Id};
    let releases = other.iter().map(ToString::to_string).collect();
    let deployment = Deployment {
        id: Id::parse("v1").expect("an id"),
        manifest: None,
        defect: None,
        marker: None,
        kernel: KernelFit::Mismatch { releases, own: None },
        home: Home::Store,
    };
    let boot_id = BootId::parse(&"1".repeat(32)).expect("a boot id");
    Facts { deployments: vec![deployment], boot_id, previous: None, kernel: kernel.into(), kexec: Kexec::Possible }
}

fn seen(panics: &[u32]) -> Record {
    let mut record = Record { last: Some(LastBoot { key: Key([1; 8]), boot: [1; 8], phase: Phase::Begun }), ..Record::default() };
    remember(&mut record, &traces(Watchdog::Silent, panics));
    record
}

fn traces(watchdog: Watchdog, panics: &[u32]) -> Traces {
    let panic = |digest: &u32| Panic { digest: *digest, kernel: Some("6.1".into()) };
    Traces { watchdog, panics: panics.iter().map(panic).collect() }
}

#[test]
fn what_is_new_is_evidence() {
    use Evidence::{None as Nothing, Panic as Panicked, Watchdog as WasReset};
    let silent = |panics: &[u32]| traces(Watchdog::Silent, panics);
    let many: Vec<u32> = (1..=9).collect();
    let cases = [
        ("nothing", silent(&[]), seen(&[]), Nothing),
        ("a reset", traces(Watchdog::Reset, &[]), seen(&[]), WasReset),
        ("a panic", silent(&[7]), seen(&[]), Panicked),
        ("a panic and then a reset", traces(Watchdog::Reset, &[7]), seen(&[]), Panicked),
        ("one that is known", silent(&[7]), seen(&[7]), Nothing),
        ("a reset, and a panic that is known", traces(Watchdog::Reset, &[7]), seen(&[7]), WasReset),
        ("another beside it", silent(&[7, 8]), seen(&[7]), Panicked),
        ("before any boot that the record knows of", silent(&[7]), Record::default(), Nothing),
        ("many, and the newest is known", silent(&many), seen(&many), Nothing),
        ("many, of which older ones are unknown", silent(&many), seen(&[1]), Nothing),
        ("many and a newer one", silent(&many), seen(&[2, 3]), Panicked),
    ];
    for (what, traces, record, expected) in cases {
        assert_eq!(judge(&traces, &record, &facts("6.1", &[])), expected, "{what}");
    }
}

#[test]
fn another_systems_panic_is_none_of_ours() {
    let judged = |running, other: &[&str]| judge(&traces(Watchdog::Silent, &[7]), &seen(&[]), &facts(running, other));
    assert_eq!(judged("6.1", &[]), Evidence::Panic, "the running kernel");
    assert_eq!(judged("6.12", &["5.10", "6.1"]), Evidence::Panic, "another deployment's");
    assert_eq!(judged("6.12", &["5.10"]), Evidence::None);
    let unnamed = Traces { panics: vec![Panic { digest: 7, kernel: None }], ..Traces::default() };
    assert_eq!(judge(&unnamed, &seen(&[]), &facts("6.12", &[])), Evidence::Panic, "nobody knows whose");
}

#[test]
fn what_is_there_comes_before_what_was() {
    let mut record = seen(&[1, 2, 3]);
    remember(&mut record, &traces(Watchdog::Silent, &[9, 2]));
    assert_eq!(record.panics, [9, 2, 1, 3, 0, 0, 0, 0]);
    remember(&mut record, &traces(Watchdog::Silent, &(20..40).collect::<Vec<_>>()));
    assert_eq!(record.panics, [20, 21, 22, 23, 24, 25, 26, 27]);
    let before = record.clone();
    remember(&mut record, &Traces::default());
    assert_eq!(record, before, "what is gone from sight is not forgotten");
}

proptest! {
    #[test]
    fn any_log_is_read(bytes in prop::collection::vec(any::<u8>(), 0..300), text in ".*Comm: .*ainted.* #.*") {
        let _ = panic(&bytes);
        let _ = panic(["Panic#1 Part1\n", &text].concat().as_bytes());
        let _ = watchdog(&text);
    }

    #[test]
    fn what_is_remembered_is_no_news(panics in prop::collection::vec(1..u32::MAX, 0..20)) {
        prop_assert_eq!(judge(&traces(Watchdog::Silent, &panics), &seen(&panics), &facts("6.1", &[])), Evidence::None);
    }
}
