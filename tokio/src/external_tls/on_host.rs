//! Leaves work to the host's copy of a function.

/// At the start of a function: in a module, lets the host's copy of that function do the work.
///
/// For functions that leave code behind in shared state: a thread's main function, a waker's
/// vtable, a signal action. What stays is then the host's, which is never unloaded.
///
/// The function's address is itself a process-wide key, so it is the host's wherever the key is
/// shared, and this image's own otherwise.
#[allow(unused_macros)] // which features use it varies
macro_rules! on_host {
    ($name:ident: $signature:ty = $function:path; ($($argument:expr),* $(,)?)) => {
        #[cfg(feature = "external-tls")]
        {
            $crate::external_tls::keys::process_local! {
                static $name: $signature = $function;
            }
            if !::tls_keys::ProcessLocal::is_own(&$name) {
                let host = *$name;
                // SAFETY: the host's copy of the very function that this was called from, with
                // the very arguments that its caller vouched for, where it is an unsafe one.
                #[allow(unused_unsafe)]
                return unsafe { host($($argument),*) };
            }
        }
    };
}
#[allow(unused_imports)]
pub(crate) use on_host;
