//! What upstream's code has to do while a module is being unloaded.

/// Whether a thread that has nothing to do is to end: the condition holds, or a module is being
/// unloaded and waits for such threads.
#[allow(unused_macros)] // which features use it varies
#[cfg(feature = "external-tls")]
macro_rules! or_pending {
    ($condition:expr) => {
        ($condition || $crate::external_tls::unload::is_pending())
    };
}
#[allow(unused_macros)]
#[cfg(not(feature = "external-tls"))]
macro_rules! or_pending {
    ($condition:expr) => {
        $condition
    };
}
#[allow(unused_imports)]
pub(crate) use or_pending;

/// Functions that visit each task. Upstream has them for its task dumps only.
#[allow(unused_macros)] // which features use it varies
#[cfg(feature = "external-tls")]
macro_rules! cfg_each_task {
    ($($item:item)*) => {
        $(
            #[cfg(feature = "rt")]
            $item
        )*
    };
}
#[allow(unused_macros)]
#[cfg(not(feature = "external-tls"))]
macro_rules! cfg_each_task {
    ($($item:item)*) => {
        cfg_taskdump! { $($item)* }
    };
}
#[allow(unused_imports)]
pub(crate) use cfg_each_task;
