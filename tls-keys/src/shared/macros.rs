//! The two macros that declare keys.
//!
//! Both take what their std counterparts take, and hand one declaration at a time to a hidden macro
//! that writes the key. `__in_keys_section!`, which puts the key into its section, is in `object/`.

/// Declares thread-locals that the host and its modules share.
///
/// The syntax is that of [`std::thread_local!`]: any number of declarations, attributes,
/// visibility, `const { }` initialisers.
///
/// A key is shared when the host declares *the same* key: same package and version, same path, name
/// and position in the source, same size and alignment. In practice, the key is in a crate on which
/// both host and module depend. All other keys are private to their image.
///
/// [`std::thread_local!`]: https://doc.rust-lang.org/std/macro.thread_local.html
///
/// # Examples
///
/// ```
/// # use tls_slots as _;
/// use std::cell::{Cell, RefCell};
///
/// tls_keys::thread_local! {
///     /// How deep we are.
///     pub static DEPTH: Cell<usize> = const { Cell::new(0) };
///     static NAMES: RefCell<Vec<String>> = RefCell::new(Vec::new());
/// }
///
/// DEPTH.set(3);
/// NAMES.with_borrow_mut(|names| names.push("outer".to_owned()));
/// assert_eq!(DEPTH.get(), 3);
/// assert_eq!(NAMES.take(), ["outer"]);
/// ```
#[macro_export]
macro_rules! thread_local {
    () => {};

    ($(#[$attr:meta])* $vis:vis static $name:ident: $t:ty = const $init:block; $($rest:tt)*) => {
        $crate::__thread_local_key!([$(#[$attr])*] [$vis] $name [$t] { const $init });
        $crate::thread_local!($($rest)*);
    };
    ($(#[$attr:meta])* $vis:vis static $name:ident: $t:ty = const $init:block) => {
        $crate::__thread_local_key!([$(#[$attr])*] [$vis] $name [$t] { const $init });
    };
    ($(#[$attr:meta])* $vis:vis static $name:ident: $t:ty = $init:expr; $($rest:tt)*) => {
        $crate::__thread_local_key!([$(#[$attr])*] [$vis] $name [$t] { $init });
        $crate::thread_local!($($rest)*);
    };
    ($(#[$attr:meta])* $vis:vis static $name:ident: $t:ty = $init:expr) => {
        $crate::__thread_local_key!([$(#[$attr])*] [$vis] $name [$t] { $init });
    };
}

/// Declares statics that exist once in the process.
///
/// The syntax is that of `static` items. Each static becomes a
/// [`ProcessLocal`](crate::ProcessLocal), which dereferences to the one instance.
/// [`thread_local!`](crate::thread_local!) says which keys are the same.
///
/// # Examples
///
/// ```
/// # use tls_slots as _;
/// use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
///
/// fn next_id() -> u64 {
///     tls_keys::process_local!(static NEXT: AtomicU64 = AtomicU64::new(1));
///     NEXT.fetch_add(1, Relaxed)
/// }
///
/// assert_eq!((next_id(), next_id()), (1, 2));
/// ```
#[macro_export]
macro_rules! process_local {
    () => {};

    ($(#[$attr:meta])* $vis:vis static $name:ident: $t:ty = $init:expr; $($rest:tt)*) => {
        $crate::__process_key!([$(#[$attr])*] [$vis] $name [$t] { $init });
        $crate::process_local!($($rest)*);
    };
    ($(#[$attr:meta])* $vis:vis static $name:ident: $t:ty = $init:expr) => {
        $crate::__process_key!([$(#[$attr])*] [$vis] $name [$t] { $init });
    };
}

/// [`thread_local!`](crate::thread_local), in a crate that was forked by rule: nobody has thought
/// about what its values may keep of a module.
#[doc(hidden)]
#[macro_export]
macro_rules! __thread_local_by_rule {
    () => {};

    ($(#[$attr:meta])* $vis:vis static $name:ident: $t:ty = const $init:block $(; $($rest:tt)*)?) => {
        $crate::__thread_local_key!(
            [$(#[$attr])*] [$vis] $name [$t] { const $init } $crate::__may_keep!($t)
        );
        $($crate::__thread_local_by_rule!($($rest)*);)?
    };
    ($(#[$attr:meta])* $vis:vis static $name:ident: $t:ty = $init:expr $(; $($rest:tt)*)?) => {
        $crate::__thread_local_key!(
            [$(#[$attr])*] [$vis] $name [$t] { $init } $crate::__may_keep!($t)
        );
        $($crate::__thread_local_by_rule!($($rest)*);)?
    };
}

/// [`process_local!`](crate::process_local), in a crate that was forked by rule.
#[doc(hidden)]
#[macro_export]
macro_rules! __process_local_by_rule {
    () => {};

    ($(#[$attr:meta])* $vis:vis static $name:ident: $t:ty = $init:expr $(; $($rest:tt)*)?) => {
        $crate::__process_key!(
            [$(#[$attr])*] [$vis] $name [$t] { $init } $crate::__may_keep!($t)
        );
        $($crate::__process_local_by_rule!($($rest)*);)?
    };
}

/// Whether a value of this type may keep something of an image that uses it.
#[doc(hidden)]
#[macro_export]
macro_rules! __may_keep {
    ($t:ty) => {
        $crate::plain::may_keep::<$t>({
            #[allow(unused_imports)]
            use $crate::plain::Other as _;
            <$crate::plain::Value<$t>>::IS_PLAIN
        })
    };
}

/// One thread-local key.
#[doc(hidden)]
#[macro_export]
macro_rules! __thread_local_key {
    ([$(#[$attr:meta])*] [$vis:vis] $name:ident [$t:ty] { $init:expr } $($may_keep:expr)?) => {
        $(#[$attr])*
        $vis const $name: $crate::LocalKey<$t> = {
            fn __init() -> $t {
                $init
            }

            unsafe extern "C-unwind" fn __init_at(storage: *mut u8) {
                // SAFETY: the caller gives valid storage of this type's size and alignment, as
                // `Key::init` says.
                unsafe { storage.cast::<$t>().write(__init()) }
            }

            $crate::__key_record!(ThreadLocal $name [$t]);

            $crate::__in_keys_section! {
                static KEY: $crate::__private::Key =
                    $crate::__private::Key::thread_local::<$t>(
                        $crate::__declared!($name [$t] $($may_keep)?),
                        __init_at,
                    );
            }

            #[inline]
            fn __access(
                first: $crate::__private::Option<&mut $crate::__private::Option<$t>>,
            ) -> *const $t {
                // SAFETY: `KEY` is a key of this image for this very type.
                unsafe { $crate::__private::access::<$t>(&KEY, first, __init) }
            }

            // SAFETY: `access` returns null, or a value that lives until the thread's destructors
            // run, and to which only shared references exist.
            unsafe { $crate::LocalKey::new(__access) }
        };
    };
}

/// One process-wide key.
#[doc(hidden)]
#[macro_export]
macro_rules! __process_key {
    ([$(#[$attr:meta])*] [$vis:vis] $name:ident [$t:ty] { $init:expr } $($may_keep:expr)?) => {
        $crate::__in_keys_section! {
            $(#[$attr])*
            $vis static $name: $crate::ProcessLocal<$t> = {
                $crate::__key_record!(Process $name [$t]);

                static INSTANCE: $t = $init;
                $crate::ProcessLocal::new(
                    $crate::__declared!($name [$t] $($may_keep)?),
                    &INSTANCE,
                )
            };
        }
    };
}

/// Where the key under declaration stands: its [`Declared`](crate::abi::Declared).
#[doc(hidden)]
#[macro_export]
macro_rules! __declared {
    ($name:ident [$t:ty] $($may_keep:expr)?) => {{
        struct Here;
        extern "C" fn scope() -> $crate::__private::Text {
            $crate::__private::Text::new($crate::__private::type_name::<Here>())
        }
        $crate::__private::Declared {
            package: $crate::__private::Text::new(match ::core::option_env!("CARGO_PKG_NAME") {
                $crate::__private::Some(package) => package,
                $crate::__private::None => "",
            }),
            version: $crate::__private::Text::new(match ::core::option_env!("CARGO_PKG_VERSION") {
                $crate::__private::Some(version) => version,
                $crate::__private::None => "",
            }),
            name: $crate::__private::Text::new(::core::stringify!($name)),
            file: $crate::__private::Text::new(::core::file!()),
            line: ::core::line!(),
            column: ::core::column!(),
            type_text: $crate::__private::Text::new(::core::stringify!($t)),
            may_keep: false $(|| $may_keep)?,
            scope,
        }
    }};
}

pub(crate) use {__declared, process_local};
