//! The host's functions as undefined symbols, for the formats whose modules may leave some: ELF and
//! Mach-O.
//!
//! On ELF, undefined symbols are a linker's default for shared objects. On Mach-O,
//! `tls_slots_build::module()` passes `-U` for each of them. `dlopen` binds the symbols to the
//! executable's, or refuses the module and names a missing one: there is no initialisation that
//! could be forgotten.

/// Declares functions of the host, each with its symbol.
macro_rules! host_functions {
    ($(
        $(#[$attribute:meta])*
        $visibility:vis unsafe extern $abi:literal fn $name:ident(
            $($argument:ident: $type:ty),*
        ) $(-> $result:ty)? = $symbol:literal, else $otherwise:block;
    )*) => {
        $(
            // Some types are laid out by Rust. Both sides are of the same compiler, or do not look
            // at them: each function says which.
            #[allow(improper_ctypes)]
            unsafe extern $abi {
                $(#[$attribute])*
                #[link_name = $symbol]
                $visibility fn $name($($argument: $type),*) $(-> $result)?;
            }
        )*
    };
}
pub(crate) use host_functions;
