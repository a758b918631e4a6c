//! Which values hold nothing of an image that uses them.
//!
//! The problem: a shared value lives longer than a module that uses it. If the value can hold a
//! pointer, such as a boxed closure, then it may keep code of the module, and nobody sees that from
//! outside. A counter cannot. The macros that declare keys know a value's type only as tokens, so
//! the compiler is asked: a type is [`Plain`], or it is not.

use core::cell::{Cell, LazyCell, OnceCell, RefCell, UnsafeCell};
use core::marker::PhantomData;
use core::sync::atomic::{
    AtomicBool, AtomicI8, AtomicI16, AtomicI32, AtomicIsize, AtomicU8, AtomicU16, AtomicU32,
    AtomicUsize,
};
#[cfg(target_has_atomic = "64")]
use core::sync::atomic::{AtomicI64, AtomicU64};
use core::time::Duration;

/// Types whose values are numbers, or made of numbers.
///
/// A number may be an address all the same. The host finds it if it leads into a module, and knows
/// nothing of what lies behind another address.
pub trait Plain {}

/// A type that is asked about.
pub struct Value<T>(PhantomData<T>);

impl<T: Plain> Value<T> {
    /// Found before the constant of [`Other`] wherever `T` is plain.
    pub const IS_PLAIN: bool = true;
}

/// What holds of all other types.
pub trait Other {
    /// See [`Value::IS_PLAIN`].
    const IS_PLAIN: bool = false;
}

impl<T> Other for Value<T> {}

/// Whether a value of a type can keep something of an image. `is_plain` is the type's
/// [`IS_PLAIN`](Value::IS_PLAIN).
pub const fn may_keep<T>(is_plain: bool) -> bool {
    !is_plain && (core::mem::needs_drop::<T>() || size_of::<T>() >= size_of::<usize>())
}

macro_rules! plain {
    ($($type:ty)*) => {
        $(impl Plain for $type {})*
    };
}

/// Types that hold one value of another type.
macro_rules! plain_around {
    ($($type:ident)*) => {
        $(impl<T: Plain> Plain for $type<T> {})*
    };
}

plain! {
    () bool char u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64 Duration
    AtomicBool AtomicI8 AtomicI16 AtomicI32 AtomicIsize AtomicU8 AtomicU16 AtomicU32 AtomicUsize
}
#[cfg(target_has_atomic = "64")]
plain! { AtomicI64 AtomicU64 }

// `LazyCell` has the address of its initialiser besides: for a shared value, the host's.
plain_around! { Cell LazyCell OnceCell RefCell UnsafeCell Option }

impl<T: Plain, const N: usize> Plain for [T; N] {}
impl<A: Plain, B: Plain> Plain for (A, B) {}
impl<A: Plain, B: Plain, C: Plain> Plain for (A, B, C) {}

#[cfg(feature = "std")]
mod of_std {
    extern crate std;

    use std::sync::{Condvar, LazyLock, Mutex, Once, OnceLock, RwLock};
    use std::thread::ThreadId;
    use std::time::{Instant, SystemTime};

    use super::Plain;

    plain! { Condvar Instant Once SystemTime ThreadId }
    plain_around! { LazyLock Mutex OnceLock RwLock }
}
