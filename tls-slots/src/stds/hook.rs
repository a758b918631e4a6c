//! Panics of modules, reported to the host's panic hook.
//!
//! The problem: each image's std has a panic hook of its own. A host that has set a hook, to write
//! its log, never sees a module's panic. So the hook of every module that has presented its std is
//! one line that calls [`report`] here, on the panicking thread. `report` gets the module's own
//! [`PanicHookInfo`]: payload and location are the module's.
//!
//! std does not tell which hook is set, it only gives the hook away (`take_hook`). Who takes the
//! hook to look at it, leaves std's default for a moment, and a panic of the host on another thread
//! finds the default. So this file takes the hook seldom. It puts a hook of its own in front,
//! [`Ours`], when the first module comes. std drops `Ours` when the host sets another hook, and
//! then this file puts `Ours` in front of that hook, still inside the host's `set_hook`.
//!
//! The host may also have taken `Ours`, to call it from a new hook. Nothing tells this file of
//! that. So a module's panic is *relayed*: this file raises a panic in the host's std, and catches
//! it. std calls the hook that is set now. If the call arrives at `Ours`, the hook behind `Ours` is
//! called with the module's own [`PanicHookInfo`]. The hooks before `Ours` have seen the relayed
//! panic: its payload is a text with the module's message, place and file.
//!
//! | the host's hook | what happens |
//! | --- | --- |
//! | given to [`set_module_panic_hook`] | is called |
//! | std's default | std's format is printed here, with the module's file |
//! | set before the first module came, or by `set_hook` alone | is called |
//! | set by `take_hook` and `set_hook` later | is called with the relayed panic |
//! | not to be had: the thread is panicking in the host, too | std's format is printed here |
//!
//! A hook that wants to know the module asks [`module_panic`]. The printed name of a thread is the
//! one that the host's std has; for a thread that a module has started, it is the system's.

use std::cell::Cell;
use std::fmt::Display;
use std::io::Write as _;
use std::panic::{PanicHookInfo, panic_any, set_hook, take_hook};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, OnceLock, RwLock};
use std::thread::panicking;

use super::modules;
use crate::keys::abi::Key;
use crate::keys::image_std::Report;
use crate::sync::{discard_panic, lock, read, write};

/// As std's.
type Hook = dyn Fn(&PanicHookInfo<'_>) + Send + Sync;

/// What a module gets. Now, and not at its first panic, the host's hook is looked at: others may
/// panic at that moment.
pub(crate) fn module_came() -> Report {
    put_in_front();
    report
}

/// The hook for modules' panics, where the host has given one.
static GIVEN: RwLock<Option<Arc<Hook>>> = RwLock::new(None);

/// Sets the hook for panics of modules. It is called in place of the hook of
/// [`std::panic::set_hook`].
///
/// Most programs do not need this: without it, a module's panic is reported to the hook that the
/// host has set with std.
///
/// # Examples
///
/// ```
/// tls_slots::set_module_panic_hook(|info| {
///     let module = tls_slots::module_panic().and_then(|panic| panic.module);
///     eprintln!("{module:?}: {info}");
/// });
/// ```
pub fn set_module_panic_hook(hook: impl Fn(&PanicHookInfo<'_>) + Send + Sync + 'static) {
    *write(&GIVEN) = Some(Arc::new(hook));
}

/// What the panic hook can ask about a module's panic, see [`module_panic`].
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ModulePanic {
    /// The module's file, where the system tells.
    pub module: Option<String>,
    /// The backtrace, if `RUST_BACKTRACE` or `RUST_LIB_BACKTRACE` asks for one. The module's own
    /// std has written it, which knows the module's functions. The host's std does not know them if
    /// it has printed a backtrace before the module was loaded.
    pub backtrace: Option<String>,
}

/// The panic that is being reported.
struct Current<'a> {
    start: *const Key,
    backtrace: Option<&'a dyn Display>,
}

std::thread_local! {
    /// Invariant: null, or a `Current` that lives until this is set again.
    static CURRENT: Cell<Option<NonNull<Current<'static>>>> = const { Cell::new(None) };

    /// While a panic is relayed: whether it has arrived at `Ours`.
    static RELAYED: Cell<Option<bool>> = const { Cell::new(None) };
}

/// The hook that `Ours` is in front of.
struct Behind {
    hook: Box<Hook>,
    is_default: bool,
}

/// What the latest `Ours` is in front of. `None` when that `Ours` is gone: std has another hook.
static LATEST: Mutex<Option<Arc<Behind>>> = Mutex::new(None);

/// The hook of this file, which std has, or which the host has taken.
struct Ours(Arc<Behind>);

impl Drop for Ours {
    fn drop(&mut self) {
        let gone = lock(&LATEST).take_if(|latest| Arc::ptr_eq(latest, &self.0));
        gone.and_then(|_| put_in_front());
    }
}

/// Inside a panic hook: the module whose panic this is, or `None` for a panic of the host.
pub fn module_panic() -> Option<ModulePanic> {
    // SAFETY: by the invariant.
    let current = unsafe { CURRENT.get()?.as_ref() };
    Some(ModulePanic {
        module: modules::file(current.start),
        backtrace: current.backtrace.map(ToString::to_string),
    })
}

/// See the file's head.
fn report(info: &PanicHookInfo<'_>, start: *const Key, backtrace: Option<&dyn Display>) {
    let current = Current { start, backtrace };
    let before = CURRENT.replace(Some(NonNull::from(&current).cast()));
    // A panic of the hook must not unwind into the module's std, which is in the middle of its own.
    discard_panic(|| call_hook(info, &current));
    CURRENT.set(before);
}

fn call_hook(info: &PanicHookInfo<'_>, current: &Current<'_>) {
    let given = read(&GIVEN).clone();
    if let Some(given) = given {
        return given(info);
    }
    let Some(behind) = put_in_front() else {
        // This is a panic in a destructor that a panic of the host has come to, or in the host's
        // own hook.
        return print(info, current);
    };
    // With `abort` nobody can catch a relayed panic.
    if !cfg!(panic = "abort") {
        let text = format!("{}, {}", message(info), place(info, current));
        RELAYED.set(Some(false));
        discard_panic(|| panic_any(text));
        if RELAYED.take() == Some(false) {
            return;
        }
    }
    match behind.is_default {
        true => print(info, current),
        false => (behind.hook)(info),
    }
}

/// Puts `Ours` in front of the hook that std has, unless that was done. Gives the hook behind;
/// `None` where the thread is panicking.
///
/// Between taking and putting back there is a moment in which a panic of the host on another thread
/// finds std's default hook.
fn put_in_front() -> Option<Arc<Behind>> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    static DEFAULT: OnceLock<Box<Hook>> = OnceLock::new();

    if panicking() {
        return None;
    }
    let _one = lock(&ONE_AT_A_TIME);
    if let Some(behind) = &*lock(&LATEST) {
        return Some(behind.clone());
    }
    let hook = take_hook();
    // The hook is std's default now, and taking that leaves it.
    let default = DEFAULT.get_or_init(take_hook);
    #[allow(ambiguous_wide_pointer_comparisons)] // at worst, we print where std would
    let is_default = std::ptr::eq(&*hook, &**default);
    let behind = Arc::new(Behind { hook, is_default });
    *lock(&LATEST) = Some(behind.clone());
    let ours = Ours(behind.clone());
    set_hook(Box::new(move |info| match (RELAYED.get(), &ours) {
        (Some(_), _) => RELAYED.set(Some(true)),
        (None, Ours(behind)) => (behind.hook)(info),
    }));
    Some(behind)
}

/// The text of a module's panic.
fn message<'a>(info: &'a PanicHookInfo<'_>) -> &'a str {
    info.payload_as_str().unwrap_or("Box<dyn Any>")
}

/// Where a module has panicked.
fn place(info: &PanicHookInfo<'_>, current: &Current<'_>) -> String {
    let module = modules::file(current.start);
    let module = module.as_deref().unwrap_or("an unknown file");
    let at = info.location().map(|at| format!("at {at}, "));
    format!("{}in module {module}", at.unwrap_or_default())
}

/// As std's default hook, and the module's file.
fn print(info: &PanicHookInfo<'_>, current: &Current<'_>) {
    let thread = std::thread::current();
    let thread = thread.name().map(str::to_owned).or_else(system_name);
    let thread = thread.as_deref().unwrap_or("<unnamed>");
    let (message, place) = (message(info), place(info, current));
    let mut text = format!("\nthread '{thread}' panicked {place}:\n{message}\n");
    text += &match current.backtrace {
        Some(backtrace) => format!("stack backtrace:\n{backtrace}"),
        None => {
            "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n".into()
        }
    };
    // Not `eprint!`, which panics when standard error is closed.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// The calling thread's name as the system has it, cut to 15 bytes: a thread that a module has
/// started is unknown to the host's std. `None` if it is that of the process, which unnamed threads
/// inherit, and on systems without these files.
fn system_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/thread-self/comm").ok()?;
    let inherited = std::fs::read_to_string("/proc/self/comm").ok()?;
    (name != inherited).then(|| name.trim_end().to_owned())
}
