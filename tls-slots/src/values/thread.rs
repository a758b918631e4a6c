//! The values of one thread, and how they end.
//!
//! The problem: the host must drop the values of all keys when their thread ends, in reverse order
//! of initialisation, whoever initialised them. And when a module is unloaded, no thread may keep a
//! value of one of its private keys; `sweep.rs` sees to that.
//!
//! Each thread that has touched a key has a [`Thread`]: one [`Entry`] per key, by the index of the
//! key's definition.
//!
//! | entry | table slot | next |
//! | --- | --- | --- |
//! | `Empty` | null | `Alive` at first use |
//! | `Alive` | the value (null for keys beyond the table) | `Destroyed` when the thread ends, `Empty` when the key's image is unloaded, or the key is reset |
//! | `Destroyed` | null | `Empty` when the key's image is unloaded |
//!
//! The thread itself goes through [`State`]: new, live, ended. After a thread has ended, every
//! access finds "destroyed".
//!
//! Locks: a mutex guards a thread's own entries. The thread's cold paths take it, uncontended, and
//! so does `sweep.rs`, which visits all threads. No lock is held while an initialiser or a
//! destructor runs: they are code of a user.

use std::alloc::{Layout, handle_alloc_error};
use std::any::Any;
use std::cell::Cell;
use std::panic::AssertUnwindSafe;
use std::ptr;

use crate::keys::abi;
use crate::sync::{
    AtomicBool, Mutex, MutexGuard, Ordering, alloc, catch_unwind, dealloc, discard_panic,
    into_value, lock, statics, thread_local,
};
use crate::table::Table;
use crate::values::definition::Definition;
use crate::{exit, observers};

/// What a thread knows of one key.
pub(super) enum Entry {
    Empty,
    Alive(Value),
    Destroyed,
}

/// A live value. Invariant: `at` is a block of `layout` from the global allocator that holds a
/// value which `drop`, where there is one, can drop.
pub(super) struct Value {
    pub(super) at: *mut u8,
    layout: Layout,
    drop: Option<abi::DropInPlace>,
    /// Offset in the table, 0 beyond it.
    pub(super) slot: usize,
}

impl Value {
    /// Drops the value and frees its block, and discards a panic of its destructor. For the end of
    /// a thread or an image, where std would end the process for a panic. What the value owned may
    /// be leaked then.
    pub(super) fn end_without_panic(mut self) {
        if let Some(drop) = self.drop.take() {
            // SAFETY: the value is live, by the type's invariant, and gone from its entry. `take`
            // makes sure that this happens once.
            discard_panic(|| unsafe { drop(self.at) });
        }
        self.forget();
    }

    /// Drops the value and frees its block.
    pub(super) fn end(self) {
        if let Some(drop) = self.drop {
            // SAFETY: the value is live, by the type's invariant, and gone from its entry, so this
            // happens once.
            unsafe { drop(self.at) }
        }
        self.forget();
    }

    /// Frees the block without dropping the value.
    pub(super) fn forget(self) {
        // SAFETY: allocated with this layout, by the type's invariant.
        unsafe { dealloc(self.at, self.layout) }
    }
}

/// What a thread has.
#[derive(Default)]
pub(super) struct Values {
    /// By the definition's index.
    pub(super) entries: Vec<Entry>,
    /// Indices of values that need dropping, in order of initialisation.
    pub(super) order: Vec<usize>,
    /// Whether `run_destructors` will be called.
    armed: bool,
}

impl Values {
    pub(super) fn entry(&mut self, index: usize) -> &mut Entry {
        if self.entries.len() <= index {
            self.entries.resize_with(index + 1, || Entry::Empty);
        }
        &mut self.entries[index]
    }
}

/// One thread's values.
pub(super) struct Thread {
    /// For messages.
    pub(super) id: exit::ThreadId,
    pub(super) table: Table,
    values: Mutex<Values>,
}

// SAFETY: `Values` holds raw pointers to values that need not be `Send`. Other threads only free
// such a value's memory, without touching the value, when the image of its key is unloaded
// (`sweep::forget`).
unsafe impl Send for Thread {}
// SAFETY: as for `Send`; the mutex orders the accesses.
unsafe impl Sync for Thread {}

impl Thread {
    pub(super) fn values(&self) -> MutexGuard<'_, Values> {
        lock(&self.values)
    }

    /// The live value at an index.
    pub(super) fn value(&self, index: usize) -> Option<*mut u8> {
        match self.values().entries.get(index) {
            Some(Entry::Alive(value)) => Some(value.at),
            _ => None,
        }
    }

    /// Takes the last initialised value, of those that need dropping and whose index is `wanted`,
    /// for the thread itself to drop. Its key is destroyed from now on.
    pub(super) fn take_last(&self, wanted: impl Fn(usize) -> bool) -> Option<Value> {
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
    /// All live threads. Invariant: a pointer is here from its creation until `release`, which
    /// frees it after taking it from here.
    static THREADS: Mutex<Vec<&'static Thread>> = Mutex::new(Vec::new());

    /// Whether each [`Thread`] is freed when its thread ends. If the system once refused to tell,
    /// an ended thread may still be listed, and its table is gone. From then on no table of another
    /// thread is written, and no slot is used again.
    static RELEASES: AtomicBool = AtomicBool::new(true);
}

/// Whether slots and indices of an unloaded image can be used again.
pub(crate) fn slots_can_be_reused() -> bool {
    RELEASES.load(Ordering::Relaxed)
}

pub(super) fn threads() -> MutexGuard<'static, Vec<&'static Thread>> {
    lock(&THREADS)
}

/// The calling thread, if it has used a key and has not ended.
///
/// The reference is good until the thread calls `release`, which nothing that holds it does.
pub(super) fn existing<'a>() -> Option<&'a Thread> {
    match STATE.with(Cell::get) {
        // SAFETY: the variant's invariant; only `release` frees it, as this thread's last act, and
        // sets the state to `Ended`.
        State::Live(thread) => Some(unsafe { &*thread }),
        State::New | State::Ended => None,
    }
}

/// The calling thread, made on first use; `None` when the thread has ended.
///
/// The reference is good as long as [`existing`]'s.
fn current<'a>() -> Option<&'a Thread> {
    match STATE.with(Cell::get) {
        State::Live(_) => existing(),
        State::Ended => None,
        State::New => {
            if !arm_end() {
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
pub(crate) fn get(definition: &Definition) -> Found {
    let Some(thread) = current() else {
        return Found::Destroyed;
    };
    match thread.values().entry(definition.index) {
        Entry::Empty => Found::Nothing,
        Entry::Alive(value) => Found::Value(value.at),
        Entry::Destroyed => Found::Destroyed,
    }
}

/// Storage for the calling thread's value of a key, which counts as live from now on.
pub(crate) fn reserve(definition: &Definition) -> Found {
    match get(definition) {
        Found::Nothing => {}
        found => return found,
    }
    let at = allocate(definition.layout);
    match install(definition, at) {
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
pub(crate) unsafe fn initialise(definition: &Definition, init: abi::Init) -> Result<Found, String> {
    let at = allocate(definition.layout);
    // The module that asks could not catch a panic of the host with its std, which takes it for a
    // foreign exception and aborts. It gets the message instead.
    let result = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: storage of the key's layout; the function is the key's, by the caller's promise.
        unsafe { init(at) }
    }));
    if let Err(payload) = result {
        // SAFETY: allocated above, with that layout; the initialiser has not written a value.
        unsafe { dealloc(at, definition.layout) }
        return Err(panic_message(&*payload));
    }
    Ok(match install(definition, at) {
        Ok(()) => Found::Value(at),
        Err(value) => {
            value.end();
            Found::Destroyed
        }
    })
}

/// The text of a panic's payload, or a stand-in.
pub fn panic_message(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "(a panic without a text)".to_owned()
    }
}

fn allocate(layout: Layout) -> *mut u8 {
    // SAFETY: `Definition::layout` is never of size zero.
    let at = unsafe { alloc(layout) };
    if at.is_null() {
        handle_alloc_error(layout);
    }
    at
}

/// Makes the block at `at` the calling thread's value. If the initialiser has used its own key, the
/// inner value is dropped, as with std's thread-locals. Gives the value back if its time is over.
fn install(definition: &Definition, at: *mut u8) -> Result<(), Value> {
    let value = Value {
        at,
        layout: definition.layout,
        drop: definition.drop,
        slot: definition.slot,
    };
    let Some(thread) = current() else {
        return Err(value);
    };
    let mut values = thread.values();
    let old = match values.entry(definition.index) {
        Entry::Destroyed => return Err(value),
        entry => std::mem::replace(entry, Entry::Alive(value)),
    };
    if definition.slot != 0 {
        // SAFETY: this thread's table, the key's slot, and a value of the key that stays until its
        // entry changes, which is when the slot is cleared.
        unsafe { thread.table.set(definition.slot, at) }
    }
    let mut arm = false;
    if definition.drop.is_some() && !matches!(old, Entry::Alive(_)) {
        values.order.push(definition.index);
        arm = !std::mem::replace(&mut values.armed, true);
    }
    drop(values);
    if arm {
        exit::arm_destructors(run_destructors);
    }
    if let Entry::Alive(old) = old {
        old.end();
    }
    Ok(())
}

/// The calling thread ends, and its thread-locals are gone: runs the destructors that came too late
/// for [`run_destructors`], and frees everything.
fn end() {
    for observer in observers::all() {
        (observer.thread_ends)();
    }
    run_destructors();
    release();
}

/// Sees to it that observers are told when the calling thread ends. For a thread that is ending,
/// this is called once more. False where the system refuses.
pub fn arm_end() -> bool {
    exit::arm_release(end)
}

/// Drops the calling thread's values, last initialised first, also those that destructors make.
pub(crate) fn run_destructors() {
    let Some(thread) = existing() else {
        return;
    };
    while let Some(value) = thread.take_last(|_| true) {
        value.end_without_panic();
    }
    // Nothing was made since: that happens on this thread only.
    thread.values().armed = false;
}

/// Frees what the calling thread still has. Later accesses find the thread ended.
pub(crate) fn release() {
    let State::Live(thread) = STATE.with(|state| state.replace(State::Ended)) else {
        return;
    };
    {
        let mut threads = threads();
        threads.retain(|listed| !ptr::eq(*listed, thread));
        // SAFETY: the variant's invariant; it is freed further below.
        let thread = unsafe { &*thread };
        for observer in observers::all() {
            // SAFETY: a thread's value at an index is a live value of the definition with that
            // index.
            unsafe { (observer.thread_ended)(&|index| thread.value(index)) }
        }
    }
    // SAFETY: leaked by `current`, no longer listed, and no longer reachable through `STATE`.
    let thread = unsafe { Box::from_raw(thread.cast_mut()) };
    let values = into_value(thread.values);
    for entry in values.entries {
        if let Entry::Alive(value) = entry {
            if value.slot != 0 {
                // SAFETY: this thread's table, the value's slot; null is always valid.
                unsafe { thread.table.set(value.slot, ptr::null_mut()) }
            }
            // Values that need dropping are gone: what is left needs none.
            value.forget();
        }
    }
}
