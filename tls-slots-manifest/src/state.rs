//! Reads the state that a file has for itself: see `private_state.rs`.
//!
//! One pass over the table of symbols, which looks at the names of those only that stand in
//! writable memory, and one over the constants, for paths of source files. A path is found by the
//! `/src/` in it:
//!
//! | path | names |
//! | --- | --- |
//! | `…/arc-swap-1.9.2/src/debt/list.rs`, of cargo's registry and of forks | package and version |
//! | `…/vendor/arc-swap/src/debt/list.rs`, by `cargo vendor` | a folder, which has the package's name |
//!
//! A folder may have that name by chance, so it is believed only where there are no symbols.
//!
//! What is not found: paths that `--remap-path-prefix` has cut at the package itself, as no `/`
//! stands before the name then; and a vendored crate whose file is not in `src`.
//!
//! `.data.rel.ro` is no state, as the system makes it read-only. Neither are the sections that
//! describe an image (`tls_slots_…`): a key is a symbol of `tls_slots_keys_v1`.

use std::collections::BTreeMap;

use memchr::memmem;
use object::{File, Object, ObjectSection, ObjectSymbol, ReadRef, SectionKind};

use crate::file::MOST_SECTIONS;
use crate::mangled::crate_of;
use crate::private_state::PrivateState;

/// What is read of names, and of constants, as a multiple of the file's length at most: in a
/// damaged file they may overlap.
const MOST_READ: u64 = 4;

/// Constants of more bytes are not looked through. They are data that was put into the program:
/// paths of source files take some kilobytes.
const LARGEST_CONSTANTS: u64 = 64 << 20;

impl PrivateState {
    /// Reads what the file tells. What is damaged tells nothing.
    pub(crate) fn of<'a>(file: &File<'a, impl ReadRef<'a>>, length: u64) -> Self {
        Self {
            symbols: symbols(file, length.saturating_mul(MOST_READ)),
            ..sources(file, length.saturating_mul(MOST_READ))
        }
    }
}

/// The names in writable memory, by crate. `None` where the file has no symbols. Reads no more than
/// that many bytes of names.
fn symbols<'a>(
    file: &File<'a, impl ReadRef<'a>>,
    mut left: u64,
) -> Option<BTreeMap<String, Vec<String>>> {
    // By index: a file has at most as many sections as `file.rs` lets it have.
    let mut writable = vec![false; MOST_SECTIONS + 1];
    for section in file.sections().filter(is_writable) {
        if let Some(at) = writable.get_mut(section.index().0) {
            *at = true;
        }
    }
    file.symbol_table()?;
    let mut crates = BTreeMap::<String, Vec<String>>::new();
    for symbol in file.symbols() {
        let section = symbol.section_index().and_then(|at| writable.get(at.0));
        let is_state = section == Some(&true);
        let Some(name) = is_state.then(|| symbol.name().ok()).flatten() else {
            continue;
        };
        left = left.checked_sub(name.len() as u64)?;
        if let Some(krate) = crate_of(name) {
            match crates.get_mut(krate) {
                Some(names) => names.push(name.to_owned()),
                None => _ = crates.insert(krate.to_owned(), vec![name.to_owned()]),
            }
        }
    }
    Some(crates)
}

/// Whether a section holds statics or thread-locals that are no keys.
fn is_writable<'a>(section: &impl ObjectSection<'a>) -> bool {
    use SectionKind::{Data, Tls, TlsVariables, UninitializedData, UninitializedTls};
    let kind = matches!(
        section.kind(),
        Data | UninitializedData | Tls | UninitializedTls | TlsVariables
    );
    // A section whose name cannot be read is none of rustc's.
    let is_state = |name: &str| {
        !(name.contains("rel.ro")
            || name.starts_with("tls_slots_")
            || name.starts_with("__tls_slots_")
            || name == ".tlskey"
            || name == ".tlsman")
    };
    kind && section.name().is_ok_and(is_state)
}

/// The packages that paths of source files name. Reads no more than that many bytes.
fn sources<'a>(file: &File<'a, impl ReadRef<'a>>, mut left: u64) -> PrivateState {
    let mut found = PrivateState::default();
    for section in file.sections() {
        use SectionKind::{ReadOnlyData, ReadOnlyString};
        let is_constant = matches!(section.kind(), ReadOnlyData | ReadOnlyString);
        // The tables of unwinding are constants, too.
        let of_texts = |name: &str| {
            name.starts_with(".rodata")
                || name == "__const"
                || name == ".rdata"
                || name == "__cstring"
        };
        let is_small = section.size() <= LARGEST_CONSTANTS;
        if !(is_constant && is_small && section.name().is_ok_and(of_texts)) {
            continue;
        }
        let Some(rest) = left.checked_sub(section.size()) else {
            break;
        };
        left = rest;
        let Ok(bytes) = section.data() else { continue };
        for separator in ["/src/", "\\src\\"] {
            for at in memmem::find_iter(bytes, separator) {
                let Some((name, version)) = package(&bytes[..at]) else {
                    continue;
                };
                let Some(version) = version else {
                    if !found.folders.contains(name) {
                        found.folders.insert(name.to_owned());
                    }
                    continue;
                };
                let known = found.packages.get(name);
                if !known.is_some_and(|known| known.contains(version)) {
                    let versions = found.packages.entry(name.to_owned()).or_default();
                    versions.insert(version.to_owned());
                }
            }
        }
    }
    found
}

/// The package that a path ends with, as `NAME-VERSION` or as `NAME`. `None` for std and its own
/// dependencies, which every image has.
fn package(path: &[u8]) -> Option<(&str, Option<&str>)> {
    /// The longest name of a folder that is looked at.
    const LONGEST: usize = 128;
    let start = path.len().saturating_sub(LONGEST);
    let slash = path[start..]
        .iter()
        .rposition(|one| matches!(one, b'/' | b'\\'))?;
    let (folders, folder) = path.split_at(start + slash);
    if folders.ends_with(b"/rust/deps") || folders.ends_with(b"/library") {
        return None;
    }
    let folder = str::from_utf8(&folder[1..]).ok()?;
    let mut dashes = folder.match_indices('-');
    if let Some((at, _)) = dashes.find(|(at, _)| is_version(&folder[at + 1..])) {
        return Some((&folder[..at], Some(&folder[at + 1..])));
    }
    let is_of_name = |one: u8| one.is_ascii_alphanumeric() || matches!(one, b'-' | b'_');
    let is_name = !folder.is_empty() && folder.bytes().all(is_of_name);
    is_name.then_some((folder, None))
}

/// Whether it is a version as cargo has them: three numbers, and what may follow.
fn is_version(text: &str) -> bool {
    let release = text.split(['-', '+']).next().unwrap_or_default();
    let numbers = release.split('.');
    let is_number = |one: &str| !one.is_empty() && one.bytes().all(|digit| digit.is_ascii_digit());
    numbers.clone().count() == 3 && { numbers }.all(is_number)
}

#[cfg(test)]
mod tests {
    use super::package;

    #[test]
    fn a_path_names_its_package() {
        let of = |path: &'static str| package(path.as_bytes());
        let registry = "/home/me/.cargo/registry/src/index-0123456789abcdef";
        let path: &str = Box::leak(format!("x{registry}/arc-swap-1.9.5").into_boxed_str());
        assert_eq!(of(path), Some(("arc-swap", Some("1.9.5"))));
        let fork = Some(("a", Some("1.0.0-rc.1+x")));
        assert_eq!(of("forks/a-1.0.0-rc.1+x"), fork);
        assert_eq!(of("C:\\forks\\b-2-0.1.0"), Some(("b-2", Some("0.1.0"))));
        assert_eq!(of("/app/vendor/arc-swap"), Some(("arc-swap", None)));
        for none in [
            "/rust/deps/hashbrown-0.16.1",
            "/rustc/59807616e1fa2540724bfbac14d7976d7e4a3860/library/backtrace",
            "/srv/my project",
            "a-1.0.0",
            "/a-1.0",
            "",
        ] {
            assert_eq!(of(none), None, "{none}");
        }
    }
}
