use super::*;
use alloc::string::ToString;
use alloc::vec;
use proptest::prelude::*;

#[test]
fn what_run_keeps() {
    for (text, expected) in [
        ("watchdog0 30\n", Some(("watchdog0", 30))),
        ("watchdog12 4294967295", Some(("watchdog12", u32::MAX))),
        ("watchdog0 4294967296", None),
        ("watchdog 30", None),
        ("watchdog0", None),
        ("../sda 30", None),
        ("watchdog+1 30", None),
        ("watchdog0 -1", None),
        ("", None),
    ] {
        let expected = expected.map(|(device, seconds)| Armed { device: device.into(), seconds });
        assert_eq!(Armed::parse(text), expected, "{text:?}");
    }
}

proptest! {
    #[test]
    fn it_is_read_as_it_was_written(number: u32, seconds: u32) {
        let armed = Armed { device: alloc::format!("watchdog{number}"), seconds };
        prop_assert_eq!(Armed::parse(&armed.to_string()), Some(armed));
    }

    #[test]
    fn any_text_is_read_or_refused(text: String) {
        if let Some(armed) = Armed::parse(&text) {
            prop_assert_eq!(Armed::parse(&armed.to_string()), Some(armed));
        }
    }
}

#[test]
fn the_first_that_opens_unless_somebody_keeps_one() {
    // Digits of numbers that open; b: busy; x: broken; what is found, and what was asked.
    for (devices, expected, asked) in [
        (vec![("watchdog0", Ok(()))], Pick::Opened("watchdog0".into(), ()), 1),
        (vec![("watchdog10", Ok(())), ("watchdog2", Ok(()))], Pick::Opened("watchdog2".into(), ()), 1),
        (vec![("watchdog1", Ok(())), ("watchdog0", Err(Errno(19)))], Pick::Opened("watchdog1".into(), ()), 2),
        (vec![("watchdog0", Err(Errno::EBUSY)), ("watchdog1", Ok(()))], Pick::Taken("watchdog0".into()), 1),
        (vec![("watchdog0", Err(Errno::EACCES))], Pick::None(vec![("watchdog0".into(), Errno::EACCES)]), 1),
        (vec![("watchdog", Ok(())), ("rtc0", Ok(()))], Pick::None(vec![]), 0),
        (vec![], Pick::None(vec![]), 0),
    ] {
        let names = devices.iter().map(|(name, _)| (*name).into()).collect();
        let mut opened = 0;
        let found = pick(names, |name| {
            opened += 1;
            devices.iter().find(|(known, _)| *known == name).map_or(Err(Errno::ENOENT), |(_, result)| *result)
        });
        assert_eq!((found, opened), (expected, asked), "{devices:?}");
    }
}

#[test]
fn the_nearest_time_that_the_device_takes() {
    // Range of the device, what is set, what is wanted, what is made of it.
    for (least, most, current, wanted, expected) in [
        (1, 2046, 30, 60, 60),
        (1, 2046, 30, 3600, 2046),
        (1, 2046, 2046, 3600, 2046),
        (10, 128, 30, 1, 10),
        (30, 30, 30, 31, 30),
        (30, 30, 30, 1, 30),
        (1, 2046, 30, u64::MAX, 2046),
        (1, i32::MAX.unsigned_abs(), 30, u64::MAX, i32::MAX.unsigned_abs()),
    ] {
        let (mut set, mut times) = (current, 0);
        let settled = settle(wanted, current, |seconds| {
            times += 1;
            (least..=most).contains(&seconds).then(|| {
                set = seconds;
                seconds
            })
        });
        assert_eq!(settled, expected, "{least}..={most} {wanted}");
        assert_eq!(set, expected, "the device has the time that was told");
        assert!(times < 34, "{times}");
    }
    // A driver may make another time of what it takes.
    assert_eq!(settle(30, 60, |seconds| Some(seconds.next_multiple_of(16))), 32);
    // One that sets none keeps its own.
    assert_eq!(settle(30, 60, |_| None), 60);
}

#[test]
fn what_the_keeper_does() {
    use Asked::{Leave, Nothing, Stop};
    use Stoppable::{No, Perhaps};
    use Time::{Left, Over};
    use Verdict::{Good, Open};
    for (asked, verdict, time, stoppable, expected) in [
        (Nothing, Open, Left, Perhaps, Next::Pet),
        (Nothing, Open, Left, No, Next::Pet),
        (Nothing, Open, Over, Perhaps, Next::Starve),
        (Nothing, Open, Over, No, Next::Starve),
        // A good machine is not reset, however late the word comes.
        (Nothing, Good, Left, Perhaps, Next::Stop),
        (Nothing, Good, Over, Perhaps, Next::Stop),
        (Nothing, Good, Left, No, Next::Pet),
        (Nothing, Good, Over, No, Next::Pet),
        // A person stops the unit.
        (Stop, Open, Left, Perhaps, Next::Stop),
        (Stop, Open, Over, Perhaps, Next::Stop),
        (Stop, Open, Over, No, Next::Pet),
        (Stop, Good, Left, No, Next::Pet),
        // The machine goes down, good or not.
        (Leave, Open, Left, Perhaps, Next::Leave),
        (Leave, Open, Over, No, Next::Leave),
        (Leave, Good, Left, No, Next::Leave),
    ] {
        let situation = Situation { asked, verdict, time, stoppable };
        assert_eq!(next(situation), expected, "{situation:?}");
    }
}

#[test]
fn times() {
    for (deadline, since_boot, expected) in [
        (None, u64::MAX, Time::Left),
        (Some(600), 600, Time::Left),
        (Some(600), 659, Time::Left),
        (Some(600), 660, Time::Over),
        (Some(u64::MAX), u64::MAX - 1, Time::Left),
    ] {
        assert_eq!(time(deadline, since_boot), expected, "{deadline:?} {since_boot}");
    }
    assert_eq!([1, 30, u32::MAX].map(pause_millis), [333, 10_000, 1_431_655_765_000]);
    assert_eq!([119, 120, 600].map(last_stretch), [Next::Stop, Next::Leave, Next::Leave]);
}
