//! Wakers of a module that others keep: counted, and in a box of the host's.
//!
//! # The problem
//!
//! A [`Waker`] is a pointer to four functions. Code that polls a shared object, such as a socket of
//! the host, leaves a clone of its waker in that object. tokio's own wakers are the host's code.
//! But a module may poll with a waker of its own: that of a `FuturesUnordered`, of another
//! executor, of an implementation of `Wake`. When the module is unmapped, the next wake or drop is
//! a crash.
//!
//! # The way
//!
//! The forked tokio clones each waker that it keeps by [`keep`]. A waker whose functions are the
//! host's is cloned as ever, which costs a comparison. Another waker is asked for its image. If the
//! image is a module, the host puts a clone into a box of its own, [`Kept`], and the box counts for
//! the module until the clone is gone. All four functions of the waker that is kept are the host's.
//! So the host's code is the last to run, and ends the count after the last instruction of the
//! module's.
//!
//! | function of a kept waker | what it does |
//! | --- | --- |
//! | clone | one more reference to the box: the module's `clone` is not called |
//! | wake | the module's `wake_by_ref`, then as drop |
//! | wake by reference | the module's `wake_by_ref` |
//! | drop | one reference less; the last one drops the clone, then ends the count |

use alloc::sync::Arc;
use core::mem::ManuallyDrop;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use core::task::{RawWaker, RawWakerVTable, Waker};

use super::counted::Counted;
use super::counters::{begin_at, end_at};
use super::key::Key;
use super::macros::process_local;

/// Where an image counts: the key of its blocks, and the offset of its row.
pub type CountsAt = (&'static Key, usize);

/// Gives where the module counts in whose memory an address is. `None` if it is in no module.
pub type OwnerOf = fn(usize) -> Option<CountsAt>;

/// What the host knows of the code in the process.
struct Code {
    /// Where the executable starts.
    start: AtomicUsize,
    /// How long it is, in bytes. Without a loader everything counts as the executable's.
    len: AtomicUsize,
    /// Null, or an [`OwnerOf`]. It is not null once `len` says that something is not the
    /// executable's.
    owner_of: AtomicPtr<()>,
}

process_local! {
    static CODE: Code = Code {
        start: AtomicUsize::new(0),
        len: AtomicUsize::new(usize::MAX),
        owner_of: AtomicPtr::new(core::ptr::null_mut()),
    };
    static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);
}

/// Tells where the executable is, and who knows the modules. For the host's loader, which does so
/// before there are modules.
#[doc(hidden)]
pub fn set_owner(executable: core::ops::Range<usize>, owner_of: OwnerOf) {
    CODE.owner_of.store(owner_of as *mut (), Ordering::Release);
    CODE.start.store(executable.start, Ordering::Relaxed);
    // Release: who sees this length sees the rest.
    CODE.len
        .store(executable.end - executable.start, Ordering::Release);
}

/// A clone of a waker, to be kept where it may outlive the image whose code it is.
///
/// # Panics
///
/// As the waker's own `clone`.
#[inline]
pub fn keep(waker: &Waker) -> Waker {
    let vtable = core::ptr::from_ref(waker.vtable()).addr();
    // The length first, see `set_owner`.
    let len = CODE.len.load(Ordering::Acquire);
    match vtable.wrapping_sub(CODE.start.load(Ordering::Relaxed)) < len {
        true => waker.clone(),
        false => keep_foreign(waker),
    }
}

/// Whether both wake the same. A waker that is [kept](keep) and the waker that it was made of do.
#[inline]
pub fn will_wake(one: &Waker, other: &Waker) -> bool {
    one.will_wake(other) || {
        let (one_inner, other_inner) = (inner(one), inner(other));
        (one_inner.is_some() || other_inner.is_some())
            && one_inner
                .unwrap_or(one)
                .will_wake(other_inner.unwrap_or(other))
    }
}

/// What a kept waker was made of. `None` for other wakers.
#[inline]
fn inner(waker: &Waker) -> Option<&Waker> {
    core::ptr::eq(waker.vtable(), &raw const *VTABLE).then(|| {
        // SAFETY: a waker with this table was made by `keep_foreign`, and so its data is a `Kept`.
        // The waker has a reference to it as long as it is borrowed.
        unsafe { &(*waker.data().cast::<Kept>()).waker }
    })
}

/// [`keep`] for a waker whose functions are not in the executable.
#[inline(never)]
fn keep_foreign(waker: &Waker) -> Waker {
    crate::__on_host!(KEEP_FOREIGN: fn(&Waker) -> Waker = keep_foreign; (waker));
    let Some(counts_at) = owner(waker.vtable()) else {
        return waker.clone();
    };
    let counted = CountedAt::new(counts_at);
    let kept = Kept {
        waker: waker.clone(),
        _counted: counted,
    };
    let data = Arc::into_raw(Arc::new(kept)).cast();
    // SAFETY: the functions of the table keep the contract of `RawWaker`: `data` is a reference to
    // an `Arc<Kept>`, and `Kept` may be used and dropped on any thread, as a `Waker` may.
    unsafe { Waker::from_raw(RawWaker::new(data, &VTABLE)) }
}

/// Where the module counts whose code the functions in a table are.
fn owner(vtable: &'static RawWakerVTable) -> Option<CountsAt> {
    // Four pointers to functions, in whichever order.
    const WORDS: usize = 4;
    const { assert!(size_of::<RawWakerVTable>() == WORDS * size_of::<usize>()) }
    let owner_of = CODE.owner_of.load(Ordering::Acquire);
    // SAFETY: null, or an `OwnerOf` by the field's invariant; `Option` makes null `None`.
    let owner_of = unsafe { core::mem::transmute::<*mut (), Option<OwnerOf>>(owner_of) }?;
    let table = core::ptr::from_ref(vtable);
    // A table may be on the heap, so its functions are looked at as well.
    // SAFETY: the table has no padding, as it consists of this many pointers.
    let functions = unsafe { table.cast::<[*const (); WORDS]>().read() };
    let addresses = [table.addr()]
        .into_iter()
        .chain(functions.map(<*const ()>::addr));
    addresses.into_iter().find_map(owner_of)
}

/// A waker of a module, in the host's memory.
struct Kept {
    waker: Waker,
    /// After the waker, so that it is dropped last.
    _counted: CountedAt,
}

/// Counts as a waker of an image, from its start to its drop. Only the host makes one, so the last
/// instructions are the host's.
struct CountedAt(CountsAt);

impl CountedAt {
    fn new((key, offset): CountsAt) -> Self {
        // SAFETY: the host's loader gave key and offset. The drop of this value ends it.
        unsafe { begin_at(key, offset, Counted::Waker) }
        Self((key, offset))
    }
}

impl Drop for CountedAt {
    fn drop(&mut self) {
        let (key, offset) = self.0;
        // SAFETY: as in `new`, which began it. The image that has the row is not unloaded before
        // this, so the row is still its own.
        unsafe { end_at(key, offset, Counted::Waker) }
    }
}

/// # Safety
///
/// As [`RawWakerVTable::new`] says of `clone`, for the data of a kept waker.
unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: the data of a kept waker comes from `Arc::into_raw`.
    unsafe { Arc::increment_strong_count(data.cast::<Kept>()) }
    RawWaker::new(data, &VTABLE)
}

/// # Safety
///
/// As [`RawWakerVTable::new`] says of `wake`, for the data of a kept waker.
unsafe fn wake(data: *const ()) {
    // SAFETY: the data of a kept waker comes from `Arc::into_raw`, and this takes its reference.
    let kept = unsafe { Arc::from_raw(data.cast::<Kept>()) };
    kept.waker.wake_by_ref();
}

/// # Safety
///
/// As [`RawWakerVTable::new`] says of `wake_by_ref`, for the data of a kept waker.
unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: the data of a kept waker comes from `Arc::into_raw`, and the reference stays.
    let kept = unsafe { ManuallyDrop::new(Arc::from_raw(data.cast::<Kept>())) };
    kept.waker.wake_by_ref();
}

/// # Safety
///
/// As [`RawWakerVTable::new`] says of `drop`, for the data of a kept waker.
unsafe fn drop_waker(data: *const ()) {
    // SAFETY: the data of a kept waker comes from `Arc::into_raw`, and this takes its reference.
    drop(unsafe { Arc::from_raw(data.cast::<Kept>()) });
}
