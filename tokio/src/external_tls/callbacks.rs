//! Functions that a runtime keeps for as long as it lives.

/// A function that a runtime keeps. It is code of the image that builds the runtime, so it holds
/// that image.
#[allow(unused_macros)] // which features use it varies
#[cfg(feature = "external-tls")]
macro_rules! held {
    ($function:ident) => {
        $crate::external_tls::callbacks::Callback::held($function)
    };
}
#[allow(unused_macros)]
#[cfg(not(feature = "external-tls"))]
macro_rules! held {
    ($function:ident) => {
        std::sync::Arc::new($function)
    };
}
#[allow(unused_imports)]
pub(crate) use held;

/// What [`held!`] does with a function, by the function's type.
#[cfg(all(feature = "external-tls", feature = "rt"))]
pub(crate) trait Callback<Signature> {
    /// The type that the runtime has for it.
    type Held: ?Sized;

    /// The function, which holds its image.
    fn held(self) -> std::sync::Arc<Self::Held>;
}

/// One implementation for the functions of each number of arguments.
#[cfg(all(feature = "external-tls", feature = "rt"))]
macro_rules! callback {
    ($result:ident; $($argument:ident: $type:ty)?) => {
        impl<F, $result> Callback<fn($($type)?) -> $result> for F
        where
            F: Fn($($type)?) -> $result + Send + Sync + 'static,
            $result: 'static,
        {
            type Held = dyn Fn($($type)?) -> $result + Send + Sync;

            fn held(self) -> std::sync::Arc<Self::Held> {
                let hold = ::tls_keys::Hold::new("callback of a runtime");
                // The function is the first to be taken in, and so the first to be dropped.
                std::sync::Arc::new(move |$($argument: $type)?| {
                    let result = self($($argument)?);
                    let _ = &hold;
                    result
                })
            }
        }
    };
}
#[cfg(all(feature = "external-tls", feature = "rt"))]
callback!(R;);
#[cfg(all(feature = "external-tls", feature = "rt"))]
callback!(R; meta: &crate::runtime::TaskMeta<'_>);

/// The names of a runtime's threads, as a function of the host's.
#[allow(unused_macros)] // which features use it varies
#[cfg(feature = "external-tls")]
macro_rules! text_name {
    ($name:ident) => {
        $crate::external_tls::callbacks::name_on_host($name)
    };
}
#[allow(unused_macros)]
#[cfg(not(feature = "external-tls"))]
macro_rules! text_name {
    ($name:ident) => {
        std::sync::Arc::new(move || $name.clone())
    };
}
#[allow(unused_imports)]
pub(crate) use text_name;

/// The names of a runtime's threads where nobody has chosen one, as a function of the host's.
#[allow(unused_macros)] // which features use it varies
#[cfg(feature = "external-tls")]
macro_rules! default_name {
    ($function:expr) => {{
        let name: fn() -> String = $function;
        $crate::external_tls::callbacks::name_on_host(name())
    }};
}
#[allow(unused_macros)]
#[cfg(not(feature = "external-tls"))]
macro_rules! default_name {
    ($function:expr) => {
        std::sync::Arc::new($function)
    };
}
#[allow(unused_imports)]
pub(crate) use default_name;

/// The type that the runtime's builder has for it.
#[cfg(all(feature = "external-tls", feature = "rt"))]
type ThreadName = std::sync::Arc<dyn Fn() -> String + Send + Sync>;

/// A function that gives the name, and is the host's.
#[cfg(all(feature = "external-tls", feature = "rt"))]
#[allow(dead_code)] // which features use it varies
pub(crate) fn name_on_host(name: String) -> ThreadName {
    crate::external_tls::on_host::on_host!(NAME: fn(String) -> ThreadName = name_on_host; (name));
    std::sync::Arc::new(move || name.clone())
}
