//! The rules of selection once more, as one list with all that stands for them: slow, short, and compared with the real ones
//! on everything that is reached. (The trees of these worlds are whole, armed, and fit the kernel.)

use bedplate::decide::config::Count;
use bedplate::decide::model::{Counting, Deployment, Disk, Rule, Selection};
use bedplate::decide::record::{Barred, Key, OnceGood, Slot, Status};
use bedplate::decide::select::Input;

type Line = (Key, Rule, Counting);

/// Where the real selection does not say the same.
pub fn difference(input: Input<'_>, selection: &Selection) -> Option<String> {
    let key = |id| input.facts.deployment(id).and_then(Deployment::key);
    let real: Vec<Line> = selection.candidates.iter().filter_map(|c| Some((key(&c.id)?, c.rule, c.counting))).collect();
    let expected = candidates(input);
    (real != expected).then(|| format!("selected {real:?}, the rules say {expected:?}"))
}

fn candidates(input: Input<'_>) -> Vec<Line> {
    let boot = input.facts.boot_id.short();
    let here = |key: Key| input.facts.deployments.iter().find(|deployment| deployment.key() == Some(key));
    let left_out = |key: Key| {
        let failed_now = input.record.slot(key).is_some_and(|slot| slot.failed_in(boot));
        failed_now || here(key).is_none_or(|deployment| input.failed.contains(&deployment.id))
    };
    let mut list: Vec<Line> = Vec::new();
    for (key, rule, counting) in everything(input) {
        if !left_out(key) && !list.iter().any(|(other, ..)| *other == key) {
            list.push((key, rule, if writable(input) { counting } else { Counting::Uncounted }));
        }
    }
    list
}

fn writable(input: Input<'_>) -> bool {
    *input.disk == Disk::Writable
}

/// With repetitions, and with those that cannot be.
fn everything(input: Input<'_>) -> Vec<Line> {
    let Input { request, facts, record, .. } = input;
    let config = &request.config.boot;
    let boot = facts.boot_id.short();
    let counted = |slot: &Slot, rule| (slot.key, rule, Counting::Counted);
    let unspent = |slot: &&Slot| slot.forced < config.tries || slot.is_open_in(boot);
    let by_order = |list: &mut Vec<&Slot>| list.sort_by_key(|slot| u8::MAX - slot.order);

    let mut lines: Vec<Line> = record.slots.iter().filter(|slot| slot.is_open_in(boot)).filter_map(|s| Some(counted(s, s.rule?))).collect();
    let named = request.deployment.as_ref().and_then(|name| facts.deployments.iter().find(|d| d.id.as_str() == name)?.key());
    match named.map(|key| (key, record.slot(key))) {
        Some((_, Some(slot))) if writable(input) || slot.once_good == OnceGood::Yes => {
            lines.extend(Some(slot).filter(unspent).map(|slot| counted(slot, Rule::Argument)));
        }
        Some((key, None)) if writable(input) => lines.push((key, Rule::Argument, Counting::Counted)),
        _ => {}
    }
    if writable(input) {
        let slot = |key: Option<Key>| key.and_then(|key| record.slot(key));
        lines.extend(slot(record.one_shot).map(|slot| counted(slot, Rule::OneShot)));
        lines.extend(slot(record.default).filter(unspent).map(|slot| counted(slot, Rule::Default)));
        lines.extend(record.slots.iter().filter(|s| s.status == Status::Trial && s.left > 0).map(|s| counted(s, Rule::Trial)));
    }

    let chosen_by_rule = |slot: &&Slot| slot.status == Status::Good && slot.barred == Barred::No;
    let incumbent = record.slots.iter().find(|slot| Some(slot.key) == record.incumbent).filter(chosen_by_rule);
    if let Some(slot) = incumbent {
        let worn = config.good_tries > 0 && slot.started >= config.good_tries;
        let proven = facts.previous.is_some_and(|ending| ending.key == slot.key && ending.is_proven());
        match (writable(input), worn || proven, config.count) {
            (false, ..) | (true, false, Count::Needed) => lines.push((slot.key, Rule::Incumbent, Counting::Uncounted)),
            (true, false, Count::Always) if slot.left > 0 => lines.push((slot.key, Rule::Incumbent, Counting::Counted)),
            _ => {}
        }
    }
    let mut others: Vec<&Slot> = record.slots.iter().filter(chosen_by_rule).filter(|slot| slot.left > 0).collect();
    by_order(&mut others);
    lines.extend(others.iter().filter(|slot| Some(slot.key) != record.incumbent).map(|slot| counted(slot, Rule::OnceGood)));
    lines.extend(incumbent.filter(|slot| slot.left > 0).map(|slot| counted(slot, Rule::IncumbentCounted)));

    let mut rest: Vec<&Slot> = record.slots.iter().filter(|s| !matches!(s.status, Status::Broken | Status::Unarmed)).collect();
    by_order(&mut rest);
    rest.sort_by_key(|slot| slot.barred == Barred::Yes);
    rest.sort_by_key(|slot| slot.once_good == OnceGood::No);
    rest.sort_by_key(|slot| u32::from(slot.done) + if slot.status == Status::MarkedBad { config.tries.into() } else { 0 });
    lines.extend(rest.into_iter().map(|slot| counted(slot, Rule::LastResort)));
    lines
}
