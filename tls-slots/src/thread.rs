//! The values of one thread, and how they end.
//!
//! The problem: values of all keys, whoever initialised them, must be dropped by the host when their
//! thread ends, in reverse order of initialisation; and when a module is unloaded, nothing of its
//! private keys may be left on any thread.
//!
//! Each thread that has touched a key has a [`Thread`]: one [`Entry`] per key, by the key's index.
//!
//! | entry | table slot | next |
//! | --- | --- | --- |
//! | `Empty` | null | `Alive` at first use |
//! | `Alive` | the value (null for keys beyond the table) | `Destroyed` when the thread ends, `Empty` when the key's image is unloaded, or the key is reset |
//! | `Destroyed` | null | `Empty` when the key's image is unloaded |
//!
//! The thread itself goes through [`State`]: no record yet, live, ended. After it has ended every
//! access says "destroyed".
//!
//! Locks: a thread's own entries are behind a mutex, taken by the thread's cold paths, where it is
//! uncontended, and by [`forget`], which visits all threads. No lock is held while code of a user
//! runs: neither an initialiser nor a destructor.

use std::alloc::{Layout, handle_alloc_error};
use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::ptr;

use crate::exit;
use crate::keys::abi;
use crate::registry::Record;
use crate::sync::{
    AtomicBool, Mutex, MutexGuard, Ordering, PoisonError, alloc, catch_unwind, dealloc,
    discard_panic, statics, thread_local,
};
use crate::table::Table;
use crate::usage;

/// What a thread knows of one key.
enum Entry {
    Empty,
    Alive(Value),
    Destroyed,
}

/// A live value. Invariant: `at` is a block of `layout` from the global allocator that holds a value
/// which `drop`, where there is one, can drop.
struct Value {
    at: *mut u8,
    layout: Layout,
    drop: Option<abi::DropInPlace>,
    /// Offset in the table, 0 beyond it.
    slot: usize,
}

impl Value {
    /// Drops the value and frees its block, at a time when there is nobody to tell of a panic: std
    /// would end the process. What the value owned may be leaked then.
    fn end_contained(mut self) {
        if let Some(drop) = self.drop.take() {
            // SAFETY: as in `end`; taken, so it does not happen again.
            discard_panic(|| unsafe { drop(self.at) });
        }
        self.forget();
    }

    /// Drops the value and frees its block.
    fn end(self) {
        if let Some(drop) = self.drop {
            // SAFETY: the value is live, by the type's invariant, and gone from its entry, so this
            // happens once.
            unsafe { drop(self.at) }
        }
        self.forget();
    }

    /// Frees the block without dropping the value.
    fn forget(self) {
        // SAFETY: allocated with this layout, by the type's invariant.
        unsafe { dealloc(self.at, self.layout) }
    }
}

#[derive(Default)]
struct Values {
    /// By the key's index.
    entries: Vec<Entry>,
    /// Indices of values that need dropping, in order of initialisation.
    order: Vec<usize>,
    /// Whether `run_destructors` will be called.
    armed: bool,
}

impl Values {
    fn entry(&mut self, index: usize) -> &mut Entry {
        if self.entries.len() <= index {
            self.entries.resize_with(index + 1, || Entry::Empty);
        }
        &mut self.entries[index]
    }
}

/// One thread's values.
struct Thread {
    /// For messages.
    id: exit::ThreadId,
    table: Table,
    values: Mutex<Values>,
}

// SAFETY: `Values` holds raw pointers to values that need not be `Send`. Other threads only free
// such a value's memory, without touching the value, when the image of its key is unloaded
// (`forget`).
unsafe impl Send for Thread {}
// SAFETY: as above; the mutex does the rest.
unsafe impl Sync for Thread {}

impl Thread {
    fn values(&self) -> MutexGuard<'_, Values> {
        self.values.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The live value at an index.
    fn value(&self, index: usize) -> Option<*mut u8> {
        match self.values().entries.get(index) {
            Some(Entry::Alive(value)) => Some(value.at),
            _ => None,
        }
    }

    /// Takes the last initialised value, of those that need dropping and whose index is `wanted`, for
    /// the thread itself to drop. Its key is destroyed from now on.
    fn take_last(&self, wanted: impl Fn(usize) -> bool) -> Option<Value> {
        let mut values = self.values();
        while let Some(at) = values.order.iter().rposition(|index| wanted(*index)) {
            let index = values.order.remove(at);
            let entry = std::mem::replace(values.entry(index), Entry::Destroyed);
            let Entry::Alive(value) = entry else {
                // Its image was unloaded.
                *values.entry(index) = entry;
                continue;
            };
            if value.slot != 0 {
                // SAFETY: this thread's table, the value's slot; null is always valid.
                unsafe { self.table.set(value.slot, ptr::null_mut()) }
            }
            return Some(value);
        }
        None
    }
}

/// Where a thread is in its life.
#[derive(Clone, Copy)]
enum State {
    New,
    /// Invariant: points to a leaked box that `release` frees.
    Live(*const Thread),
    Ended,
}

thread_local! {
    /// No destructor: readable until the thread is gone.
    static STATE: Cell<State> = const { Cell::new(State::New) };
}

statics! {
    /// All live threads. Invariant: a pointer is here from its creation until `release`, which frees
    /// it after taking it from here.
    static THREADS: Mutex<Vec<&'static Thread>> = Mutex::new(Vec::new());

    /// Whether each thread's record goes when the thread goes. If the system once refused, a record
    /// of an ended thread may still be listed, whose table is gone: then no table of another thread
    /// is written any more, and no slot used again.
    static RELEASES: AtomicBool = AtomicBool::new(true);
}

/// Whether slots and indices of an unloaded image can be used again.
pub(crate) fn slots_can_be_reused() -> bool {
    RELEASES.load(Ordering::Relaxed)
}

fn threads() -> MutexGuard<'static, Vec<&'static Thread>> {
    THREADS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The calling thread's record, made on first use; `None` when the thread has ended.
///
/// The reference is good until the thread calls `release`, which nothing that holds it does.
fn current<'a>() -> Option<&'a Thread> {
    match STATE.with(Cell::get) {
        // SAFETY: the variant's invariant; only `release` frees it, as this thread's last act, and
        // sets the state to `Ended`.
        State::Live(thread) => Some(unsafe { &*thread }),
        State::Ended => None,
        State::New => {
            if !exit::arm_release() {
                RELEASES.store(false, Ordering::Relaxed);
            }
            let thread: &'static Thread = Box::leak(Box::new(Thread {
                id: exit::thread_id(),
                table: Table::current(),
                values: Mutex::default(),
            }));
            threads().push(thread);
            STATE.with(|state| state.set(State::Live(thread)));
            Some(thread)
        }
    }
}

/// What a thread has for a key.
pub(crate) enum Found {
    /// The live value.
    Value(*mut u8),
    /// Nothing yet.
    Nothing,
    /// It is gone, or the thread is.
    Destroyed,
    /// Storage, counted as live.
    Storage(*mut u8),
}

/// The calling thread's value of a key.
pub(crate) fn get(record: &Record) -> Found {
    let Some(thread) = current() else {
        return Found::Destroyed;
    };
    match thread.values().entry(record.index) {
        Entry::Empty => Found::Nothing,
        Entry::Alive(value) => Found::Value(value.at),
        Entry::Destroyed => Found::Destroyed,
    }
}

/// Storage for the calling thread's value of a key, which counts as live from now on.
pub(crate) fn reserve(record: &Record) -> Found {
    match get(record) {
        Found::Nothing => {}
        found => return found,
    }
    let at = allocate(record.layout);
    match install(record, at) {
        Ok(()) => Found::Storage(at),
        Err(value) => {
            // Not reached: nothing ran between `get` and here.
            value.forget();
            Found::Destroyed
        }
    }
}

/// Makes the host's initialiser produce the calling thread's value.
///
/// # Errors
///
/// The initialiser's panic message.
///
/// # Safety
///
/// `init` must be the host's initialiser of this very key.
pub(crate) unsafe fn initialise(record: &Record, init: abi::Init) -> Result<Found, String> {
    let at = allocate(record.layout);
    // The module that asks could not catch a panic of the host with its std, which takes it for a
    // foreign exception and aborts. It gets the message instead.
    let result = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: storage of the key's layout; the function is the key's, by the caller's promise.
        unsafe { init(at) }
    }));
    if let Err(payload) = result {
        // SAFETY: allocated above, with that layout; the initialiser has not written a value.
        unsafe { dealloc(at, record.layout) }
        return Err(crate::panic_message(&*payload));
    }
    Ok(match install(record, at) {
        Ok(()) => Found::Value(at),
        Err(value) => {
            value.end();
            Found::Destroyed
        }
    })
}

fn allocate(layout: Layout) -> *mut u8 {
    // SAFETY: `Record::layout` is never of size zero.
    let at = unsafe { alloc(layout) };
    if at.is_null() {
        handle_alloc_error(layout);
    }
    at
}

/// Makes the block at `at` the calling thread's value. If the initialiser has used its own key, the
/// inner value is dropped, as with std's thread-locals. Gives the value back if its time is over.
fn install(record: &Record, at: *mut u8) -> Result<(), Value> {
    let value = Value {
        at,
        layout: record.layout,
        drop: record.drop,
        slot: record.slot,
    };
    let Some(thread) = current() else {
        return Err(value);
    };
    let mut values = thread.values();
    let old = match values.entry(record.index) {
        Entry::Destroyed => return Err(value),
        entry => std::mem::replace(entry, Entry::Alive(value)),
    };
    if record.slot != 0 {
        // SAFETY: this thread's table, the key's slot, and a value of the key that stays until its
        // entry changes, which is when the slot is cleared.
        unsafe { thread.table.set(record.slot, at) }
    }
    let mut arm = false;
    if record.drop.is_some() && !matches!(old, Entry::Alive(_)) {
        values.order.push(record.index);
        arm = !std::mem::replace(&mut values.armed, true);
    }
    drop(values);
    if arm {
        exit::arm_destructors();
    }
    if let Entry::Alive(old) = old {
        old.end();
    }
    Ok(())
}

/// Drops the calling thread's values, last initialised first, also those that destructors make.
pub(crate) fn run_destructors() {
    let State::Live(thread) = STATE.with(Cell::get) else {
        return;
    };
    // SAFETY: as in `current`.
    let thread = unsafe { &*thread };
    while let Some(value) = thread.take_last(|_| true) {
        value.end_contained();
    }
    // Nothing was made since: that happens on this thread only.
    thread.values().armed = false;
}

/// Frees what the calling thread still has, and its record. Later accesses find the thread ended.
pub(crate) fn release() {
    let State::Live(thread) = STATE.with(|state| state.replace(State::Ended)) else {
        return;
    };
    {
        let mut threads = threads();
        threads.retain(|listed| !ptr::eq(*listed, thread));
        // SAFETY: as in `current`: freed below.
        let thread = unsafe { &*thread };
        usage::thread_ends(|index| thread.value(index));
    }
    // SAFETY: leaked by `current`, no longer listed, and no longer reachable through `STATE`.
    let thread = unsafe { Box::from_raw(thread.cast_mut()) };
    let values = thread
        .values
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    for entry in values.entries {
        if let Entry::Alive(value) = entry {
            if value.slot != 0 {
                // SAFETY: as in `run_destructors`.
                unsafe { thread.table.set(value.slot, ptr::null_mut()) }
            }
            // Values that need dropping are gone: what is left needs none.
            value.forget();
        }
    }
}

/// Runs `f` with the live values that all threads have of the key with that index. No thread ends meanwhile,
/// and `f` must not use keys.
pub(crate) fn with_values<R>(index: usize, f: impl FnOnce(&[*mut u8]) -> R) -> R {
    let threads = threads();
    let values: Vec<*mut u8> = threads
        .iter()
        .filter_map(|thread| thread.value(index))
        .collect();
    f(&values)
}

/// The threads that have values of these keys that need to be dropped: name, whether it is the calling one, how
/// many.
#[cfg(feature = "load")]
pub(crate) fn to_be_dropped(indices: &[usize]) -> Vec<(Option<String>, bool, usize)> {
    let own = STATE.with(Cell::get);
    let threads = threads();
    threads
        .iter()
        .filter_map(|thread| {
            let count = {
                let values = thread.values();
                let wanted = |index: &&usize| indices.contains(index);
                values.order.iter().filter(wanted).count()
            };
            let is_current = matches!(own, State::Live(own) if ptr::eq(own, *thread));
            // It is listed, so it has not ended.
            (count > 0).then(|| (exit::thread_name(thread.id), is_current, count))
        })
        .collect()
}

/// Drops the calling thread's values of these keys, last initialised first, and makes the keys as good as
/// unused on this thread. Returns how many values there were.
///
/// While the destructors run, a key whose value is gone is destroyed, as at the thread's end.
pub(crate) fn reset(indices: &[usize]) -> usize {
    let State::Live(thread) = STATE.with(Cell::get) else {
        return 0;
    };
    // SAFETY: as in `current`.
    let thread = unsafe { &*thread };
    // Those that are destroyed already, because the thread is ending, stay so.
    let alive: Vec<usize> = {
        let mut values = thread.values();
        let mut indices = indices.to_vec();
        indices.retain(|index| matches!(values.entry(*index), Entry::Alive(_)));
        indices
    };
    while let Some(value) = thread.take_last(|index| alive.contains(&index)) {
        value.end();
    }
    let mut values = thread.values();
    for index in &alive {
        // What is left needs no destructor.
        if let Entry::Alive(value) = std::mem::replace(values.entry(*index), Entry::Empty) {
            if value.slot != 0 {
                // SAFETY: this thread's table, the value's slot; null is always valid.
                unsafe { thread.table.set(value.slot, ptr::null_mut()) }
            }
            value.forget();
        }
    }
    alive.len()
}

/// Removes every thread's value of these keys, whose image is being unloaded.
///
/// The calling thread's values are dropped, as at its exit. Those of other threads cannot be: a
/// destructor belongs to its thread. Their memory is freed, and what they own is leaked.
pub(crate) fn forget(records: &[&Record]) {
    if let State::Live(thread) = STATE.with(Cell::get) {
        // SAFETY: as in `current`.
        let thread = unsafe { &*thread };
        // All of them before any entry is empty again: a destructor may use these very keys.
        let gone = |index| records.iter().any(|record| record.index == index);
        while let Some(value) = thread.take_last(gone) {
            value.end_contained();
        }
    }
    let threads = threads();
    for thread in threads.iter() {
        let mut values = thread.values();
        for record in records {
            let entry = std::mem::replace(values.entry(record.index), Entry::Empty);
            let Entry::Alive(value) = entry else { continue };
            values.order.retain(|index| *index != record.index);
            if value.slot != 0 && slots_can_be_reused() {
                // SAFETY: the thread is listed and releases are working, so it has not ended; null
                // is always valid.
                unsafe { thread.table.set(value.slot, ptr::null_mut()) }
            }
            value.forget();
        }
    }
}

/// Whose a value is.
#[derive(Clone, Copy)]
pub(crate) struct OfThread {
    pub(crate) is_current: bool,
    /// While the list of threads is locked: not ended.
    pub(crate) id: exit::ThreadId,
}

/// Shows every thread's live values: the thread, the key's index, and where the value lies.
///
/// `look` runs under the locks of the list of threads and of the thread's values, so the value is not
/// freed meanwhile. Its thread may write to it all the same.
pub(crate) fn each_value(mut look: impl FnMut(OfThread, usize, *const u8)) {
    let own = match STATE.with(Cell::get) {
        State::Live(thread) => thread,
        State::New | State::Ended => ptr::null(),
    };
    for thread in threads().iter() {
        let of = OfThread {
            is_current: ptr::eq(*thread, own),
            id: thread.id,
        };
        for (index, entry) in thread.values().entries.iter().enumerate() {
            if let Entry::Alive(value) = entry {
                look(of, index, value.at);
            }
        }
    }
}
