//! Types of the language and of well-known libraries, by their names.
//!
//! Tokens do not say which `Mutex` is meant: an import may give the name to any type. These lists
//! take a name for what nearly everybody means by it. A crate that defines a type of the same name
//! is asked first, so a list is wrong only about names that are imported from a third crate.
//!
//! What an error in a list costs:
//!
//! - a name too many in [`PLAIN`]: state is left alone, and each copy has its own in silence;
//! - a name too few in it: a constant is shared, which does no harm;
//! - a name too many in [`MUTABLE`]: a constant is shared, with words that promise more;
//! - a name too few in it: a private static is shared all the same. One that is `pub` is not, and
//!   the report says so.
//!
//! So [`PLAIN`] has only names of std and of C, and no name that a library with interior mutability
//! is known to use. `Cell`, `Rc` and `Arc` are not in it: the first changes, the others count.

/// Names whose values nothing can change through a shared reference, if their parameters are so
/// too.
///
/// Keywords that stand in a type (`fn`, `for<'a>`, `unsafe extern "C"`) are among them, because the
/// question is asked of every identifier in a type.
pub(super) const PLAIN: &[&str] = &[
    "bool",
    "char",
    "str",
    "u8",
    "u16",
    "u32",
    "u64",
    "u128",
    "usize",
    "i8",
    "i16",
    "i32",
    "i64",
    "i128",
    "isize",
    "f32",
    "f64",
    "Option",
    "Result",
    "String",
    "Vec",
    "Box",
    "Cow",
    "CStr",
    "CString",
    "OsStr",
    "OsString",
    "Path",
    "PathBuf",
    "Duration",
    "Instant",
    "SystemTime",
    "Ordering",
    "Range",
    "RangeInclusive",
    "RangeFrom",
    "RangeTo",
    "PhantomData",
    "NonZero",
    "NonZeroU8",
    "NonZeroU16",
    "NonZeroU32",
    "NonZeroU64",
    "NonZeroUsize",
    "NonZeroI8",
    "NonZeroI16",
    "NonZeroI32",
    "NonZeroI64",
    "NonZeroIsize",
    "Wrapping",
    "Layout",
    "TypeId",
    "IpAddr",
    "Ipv4Addr",
    "Ipv6Addr",
    "SocketAddr",
    "BTreeMap",
    "BTreeSet",
    "Infallible",
    "RawWakerVTable",
    "c_char",
    "c_schar",
    "c_uchar",
    "c_short",
    "c_ushort",
    "c_int",
    "c_uint",
    "c_long",
    "c_ulong",
    "c_longlong",
    "c_ulonglong",
    "c_void",
    "fn",
    "unsafe",
    "extern",
    "for",
    "ManuallyDrop",
    "MaybeUninit",
    "Reverse",
    "Bound",
];

/// Names that are state for sure.
///
/// Every name that starts with `Atomic` counts as well.
pub(super) const MUTABLE: &[&str] = &[
    "Mutex",
    "RwLock",
    "ReentrantMutex",
    "FairMutex",
    "Once",
    "OnceLock",
    "OnceCell",
    "OnceBox",
    "OnceRef",
    "OnceBool",
    "OnceNonZeroUsize",
    "LazyLock",
    "Lazy",
    "Condvar",
    "Barrier",
    "UnsafeCell",
    "SyncUnsafeCell",
    "Cell",
    "RefCell",
    "ThreadLocal",
    "Parker",
    "Semaphore",
    "ArcSwap",
    "ArcSwapOption",
    "RawMutex",
    "Sender",
    "Receiver",
    "SyncSender",
];
