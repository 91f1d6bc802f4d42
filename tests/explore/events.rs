//! What can happen to a machine, by itself or by a person. A verb refuses what the real one refuses: that is no event.

use crate::boot::{self, mark_good, shut_down};
use crate::world::{Quality, Store, Tree, World};
use bedplate::decide::deploy::{self, Nesting, Removal, Source, Standing, WhileOnTrial, may_deploy, may_remove};
use bedplate::decide::marker::Verdict;
use bedplate::decide::model::{BootId, Candidate, Facts, Id, Request, Selection};
use bedplate::decide::record::{Key, OnceGood};
use bedplate::decide::select::{Input, select};
use bedplate::decide::verdict::rollback_target;

/// An event with the world after it; what a boot came to is kept for its checks.
pub struct Next {
    pub event: String,
    pub world: World,
    pub log: Option<boot::Log>,
}

/// Everything that can happen next.
pub fn all(world: &World) -> Vec<Next> {
    let mut next: Vec<Next> = [switched_on(world, "power cut, boot")].into_iter().chain(clean_reboot(world)).collect();
    if world.running.is_some() && world.store == Store::Writable {
        let mut opened = world.clone();
        boot::open_for_change(&mut opened);
        next.extend(by_person(&opened));
    }
    next.extend(from_outside(world));
    next
}

fn event(name: String, world: World) -> Next {
    Next { event: name, world, log: None }
}

fn switched_on(world: &World, how: &str) -> Next {
    let mut world = world.clone();
    let log = boot::boot(&mut world);
    let what = log.chosen.map_or("nothing".into(), |(key, rule, _)| format!("{} {} {:?}", world.name(key), rule.word(), log.end));
    Next { event: format!("{how}: {what}"), world, log: Some(log) }
}

fn clean_reboot(world: &World) -> Option<Next> {
    world.running?;
    let mut world = world.clone();
    shut_down(&mut world);
    Some(switched_on(&world, "reboot"))
}

/// What the rules say for the next boot (`View::next_boot`).
fn next_boot(world: &World) -> (Facts, Selection) {
    let facts = Facts { boot_id: BootId::parse(&"0".repeat(32)).unwrap(), ..world.facts() };
    let request = Request { config: world.config.clone(), ..Request::default() };
    let (record, disk) = world.read();
    let selection = select(Input { request: &request, facts: &facts, record: &record, disk: &disk, failed: &[] });
    (facts, selection)
}

fn by_person(world: &World) -> Vec<Next> {
    let mut next: Vec<Next> = Quality::NEW.into_iter().filter_map(|quality| deploy(world, quality)).collect();
    let keys: Vec<Key> = world.live().map(Tree::key).collect();
    next.extend(keys.iter().filter_map(|key| set_default(world, *key)));
    next.extend(keys.iter().filter_map(|key| set_one_shot(world, *key)));
    next.extend(keys.iter().filter_map(|key| roll_back(world, Some(*key))));
    next.extend(keys.iter().filter_map(|key| remove(world, *key)));
    next.extend([roll_back(world, None), clear_default(world), mark_bad(world), say_good(world)].into_iter().flatten());
    next
}

/// Changes the record, and nothing else.
fn change(world: &World, name: String, change: impl FnOnce(&mut bedplate::decide::record::Record)) -> Option<Next> {
    let mut world = world.clone();
    let mut record = world.record.clone();
    change(&mut record);
    if record == world.record {
        return None;
    }
    world.write(&record);
    Some(event(name, world))
}

fn source() -> Source {
    Source { place: Nesting::Apart, covered: None, has_usr: true, has_etc: true, no_init: None, missing: vec![], mode: 0o755 }
}

fn deploy(world: &World, quality: Quality) -> Option<Next> {
    let place = world.trees.iter().position(Option::is_none)?;
    let mut world = world.clone();
    let tree = Tree::new(place, quality);
    let (key, id) = (tree.key(), tree.deployment.id.clone());
    let existing: Vec<Id> = world.live().map(|tree| tree.deployment.id.clone()).collect();
    let booted = world.running.map(|running| running.key);
    let store = deploy::Store { existing: &existing, record: &world.record, booted, protected: &[] };
    may_deploy(&id, Standing::Trial, WhileOnTrial::Refuse, store, &source()).ok()?;
    let mut record = world.record.clone();
    record.arm(key, world.config.boot.tries, &[]).ok()?;
    world.trees[place] = Some(tree);
    world.write(&record);
    Some(event(format!("deploy {id} ({quality:?})"), world))
}

fn set_default(world: &World, key: Key) -> Option<Next> {
    world.record.slot(key)?;
    let mut next = change(world, format!("set-default {}", world.name(key)), |record| record.set_default(key))?;
    let tree = next.world.tree_mut(key)?;
    (tree.refused, tree.bad) = (false, false);
    Some(next)
}

fn clear_default(world: &World) -> Option<Next> {
    change(world, "set-default --clear".into(), |record| record.default = None)
}

fn set_one_shot(world: &World, key: Key) -> Option<Next> {
    world.record.slot(key)?;
    change(world, format!("set-oneshot {}", world.name(key)), |record| record.one_shot = Some(key))
}

/// `rollback [ID]` (src/verbs/rollback.rs).
fn roll_back(world: &World, named: Option<Key>) -> Option<Next> {
    let running = world.running?;
    if named.is_none() && running.fell_back {
        return None;
    }
    let (facts, selection) = next_boot(world);
    let target = match named {
        Some(key) => world.record.slot(key).map(|slot| slot.key)?,
        None => rollback_target(&selection.candidates, &facts, &world.record, Some(running.key))?,
    };
    if target == running.key {
        return None;
    }
    let mut world = world.clone();
    if world.record.slot(target)?.once_good == OnceGood::Yes {
        world.mark(target, Verdict::Success, world.record.revision + 1);
    }
    let mut record = world.record.clone();
    record.roll_back(Some(running.key), target, world.config.boot.tries);
    world.write(&record);
    let tree = world.tree_mut(target)?;
    (tree.alone, tree.refused, tree.bad) = (0, false, false);
    let name = world.name(target);
    Some(event(if named.is_some() { format!("rollback {name}") } else { format!("rollback (to {name})") }, world))
}

fn mark_bad(world: &World) -> Option<Next> {
    let key = world.running?.key;
    let mut next = change(world, format!("mark bad ({})", world.name(key)), |record| record.mark_bad(key))?;
    // The marker comes first, and has the revision that the record gets.
    let mut before = world.clone();
    before.mark(key, Verdict::Failure, world.record.revision + 1);
    next.world.trees = before.trees;
    next.world.tree_mut(key)?.bad = true;
    Some(next)
}

/// The unit, or a person, says so once more.
fn say_good(world: &World) -> Option<Next> {
    let key = world.running?.key;
    let mut after = world.clone();
    mark_good(&mut after, key);
    (after.fingerprint() != world.fingerprint()).then(|| event("mark good".into(), after))
}

fn remove(world: &World, key: Key) -> Option<Next> {
    let (_, selection) = next_boot(world);
    let id = world.tree(key)?.deployment.id.clone();
    let booted = world.running.and_then(|running| world.tree(running.key)).map(|tree| &tree.deployment.id);
    let fallback: Option<&Candidate> =
        selection.candidates.iter().skip(1).find(|candidate| Some(&candidate.id) != selection.first().map(|c| &c.id));
    let removal = Removal { id: &id, key: Some(key), record: &world.record, orphans: &[], booted, fallback, carrier: None };
    may_remove(removal).ok()?;
    let mut next = change(world, format!("remove {id}"), |record| record.remove(key))?;
    for place in &mut next.world.trees {
        place.take_if(|tree| tree.key() == key);
    }
    next.world.argument.take_if(|named| *named == key);
    Some(next)
}

fn from_outside(world: &World) -> Vec<Next> {
    let mut next = Vec::new();
    let mut add = |name: String, change: &dyn Fn(&mut World)| {
        let mut world = world.clone();
        change(&mut world);
        next.push(event(name, world));
    };
    match world.argument {
        Some(_) => add("argument removed".into(), &|world| world.argument = None),
        None => world.live().for_each(|tree| {
            add(format!("argument {} left in place", tree.deployment.id), &|world| world.argument = Some(tree.key()));
        }),
    }
    if world.store == Store::Writable {
        add("disk read-only".into(), &|world| world.store = Store::ReadOnly);
        add("record refuses writes".into(), &|world| world.store = Store::Refuses);
    }
    if !world.lost {
        add("record lost".into(), &|world| {
            world.lost = true;
            world.trees.iter_mut().flatten().for_each(|tree| tree.refused = false);
        });
    }
    for tree in world.live().filter(|tree| tree.quality == Quality::Works && tree.once_good) {
        for quality in Quality::WORN {
            let wear = |world: &mut World| {
                if let Some(tree) = world.tree_mut(tree.key()) {
                    tree.quality = quality;
                }
            };
            add(format!("{} wears out ({quality:?})", tree.deployment.id), &wear);
        }
    }
    next
}
