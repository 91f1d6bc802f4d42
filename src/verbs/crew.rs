//! Looks at many paths of one directory with all cores.

use super::progress::Progress;
use bedplate::boot::copy::Totals;
use bedplate::boot::inventory::{Content, Describer, Flow};
use bedplate::decide::inventory::Entry;
use bedplate::sys::program::interrupt::Interrupts;
use bedplate::sys::{BorrowedFd, SysResult};
use std::ffi::CString;
use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread;

/// What is to be done.
pub struct Task<'a> {
    pub root: BorrowedFd<'a>,
    /// Numbers for the job, in the order in which they are begun: large ones first, so that none is left at the end.
    pub order: &'a [u32],
    /// In all; for the line of progress.
    pub whole: Totals,
    /// For the same: "checking".
    pub word: &'static str,
}

/// How far all of them are.
#[derive(Default)]
struct State {
    next: AtomicUsize,
    bytes: AtomicU64,
    files: AtomicU64,
    stop: AtomicBool,
}

/// One of the crew, for the job to look with.
pub struct Hand<'a> {
    describer: Describer<'a>,
    state: &'a State,
    watch: &'a mut dyn FnMut(Totals) -> Flow,
}

/// Does the job for every number of the order and returns all that it has found, in no order; nothing where it was interrupted.
pub fn share<T: Send>(task: &Task<'_>, interrupts: &Interrupts, job: impl Fn(&mut Hand<'_>, u32, &mut Vec<T>) + Sync) -> Option<Vec<T>> {
    let state = State::default();
    let mut progress = Progress::begin(task.word, task.whole);
    let mut look_out = |done: Totals| if progress.show(done) && interrupts.arrived() { Flow::Stop } else { Flow::Continue };
    let others = thread::available_parallelism().map_or(1, NonZero::get).saturating_sub(1).min(task.order.len());
    let found = thread::scope(|scope| {
        let spawned: Vec<_> = (0..others).map(|_| scope.spawn(|| work(task, &state, &mut |_| Flow::Continue, &job))).collect();
        let mut found = work(task, &state, &mut look_out, &job);
        for other in spawned {
            // One that panicked has ended the program.
            found.extend(other.join().unwrap_or_default());
        }
        found
    });
    progress.end();
    (!state.stop.into_inner()).then_some(found)
}

fn work<T>(
    task: &Task<'_>,
    state: &State,
    watch: &mut dyn FnMut(Totals) -> Flow,
    job: &impl Fn(&mut Hand<'_>, u32, &mut Vec<T>),
) -> Vec<T> {
    let mut found = Vec::new();
    let mut hand = Hand { describer: Describer::new(task.root), state, watch };
    while let Some(number) = task.order.get(state.next.fetch_add(1, Ordering::Relaxed)) {
        if state.stop.load(Ordering::Relaxed) {
            break;
        }
        job(&mut hand, *number, &mut found);
        hand.has_done(0, 1);
    }
    found
}

impl Hand<'_> {
    pub fn describe(&mut self, path: &[u8], content: Content<'_>) -> SysResult<Option<Entry>> {
        let Self { describer, state, watch } = self;
        describer.describe(path, content, &mut |bytes| state.add(bytes, 0, &mut **watch))
    }

    pub fn names(&mut self, path: &[u8]) -> SysResult<Vec<CString>> {
        self.describer.names(path)
    }

    fn has_done(&mut self, bytes: u64, files: u64) {
        self.state.add(bytes, files, self.watch);
    }
}

impl State {
    fn add(&self, bytes: u64, files: u64, watch: &mut dyn FnMut(Totals) -> Flow) -> Flow {
        let bytes = self.bytes.fetch_add(bytes, Ordering::Relaxed).saturating_add(bytes);
        let files = self.files.fetch_add(files, Ordering::Relaxed).saturating_add(files);
        if watch(Totals { bytes, files, ..Totals::default() }) == Flow::Stop {
            self.stop.store(true, Ordering::Relaxed);
        }
        if self.stop.load(Ordering::Relaxed) { Flow::Stop } else { Flow::Continue }
    }
}
