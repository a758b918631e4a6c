//! Models of what threads do at the same time in `tls-slots` and `tls-keys`, for loom.
//!
//! ```text
//! RUSTFLAGS="--cfg loom" cargo test -p tls-slots --release --test loom
//! ```
//!
//! Loom runs each model once for every order in which its threads can meet at a lock or an atomic,
//! with at most `LOOM_MAX_PREEMPTIONS` (3 unless set) switches away from a thread that could go on.
//!
//! The files under test are compiled here as they are; only the two `sync.rs` and what the system
//! provides (`stand_ins.rs`) are replaced. The contracts that callers owe stay: in a model too, no
//! thread runs a module's code while that module is unloaded, and whoever loaded a module tells
//! others of it by something that synchronises.
//!
//! Every model was seen to fail: each says by which damage.
#![cfg(loom)]
#![allow(dead_code, unused_imports)] // whole files are included, and not all of them is used here
#![allow(unexpected_cfgs)] // `tls-keys` has a feature `std`, which is off here

extern crate alloc;

#[path = "../../src/export/keys.rs"]
mod export;
#[path = "../../src/registry/mod.rs"]
mod registry;
#[path = "../../src/report.rs"]
mod report;
#[path = "../../src/table/mod.rs"]
mod table;
#[path = "../../src/values/mod.rs"]
mod values;

mod keys;
mod stand_ins;
mod sync;

use std::cell::Cell;

use loom::sync::mpsc;

use keys::abi::{Declared, Image, Key, Text};
use keys::process::ProcessLocal;
use keys::{access, calls, image as own_image};
use stand_ins::{exit, fit, image, observers, stds, unload_hooks};
use sync::{AtomicUsize, is_in_use};

// Values ----------------------------------------------------------------------------------------

std::thread_local! {
    /// How many [`Counted`] were made and dropped in this run. Loom need not know.
    static MADE: Cell<u32> = const { Cell::new(0) };
    static DROPPED: Cell<u32> = const { Cell::new(0) };
}

const MAGIC: u64 = 0x5EED_5EED_5EED_5EED;

/// A value that needs dropping. `by` is the image whose initialiser made it.
struct Counted {
    magic: u64,
    by: u32,
    uses: Cell<u32>,
    /// Run when it is dropped.
    last: Cell<Option<fn()>>,
}

impl Counted {
    fn new(by: u32) -> Self {
        MADE.set(MADE.get() + 1);
        Self {
            magic: MAGIC,
            by,
            uses: Cell::new(0),
            last: Cell::new(None),
        }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        assert_eq!(self.magic, MAGIC, "no value, or no longer");
        DROPPED.set(DROPPED.get() + 1);
        if let Some(last) = self.last.take() {
            last();
        }
    }
}

/// A value that needs no dropping.
struct Plain {
    magic: u64,
    by: u32,
    uses: Cell<u32>,
}

/// What the models ask of a value.
trait Value: Sized + 'static {
    fn by_host() -> Self;
    fn by_module() -> Self;
    /// Who made it, and how often it was used before.
    fn touch(&self) -> (u32, u32);
}

const HOSTS: u32 = 1;
const MODULES: u32 = 2;

macro_rules! value {
    ($t:ty, $new:expr) => {
        impl Value for $t {
            fn by_host() -> Self {
                $new(HOSTS)
            }

            fn by_module() -> Self {
                $new(MODULES)
            }

            fn touch(&self) -> (u32, u32) {
                assert!(is_in_use(self), "the value was freed");
                assert_eq!(self.magic, MAGIC, "no value of this type");
                (self.by, self.uses.replace(self.uses.get() + 1))
            }
        }
    };
}

value!(Counted, Counted::new);
value!(Plain, |by| Plain {
    magic: MAGIC,
    by,
    uses: Cell::new(0)
});

// Images ----------------------------------------------------------------------------------------

extern "C" fn scope() -> Text {
    Text::new("loom")
}

fn declared(name: &'static str) -> Declared {
    Declared {
        package: Text::new("models"),
        version: Text::new("0.0.0"),
        name: Text::new(name),
        file: Text::new(file!()),
        line: 1,
        column: 1,
        type_text: Text::new("Value"),
        may_keep: false,
        scope,
    }
}

unsafe extern "C-unwind" fn init_by_host<T: Value>(at: *mut u8) {
    // SAFETY: storage for a `T`, says `Key::init`.
    unsafe { at.cast::<T>().write(T::by_host()) }
}

unsafe extern "C-unwind" fn init_by_module<T: Value>(at: *mut u8) {
    // SAFETY: as above.
    unsafe { at.cast::<T>().write(T::by_module()) }
}

fn hosts<T: Value>(name: &'static str) -> Key {
    Key::thread_local::<T>(declared(name), init_by_host::<T>)
}

fn modules<T: Value>(name: &'static str) -> Key {
    Key::thread_local::<T>(declared(name), init_by_module::<T>)
}

fn process(name: &'static str) -> Key {
    Key::process(declared(name), Box::leak(Box::new(0_u8)))
}

/// Not called: the stand-in does not try it.
unsafe extern "C" fn no_alloc(_: usize, _: usize) -> *mut u8 {
    std::ptr::null_mut()
}

/// As above.
unsafe extern "C" fn no_dealloc(_: *mut u8, _: usize, _: usize) {}

/// An image: its keys.
#[derive(Clone, Copy)]
struct Loaded {
    keys: &'static [Key],
    /// Where the registry writes what nobody reads here.
    row: &'static AtomicUsize,
}

impl Loaded {
    /// Maps it; its constructor has not run yet.
    fn map(keys: Vec<Key>) -> Self {
        let keys: &'static [Key] = Vec::leak(keys);
        for key in keys {
            let _made = (key.slot(), key.address(), key.definition());
        }
        let row: &'static AtomicUsize = Box::leak(Box::new(AtomicUsize::new(0)));
        row.settle();
        Self { keys, row }
    }

    fn describe(&self) -> Image {
        let bounds = self.keys.as_ptr_range();
        Image {
            key_size: size_of::<Key>(),
            keys_start: bounds.start,
            keys_end: bounds.end,
            manifest_start: std::ptr::null(),
            manifest_end: std::ptr::null(),
            alloc: no_alloc,
            dealloc: no_dealloc,
            row: self.row,
            core: std::ptr::null(),
        }
    }

    /// `dlopen`: maps it and runs its constructor.
    fn open(keys: Vec<Key>) -> Self {
        let image = Self::map(keys);
        own_image::within(image, own_image::enter);
        image
    }

    /// `dlclose`: runs its destructor. The memory is given back: nobody may look at a key again.
    fn close(self) {
        self.leave();
        // SAFETY: leaked by `map`; the image is gone. The keys' memory stays, to tell who comes too
        // late.
        unsafe { std::ptr::drop_in_place(std::ptr::from_ref(self.keys).cast_mut()) }
    }

    /// Its destructor.
    fn leave(self) {
        // SAFETY: a loaded image of nothing but keys, whose code does not run any more.
        unsafe { calls::unregister(&self.describe()) }
    }

    /// Uses a thread-local: who made the value, and how often it was used before.
    fn touch<T: Value>(self, at: usize) -> (u32, u32) {
        self.with::<T, _>(at, Value::touch)
    }

    fn with<T: Value, R>(self, at: usize, code: impl FnOnce(&T) -> R) -> R {
        self.try_with(at, code).expect("the thread is alive")
    }

    fn try_with<T: Value, R>(self, at: usize, code: impl FnOnce(&T) -> R) -> Option<R> {
        let init = if std::ptr::eq(self.keys, HOST.keys) {
            T::by_host
        } else {
            T::by_module
        };
        own_image::within(self, || {
            // SAFETY: a key of this image for a `T`; null, or a value of this thread.
            unsafe { access::access::<T>(&self.keys[at], None, init).as_ref() }.map(code)
        })
    }

    /// The address of a process-wide static.
    fn address(self, at: usize) -> *const u8 {
        // SAFETY: a transparent wrapper, and a key for a `u8`.
        let key = unsafe { &*(&raw const self.keys[at]).cast::<ProcessLocal<u8>>() };
        own_image::within(self, || std::ptr::from_ref::<u8>(key))
    }
}

/// The host's keys, by position.
const SHARED: usize = 0;
const STATIC: usize = 1;

loom::lazy_static! {
    static ref HOST: Loaded = Loaded::map(vec![hosts::<Counted>("SHARED"), process("STATIC")]);
}

// Models ----------------------------------------------------------------------------------------

/// Checks a model. At the end of each run every value must have been freed.
fn model(run: impl Fn() + Send + Sync + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound.get_or_insert(3);
    builder.max_branches = builder.max_branches.max(10_000);
    let runs = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = runs.clone();
    builder.check(move || {
        count.fetch_add(1, sync::Ordering::Relaxed);
        MADE.set(0);
        DROPPED.set(0);
        // The host is mapped, and known to the main thread, before there are others.
        assert_eq!(HOST.keys.len(), 2);
        run();
        exit::thread_end();
        sync::assert_all_freed();
    });
    let name = std::thread::current();
    println!(
        "{}: {} runs",
        name.name().unwrap_or_default(),
        runs.load(sync::Ordering::Relaxed)
    );
}

/// A thread of the model that ends as the system would have it.
fn spawn<R: 'static>(code: impl FnOnce() -> R + 'static) -> loom::thread::JoinHandle<R> {
    loom::thread::spawn(move || {
        let result = code();
        exit::thread_end();
        result
    })
}

/// A module with a shared key, a static of the host's, and private keys.
fn module() -> Vec<Key> {
    vec![
        modules::<Counted>("SHARED"),
        process("STATIC"),
        modules::<Counted>("PRIVATE"),
        modules::<Plain>("PLAIN"),
        process("OWN"),
    ]
}
const PRIVATE: usize = 2;
const PLAIN: usize = 3;
const OWN: usize = 4;

/// Uses the shared key twice on the calling thread, which has not used it before.
fn use_host(image: Loaded) {
    assert_eq!(image.touch::<Counted>(SHARED), (HOSTS, 0));
    assert_eq!(image.touch::<Counted>(SHARED), (HOSTS, 1));
}

/// The host's constructor has not run: three threads use its keys for the first time. Each has one
/// value, made once and dropped once, and all have the same static.
///
/// Seen to fail when `register_host` does not look whether the host is known, and when
/// `Key::resolve` stores the definition, or `Key::definition` loads it, `Relaxed`.
#[test]
fn first_access_on_many_threads() {
    model(|| {
        let run = || {
            use_host(*HOST);
            HOST.address(STATIC) as usize
        };
        let threads = [spawn(run), spawn(run)];
        let own = run();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), own);
        }
        exit::thread_end();
        assert_eq!((MADE.get(), DROPPED.get()), (3, 3));
        assert_eq!(report::images().len(), 1);
    });
}

/// The same in a module: one of its constructors runs before the one of its keys and starts
/// threads. Its private keys are the module's, its shared ones the host's.
///
/// Seen to fail when `register` does not look whether the module is known, and by the damages
/// above.
#[test]
fn first_access_in_a_module() {
    model(|| {
        let module = Loaded::map(module());
        let run = move || {
            use_host(module);
            assert_eq!(HOST.touch::<Counted>(SHARED), (HOSTS, 2));
            assert_eq!(module.touch::<Counted>(PRIVATE), (MODULES, 0));
            assert_eq!(module.touch::<Plain>(PLAIN), (MODULES, 0));
            assert_eq!(module.touch::<Plain>(PLAIN), (MODULES, 1));
            assert_eq!(module.address(STATIC), HOST.address(STATIC));
            assert_eq!(module.address(OWN), module.keys[OWN].own());
        };
        let thread = spawn(run);
        run();
        thread.join().unwrap();
        exit::thread_end();
        assert_eq!((MADE.get(), DROPPED.get()), (4, 4));
        assert_eq!(report::images().len(), 2);
    });
}

/// A module is loaded, used and unloaded while another thread uses the host's keys and another
/// module's, for the first time, and ends.
///
/// Seen to fail when `release` takes the thread from the list after freeing it, or not at all.
#[test]
fn a_module_comes_and_goes_while_others_are_used() {
    model(|| {
        let first = Loaded::open(module());
        let thread = spawn(move || {
            use_host(first);
            assert_eq!(first.touch::<Counted>(PRIVATE), (MODULES, 0));
            assert_eq!(first.address(STATIC), HOST.address(STATIC));
            assert_eq!(first.touch::<Counted>(PRIVATE), (MODULES, 1));
        });
        let second = Loaded::open(module());
        assert_eq!(second.touch::<Counted>(PRIVATE), (MODULES, 0));
        assert_eq!(second.touch::<Plain>(PLAIN), (MODULES, 0));
        second.close();
        thread.join().unwrap();
        assert_eq!((MADE.get(), DROPPED.get()), (3, 3));
    });
}

/// Two modules are loaded, used and unloaded at once.
///
/// Seen to fail when `unregister` finds the image under one lock and removes it under another.
#[test]
fn two_modules_come_and_go_at_once() {
    model(|| {
        let run = || {
            let module = Loaded::open(module());
            assert_eq!(module.touch::<Counted>(PRIVATE), (MODULES, 0));
            assert_eq!(module.touch::<Counted>(PRIVATE), (MODULES, 1));
            module.close();
        };
        let thread = spawn(run);
        run();
        thread.join().unwrap();
        assert_eq!((MADE.get(), DROPPED.get()), (2, 2));
        assert_eq!(report::images().len(), 1);
    });
}

/// Two modules are loaded at once, by threads that each use their own.
///
/// Seen to fail when the next index and slot are read under one lock and written under another.
#[test]
fn two_modules_register_at_once() {
    model(|| {
        let run = || {
            let module = Loaded::open(module());
            assert_eq!(module.touch::<Counted>(PRIVATE), (MODULES, 0));
            assert_eq!(module.touch::<Plain>(PLAIN), (MODULES, 0));
            assert_eq!(module.touch::<Counted>(PRIVATE), (MODULES, 1));
            module
        };
        let thread = spawn(run);
        let own = run();
        let other = thread.join().unwrap();
        // On this thread, which has used its own only.
        assert_eq!(other.touch::<Counted>(PRIVATE), (MODULES, 0));
        assert_eq!(other.touch::<Plain>(PLAIN), (MODULES, 0));
        assert_eq!(own.touch::<Counted>(PRIVATE), (MODULES, 2));
        assert_eq!(report::images().len(), 3);
    });
}

/// One module is unloaded while another is loaded and used by another thread, which takes over
/// indices and slots of the first, or does not.
///
/// Seen to fail when `unregister` gives indices and slots back before it has forgotten their
/// values.
#[test]
fn registration_against_unregistration() {
    model(|| {
        let first = Loaded::open(module());
        assert_eq!(first.touch::<Counted>(PRIVATE), (MODULES, 0));
        let (used, first_used) = mpsc::channel();
        let thread = spawn(move || {
            assert_eq!(first.touch::<Plain>(PLAIN), (MODULES, 0));
            assert_eq!(first.touch::<Counted>(PRIVATE), (MODULES, 0));
            used.send(()).unwrap();
            let second = Loaded::open(module());
            assert_eq!(second.touch::<Counted>(PRIVATE), (MODULES, 0));
            assert_eq!(second.touch::<Plain>(PLAIN), (MODULES, 0));
            assert_eq!(second.touch::<Counted>(PRIVATE), (MODULES, 1));
            second
        });
        first_used.recv().unwrap();
        first.close();
        let second = thread.join().unwrap();
        assert_eq!(second.touch::<Counted>(PRIVATE), (MODULES, 0));
        assert_eq!(report::images().len(), 2);
        second.close();
    });
}

/// A module is unloaded under a thread that has values of it and lives on, and that uses the next
/// module afterwards: nothing of the first may be found there.
///
/// Seen to fail when `forget` does not clear the table's slot, and when a thread is not listed.
#[test]
fn slots_and_indices_are_used_again() {
    model(|| {
        let (send, modules) = mpsc::channel::<Loaded>();
        let (used, answers) = mpsc::channel();
        let thread = spawn(move || {
            for _ in 0..2 {
                let module = modules.recv().unwrap();
                assert_eq!(module.touch::<Counted>(PRIVATE), (MODULES, 0));
                assert_eq!(module.touch::<Plain>(PLAIN), (MODULES, 0));
                assert_eq!(module.touch::<Plain>(PLAIN), (MODULES, 1));
                used.send(()).unwrap();
            }
        });
        let first = Loaded::open(module());
        send.send(first).unwrap();
        answers.recv().unwrap();
        first.close();
        // The kinds of the private keys change places: a value left over is of the wrong type.
        let mut keys = module();
        keys.swap(PRIVATE, PLAIN);
        let mut second = Loaded::open(keys);
        assert_eq!(second.touch::<Plain>(PRIVATE), (MODULES, 0));
        second.close();
        second = Loaded::open(module());
        send.send(second).unwrap();
        answers.recv().unwrap();
        thread.join().unwrap();
        second.close();
    });
}

/// A thread that has left a module's code ends while the module is unloaded: its values are freed
/// by one of the two, and its table is not written once it is gone.
///
/// Seen to fail when `release` takes the thread from the list after freeing it.
#[test]
fn thread_exit_against_unloading() {
    model(|| {
        let module = Loaded::open(module());
        let (used, left) = mpsc::channel();
        let thread = spawn(move || {
            use_host(*HOST);
            assert_eq!(module.touch::<Plain>(PLAIN), (MODULES, 0));
            used.send(()).unwrap();
        });
        left.recv().unwrap();
        module.close();
        let next = Loaded::open(vec![modules::<Counted>("NEXT")]);
        assert_eq!(next.touch::<Counted>(0), (MODULES, 0));
        next.close();
        thread.join().unwrap();
        assert_eq!((MADE.get(), DROPPED.get()), (2, 2));
    });
}

/// Threads begin and end while a module with values of the unloading thread goes. The destructor of
/// one such value uses keys: the host's, another of the module's, and its own, which is gone.
///
/// Seen to fail when `forget` makes all entries empty before it drops values (as it once did: what
/// a destructor then made stayed behind, for the next module to find), and as a deadlock when it
/// drops values under the lock of the list of threads or `unregister` keeps the registry's.
#[test]
fn unloading_runs_destructors_that_use_keys() {
    loom::lazy_static! {
        static ref MODULE: Loaded = Loaded::open(vec![
            modules::<Counted>("SHARED"),
            modules::<Counted>("OTHER"),
            modules::<Counted>("LAST"),
        ]);
    }
    const OTHER: usize = 1;
    const LAST: usize = 2;

    model(|| {
        let module = *MODULE;
        let thread = spawn(|| {
            use_host(*HOST);
        });
        module.with::<Counted, _>(LAST, |value| {
            value.last.set(Some(|| {
                assert_eq!(MODULE.touch::<Counted>(SHARED), (HOSTS, 0));
                assert_eq!(MODULE.touch::<Counted>(OTHER), (MODULES, 0));
                assert!(MODULE.try_with::<Counted, _>(LAST, |_| ()).is_none());
            }));
        });
        module.close();
        let next = Loaded::open(vec![modules::<Plain>("NEXT"), modules::<Plain>("NEXT TOO")]);
        assert_eq!(next.touch::<Plain>(0), (MODULES, 0));
        assert_eq!(next.touch::<Plain>(1), (MODULES, 0));
        next.close();
        thread.join().unwrap();
        exit::thread_end();
        assert_eq!((MADE.get(), DROPPED.get()), (4, 4));
    });
}

/// The process ends, and the system finalises a module whose code another thread still runs: its
/// keys must go on working.
///
/// Seen to fail when the end of the process is not noted.
#[test]
fn exit_against_access() {
    model(|| {
        let module = Loaded::open(module());
        let thread = spawn(move || {
            for uses in 0..2 {
                assert_eq!(module.touch::<Counted>(PRIVATE), (MODULES, uses));
                assert_eq!(module.address(OWN), module.keys[OWN].own());
            }
        });
        exit::process_end();
        module.leave();
        thread.join().unwrap();
    });
}

/// A thread lists the images while one is loaded, used and unloaded: it never looks into one that
/// is gone.
///
/// Seen to fail when `images` reads keys after it has let go of the registry's lock.
#[test]
fn listing_against_unloading() {
    model(|| {
        let thread = spawn(|| {
            for _ in 0..2 {
                let images = report::images();
                assert!(images[0].is_host && images[0].keys.iter().all(|key| key.shared));
                if let Some(module) = images.get(1) {
                    assert_eq!(module.keys.len(), 5);
                    assert!(module.keys[SHARED].shared && !module.keys[PRIVATE].shared);
                }
            }
        });
        let module = Loaded::open(module());
        assert_eq!(module.touch::<Counted>(PRIVATE), (MODULES, 0));
        module.close();
        thread.join().unwrap();
    });
}
