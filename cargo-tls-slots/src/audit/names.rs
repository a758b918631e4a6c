//! From the name of a symbol to the crate that it belongs to.
//!
//! rustc has two manglings, and a file may have both: std is built with one, and a crate with the
//! other. `rustc-demangle` reads both. What is left is a path such as
//! `<std::thread::id::ThreadId>::new::COUNTER`, whose crate is not simply its first word.
//!
//! | path | crate |
//! | --- | --- |
//! | `tokio::runtime::context::CONTEXT::KEY` | `tokio` |
//! | `<std::thread::id::ThreadId>::new::COUNTER` | `std` |
//! | `<a::B as core::ops::Deref>::deref::X` | `a` |
//! | `<alloc::vec::Vec<u8> as a::T>::f::X` | `a`: nobody else can have written this impl |

/// The crate name of what has no mangled name.
pub(super) const C: &str = "(C)";

/// The crate of a symbol, and the symbol's path without hashes and without what the compiler puts
/// around thread-locals. `file` is the object file that the symbol comes from.
pub(super) fn crate_and_path(name: &str, file: Option<&str>) -> (String, String) {
    // Mach-O puts one more underscore before each name.
    let demangled = rustc_demangle::try_demangle(name)
        .or_else(|_| rustc_demangle::try_demangle(name.strip_prefix('_').unwrap_or(name)));
    let Ok(demangled) = demangled else {
        // This is a `#[no_mangle]` of Rust's if the object file is a codegen unit, which rustc
        // names after its crate.
        return match file {
            Some(file) if file.contains("-cgu.") => {
                let krate = file.split('.').next().unwrap_or(file);
                (krate.to_owned(), format!("{krate}::{name}"))
            }
            Some(file) => (C.to_owned(), format!("{name} ({file})")),
            None => (C.to_owned(), name.to_owned()),
        };
    };
    let path = format!("{demangled:#}");
    let parts = split(&path);
    let kept: Vec<&str> = parts
        .into_iter()
        .filter(|part| !part.starts_with('{') && *part != "__RUST_STD_INTERNAL_VAL")
        .collect();
    let path = kept.join("::");
    (crate_of(&path), path)
}

/// The parts of a path between `::`. `<A as B>` is one part.
///
/// `<std::thread::id::ThreadId>::new::COUNTER` has three parts: the type in brackets, `new` and
/// `COUNTER`. Brackets of all four kinds nest.
fn split(path: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start, mut at) = (0_i32, 0, 0);
    let bytes = path.as_bytes();
    while at < bytes.len() {
        match bytes[at] {
            b'<' | b'{' | b'(' | b'[' => depth += 1,
            // The `>` of a `->` closes nothing.
            b'>' if at > 0 && bytes[at - 1] == b'-' => {}
            b'>' | b'}' | b')' | b']' => depth -= 1,
            b':' if depth == 0 && path[at..].starts_with("::") => {
                parts.push(&path[start..at]);
                at += 1;
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    parts.push(&path[start..]);
    parts
}

/// The crate that a path belongs to: the first that it names. In `<A as B>` that is the crate of
/// `A`, or that of `B` if `A` is std's.
fn crate_of(path: &str) -> String {
    let first = |text: &str| -> String {
        let mut rest = text.trim_start_matches(['<', '&', '(', '[', '*', ' ']);
        for word in ["mut ", "const ", "dyn ", "impl "] {
            rest = rest.strip_prefix(word).unwrap_or(rest);
        }
        rest.trim_start_matches(['<', '&', '(', '['])
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let name = first(path);
    match split(path)[0].split_once(" as ") {
        // `u8` and other types of the language have no path.
        Some((this, of)) if ["std", "core", "alloc"].contains(&&*name) || !this.contains("::") => {
            first(of)
        }
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn both(name: &str, file: Option<&str>) -> (String, String) {
        crate_and_path(name, file)
    }

    fn pair(name: &str, path: &str) -> (String, String) {
        (name.to_owned(), path.to_owned())
    }

    #[test]
    fn legacy_and_v0_names_lose_their_hashes() {
        assert_eq!(
            both(
                "_ZN5tokio7runtime7context7CONTEXT3KEY17h2d86bd1a06d2e54bE",
                None
            ),
            pair("tokio", "tokio::runtime::context::CONTEXT::KEY")
        );
        assert_eq!(
            both(
                "_RNvNCNKNvNtNtCsjrHSEGnQ3l9_3std9panicking11panic_count17LOCAL_PANIC_COUNT0s_023___RUST_STD_INTERNAL_VAL",
                None
            ),
            pair("std", "std::panicking::panic_count::LOCAL_PANIC_COUNT")
        );
        assert_eq!(
            both("__RNvNtNtNtCsjrHSEGnQ3l9_3std6thread7current2id2ID", None),
            pair("std", "std::thread::current::id::ID")
        );
    }

    #[test]
    fn a_path_that_starts_with_a_type_is_its_crates() {
        assert_eq!(crate_of("<std::thread::id::ThreadId>::new::COUNTER"), "std");
        assert_eq!(crate_of("<a::B as core::ops::Deref>::deref::X"), "a");
        assert_eq!(crate_of("<alloc::vec::Vec<u8> as a::T>::f::X"), "a");
        assert_eq!(crate_of("<&mut a::B>::f::X"), "a");
        assert_eq!(crate_of("<[u8] as a::T>::f::X"), "a");
        assert_eq!(split("<a::B as c::D>::e::F"), ["<a::B as c::D>", "e", "F"]);
    }

    #[test]
    fn c_stands_under_its_file_and_unmangled_rust_under_its_crate() {
        assert_eq!(both("table", Some("zlib.c")), pair(C, "table (zlib.c)"));
        assert_eq!(both("environ", None), pair(C, "environ"));
        assert_eq!(
            both("hook", Some("my_crate.3a1f-cgu.0")),
            pair("my_crate", "my_crate::hook")
        );
    }
}
