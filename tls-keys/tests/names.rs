//! The names in `names.rs` are the ones that the sources spell: those that call the host's
//! functions, those that define them, and those that name a section.
//!
//! What a host really exports is a test of a real host, `tests/tests/keys.rs`. The list of
//! `tls-slots-build` is compared in that crate.

use tls_slots as _;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use tls_keys::names;

/// The host's functions, and both ways to reach a thread's table.
fn exported() -> BTreeSet<String> {
    let table = [names::TABLE, names::TABLE_FUNCTION];
    let all = names::EXPORTED.iter().chain(&table);
    let set: BTreeSet<_> = all.map(|name| (*name).to_owned()).collect();
    assert_eq!(
        set.len(),
        names::EXPORTED.len() + 2,
        "a name is there twice"
    );
    set
}

/// The texts of all source files in a folder of this repository.
fn sources(folder: &str) -> Vec<String> {
    fn collect(folder: &Path, texts: &mut Vec<String>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                collect(&path, texts);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                texts.push(fs::read_to_string(path).unwrap());
            }
        }
    }

    let mut texts = Vec::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    collect(&root.join(folder), &mut texts);
    texts
}

/// The names of this project that follow `before` in lines of code.
fn names_after(texts: &[String], before: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for line in texts.iter().flat_map(|text| text.lines()) {
        if line.trim_start().starts_with("//") {
            continue;
        }
        for (at, _) in line.match_indices(before) {
            let name = &line[at + before.len()..];
            let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let name = &name[..end.unwrap_or(name.len())];
            if name.starts_with("tls_slots_") {
                names.insert(name.to_owned());
            }
        }
    }
    names
}

#[test]
fn the_functions_that_images_call_are_those_that_hosts_export() {
    let mut called = BTreeSet::new();
    for folder in ["shared/calls", "shared/arch", "image_std"] {
        called.extend(names_after(
            &sources(&format!("tls-keys/src/{folder}")),
            "\"",
        ));
    }
    // The table is a symbol in assembly.
    called.insert(names::TABLE.to_owned());
    assert_eq!(called, exported());
}

#[test]
fn the_symbols_that_tls_slots_defines_are_those_that_hosts_export() {
    let texts = sources("tls-slots/src");
    let mut defined = names_after(&texts, "fn ");
    defined.extend(names_after(&texts, ".globl "));
    for hidden in names_after(&texts, ".hidden ") {
        assert!(defined.remove(&hidden), "{hidden}");
    }
    assert_eq!(defined, exported());
}

#[test]
fn sections_are_spelled_as_the_names_are() {
    let elf = sources("tls-keys/src/shared/object");
    for name in [names::KEYS_SECTION, names::MANIFEST_SECTION] {
        for spelled in [
            format!("#[unsafe(link_section = \"{name}\")]"),
            format!("#[link_name = \"__start_{name}\"]"),
            format!("#[link_name = \"__stop_{name}\"]"),
        ] {
            assert!(elf.iter().any(|text| text.contains(&spelled)), "{spelled}");
        }
    }
}

#[test]
fn every_name_tells_the_version_of_the_interface() {
    let version = format!("_v{}", names::ABI);
    for name in exported() {
        assert!(name.ends_with(&version), "{name}");
    }
    for name in [names::KEYS_SECTION, names::MANIFEST_SECTION] {
        assert!(name.ends_with(&version), "{name}");
    }
    assert!(names::ENTRY_PREFIX.ends_with(&format!("{version}_")));
}
