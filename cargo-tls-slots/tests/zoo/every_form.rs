//! Every form of state that a fork without a recipe has to know, in one crate.

#![deny(warnings)]
#![deny(unused_extern_crates, missing_docs)]

#[macro_use]
extern crate lazy_static;

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{LazyLock, Mutex, OnceLock};
use std::thread::{self, AccessError as Gone, LocalKey};

/// Plain.
pub static COUNT: AtomicUsize = AtomicUsize::new(1);

/// Immutable: stays.
pub static NAMES: [&str; 2] = ["a", "b"];

static TABLE: Table = Table {
    rows: &[(1, "x")],
    call: double,
};

struct Table {
    rows: &'static [(u8, &'static str)],
    call: fn(&AtomicUsize) -> usize,
}

fn double(of: &AtomicUsize) -> usize {
    of.load(Ordering::Relaxed) * 2
}

static LAZY: LazyLock<Vec<usize>> = LazyLock::new(|| vec![COUNT.load(Ordering::Relaxed), 2, 3]);
static CELL: OnceLock<String> = OnceLock::new();
static mut RAW: usize = 5;
static mut LIST: [u8; 3] = [1, 2, 3];
static LOCKED: Mutex<Option<Box<dyn Fn(usize) -> usize + Send>>> = Mutex::new(None);

/// A constant refers to it.
static HELD: AtomicUsize = AtomicUsize::new(9);
static HOLDER: &AtomicUsize = &HELD;

lazy_static! {
    /// Documented.
    pub static ref REGISTRY: Mutex<Vec<usize>> = Mutex::new(vec![1]);
    static ref NUMBER: usize = 40 + first();
}

fn first() -> usize {
    2
}

thread_local! {
    static DEPTH: Cell<usize> = Cell::new(0);
    static STACK: RefCell<Vec<usize>> = const { RefCell::new(Vec::new()) };
}
std::thread_local!(static OTHER: Cell<u8> = Cell::new(7));

macro_rules! counter {
    ($function:ident) => {
        /// Counts calls.
        pub fn $function() -> usize {
            static CALLS: AtomicUsize = AtomicUsize::new(0);
            CALLS.fetch_add(1, Ordering::Relaxed)
        }
    };
}
counter!(one);
counter!(two);

macro_rules! items {
    ($($item:item)*) => { $($item)* };
}
items! {
    static INNER: AtomicUsize = AtomicUsize::new(3);
    fn inner() -> usize { INNER.fetch_add(1, Ordering::Relaxed) + 1 }
}

/// Of the crate that calls it.
#[macro_export]
macro_rules! exported {
    () => {{
        static MINE: ::std::sync::atomic::AtomicUsize = ::std::sync::atomic::AtomicUsize::new(1);
        MINE.fetch_add(1, ::std::sync::atomic::Ordering::Relaxed)
    }};
}

mod deep {
    use std::sync::atomic::AtomicUsize;
    pub static COUNT: AtomicUsize = AtomicUsize::new(100);
    pub mod deeper {
        use super::COUNT;
        use std::sync::atomic::Ordering;
        pub fn next() -> usize {
            COUNT.fetch_add(1, Ordering::SeqCst)
        }
    }
}

enum Kind {
    CELL,
    Other(usize),
}

fn kind(value: usize) -> usize {
    match if value == 0 {
        Kind::CELL
    } else {
        Kind::Other(value)
    } {
        Kind::CELL => 1,
        Kind::Other(value) => value,
    }
}

fn generic<T: AsRef<[usize]>>(value: &T) -> usize {
    value.as_ref().len()
}

fn depth(key: &'static LocalKey<Cell<usize>>) -> Result<usize, Gone> {
    key.try_with(Cell::get)
}

fn qualified(key: &'static thread::LocalKey<Cell<u8>>) -> Result<u8, ::std::thread::AccessError> {
    key.try_with(|cell| cell.get())
}

/// Uses everything, in each way that a static can be used.
pub fn everything() -> Vec<usize> {
    let mut all = vec![
        COUNT.load(Ordering::Relaxed),
        deep::COUNT.load(Ordering::Relaxed),
    ];
    all.push(deep_next());
    all.push(generic(&*LAZY));
    all.push(LAZY[1] + (*LAZY)[2] + LAZY.len());
    let by_reference: &'static AtomicUsize = &COUNT;
    all.push((TABLE.call)(by_reference) + TABLE.rows.len() + NAMES.len());
    all.push(CELL.get_or_init(|| "seven".to_string()).len());
    // SAFETY: nobody else touches them, as one test calls this once; `there` ends before `LIST` is
    // named again.
    unsafe {
        RAW += 1;
        RAW = RAW * 2;
        let there = &mut *std::ptr::addr_of_mut!(LIST);
        there[0] = 10;
        LIST[1] = 20;
        all.push(RAW);
        all.push((&raw const RAW).read() + LIST.len());
        all.push(LIST.iter().map(|one| *one as usize).sum());
    }
    *LOCKED.lock().unwrap() = Some(Box::new(|value| value + 1));
    all.push(LOCKED.lock().unwrap().as_ref().unwrap()(1));
    all.push(HOLDER.load(Ordering::Relaxed));
    REGISTRY.lock().unwrap().push(2);
    lazy_static::initialize(&NUMBER);
    all.push(*NUMBER + REGISTRY.lock().unwrap().len());
    DEPTH.with(|cell| cell.set(4));
    STACK.with(|stack| stack.borrow_mut().push(1));
    all.push(depth(&DEPTH).unwrap() + qualified(&OTHER).unwrap() as usize);
    all.push(one() + one() + two());
    all.push(inner() + exported!() + kind(0) + kind(3));
    assert_eq!(COUNT.load(Ordering::Relaxed), 1, "{:?}", COUNT);
    assert!(std::ptr::eq(&COUNT, by_reference));
    {
        static COUNT: AtomicUsize = AtomicUsize::new(50);
        let counts = [&COUNT, by_reference];
        all.push(counts[0].fetch_add(1, Ordering::Relaxed) + COUNT.load(Ordering::Relaxed));
    }
    all
}

fn deep_next() -> usize {
    deep::deeper::next()
}

#[cfg(test)]
mod tests {
    use super::*;

    static TESTED: AtomicUsize = AtomicUsize::new(0);

    #[test]
    fn everything_is_as_upstream() {
        TESTED.fetch_add(1, Ordering::Relaxed);
        assert_eq!(
            everything(),
            [1, 100, 100, 3, 8, 5, 5, 12, 15, 33, 2, 9, 44, 11, 1, 9, 101]
        );
        assert_eq!(TESTED.load(Ordering::Relaxed), 1);
    }
}
