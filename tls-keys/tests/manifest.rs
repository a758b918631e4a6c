//! What this crate writes into the manifest is what `tls-slots-manifest` reads: in memory, and from
//! the file.

use tls_slots as _;

use std::cell::Cell;
use std::process::Command;

use tls_slots_manifest::{FileError, Key, KeyKind, Manifest, ParseError};

mod inner {
    use super::Cell;

    tls_keys::thread_local! {
        pub(crate) static LOCAL: Cell<[u16; 3]> = const { Cell::new([0; 3]) };
        static SECOND: Vec<String> = Vec::new();
    }
    pub(crate) const LINE: u32 = line!() - 4;

    pub(crate) fn second() -> usize {
        SECOND.with(Vec::len)
    }
}

fn in_a_function() -> &'static u64 {
    tls_keys::process_local!(static COUNT: u64 = 7);
    &COUNT
}

/// A macro of a user that declares keys, as tokio's `task_local!` does.
macro_rules! twice {
    ($($name:ident)*) => {$(
        #[allow(non_snake_case)]
        fn $name() -> &'static u8 {
            tls_keys::process_local!(static SAME: u8 = 1);
            &SAME
        }
    )*};
}
twice!(first again);

tls_keys::crate_record! {
    name: "some-crate",
    version: "1.2.3",
    checksum: "abc",
    source: "def",
    features: &[("on", true, false), ("off", false, false), ("group", true, true)],
    cfgs: &[("debug_assertions", cfg!(debug_assertions)), ("never", false)],
    dependencies: &[("dep", "4.5.6", true), ("loose", "", false)],
    types: &[
        tls_keys::type_layout!(Pair, a, b),
        tls_keys::type_layout!(Option<Vec<u8>>),
    ],
}

#[allow(dead_code)]
struct Pair {
    a: u8,
    b: u32,
}

tls_keys::allocator_record!("an allocator", forwards: true);

fn key<'a>(manifest: &'a Manifest, name: &str) -> &'a Key {
    let mut keys = manifest.keys.iter().filter(|key| key.name == name);
    let key = keys.next().unwrap_or_else(|| panic!("no key {name}"));
    assert!(keys.next().is_none(), "two keys {name}");
    key
}

#[test]
fn the_compiler_is_this_one() {
    let compiler = &tls_slots::manifest().unwrap().compiler;
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").output().unwrap();
    let says = String::from_utf8(output.stdout).unwrap();
    assert_eq!(compiler.rustc, says.lines().next().unwrap());
    assert!(says.contains(&format!("\ncommit-hash: {}\n", compiler.commit)));
    assert!(compiler.target.contains(std::env::consts::ARCH));
    assert_eq!(compiler.panic, "unwind");
    assert_eq!(compiler.debug_assertions, cfg!(debug_assertions));
    assert_eq!(tls_slots::manifest().unwrap().abi, tls_keys::names::ABI);
}

#[test]
fn keys_say_where_they_are_and_of_what_layout() {
    let manifest = tls_slots::manifest().unwrap();
    let local = key(manifest, "LOCAL");
    assert_eq!(local.kind, KeyKind::ThreadLocal);
    assert_eq!(local.package, "tls-keys");
    assert_eq!(local.version, env!("CARGO_PKG_VERSION"));
    assert_eq!(local.path, "manifest::inner");
    assert!(local.file.ends_with("manifest.rs"));
    assert_eq!(local.line, inner::LINE);
    assert_eq!(local.type_text, "Cell<[u16; 3]>");
    assert_eq!((local.size, local.align), (6, 2));
    assert_eq!(key(manifest, "SECOND").size, 24);
    assert_eq!(key(manifest, "COUNT").kind, KeyKind::Process);
    assert_eq!(key(manifest, "COUNT").size, 8);
    let same = manifest.keys.iter().filter(|key| key.name == "SAME");
    assert_eq!(same.count(), 2);

    // They are keys like any other.
    inner::LOCAL.set([1; 3]);
    let values = (inner::second(), *in_a_function(), *first(), *again());
    assert_eq!(values, (0, 7, 1, 1));
}

#[test]
fn a_crate_says_all_it_is_told_to() {
    let manifest = tls_slots::manifest().unwrap();
    let [one] = &manifest.crates[..] else {
        panic!("{:?}", manifest.crates);
    };
    assert_eq!((&*one.name, &*one.version), ("some-crate", "1.2.3"));
    assert_eq!((&*one.checksum, &*one.source), ("abc", "def"));
    assert_eq!(one.enabled_features().collect::<Vec<_>>(), ["on"]);
    assert_eq!(one.features.len(), 3);
    assert!(one.features[2].enabled && one.features[2].group);
    assert_eq!(one.cfgs[0].enabled, cfg!(debug_assertions));
    assert!(!one.cfgs[1].enabled && one.cfgs[1].name == "never");
    assert!(one.dependencies[0].enabled && one.dependencies[0].version == "4.5.6");
    assert!(!one.dependencies[1].enabled && one.dependencies[1].name == "loose");
    let names: Vec<_> = one.types.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["Pair", "Option<Vec<u8>>", "(layout probe)"]);
    assert_eq!((one.types[0].size, one.types[0].align), (8, 4));
    assert_eq!(one.types[2].fields, manifest.compiler.layout_probe);
    let allocator = manifest.allocator.as_ref().unwrap();
    assert!(allocator.forwards && allocator.name == "an allocator");
}

#[test]
fn the_file_says_the_same() {
    let bytes = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let manifest = Manifest::from_object(&bytes).unwrap();
    assert_eq!(&manifest, tls_slots::manifest().unwrap());
}

/// What a file is instead of a host or a module, each by its own name.
#[test]
fn other_files_are_told_apart() {
    let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
    let edited = |from: &[u8], to: &[u8]| {
        let mut bytes = own.clone();
        let mut times = 0;
        for at in 0..=bytes.len() - from.len() {
            if bytes[at..].starts_with(from) {
                bytes[at..at + to.len()].copy_from_slice(to);
                times += 1;
            }
        }
        assert!(times > 0);
        Manifest::from_object(&bytes)
    };
    assert_eq!(Manifest::from_object(b""), Err(FileError::NotAnObject));
    for archive in ["!<arch>\nnot to be loaded either", "!<thin>\n"] {
        let found = "a static library or an rlib";
        assert_eq!(
            Manifest::from_object(archive.as_bytes()),
            Err(FileError::Kind { found })
        );
    }
    let truncated = Manifest::from_object(&own[..own.len() / 2]);
    assert!(matches!(truncated, Err(FileError::Corrupt { .. })));
    if cfg!(target_os = "linux") {
        let renamed = edited(b"tls_slots_manifest_v1\0", b"tls_slots_manifest_v7\0");
        let found = "7".to_owned();
        assert_eq!(renamed, Err(FileError::OtherAbi { found }));
        let renamed = edited(b"tls_slots_manifest_v1\0", b"tls_slots_something_1\0");
        assert_eq!(renamed, Err(FileError::NoManifest));
    }
    let format = edited(b"\xA7tlsrec\n\x01\0", b"\xA7tlsrec\n\x02\0");
    assert_eq!(
        format,
        Err(FileError::Manifest(ParseError::Format { found: 2 }))
    );
}
