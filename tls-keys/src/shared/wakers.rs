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
//! image is a module, the host puts a clone into a box of its own, `Kept`, and the box counts for
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
use core::ops::Range;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use core::task::{RawWaker, RawWakerVTable, Waker};

use super::counted::Counted;
use super::counters::{begin_at, end_at};
use super::key::Key;
use super::macros::process_local;
use super::process::ProcessLocal;

/// Where an image counts: the key of its blocks, and the offset of its row.
pub type CountsAt = (&'static Key, usize);

/// Gives where the module counts in whose memory an address is. `None` if it is in no module.
pub type OwnerOf = fn(usize) -> Option<CountsAt>;

/// Where the executable is.
struct Executable {
    start: AtomicUsize,
    /// In bytes.
    len: AtomicUsize,
}

impl Executable {
    const fn new(len: usize) -> Self {
        Self {
            start: AtomicUsize::new(0),
            len: AtomicUsize::new(len),
        }
    }

    fn set(&self, range: Range<usize>) {
        self.start.store(range.start, Ordering::Relaxed);
        // Release: who sees this length sees the start.
        self.len.store(range.end - range.start, Ordering::Release);
    }

    /// Whether a waker's table of functions is in the executable.
    #[inline(always)]
    fn has_code_of(&self, waker: &Waker) -> bool {
        let table = core::ptr::from_ref(waker.vtable()).addr();
        let len = self.len.load(Ordering::Acquire);
        table.wrapping_sub(self.start.load(Ordering::Relaxed)) < len
    }
}

/// What the host knows of the code in the process.
struct Code {
    /// Everything, until a loader has told.
    executable: Executable,
    /// Null, or an [`OwnerOf`]. It is not null once a loader has told. Invariant: what it gives is
    /// as [`set_owner`] demands.
    owner_of: AtomicPtr<()>,
}

process_local! {
    static CODE: Code = Code {
        executable: Executable::new(usize::MAX),
        owner_of: AtomicPtr::new(core::ptr::null_mut()),
    };
    static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);
}

/// This image's copy of what the host knows, as reading a key costs more. Nothing, until the first
/// waker is kept.
static EXECUTABLE: Executable = Executable::new(0);

/// Tells where the executable is, and who knows the modules. For the host's loader, which does so
/// before there are modules.
///
/// # Safety
///
/// What `owner_of` gives must be a key of blocks of counters, and the offset of the row in them
/// that the loader has given to the module.
#[doc(hidden)]
pub unsafe fn set_owner(executable: Range<usize>, owner_of: OwnerOf) {
    // The host's instance is its own. A module that contains a loader is refused, and tells nobody.
    let code = ProcessLocal::own(&CODE);
    code.owner_of.store(owner_of as *mut (), Ordering::Release);
    code.executable.set(executable.clone());
    EXECUTABLE.set(executable);
}

/// A clone of a waker, to be kept where it may outlive the image whose code it is.
///
/// # Panics
///
/// As the waker's own `clone`.
#[inline(always)]
pub fn keep(waker: &Waker) -> Waker {
    match EXECUTABLE.has_code_of(waker) {
        true => waker.clone(),
        false => keep_other(waker),
    }
}

/// [`keep`] where this image does not know the waker's code, perhaps as it has not asked yet.
#[inline(never)]
fn keep_other(waker: &Waker) -> Waker {
    let executable = &CODE.executable;
    let len = executable.len.load(Ordering::Acquire);
    // A module may run before the host's loader, if the executable is linked to it. It asks again.
    if len != usize::MAX {
        let start = executable.start.load(Ordering::Relaxed);
        EXECUTABLE.set(start..start + len);
    }
    match executable.has_code_of(waker) {
        true => waker.clone(),
        false => keep_foreign(waker),
    }
}

/// Whether both wake the same. A waker that is [kept](keep) and the waker that it was made of do.
#[inline(always)]
pub fn will_wake(one: &Waker, other: &Waker) -> bool {
    match core::ptr::eq(one.vtable(), other.vtable()) {
        true => core::ptr::eq(one.data(), other.data()),
        false => will_wake_inside(one, other),
    }
}

/// [`will_wake`] for wakers of which one may be kept.
#[inline(never)]
fn will_wake_inside(one: &Waker, other: &Waker) -> bool {
    let inside = |one, other| inner(one).is_some_and(|inner| inner.will_wake(other));
    inside(one, other) || inside(other, one)
}

/// What a kept waker was made of. `None` for other wakers.
fn inner(waker: &Waker) -> Option<&Waker> {
    core::ptr::eq(waker.vtable(), &raw const *VTABLE).then(|| {
        // SAFETY: a waker with this table was made by `keep_foreign`, and so its data is a `Kept`.
        // The waker has a reference to it as long as it is borrowed.
        unsafe { &(*waker.data().cast::<Kept>()).waker }
    })
}

/// [`keep`] for a waker whose functions are not in the executable.
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
        // SAFETY: key and offset are of an `OwnerOf`, and so are right by the promise to
        // `set_owner`. The drop of this value ends what begins here.
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
