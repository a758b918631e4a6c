//! Finds the symbols of a file that stand in writable memory.
//!
//! The three formats differ in what they tell of a symbol:
//!
//! | | sizes | the object file of a local symbol | name of a thread-local's section |
//! | --- | --- | --- | --- |
//! | ELF | yes | yes, as a symbol before it | `.tdata`, `.tbss` |
//! | Mach-O | no | no | `__thread_data`, `__thread_bss` |
//! | PE | no | no | `.tls$` |
//!
//! Where there are no sizes, a symbol ends where the next one of its section starts.

use std::collections::HashMap;

use object::{
    Object as _, ObjectSection as _, ObjectSymbol as _, SectionIndex, SectionKind, SymbolKind,
};

use super::state::Kind;

/// A symbol in writable memory.
pub(super) struct Symbol {
    /// The name, as the file has it.
    pub(super) name: String,
    /// The object file that a local symbol comes from, where the file says so.
    pub(super) file: Option<String>,
    /// What the symbol's section makes of it.
    pub(super) kind: Kind,
    pub(super) section: SectionIndex,
    pub(super) address: u64,
    /// In bytes.
    pub(super) size: u64,
}

/// The writable sections of a file: what a symbol in each is, and the section's size.
pub(super) type Sections = HashMap<SectionIndex, (Kind, u64)>;

/// Finds the writable sections.
///
/// The section of keys is one of them: a loaded module resolves its keys in place. Its two possible
/// names are those of `tls-keys`: ELF's has no dot, so that the linker defines its bounds. Sections
/// that hold descriptions of the image (`tls_slots_…`) do not count, nor does `.data.rel.ro`, which
/// the loader makes read-only.
pub(super) fn sections(file: &object::File<'_>) -> Sections {
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
    // Names of ELF and Mach-O, and those of large code models. A section's name may go on, as in
    // `.bss.rel.local`.
    const STARTS: [&str; 7] = [
        ".data", "__data", ".ldata", ".bss", "__bss", "__common", ".lbss",
    ];
    STARTS.iter().any(|start| name.starts_with(start))
}

/// The symbols in these sections. A thing with two names counts once, and what has no size does not
/// count.
pub(super) fn symbols(file: &object::File<'_>, sections: &Sections) -> Vec<Symbol> {
    let mut all = named(file, sections);
    // Two names of one thing, such as a symbol and its version, come one after the other.
    all.sort_by(|a, b| {
        (a.section.0, a.address, b.size, &a.name).cmp(&(b.section.0, b.address, a.size, &b.name))
    });
    all.dedup_by(|b, a| {
        (a.section, a.address, a.size) == (b.section, b.address, b.size) && a.size > 0
    });
    if all.iter().all(|symbol| symbol.size == 0) {
        // Mach-O and PE have no sizes: a symbol ends where the next one starts.
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

/// The symbols in these sections, as the file lists them.
fn named(file: &object::File<'_>, sections: &Sections) -> Vec<Symbol> {
    let mut all = Vec::new();
    let mut source = None;
    for symbol in file.symbols() {
        // In ELF, the name of an object file comes first and its local symbols after it.
        if symbol.kind() == SymbolKind::File {
            let name = symbol.name().ok().filter(|name| !name.is_empty());
            source = name.map(str::to_owned);
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
    all
}
