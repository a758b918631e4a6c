//! Forks small crates that have every form of state, and runs their own tests before and after.
//!
//! The crates are in `tests/zoo/` of this package.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use semver::Version;

use super::apply::apply;
use super::report::{Report, Sharing};
use crate::cargo_toml::forks;
use crate::source::tree::Tree;

const ZOO: &str = include_str!("../../tests/zoo/every_form.rs");
const QUIET: &str = include_str!("../../tests/zoo/quiet.rs");

fn tree(name: &str, edition: &str, text: &str) -> Tree {
    let lazy = match text.contains("lazy_static") {
        true => "lazy_static = \"1.5\"\n",
        false => "",
    };
    let cargo_toml = format!(
        "[package]\nname = \"{name}\"\nversion = \"0.1.0\"\nedition = \"{edition}\"\n\n[dependencies]\n{lazy}"
    );
    Tree::from([
        ("Cargo.toml".to_owned(), cargo_toml.into_bytes()),
        ("src/lib.rs".to_owned(), text.as_bytes().to_vec()),
    ])
}

fn fork(name: &str, edition: &str, text: &str) -> (Tree, Report) {
    let mut tree = tree(name, edition, text);
    let report = apply(name, &Version::new(0, 1, 0), &mut tree).unwrap();
    (tree, report)
}

/// Gives a fork the `Cargo.toml` that `fork` would.
fn depend_on_keys(tree: &mut Tree) {
    let text = String::from_utf8(tree["Cargo.toml"].clone()).unwrap();
    let text = forks::fork(&text, None, &BTreeMap::new(), &[]).unwrap();
    let text = forks::depend_on_keys(&text).unwrap();
    tree.insert("Cargo.toml".to_owned(), text.into_bytes());
}

fn lines(report: &Report, sharing: Sharing) -> Vec<String> {
    report
        .with(sharing)
        .map(|state| match state.reason.as_str() {
            "" => state.what.clone(),
            reason => format!("{}: {reason}", state.what),
        })
        .collect()
}

/// Runs a crate's tests, with `shared` on or off.
fn passes_its_tests(tree: &Tree, folder: &Path, hosted: bool) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    for (path, bytes) in tree {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut text = String::from_utf8(bytes.clone()).unwrap();
        if path.ends_with("Cargo.toml") {
            let keys = root.join("tls-keys").display().to_string();
            text = text.replace("../tls-keys", &keys);
            if !text.contains("[workspace]") {
                text += "\n[workspace]\n";
            }
            if hosted {
                let slots = root.join("tls-slots").display().to_string();
                text += &format!("\n[dependencies.tls-slots]\npath = {slots:?}\n");
            }
        }
        if path.ends_with("lib.rs") && hosted {
            text += "\nextern crate tls_slots as _;\n";
        }
        fs::write(path, text).unwrap();
    }
    let output = Command::new(env!("CARGO"))
        .args(["test", "--quiet", "--lib"])
        .current_dir(folder)
        .env("CARGO_TARGET_DIR", target())
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("CARGO_INCREMENTAL", "0")
        .env_remove("RUSTFLAGS")
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}\n{}{}",
        folder.display(),
        String::from_utf8_lossy(&output.stderr),
        String::from_utf8_lossy(&output.stdout)
    );
}

fn target() -> PathBuf {
    let exe = std::env::current_exe().unwrap();
    exe.parent().unwrap().join("../../tmp/zoo")
}

#[test]
fn a_crate_with_everything_is_what_it_was_in_every_edition() {
    for edition in ["2015", "2018", "2021", "2024"] {
        let place = tempfile::tempdir().unwrap();
        let name = format!("zoo-{edition}");
        // Upstream has a crate's lints capped; this one is no registry's.
        let capped = ZOO.replace("#![deny(warnings)]", "#![allow(static_mut_refs)]");
        let folder = |name| place.path().join(name);
        passes_its_tests(&tree(&name, edition, &capped), &folder("before"), false);
        let (mut tree, report) = fork(&name, edition, ZOO);
        depend_on_keys(&mut tree);
        passes_its_tests(&tree, &folder("unshared"), false);
        passes_its_tests(&tree, &folder("hosted"), true);

        assert_eq!(
            lines(&report, Sharing::Shared),
            [
                "static COUNT",
                "static LAZY",
                "static CELL",
                "static mut RAW",
                "static mut LIST",
                "static LOCKED",
                "static ref REGISTRY in lazy_static!",
                "static ref NUMBER in lazy_static!",
                "static DEPTH in thread_local!",
                "static STACK in thread_local!",
                "static OTHER in std::thread_local!",
                "static CALLS of counter!",
                "static INNER",
                "static MINE of exported!",
                "static COUNT",
                "static COUNT",
            ]
        );
        assert_eq!(
            lines(&report, Sharing::NotShared),
            [
                "static HELD: a constant refers to it, src/lib.rs:42, and the compiler cannot ask the host",
                "static HOLDER: refers to `static HELD`, which is not shared",
            ]
        );
        assert_eq!(
            lines(&report, Sharing::Stays),
            [
                "static NAMES: immutable",
                "static TABLE: immutable",
                "static TESTED: for tests only",
            ]
        );
    }
}

#[test]
fn a_crate_without_std_that_forbids_unsafe_code_is_forked() {
    let place = tempfile::tempdir().unwrap();
    let (mut tree, _) = fork("quiet", "2021", QUIET);
    depend_on_keys(&mut tree);
    passes_its_tests(&tree, &place.path().join("hosted"), true);
}

#[test]
fn what_cannot_be_shared_is_named() {
    let (_, report) = fork(
        "names",
        "2021",
        "#[no_mangle] pub static A: AtomicU8 = AtomicU8::new(1);
         extern \"C\" { static environ: *const u8; }
         #[thread_local] static C: Cell<u8> = Cell::new(1);
         foreign_thread_local! { static D: u8 = 1; }
         foreign! { static E: AtomicU8 = AtomicU8::new(1); }
         pub static F: Unknown = unknown();
         static G: Unknown = unknown();
         macro_rules! m { ($n:ident) => { static $n: Unknown = unknown(); static H: Once = Once::new(); } }
         #[macro_export] macro_rules! n { () => { static I: Once = Once::new(); } }
         macro_rules! o { (static $n:ident: $t:ty) => { $n } }
         #[cfg(feature = \"a\")] static J: Once = Once::new();
         const fn f() -> &'static Once { &K }
         static K: Once = Once::new();",
    );
    assert_eq!(
        lines(&report, Sharing::NotShared),
        [
            "static A: is known to the linker by `no_mangle`",
            "static C: is a `#[thread_local]`, which no key can replace",
            "static D in foreign_thread_local!: is declared by `foreign_thread_local!`, a macro of another crate",
            "static E: stands in a call of `foreign!`, which may not take what would be written in its place",
            "static F: the type is not known to be immutable, and other crates can name it in constants",
            "static $n of m!: the type is not known to be immutable, and the name is a macro's parameter, so its uses cannot be found",
            "static K: a constant refers to it, src/lib.rs:12, and the compiler cannot ask the host",
        ]
    );
    assert_eq!(
        lines(&report, Sharing::Shared),
        [
            "static G: type not known to be immutable",
            "static H of m!",
            "static J",
        ]
    );
    assert_eq!(
        lines(&report, Sharing::Stays),
        [
            "static environ: is defined elsewhere: an `extern` block declares it",
            "static I of n!: expands in the crates that call the macro, and is theirs",
        ]
    );
}

#[test]
fn uses_that_are_in_doubt_stay_as_they_are() {
    let text = "mod a { pub static X: Once = Once::new(); }
        mod b { pub const X: u8 = 1; }
        static Y: AtomicU8 = AtomicU8::new(1);
        use a::X; use crate::Y as Z;
        fn f() { X.call_once(g); A::Y; thing.Y; Thing { Y: 1 }; m!(Y); m!(Y.load()); h(&Y, crate::Y); }";
    let (tree, _) = fork("uses", "2021", text);
    let text = String::from_utf8(tree["src/lib.rs"].clone()).unwrap();
    assert!(
        text.contains(
            "use a::X; use crate::Y as Z;
        fn f() { X.call_once(g); A::Y; thing.Y; Thing { Y: 1 }; m!(Y); \
             m!(crate::__tls_slots_get!(Y).load()); \
             h(&crate::__tls_slots_get!(Y), crate::__tls_slots_get!(crate::Y)); }"
        ),
        "{text}"
    );
}

#[test]
fn procedural_macros_and_programs_are_refused() {
    let mut files = tree("a", "2021", "");
    let refuse =
        |files: &mut Tree| apply("a", &Version::new(1, 0, 0), files).unwrap_err()[0].to_string();
    let cargo_toml = b"[package]\nname = \"a\"\n[lib]\nproc-macro = true\n".to_vec();
    files.insert("Cargo.toml".to_owned(), cargo_toml);
    assert!(refuse(&mut files).contains("procedural macro"));
    files.insert(
        "Cargo.toml".to_owned(),
        b"[package]\nname = \"a\"\n".to_vec(),
    );
    files.remove("src/lib.rs");
    files.insert("src/main.rs".to_owned(), Vec::new());
    assert!(refuse(&mut files).contains("without a library"));
}
