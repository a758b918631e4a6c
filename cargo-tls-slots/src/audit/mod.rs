//! Says what state a built host or module has, and what of it is shared.
//!
//! Everything is read from the file's symbols, so it holds for what was linked, not for what a manifest
//! asked for. Writable memory is what counts:
//!
//! | a symbol in | is |
//! | --- | --- |
//! | the section of keys | a shared thread-local or static, where the host has the same |
//! | `.data`, `.bss` | a static of this image, or this image's own instance of a key |
//! | `.tdata`, `.tbss` | a thread-local of this image |
//! | `.data.rel.ro`, `.rodata` and the rest | nothing that changes; not looked at |
//!
//! A symbol belongs to the crate that its demangled path starts with. One that is not mangled is C's, and
//! stands under its object file where the file says which. What is thought of each crate is in
//! `audit/known.toml`.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use object::{
    Object as _, ObjectKind, ObjectSection as _, ObjectSymbol as _, SectionIndex, SectionKind,
    SymbolKind,
};
use serde_json::{Value, json};

mod known;

use crate::inspect;
use known::Known;
pub use known::Verdict;

/// The crate name of what has no mangled name.
const C: &str = "(C)";

/// What an image keeps where it can be written.
#[derive(Clone, Debug)]
pub struct Audit {
    /// The file.
    pub path: PathBuf,
    /// Whether the file exports what modules need.
    pub is_host: bool,
    /// How many bytes of writable memory there are, and how many of them have a name.
    pub bytes: u64,
    /// The part of them that symbols account for.
    pub named: u64,
    /// Every crate that has any, worst first, then by size.
    pub crates: Vec<CrateState>,
}

/// The state of one crate.
#[derive(Clone, Debug)]
pub struct CrateState {
    /// As the compiler has it; `(C)` for what is not Rust's.
    pub name: String,
    /// Its thread-locals and statics, keys first, then worst first.
    pub states: Vec<State>,
}

/// One thread-local or static.
#[derive(Clone, Debug)]
pub struct State {
    /// Its path, without what the compiler adds.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// Its size in this image.
    pub size: u64,
    /// What is to be thought of it; a key is shared where the host has the same.
    pub verdict: Verdict,
    /// Why, if anybody knows.
    pub reason: String,
    /// The command that shares it.
    pub fix: Option<String>,
}

/// What a symbol stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Kind {
    /// A key: the host's, where the host has the same.
    Key,
    /// A thread-local of this image.
    ThreadLocal,
    /// A static of this image.
    Static,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Kind::Key => "key",
            Kind::ThreadLocal => "thread-local",
            Kind::Static => "static",
        }
    }
}

/// Why a file cannot be audited.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It cannot be read.
    #[error("cannot read {0}")]
    Read(PathBuf, #[source] io::Error),
    /// It is no image.
    #[error("{0} is no program and no shared library")]
    Kind(PathBuf),
    /// It is damaged, or of a format that is not known.
    #[error("{0} cannot be understood")]
    Object(PathBuf, #[source] object::Error),
    /// It has no symbols.
    #[error(
        "{path} is stripped: {bytes} bytes of writable memory have no names; \
         audit a build without `strip = true` (or `strip = \"symbols\"`) in its profile"
    )]
    Stripped {
        /// The file.
        path: PathBuf,
        /// How much there is that cannot be told.
        bytes: u64,
    },
    /// The table of what is known is wrong.
    #[error("this command carries a table audit/known.toml that is wrong")]
    Table(#[source] toml::de::Error),
}

/// A symbol in writable memory.
struct Symbol {
    name: String,
    /// The object file that a local symbol comes from.
    file: Option<String>,
    kind: Kind,
    section: SectionIndex,
    address: u64,
    size: u64,
}

/// Audits a file.
///
/// # Errors
///
/// See [`Error`]. A file without symbols is [`Error::Stripped`], never an empty result.
pub fn audit(path: &Path) -> Result<Audit, Error> {
    let bytes = fs::read(path).map_err(|source| Error::Read(path.to_owned(), source))?;
    if object::FileKind::parse(&*bytes).is_err() {
        return Err(Error::Kind(path.to_owned()));
    }
    let wrong = |source| Error::Object(path.to_owned(), source);
    let file = object::File::parse(&*bytes).map_err(wrong)?;
    if !matches!(file.kind(), ObjectKind::Dynamic | ObjectKind::Executable) {
        return Err(Error::Kind(path.to_owned()));
    }
    let sections = sections(&file);
    let total: u64 = sections
        .values()
        .filter(|(kind, _)| *kind != Kind::Key)
        .map(|(_, size)| *size)
        .sum();
    let symbols = symbols(&file, &sections);
    if symbols.is_empty() && total > 0 {
        return Err(Error::Stripped {
            path: path.to_owned(),
            bytes: total,
        });
    }
    let table = Known::table().map_err(Error::Table)?;
    let own = own_name(path);
    let is_host = inspect::exports_host(&file).map_err(wrong)?;
    let named = symbols
        .iter()
        .filter(|symbol| symbol.kind != Kind::Key)
        .map(|symbol| symbol.size)
        .sum();
    Ok(Audit {
        path: path.to_owned(),
        is_host,
        bytes: total,
        named,
        crates: classify(symbols, &table, &own),
    })
}

/// The writable sections: what a symbol in each is, and the section's size.
fn sections(file: &object::File<'_>) -> HashMap<SectionIndex, (Kind, u64)> {
    let mut all = HashMap::new();
    for section in file.sections() {
        let name = section.name().unwrap_or_default();
        let kind = if name.contains("tls_slots_k") || name.starts_with(".tlskey") {
            Kind::Key
        } else if name.starts_with("tls_slots_") || name.contains("rel.ro") {
            continue;
        } else {
            match section.kind() {
                SectionKind::Tls | SectionKind::UninitializedTls | SectionKind::TlsVariables => {
                    Kind::ThreadLocal
                }
                // `.got`, `.init_array`, `.dynamic` are data as well, and padding is like `.bss`.
                SectionKind::Data | SectionKind::UninitializedData if is_state(name) => {
                    Kind::Static
                }
                _ => continue,
            }
        };
        all.insert(section.index(), (kind, section.size()));
    }
    all
}

/// Whether a section of this name holds statics.
fn is_state(name: &str) -> bool {
    const STARTS: [&str; 7] = [
        ".data", "__data", ".ldata", ".bss", "__bss", "__common", ".lbss",
    ];
    STARTS.iter().any(|start| name.starts_with(start))
}

fn symbols(file: &object::File<'_>, sections: &HashMap<SectionIndex, (Kind, u64)>) -> Vec<Symbol> {
    let mut all = Vec::new();
    let mut source = None;
    for symbol in file.symbols() {
        // In ELF, local symbols come after the name of the file that they are of.
        if symbol.kind() == SymbolKind::File {
            source = symbol
                .name()
                .ok()
                .filter(|name| !name.is_empty())
                .map(str::to_owned);
            continue;
        }
        let Some((section, kind)) = symbol
            .section_index()
            .and_then(|index| Some((index, sections.get(&index)?.0)))
        else {
            continue;
        };
        let Ok(name) = symbol.name() else { continue };
        if symbol.kind() == SymbolKind::Section || name.is_empty() {
            continue;
        }
        all.push(Symbol {
            name: name.to_owned(),
            file: source.clone().filter(|_| symbol.is_local()),
            kind,
            section,
            address: symbol.address(),
            size: symbol.size(),
        });
    }
    // Two names of one thing, as a symbol and its version, count once.
    all.sort_by(|a, b| {
        (a.section.0, a.address, b.size, &a.name).cmp(&(b.section.0, b.address, a.size, &b.name))
    });
    all.dedup_by(|b, a| {
        (a.section, a.address, a.size) == (b.section, b.address, b.size) && a.size > 0
    });
    // Mach-O and PE have no sizes: a symbol ends where the next one starts.
    if all.iter().all(|symbol| symbol.size == 0) {
        for index in 0..all.len() {
            let (section, address) = (all[index].section, all[index].address);
            let next = all
                .get(index + 1)
                .filter(|next| next.section == section)
                .map_or(address, |next| next.address);
            all[index].size = next - address;
        }
    } else {
        // Labels, such as the bounds of a section.
        all.retain(|symbol| symbol.size > 0);
    }
    all
}

/// The crate that a file is built from, by cargo's naming.
fn own_name(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let stem = stem.strip_prefix("lib").unwrap_or(&stem);
    stem.replace('-', "_")
}

/// Sorts symbols into crates, and says what is known of each.
fn classify(symbols: Vec<Symbol>, table: &[Known], own: &str) -> Vec<CrateState> {
    let named: Vec<(String, String, Symbol)> = symbols
        .into_iter()
        .map(|symbol| {
            let (name, path) = crate_and_path(&symbol.name, symbol.file.as_deref());
            (name, path, symbol)
        })
        .collect();
    let keys: Vec<String> = named
        .iter()
        .filter(|(_, _, symbol)| symbol.kind == Kind::Key)
        .map(|(_, path, _)| path.strip_suffix("::KEY").unwrap_or(path).to_owned())
        .collect();
    let mut crates: BTreeMap<String, Vec<State>> = BTreeMap::new();
    for (name, path, symbol) in named {
        // This image's own instance of a key is the key's.
        let instance = path.strip_suffix("::INSTANCE");
        if symbol.kind != Kind::Key
            && instance.is_some_and(|path| keys.iter().any(|key| key == path))
        {
            continue;
        }
        let path = match symbol.kind {
            Kind::Key => path.strip_suffix("::KEY").unwrap_or(&path).to_owned(),
            _ => path,
        };
        let (verdict, reason, fix) = if symbol.kind == Kind::Key {
            (Verdict::Harmless, String::new(), None)
        } else if let Some(known) = table.iter().find(|one| one.is_about(&name, &path, &keys)) {
            (known.verdict, known.reason.clone(), known.command())
        } else if name == own {
            let reason = "the image's own: no other image has this crate".to_owned();
            (Verdict::Harmless, reason, None)
        } else {
            (Verdict::Unknown, String::new(), None)
        };
        crates.entry(name).or_default().push(State {
            path,
            kind: symbol.kind,
            size: symbol.size,
            verdict,
            reason,
            fix,
        });
    }
    let mut crates: Vec<CrateState> = crates
        .into_iter()
        .map(|(name, mut states)| {
            states.sort_by(|a, b| {
                let key = |state: &State| {
                    let rank = (state.kind != Kind::Key, std::cmp::Reverse(state.verdict));
                    (rank, std::cmp::Reverse(state.size))
                };
                key(a).cmp(&key(b)).then_with(|| a.path.cmp(&b.path))
            });
            CrateState { name, states }
        })
        .collect();
    crates.sort_by_key(|one| {
        (
            std::cmp::Reverse((one.verdict(), one.private_bytes())),
            one.name.clone(),
        )
    });
    crates
}

/// The crate of a symbol, and its path without hashes and what the compiler puts around thread-locals.
fn crate_and_path(name: &str, file: Option<&str>) -> (String, String) {
    // Mach-O has one underscore more.
    let demangled = rustc_demangle::try_demangle(name)
        .or_else(|_| rustc_demangle::try_demangle(name.strip_prefix('_').unwrap_or(name)));
    let Ok(demangled) = demangled else {
        // A codegen unit of Rust is named after its crate: `#[no_mangle]`.
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

/// The parts of a path; `<A as B>` is one.
fn split(path: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start, mut at) = (0_i32, 0, 0);
    let bytes = path.as_bytes();
    while at < bytes.len() {
        match bytes[at] {
            b'<' | b'{' | b'(' | b'[' => depth += 1,
            // `->` closes nothing.
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

/// The first crate that a path names; in `<A as B>`, that of `A`, or of `B` if `A` is std's.
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
        // `u8` and the like have no path.
        Some((this, of)) if ["std", "core", "alloc"].contains(&&*name) || !this.contains("::") => {
            first(of)
        }
        _ => name,
    }
}

impl CrateState {
    /// The worst of what it keeps for itself.
    pub fn verdict(&self) -> Verdict {
        self.private()
            .map(|state| state.verdict)
            .max()
            .unwrap_or(Verdict::Harmless)
    }

    fn private(&self) -> impl Iterator<Item = &State> {
        self.states.iter().filter(|state| state.kind != Kind::Key)
    }

    fn private_bytes(&self) -> u64 {
        self.private().map(|state| state.size).sum()
    }

    fn count(&self, kind: Kind) -> usize {
        self.states
            .iter()
            .filter(|state| state.kind == kind)
            .count()
    }
}

impl Audit {
    /// Every private state with a verdict.
    fn with(&self, verdict: Verdict) -> impl Iterator<Item = (&CrateState, &State)> {
        self.crates
            .iter()
            .flat_map(|one| one.private().map(move |state| (one, state)))
            .filter(move |(_, state)| state.verdict == verdict)
    }

    /// Whether anything is as bad as `verdict`, or worse.
    pub fn has(&self, verdict: Verdict) -> bool {
        self.crates.iter().any(|one| one.verdict() >= verdict)
    }

    /// One word for the file.
    fn kind(&self) -> &'static str {
        let has_keys = self.crates.iter().any(|one| one.count(Kind::Key) > 0);
        match (self.is_host, has_keys) {
            (true, _) => "host",
            (false, true) => "module",
            // A module may well share nothing, and so may any other file.
            (false, false) => "file",
        }
    }

    /// For a person.
    pub fn render(&self) -> String {
        let mut text = String::new();
        let keys: usize = self.crates.iter().map(|one| one.count(Kind::Key)).sum();
        let kind = self.kind();
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let percent = (self.named.min(self.bytes) * 100).checked_div(self.bytes);
        let _ = writeln!(
            text,
            "{kind} {name}: {keys} shared keys; {} bytes of writable state of its own, {}% of it with a name\n",
            self.bytes,
            percent.unwrap_or(100)
        );
        let width = self
            .crates
            .iter()
            .map(|one| one.name.len())
            .max()
            .unwrap_or(0)
            .max(5);
        let _ = writeln!(
            text,
            "{:width$}  shared  thread-locals  statics   bytes  verdict",
            "crate"
        );
        for one in &self.crates {
            let private = one.private().count();
            let verdict = if private == 0 {
                "shared"
            } else {
                one.verdict().word()
            };
            let _ = writeln!(
                text,
                "{:width$}  {:6}  {:13}  {:7}  {:6}  {verdict}",
                one.name,
                one.count(Kind::Key),
                one.count(Kind::ThreadLocal),
                one.count(Kind::Static),
                one.private_bytes(),
            );
        }
        for (verdict, title) in [
            (Verdict::Breaks, "breaks: does not work across images"),
            (
                Verdict::Unknown,
                "unknown: nobody has looked at these; `cargo tls-slots fork PACKAGE` shares them",
            ),
            (Verdict::Caution, "caution: works, if a rule is kept"),
            (Verdict::Harmless, "harmless: a copy in each image is right"),
        ] {
            self.section(verdict, title, &mut text);
        }
        text
    }

    /// The states with one verdict: by crate and reason.
    fn section(&self, verdict: Verdict, title: &str, text: &mut String) {
        let mut groups: Vec<(&str, &State, Vec<&State>)> = Vec::new();
        for (one, state) in self.with(verdict) {
            let same = groups
                .iter_mut()
                .find(|(name, first, _)| *name == one.name && first.reason == state.reason);
            match same {
                Some((_, _, all)) => all.push(state),
                None => groups.push((&one.name, state, vec![state])),
            }
        }
        if groups.is_empty() {
            return;
        }
        let _ = writeln!(text, "\n{title}");
        for (name, first, all) in groups {
            let reason = match first.reason.as_str() {
                "" => String::new(),
                reason => format!(": {reason}"),
            };
            let _ = writeln!(text, "  {name}{reason}");
            if let Some(fix) = &first.fix {
                let _ = writeln!(text, "    cure: {fix}");
            }
            // What is right needs no list.
            if verdict != Verdict::Harmless {
                for state in all {
                    let _ = writeln!(
                        text,
                        "    {} {} ({} bytes)",
                        state.kind.word(),
                        state.path,
                        state.size
                    );
                }
            }
        }
    }

    /// For a program.
    pub fn json(&self) -> Value {
        let crates: Vec<Value> = self
            .crates
            .iter()
            .map(|one| {
                let states: Vec<Value> = one
                    .states
                    .iter()
                    .map(|state| {
                        json!({
                            "path": state.path,
                            "kind": state.kind.word(),
                            "bytes": state.size,
                            "verdict": match state.kind {
                                Kind::Key => "shared",
                                _ => state.verdict.word(),
                            },
                            "reason": state.reason,
                            "fix": state.fix,
                        })
                    })
                    .collect();
                json!({
                    "crate": one.name,
                    "verdict": one.verdict().word(),
                    "bytes": one.private_bytes(),
                    "states": states,
                })
            })
            .collect();
        json!({
            "file": self.path.display().to_string(),
            "kind": self.kind(),
            "bytes": self.bytes,
            "named_bytes": self.named,
            "crates": crates,
        })
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

    fn symbol(name: &str, kind: Kind, size: u64) -> Symbol {
        Symbol {
            name: name.to_owned(),
            file: None,
            kind,
            section: SectionIndex(1),
            address: 0,
            size,
        }
    }

    #[test]
    fn an_instance_of_a_key_is_no_state_of_its_own() {
        let table = Known::table().unwrap();
        let key = "_ZN3foo5COUNT17h2d86bd1a06d2e54bE";
        let instance = "_ZN3foo5COUNT8INSTANCE17h2d86bd1a06d2e54bE";
        let found = classify(
            vec![
                symbol(key, Kind::Key, 168),
                symbol(instance, Kind::Static, 8),
            ],
            &table,
            "",
        );
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].states.len(), 1);
        assert_eq!(found[0].states[0].kind, Kind::Key);
        // Without the key, it is.
        let found = classify(vec![symbol(instance, Kind::Static, 8)], &table, "");
        assert_eq!(found[0].verdict(), Verdict::Unknown);
        let found = classify(vec![symbol(instance, Kind::Static, 8)], &table, "foo");
        assert_eq!(found[0].verdict(), Verdict::Harmless);
    }

    #[test]
    fn the_worst_comes_first() {
        let table = Known::table().unwrap();
        let found = classify(
            vec![
                symbol("_ZN3std1A17h2d86bd1a06d2e54bE", Kind::Static, 1000),
                symbol("_ZN3foo1A17h2d86bd1a06d2e54bE", Kind::Static, 10),
                symbol(
                    "_ZN16parking_lot_core1A17h2d86bd1a06d2e54bE",
                    Kind::Static,
                    1,
                ),
            ],
            &table,
            "",
        );
        let names: Vec<&str> = found.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["parking_lot_core", "foo", "std"]);
        let fix = found[0].states[0].fix.as_deref();
        assert_eq!(fix, Some("cargo tls-slots fork parking_lot_core"));
    }
}
