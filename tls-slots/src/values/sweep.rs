//! What is done to values from outside of an access: reset, taken away, looked at.
//!
//! | function | who asks | on which threads |
//! | --- | --- | --- |
//! | [`reset`] | `reset_thread`, a thread in a quiescent state | the calling one |
//! | [`forget`] | the registry, when an image goes | all |
//! | [`with_values`], [`each_value`], [`to_be_dropped`] | a loader | all |
//!
//! A destructor belongs to its thread, so only the calling thread's values are dropped here.

use std::ptr;

use crate::exit;
use crate::values::definition::Definition;
use crate::values::thread::{Entry, existing, slots_can_be_reused, threads};

/// Runs `f` with the live values that all threads have of the definition with that index. No thread
/// ends meanwhile. `f` must not use keys.
pub fn with_values<R>(index: usize, f: impl FnOnce(&[*mut u8]) -> R) -> R {
    let threads = threads();
    let values: Vec<*mut u8> = threads
        .iter()
        .filter_map(|thread| thread.value(index))
        .collect();
    f(&values)
}

/// The threads that have values of these definitions that need to be dropped: the thread's name,
/// whether it is the calling thread, and how many values.
pub fn to_be_dropped(indices: &[usize]) -> Vec<(Option<String>, bool, usize)> {
    let own = existing();
    let threads = threads();
    threads
        .iter()
        .filter_map(|thread| {
            let count = {
                let values = thread.values();
                let wanted = |index: &&usize| indices.contains(index);
                values.order.iter().filter(wanted).count()
            };
            let is_current = own.is_some_and(|own| ptr::eq(own, *thread));
            // SAFETY: the thread is listed, and the list is locked, so it has not ended.
            let name = || unsafe { exit::thread_name(thread.id) };
            (count > 0).then(|| (name(), is_current, count))
        })
        .collect()
}

/// Drops the calling thread's values of these definitions, last initialised first. Afterwards the
/// keys are unused on this thread. Returns how many values there were.
///
/// While the destructors run, a key whose value is gone is destroyed, as at the thread's end.
///
/// # Safety
///
/// No code on this thread may have a reference to one of these values.
pub unsafe fn reset(indices: &[usize]) -> usize {
    let Some(thread) = existing() else {
        return 0;
    };
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

/// Removes every thread's value of these definitions, whose image is being unloaded.
///
/// The calling thread's values are dropped, as at its end. The values of other threads cannot be
/// dropped here: their memory is freed, and what they own is leaked.
pub(crate) fn forget(definitions: &[&Definition]) {
    if let Some(thread) = existing() {
        // All of them before any entry is empty again: a destructor may use these very keys.
        let gone = |index| {
            definitions
                .iter()
                .any(|definition| definition.index == index)
        };
        while let Some(value) = thread.take_last(gone) {
            value.end_without_panic();
        }
    }
    let threads = threads();
    for thread in threads.iter() {
        let mut values = thread.values();
        for definition in definitions {
            let entry = std::mem::replace(values.entry(definition.index), Entry::Empty);
            let Entry::Alive(value) = entry else { continue };
            values.order.retain(|index| *index != definition.index);
            if value.slot != 0 && slots_can_be_reused() {
                // SAFETY: the thread is listed and releases are working, so it has not ended; null
                // is always valid.
                unsafe { thread.table.set(value.slot, ptr::null_mut()) }
            }
            value.forget();
        }
    }
}

/// The thread that has a value.
#[derive(Clone, Copy)]
pub struct OfThread {
    /// Whether it is the calling thread.
    pub is_current: bool,
    /// The thread. It has not ended while the list of threads is locked.
    pub id: exit::ThreadId,
}

/// Shows every thread's live values: the thread, the definition's index, and the value's address.
///
/// `look` runs under the locks of the list of threads and of the thread's values, so the value is
/// not freed meanwhile. Its thread may still write to it.
pub(crate) fn each_value(mut look: impl FnMut(OfThread, usize, *const u8)) {
    let own = existing();
    for thread in threads().iter() {
        let of = OfThread {
            is_current: own.is_some_and(|own| ptr::eq(own, *thread)),
            id: thread.id,
        };
        for (index, entry) in thread.values().entries.iter().enumerate() {
            if let Entry::Alive(value) = entry {
                look(of, index, value.at);
            }
        }
    }
}
