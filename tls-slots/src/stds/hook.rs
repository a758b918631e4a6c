//! Panics of modules, reported to the host's panic hook.
//!
//! The problem: each image's std has a panic hook of its own. A host that has set a hook, to write
//! its log, never sees a module's panic. So the hook of every module that has presented its std is
//! one line that calls [`report`] here, on the panicking thread. `report` gets the module's own
//! [`PanicHookInfo`]: payload and location are the module's.
//!
//! std does not tell which hook is set, it only gives the hook away (`take_hook`). So this file
//! takes the hook, wraps it in an [`Arc`] that can be called from here too, and puts it back. The
//! next time it recognises the hook by its address. So the hook that the host has set last is
//! called. Between taking and putting back there is a moment: a panic of the host is then printed
//! by std's default hook, and a `set_hook` of another thread is lost. A host that sets hooks while
//! modules may panic gives its hook to [`set_module_panic_hook`] instead.
//!
//! | the host's hook | what happens |
//! | --- | --- |
//! | given to [`set_module_panic_hook`] | is called |
//! | std's default | std's format is printed here, with the module's file |
//! | any other | is called |
//! | not to be had: the thread is panicking in the host, too | std's format is printed here |
//!
//! A hook that wants to know the module asks [`module_panic`]. The printed name of a thread is the
//! one that the host's std has; for a thread that a module has started, it is the system's.

use std::cell::Cell;
use std::fmt::Display;
use std::io::Write as _;
use std::panic::{PanicHookInfo, set_hook, take_hook};
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, RwLock};

use super::modules;
use crate::keys::abi::Key;
use crate::keys::image_std::Report;
use crate::sync::{discard_panic, lock, read, write};

/// As std's.
type Hook = dyn Fn(&PanicHookInfo<'_>) + Send + Sync;

/// What modules get.
pub(crate) const REPORT: Report = report;

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
    struct Reset(Option<NonNull<Current<'static>>>);
    impl Drop for Reset {
        fn drop(&mut self) {
            CURRENT.set(self.0);
        }
    }

    let current = Current { start, backtrace };
    let _reset = Reset(CURRENT.replace(Some(NonNull::from(&current).cast())));
    // A panic of the hook must not unwind into the module's std, which is in the middle of its own.
    discard_panic(|| match host_hook() {
        Some(hook) => hook(info),
        None => print(info, &current),
    });
}

/// The hook to call; `None` for std's default, and where there is none to be had.
fn host_hook() -> Option<Arc<Hook>> {
    /// The one that was put back last. While std has it, no other has its address.
    static LAST: Mutex<Option<(usize, Arc<Hook>)>> = Mutex::new(None);

    let given = read(&GIVEN).clone();
    if given.is_some() {
        return given;
    }
    if std::thread::panicking() {
        // std's functions would panic. This is a panic in a destructor that a panic of the host has
        // come to, or in the host's own hook.
        return None;
    }
    let mut last = lock(&LAST);
    let taken = take_hook();
    // The hook is std's default now, and taking that leaves it.
    #[allow(ambiguous_wide_pointer_comparisons)] // at worst, we print where std would
    let is_default = std::ptr::eq(&*taken, &*take_hook());
    if is_default {
        return None;
    }
    let address = std::ptr::from_ref(&*taken).cast::<()>() as usize;
    if let Some((_, hook)) = last.as_ref().filter(|last| last.0 == address) {
        let hook = hook.clone();
        set_hook(taken);
        return Some(hook);
    }
    let hook: Arc<Hook> = Arc::from(taken);
    let callee = hook.clone();
    let shared: Box<Hook> = Box::new(move |info: &PanicHookInfo<'_>| callee(info));
    let address = std::ptr::from_ref(&*shared).cast::<()>() as usize;
    *last = Some((address, hook.clone()));
    set_hook(shared);
    Some(hook)
}

/// As std's default hook, and the module's file.
fn print(info: &PanicHookInfo<'_>, current: &Current<'_>) {
    let thread = std::thread::current();
    let thread = thread.name().map(str::to_owned).or_else(system_name);
    let thread = thread.as_deref().unwrap_or("<unnamed>");
    let module = modules::file(current.start);
    let module = module.as_deref().unwrap_or("an unknown file");
    let message = info.payload_as_str().unwrap_or("Box<dyn Any>");
    let mut text = match info.location() {
        Some(at) => {
            format!("\nthread '{thread}' panicked at {at}, in module {module}:\n{message}\n")
        }
        None => format!("\nthread '{thread}' panicked in module {module}:\n{message}\n"),
    };
    match current.backtrace {
        Some(backtrace) => text += &format!("stack backtrace:\n{backtrace}"),
        None => {
            text +=
                "note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n";
        }
    }
    // Not `eprint!`, which panics when standard error is closed.
    let _ = std::io::stderr().write_all(text.as_bytes());
}

/// The calling thread's name as the system has it, cut to 15 bytes: a thread that a module has
/// started is unknown to the host's std. `None` if it is that of the process, which unnamed threads
/// inherit.
#[cfg(target_os = "linux")]
fn system_name() -> Option<String> {
    let name = std::fs::read_to_string("/proc/thread-self/comm").ok()?;
    let inherited = std::fs::read_to_string("/proc/self/comm").ok()?;
    (name != inherited).then(|| name.trim_end().to_owned())
}

#[cfg(not(target_os = "linux"))]
fn system_name() -> Option<String> {
    None
}
