//! One access to a thread-local, in a loop, for any macro with the syntax of `std::thread_local!`.
//!
//! The problem: an access is one to three instructions, so what surrounds it must be the same for
//! all that are compared.
//!
//! The way: [`accesses!`] and [`lazy_accesses!`] declare the same thread-locals with the given
//! macro, and one function for each that reads it and returns. [`time`] calls such a function in a
//! loop, by a pointer that the compiler knows nothing of. The row `nothing` is that loop with a
//! function that reads no thread-local.

use std::cell::{Cell, RefCell};
use std::hint::black_box;
use std::sync::atomic::AtomicU64;
use std::time::Instant;

/// A row: its name, and a function that makes one access.
pub type Row = (&'static str, fn() -> u64);

/// A value that needs dropping.
#[derive(Debug)]
pub struct Droppy(pub Cell<u64>);

impl Drop for Droppy {
    fn drop(&mut self) {
        black_box(self.0.get());
    }
}

/// The first value of a lazily initialised thread-local: not known to the compiler.
#[inline(never)]
pub fn first() -> u64 {
    black_box(1)
}

/// A `Cell` that is lazily initialised.
pub fn cell() -> Cell<u64> {
    Cell::new(first())
}

/// A value that needs dropping and is lazily initialised.
pub fn droppy() -> Droppy {
    Droppy(cell())
}

/// A `RefCell` that is lazily initialised.
pub fn ref_cell() -> RefCell<u64> {
    RefCell::new(first())
}

#[inline(never)]
fn nothing() -> u64 {
    1
}

static COUNT: AtomicU64 = AtomicU64::new(1);

#[inline(never)]
fn plain_static() -> u64 {
    COUNT.load(std::sync::atomic::Ordering::Relaxed)
}

#[inline(never)]
fn plain_escape() -> u64 {
    black_box(&COUNT).load(std::sync::atomic::Ordering::Relaxed)
}

/// Rows that need no macro. An `escape` is never timed: it lets the compiler think that somebody
/// may write, as it would otherwise put constants in the place of the reads.
pub const PLAIN: &[Row] = &[
    ("nothing", nothing),
    ("static", plain_static),
    ("escape", plain_escape),
];

/// Declares the thread-locals with a macro that knows no `const` initialisers, and a table of
/// [`Row`]s named `LAZY`.
#[macro_export]
macro_rules! lazy_accesses {
    ($declare:path) => {
        $declare! {
            static BENCH_CELL_LAZY: ::std::cell::Cell<u64> = $crate::cell();
        }
        $declare! {
            static BENCH_DROP_LAZY: $crate::Droppy = $crate::droppy();
        }
        $declare! {
            static BENCH_REF_CELL_LAZY: ::std::cell::RefCell<u64> = $crate::ref_cell();
        }

        #[inline(never)]
        fn cell_lazy() -> u64 {
            BENCH_CELL_LAZY.with(|cell| cell.get())
        }
        #[inline(never)]
        fn drop_lazy() -> u64 {
            BENCH_DROP_LAZY.with(|value| value.0.get())
        }
        #[inline(never)]
        fn ref_cell_lazy() -> u64 {
            BENCH_REF_CELL_LAZY.with(|cell| *cell.borrow())
        }

        #[inline(never)]
        fn escape_lazy() -> u64 {
            BENCH_CELL_LAZY.with(|cell| ::std::hint::black_box(cell).get())
                + BENCH_DROP_LAZY.with(|value| ::std::hint::black_box(value).0.get())
                + BENCH_REF_CELL_LAZY.with(|cell| *::std::hint::black_box(cell).borrow())
        }

        /// Thread-locals that are initialised lazily.
        pub const LAZY: &[$crate::Row] = &[
            ("Cell, lazy", cell_lazy),
            ("Drop, lazy", drop_lazy),
            ("RefCell, lazy", ref_cell_lazy),
            ("escape", escape_lazy),
        ];
    };
}

/// As [`lazy_accesses!`], and with `const` initialisers in a table named `CONST`.
#[macro_export]
macro_rules! accesses {
    ($declare:path) => {
        $crate::lazy_accesses!($declare);

        $declare! {
            static BENCH_CELL_CONST: ::std::cell::Cell<u64> = const { ::std::cell::Cell::new(1) };
        }
        $declare! {
            static BENCH_DROP_CONST: $crate::Droppy =
                const { $crate::Droppy(::std::cell::Cell::new(1)) };
        }
        $declare! {
            static BENCH_REF_CELL_CONST: ::std::cell::RefCell<u64> =
                const { ::std::cell::RefCell::new(1) };
        }

        #[inline(never)]
        fn cell_const() -> u64 {
            BENCH_CELL_CONST.with(|cell| cell.get())
        }
        #[inline(never)]
        fn drop_const() -> u64 {
            BENCH_DROP_CONST.with(|value| value.0.get())
        }
        #[inline(never)]
        fn ref_cell_const() -> u64 {
            BENCH_REF_CELL_CONST.with(|cell| *cell.borrow())
        }

        #[inline(never)]
        fn escape_const() -> u64 {
            BENCH_CELL_CONST.with(|cell| ::std::hint::black_box(cell).get())
                + BENCH_DROP_CONST.with(|value| ::std::hint::black_box(value).0.get())
                + BENCH_REF_CELL_CONST.with(|cell| *::std::hint::black_box(cell).borrow())
        }

        /// Thread-locals with a `const` initialiser.
        pub const CONST: &[$crate::Row] = &[
            ("Cell, const", cell_const),
            ("Drop, const", drop_const),
            ("RefCell, const", ref_cell_const),
            ("escape", escape_const),
        ];
    };
}

/// A row that reads a process-wide static, in a table named `PROCESS`.
#[macro_export]
macro_rules! process_access {
    ($declare:path) => {
        #[inline(never)]
        fn process_local() -> u64 {
            $declare! {
                static COUNT: ::std::sync::atomic::AtomicU64 =
                    ::std::sync::atomic::AtomicU64::new(1);
            }
            COUNT.load(::std::sync::atomic::Ordering::Relaxed)
        }

        /// The process-wide static.
        pub const PROCESS: &[$crate::Row] = &[("process_local!", process_local)];
    };
}

/// Keeps the process on one processor from now on, where the system knows how.
pub fn pin() {
    #[cfg(target_os = "linux")]
    {
        unsafe extern "C" {
            fn sched_setaffinity(process: i32, size: usize, mask: *const u64) -> i32;
        }
        let last = std::thread::available_parallelism()
            .map_or(1, usize::from)
            .min(64)
            - 1;
        let mask = 1_u64 << last;
        // SAFETY: reads a mask of eight bytes. That it may be refused is all right.
        unsafe { sched_setaffinity(0, size_of_val(&mask), &mask) };
    }
}

/// Makes `times` accesses, and returns how many nanoseconds of the processor they took.
///
/// # Panics
///
/// If no table has a row of that name.
#[inline(never)]
pub fn time(tables: &[&[Row]], row: &str, times: u64) -> u64 {
    let (_, access) = tables
        .iter()
        .flat_map(|table| table.iter())
        .find(|(name, _)| *name == row)
        .unwrap_or_else(|| panic!("there is no access `{row}`"));
    let access = black_box(*access);
    pin();
    // The first one initialises.
    assert_eq!(access(), 1);
    let start = processor_time();
    for _ in 0..times {
        black_box(access());
    }
    processor_time() - start
}

/// What this thread has used of a processor, in nanoseconds; where the system does not tell, the
/// time.
fn processor_time() -> u64 {
    #[cfg(target_os = "linux")]
    {
        unsafe extern "C" {
            fn clock_gettime(clock: i32, time: *mut [i64; 2]) -> i32;
        }
        const CLOCK_THREAD_CPUTIME_ID: i32 = 3;
        let mut time = [0; 2];
        // SAFETY: on 64-bit Linux, a `timespec` is two numbers of 64 bits.
        if unsafe { clock_gettime(CLOCK_THREAD_CPUTIME_ID, &mut time) } == 0 {
            return time[0] as u64 * 1_000_000_000 + time[1] as u64;
        }
    }
    static START: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);
    u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX)
}

/// The memory that this process has, in kB.
pub fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status
        .lines()
        .find_map(|line| {
            line.strip_prefix("VmRSS:")?
                .split_whitespace()
                .next()?
                .parse()
                .ok()
        })
        .unwrap_or_default()
}

/// The signature of the function `bench_access` that a library exports: the row's name, and
/// [`time`]'s number and result.
pub type Exported = unsafe extern "C" fn(*const u8, usize, u64) -> u64;

/// Exports `bench_access` from a library.
#[macro_export]
macro_rules! export {
    ($($table:expr),+ $(,)?) => {
        /// Makes `times` accesses of the row whose name is given.
        ///
        /// # Safety
        ///
        /// `name` and `len` must be those of a string.
        #[unsafe(no_mangle)]
        pub unsafe extern "C" fn bench_access(name: *const u8, len: usize, times: u64) -> u64 {
            // SAFETY: the caller's promise.
            let name = unsafe { ::std::slice::from_raw_parts(name, len) };
            let name = ::std::str::from_utf8(name).unwrap_or_default();
            $crate::time(&[$($table),+], name, times)
        }
    };
}
