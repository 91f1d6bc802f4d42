use super::*;
use alloc::vec;
use proptest::prelude::*;
use std::string::String;

fn found(name: &str, mode: u16) -> Found {
    Found { name: name.into(), is_file: true, mode }
}

fn places(vendor: &[Found], local: &[Found]) -> Vec<(String, Vec<Found>)> {
    vec![("usr/d".into(), vendor.to_vec()), ("etc/d".into(), local.to_vec())]
}

#[test]
fn scripts_run_by_name_and_those_in_etc_take_the_place_of_others() {
    let directory = Found { is_file: false, ..found("40-dir", 0o755) };
    let vendor = [found("20-b", 0o755), found("10-a.sh", 0o644), found("30-c", 0o644), directory, found(".hidden.sh", 0o755)];
    let local = [found("20-b", 0o644), found("05-x", 0o700), found("10-a.sh", 0o644)];
    let listing = list(&places(&vendor, &local), &[]);
    let told: Vec<_> = listing.scripts.iter().map(|script| (script.path.as_str(), script.start)).collect();
    assert_eq!(told, [("etc/d/05-x", Start::Itself), ("etc/d/10-a.sh", Start::Shell)]);
    assert_eq!(listing.skipped, ["/etc/d/20-b is not executable", "/usr/d/30-c is not executable", "/usr/d/40-dir is no file"]);
}

#[test]
fn disabled_scripts_do_not_run_and_are_known() {
    let listing = list(&places(&[found("a.sh", 0o755), found("b.sh", 0o755)], &[]), &["b.sh".into(), "none.sh".into()]);
    assert_eq!(listing.scripts, [Script { path: "usr/d/a.sh".into(), start: Start::Shell }]);
    assert_eq!((listing.skipped, listing.disabled), (vec!["/usr/d/b.sh is disabled".into()], vec!["b.sh".into()]));
}

#[test]
fn the_list_of_disabled_checks_is_read_as_the_shell_does() {
    let names = |text: &str| disabled(text).map(|names| names.join(" "));
    for (text, expected) in [
        ("", ""),
        ("GREENBOOT_MAX_BOOT_ATTEMPTS=3\n", ""),
        ("# DISABLED_HEALTHCHECKS=(\"a.sh\")\n", ""),
        ("DISABLED_HEALTHCHECKS=\nA=(x)", ""),
        ("DISABLED_HEALTHCHECKS=()", ""),
        ("A=1\n DISABLED_HEALTHCHECKS=(\"01_dns.sh\" '02_watchdog.sh' c.sh) # why\n", "01_dns.sh 02_watchdog.sh c.sh"),
        ("DISABLED_HEALTHCHECKS=(\n  a.sh # slow\n  \"b.sh\"\n)\n", "a.sh b.sh"),
        ("DISABLED_HEALTHCHECKS=(a.sh)\nDISABLED_HEALTHCHECKS=(b.sh)\n", "b.sh"),
    ] {
        assert_eq!(names(text).as_deref(), Ok(expected), "{text}");
    }
    for wrong in ["a.sh", "(a.sh", "(\"a.sh)", "($X)", "(a\\ b)", "[a.sh]"] {
        assert!(names(&std::format!("DISABLED_HEALTHCHECKS={wrong}\n")).is_err(), "{wrong}");
    }
}

fn check(purpose: Purpose, end: &End) -> Check {
    let script = std::format!("/{}/x", purpose.directory());
    Check { purpose, script, passed: end.is_success(), end: end.sentence(), output: "said".into() }
}

fn health(checks: &[(Purpose, End)]) -> Health {
    let boot_id = BootId::parse(&"a".repeat(32)).unwrap();
    Health::of(boot_id, checks.iter().map(|(purpose, end)| check(*purpose, end)).collect())
}

#[test]
fn only_a_required_check_makes_a_boot_red() {
    use Purpose::{Required, Wanted};
    type Case<'a> = (&'a [(Purpose, End)], Verdict, &'a str);
    let table: [Case<'_>; 6] = [
        (&[], Verdict::Green, "there are no checks"),
        (&[(Required, End::Exited(0))], Verdict::Green, "good, required checks that passed: 1"),
        (
            &[(Required, End::Exited(0)), (Wanted, End::Killed { signal: 11 })],
            Verdict::Green,
            "good, required checks that passed: 1; wanted checks that failed: /check/wanted.d/x (killed by signal 11)",
        ),
        (&[(Required, End::Exited(3))], Verdict::Red, "failed: /check/required.d/x (exit status 3)"),
        (
            &[(Required, End::TooLong(300)), (Required, End::NoTimeLeft)],
            Verdict::Red,
            "failed: /check/required.d/x (stopped after 300 s: it took too long), \
             /check/required.d/x (not run: the time for all checks was used up)",
        ),
        (&[(Required, End::NotStarted("no".into()))], Verdict::Red, "failed: /check/required.d/x (cannot be started: no)"),
    ];
    for (checks, verdict, sentence) in table {
        let health = health(checks);
        assert_eq!((health.verdict, health.sentence().as_str()), (verdict, sentence));
        let text = serde_json::to_string(&health).unwrap();
        assert_eq!(serde_json::from_str::<Health>(&text).unwrap(), health);
    }
}

#[test]
fn the_output_of_a_few_failures_is_kept() {
    let failures: Vec<_> = (0..KEPT + 3).map(|_| (Purpose::Required, End::Exited(1))).collect();
    let health = health(&failures);
    assert_eq!(health.failed().filter(|check| !check.output.is_empty()).count(), KEPT);
    assert_eq!(health.failed().count(), KEPT + 3);
}

#[test]
fn checks_are_over_before_the_deadline() {
    for (limit, deadline, uptime, expected) in [
        (600, None, 1000, 600),
        (600, Some(600), 40, 530),
        (60, Some(600), 40, 60),
        (600, Some(75), 35, 20),
        (600, Some(75), 74, 1),
        (600, Some(75), 500, 1),
        (0, None, 0, 0),
    ] {
        assert_eq!(time_for_all(limit, deadline, uptime), expected, "{limit} {deadline:?} {uptime}");
    }
}

fn tail(chunks: &[&[u8]]) -> String {
    let mut tail = Tail::default();
    for chunk in chunks {
        tail.push(chunk);
    }
    tail.text()
}

#[test]
fn the_last_output_is_plain_text() {
    assert_eq!(tail(&[]), "");
    assert_eq!(tail(&[b"one\ntw", b"o\n\n"]), "one\ntwo");
    assert_eq!(tail(&[b"\x1b[2J\tx\r\n\xff"]), "\u{fffd}[2J x\u{fffd}\n\u{fffd}");
    let long = [b"first\n".to_vec(), vec![b'x'; 4000], b"\nlast".to_vec()].concat();
    assert_eq!(tail(&[&long]).len(), long.len());
    let longer = [vec![b'x'; 4000], b"\n".to_vec(), vec![b'y'; 4000]].concat();
    assert_eq!(tail(&[&longer]), "y".repeat(4000));
    assert_eq!(tail(&[&vec![b'z'; 9000]]), "z".repeat(4096));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn output_is_bounded_and_does_nothing_to_a_terminal(chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..3000), 0..8)) {
        let text = tail(&chunks.iter().map(Vec::as_slice).collect::<Vec<_>>());
        prop_assert!(text.len() <= output::LIMIT);
        prop_assert!(!text.contains(|c: char| c.is_control() && c != '\n'));
    }

    #[test]
    fn it_does_not_matter_how_output_arrives(bytes in prop::collection::vec(any::<u8>(), 0..9000), at in any::<prop::sample::Index>()) {
        let (before, after) = bytes.split_at(at.index(bytes.len() + 1));
        prop_assert_eq!(tail(&[before, after]), tail(&[&bytes]));
    }

    #[test]
    fn no_configuration_panics(text in "(DISABLED_HEALTHCHECKS=|[()\"'\n #$a.]|\\PC){0,30}") {
        let _ = disabled(&text);
    }

    #[test]
    fn plain_names_are_read_back(names in prop::collection::vec("[a-zA-Z0-9._-]{1,12}", 0..6)) {
        let quoted: Vec<_> = names.iter().map(|name| std::format!("\"{name}\"")).collect();
        prop_assert_eq!(disabled(&std::format!("X=1\nDISABLED_HEALTHCHECKS=({})\n", quoted.join(" "))), Ok(names));
    }

    #[test]
    fn the_time_for_all_is_bounded(limit in 1_u64..100_000, deadline in prop::option::of(any::<u64>()), uptime in any::<u64>()) {
        let time = time_for_all(limit, deadline, uptime);
        prop_assert!(time >= 1 && time <= limit);
        let in_time = |deadline: u64| deadline < uptime.saturating_add(2) || uptime + time <= deadline;
        prop_assert!(deadline.is_none_or(in_time));
    }
}
