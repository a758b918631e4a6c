//! Made-up repositories that break the rules, and their likes that do not.

use std::collections::BTreeSet;

use crate::arrows::{self, Arrow};
use crate::layers::Layers;
use crate::parsed::Parsed;
use crate::rooms::Room;
use crate::rules;
use crate::sources::Sources;
use crate::{lines::Lines, texts};

const CARGO_TOML: (&str, &str) = ("a/Cargo.toml", "[package]\nname = \"a\"\n");

/// The arrows of a crate with these files of `src/`, as `from -> to by path`.
fn arrows_of(files: &[(&str, &str)]) -> Vec<Arrow> {
    let paths: Vec<String> = files
        .iter()
        .map(|(path, _)| format!("a/src/{path}"))
        .collect();
    let texts = files.iter().map(|(_, text)| *text);
    let mut files: Vec<(&str, &str)> = paths.iter().map(String::as_str).zip(texts).collect();
    files.push(CARGO_TOML);
    let sources = Sources::made_up(&files);
    Room::all(&sources)[0].arrows()
}

#[track_caller]
fn assert_arrows(files: &[(&str, &str)], expected: &[&str]) {
    let found: Vec<String> = arrows_of(files)
        .iter()
        .map(|arrow| format!("{} -> {} by {}", arrow.from, arrow.to, arrow.by))
        .collect();
    assert_eq!(found, expected);
}

/// Each way to write a path.
#[test]
fn arrows_are_found() {
    for (text, by) in [
        ("use crate::b;", "crate::b"),
        ("use crate::b::f;", "crate::b::f"),
        ("use crate::{b::{self}};", "crate::b"),
        ("use crate::{c, b::*};", "crate::b"),
        ("use super::b as other;", "super::b"),
        ("pub use crate::b::f;", "crate::b::f"),
        ("fn g() { crate::b::f() }", "crate::b::f"),
        ("fn g() { use super::b::f; f() }", "super::b::f"),
        ("fn g(_: super::b::T) {}", "super::b::T"),
        (
            "fn g(x: u8) { match x { super::b::C => {} _ => {} } }",
            "super::b::C",
        ),
        ("impl crate::b::Trait for u8 {}", "crate::b::Trait"),
        (
            "fn g() { <u8 as crate::b::Trait>::f() }",
            "crate::b::Trait::f",
        ),
        ("fn g() { assert!(x == crate::b::f()) }", "crate::b::f"),
        (
            "fn g() { assert!(1 == [super::b::f::<u8>()][0]) }",
            "super::b::f",
        ),
        ("m! { use crate::{c, b::{f, T}}; }", "crate::b::f"),
        ("mod inner { use super::super::b; }", "super::super::b"),
        ("mod inner { fn f() { crate::b::f() } }", "crate::b::f"),
        ("use super as top; fn f() { top::b::f() }", "top::b::f"),
        ("#[cfg(unix)] use crate::b;", "crate::b"),
        ("#[cfg(any(test, unix))] use crate::b;", "crate::b"),
    ] {
        let arrows = arrows_of(&[("lib.rs", "mod a; mod b;"), ("a.rs", text), ("b.rs", "")]);
        let found: Vec<(&str, &str, &str)> = arrows
            .iter()
            .filter(|arrow| arrow.to == "b")
            .map(|arrow| (&*arrow.from, &*arrow.place, &*arrow.by))
            .collect();
        assert_eq!(found, [("a", "a/src/a.rs:1", by)], "{text}");
    }
}

/// What is no arrow.
#[test]
fn arrows_are_not_made_up() {
    for text in [
        "use ::b::f;",
        "use b::f;",
        "use std::b;",
        "fn b() {} fn f() { b() }",
        "fn f() { other::b::f() }",
        "fn f() { ::b::f(); x.b::<u8>(); m!(::b::f() x.b) }",
        "//! [`crate::b`]",
        "/// [`f`](crate::b::f)\nfn f() {}",
        "pub(in crate::b) fn f() {}",
        "#[cfg(test)] use crate::b;",
        "#[cfg(all(unix, test))] mod tests { use crate::b; }",
        "#[test] fn f() { crate::b::f() }",
        "fn f() { #[cfg(test)] crate::b::f!(); }",
        "#[cfg(test)] mod tests;",
        "mod b { } use self::b::f;",
    ] {
        let files = [("lib.rs", "mod a; mod b;"), ("a.rs", text), ("b.rs", "")];
        assert_eq!(arrows_of(&files), [], "{text}");
    }
}

/// A path leads to the deepest file, through folders, inline modules, `#[path]` and other names.
#[test]
fn paths_are_followed() {
    let files = [
        (
            "lib.rs",
            "use keys as other; mod a; pub mod b; mod c { pub mod d; } \
             #[cfg(unix)] #[path = \"unix.rs\"] mod system; \
             #[cfg_attr(windows, path = \"windows.rs\")] mod system;",
        ),
        (
            "b/mod.rs",
            "mod e; use e as f; pub use e::g; pub use std::sync;",
        ),
        ("b/e.rs", ""),
        ("c/d.rs", ""),
        ("unix.rs", ""),
        ("windows.rs", ""),
    ];
    for (path, to) in [
        ("crate::b", &["b/mod"][..]),
        ("crate::b::x", &["b/mod"]),
        ("crate::b::e::x::y", &["b/e"]),
        ("crate::b::f::x", &["b/e"]),
        ("crate::b::g", &["b/mod"]),
        ("crate::b::sync::Mutex", &["b/mod"]),
        ("crate::c::d::x", &["c/d"]),
        ("crate::c::x", &["lib"]),
        ("crate::x", &["lib"]),
        ("crate::other::x", &[]),
        ("crate::system::x", &["unix", "windows"]),
    ] {
        let text = format!("use {path};");
        let mut files = files.to_vec();
        files.push(("a.rs", &text));
        let arrows = arrows_of(&files);
        let found: Vec<&str> = arrows
            .iter()
            .filter(|arrow| arrow.from == "a")
            .map(|arrow| &*arrow.to)
            .collect();
        assert_eq!(found, to, "{path}");
    }
}

/// Macros: by path, by bare name, and what their bodies name.
#[test]
fn macros_are_followed() {
    assert_arrows(
        &[
            (
                "lib.rs",
                "#[macro_use] mod a; mod b; mod c; pub use c::{thing, text};",
            ),
            ("a.rs", "macro_rules! local { () => { $crate::thing() } }"),
            ("b.rs", "fn f() { local!(); crate::exported!(); thing!() }"),
            (
                "c.rs",
                "#[macro_export] macro_rules! exported { ($x:tt) => { $crate::text!($x::y) } }",
            ),
        ],
        &[
            "a -> c by crate::thing",
            "b -> a by local",
            "b -> c by crate::exported",
            "lib -> c by c::thing",
        ],
    );
}

#[track_caller]
fn assert_circles(files: &[(&str, &str)], expected: &[&str]) {
    let found = arrows::circles(&arrows_of(files));
    let found: Vec<&str> = found
        .iter()
        .map(|circle| circle.lines().next().unwrap_or_default())
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn circles_are_found() {
    let lib = ("lib.rs", "mod a; mod b; mod c;");
    assert_circles(
        &[
            lib,
            ("a.rs", "use crate::b;"),
            ("b.rs", "use super::c;"),
            ("c.rs", ""),
        ],
        &[],
    );
    assert_circles(
        &[
            lib,
            ("a.rs", "use crate::b;"),
            ("b.rs", "fn f() { super::c::f() }"),
            ("c.rs", "fn f() { assert!(crate::a::f()) }"),
        ],
        &["circle of 3 files: a, b, c"],
    );
    // Two circles, of which one uses the other.
    let lib = ("lib.rs", "mod a; mod b; mod c; mod d;");
    assert_circles(
        &[
            lib,
            ("a.rs", "use crate::{b, c};"),
            ("b.rs", "use crate::a;"),
            ("c.rs", "use crate::d;"),
            ("d.rs", "use crate::c;"),
        ],
        &["circle of 2 files: a, b", "circle of 2 files: c, d"],
    );
}

#[test]
fn a_child_and_its_parent_are_a_circle() {
    let lib = ("lib.rs", "mod a;");
    // `mod b;` alone uses nothing of `b`.
    assert_circles(
        &[
            lib,
            ("a/mod.rs", "mod b; struct T;"),
            ("a/b.rs", "use super::T;"),
        ],
        &[],
    );
    assert_circles(
        &[
            lib,
            ("a/mod.rs", "mod b; pub use b::f; struct T;"),
            ("a/b.rs", "use super::T;"),
        ],
        &["circle of 2 files: a/b, a/mod"],
    );
    assert_circles(
        &[
            lib,
            ("a/mod.rs", "mod b; mod c; pub use b::f;"),
            ("a/b.rs", ""),
            ("a/c.rs", "use super::f;"),
        ],
        &[],
    );
    // The root is a file like any other.
    assert_circles(
        &[
            ("lib.rs", "mod a; fn f() {} fn g() { a::g() }"),
            ("a.rs", "use crate::f;"),
        ],
        &["circle of 2 files: a, lib"],
    );
}

/// What an order forbids.
#[test]
fn layers_are_kept() {
    let order = |lines: &str| {
        let markdown = format!(
            "# A\n\n    ```layers a\n    {}\n    ```\n",
            lines.replace('\n', "\n    ")
        );
        Layers::all(&markdown)
            .remove("a")
            .expect("the block is there")
    };
    let files = [
        (
            "lib.rs",
            "mod top; mod left; mod right; mod low; use low::f;",
        ),
        ("top.rs", "use crate::low::f;"),
        ("left.rs", "use crate::low;"),
        ("right.rs", ""),
        ("low/mod.rs", "mod part;"),
        ("low/part.rs", ""),
    ];
    let complaints = |lines: &str, changed: Option<(&'static str, &'static str)>| {
        let mut files = files.to_vec();
        for file in files
            .iter_mut()
            .filter(|(name, _)| Some(*name) == changed.map(|(name, _)| name))
        {
            *file = changed.expect("it was compared");
        }
        let names: BTreeSet<&str> = ["lib", "top", "left", "right", "low/mod", "low/part"].into();
        order(lines).complaints(&names, &arrows_of(&files))
    };
    let none: [&str; 0] = [];
    assert_eq!(complaints("top\nleft right\nlow", None), none);
    assert_eq!(complaints("top\nleft right\nlow\nlow/part", None), none);
    assert_eq!(complaints("top\nleft right\nlow/mod\nlow/part", None), none);

    let changed = |file, text| complaints("top\nleft right\nlow\nlow/part", Some((file, text)));
    assert_eq!(
        changed("right.rs", "fn f() {\n crate::top::f() }"),
        ["a/src/right.rs:2: right -> top by `crate::top::f`: runs up"]
    );
    assert_eq!(
        changed("left.rs", "use super::right;"),
        ["a/src/left.rs:1: left -> right by `super::right`: stays in its layer"]
    );
    assert_eq!(
        changed("low/part.rs", "use super::f; use crate::f;"),
        [
            "a/src/low/part.rs:1: low/part -> lib by `crate::f`: runs up",
            "a/src/low/part.rs:1: low/part -> low/mod by `super::f`: runs up",
        ]
    );
    assert_eq!(
        complaints("top\nleft\nlow", None),
        ["right: no entry of ARCHITECTURE.md covers it"]
    );
    assert_eq!(
        complaints("top\nleft right right\nlow gone", None),
        [
            "right: both `right` and `right` cover it",
            "ARCHITECTURE.md: `right` covers no file",
            "ARCHITECTURE.md: `right` covers no file",
            "ARCHITECTURE.md: `gone` covers no file",
        ]
    );
}

/// The whole rules, on a repository that breaks each.
#[test]
fn the_rules_can_fail() {
    let long_function = format!("fn long() {{\n{}}}\n", "    f();\n".repeat(79));
    let long_file = "fn f() {}\n".repeat(501);
    let files = [
        ("ARCHITECTURE.md", "```layers tls-slots\nhigh\nlow\n```\n"),
        (
            "tls-keys/Cargo.toml",
            "[package]\nname = \"tls-keys\"\n[target.'cfg(unix)'.dependencies]\nlibc = \"1\"\n",
        ),
        ("tls-keys/src/lib.rs", ""),
        (
            "tls-slots/Cargo.toml",
            "[package]\nname = \"tls-slots\"\n[dependencies]\ntls-keys = \"1\"\nlibc = \"1\"\n\
             [dev-dependencies]\nloom = \"1\"\n",
        ),
        ("tls-slots/src/lib.rs", "mod high; mod low; mod long;"),
        (
            "tls-slots/src/high.rs",
            "use crate::low;\n#[unsafe(no_mangle)] extern \"C\" fn tls_slots_f() {}\n\
             #[unsafe(no_mangle)] extern \"C\" fn malloc() {}\n\
             fn f() { m.lock().unwrap_or_else(|e| e.into_inner()) }",
        ),
        (
            "tls-slots/src/low.rs",
            "use crate::high;\nuse std::sync::PoisonError;\n\
             #[cfg(test)] mod tests { #[no_mangle] fn g() {} }",
        ),
        ("tls-slots/src/long.rs", &*long_file),
        (
            "cargo-tls-slots/Cargo.toml",
            "[package]\nname = \"cargo-tls-slots\"\n",
        ),
        ("cargo-tls-slots/src/lib.rs", &*long_function),
        ("tests/fixtures/b/Cargo.toml", "[package]\nname = \"b\"\n"),
        ("tests/fixtures/b/src/main.rs", &*long_file),
    ];
    let sources = Sources::made_up(&files);
    assert_eq!(
        rules::layers(&sources),
        [
            "tls-slots: long: no entry of ARCHITECTURE.md covers it",
            "tls-slots: tls-slots/src/low.rs:1: low -> high by `crate::high`: runs up",
        ]
        .map(|complaint| complaint.to_owned())
    );
    assert_eq!(rules::circles(&sources).len(), 1);
    assert_eq!(
        rules::sizes(&sources),
        [
            "cargo-tls-slots/src/lib.rs:1: `long` has 81 lines",
            "tls-slots/src/long.rs: 501 lines"
        ]
    );
    assert_eq!(
        rules::locks(&sources),
        ["tls-slots: poisoned locks in 2 files: tls-slots/src/high.rs:4, tls-slots/src/low.rs:2"]
    );
    assert_eq!(
        rules::core(&sources),
        [
            "tls-keys: depends on `libc`",
            "tls-slots: depends on `libc`",
            "tls-slots/src/high.rs:3: `malloc` is not this project's own name",
        ]
    );
    assert_eq!(
        rules::words(&sources),
        ["cargo-tls-slots: 0.00 lines of words for a line of code"]
    );
    let big = "fn f() {}\n".repeat(2501);
    let sources = Sources::made_up(&[files[3], ("tls-slots/src/lib.rs", &big)]);
    assert_eq!(
        rules::core(&sources)[1],
        "tls-slots: 2501 lines of code, and 2500 are the most"
    );
}

#[test]
fn lines_are_counted() {
    let text = "\
//! Words.

/// Words.
fn f() { // code
    /* words
       and more */
    let x = \"code

    // code
\";
}

#[cfg(test)]
mod tests {
    // neither
}
#[doc(hidden)]
//
const X: u8 = 0;
";
    let parsed = Parsed::new(text).expect("it is Rust");
    assert_eq!(Lines::of(text, &parsed), Lines { code: 7, words: 5 });
    assert_eq!(parsed.functions[0].lines, 4..=11);
}

#[test]
fn wide_comments_are_found() {
    let wide = "x ".repeat(50);
    for (path, line, is_wide) in [
        ("a.rs", format!("// {wide}"), true),
        ("a.rs", format!("    /// {wide}"), true),
        ("a.rs", format!("//! | {wide}"), false),
        ("a.rs", format!("let {wide}"), false),
        ("a.rs", format!("// {}", &wide[..96]), false),
        ("a.toml", format!("# {wide}"), true),
        ("a.toml", format!("#[{wide}]"), false),
    ] {
        assert_eq!(
            !texts::wide_comments(path, &line).is_empty(),
            is_wide,
            "{line}"
        );
    }
}

#[test]
fn safety_that_is_said_elsewhere_is_found() {
    let near = "// SAFETY: it is ours.\nf();\n// SAFETY: as above.\ng();\n";
    assert_eq!(texts::far_safety("a.rs", near), [""; 0]);
    let far = near.replace("f();\n", &"f();\n".repeat(10));
    assert_eq!(
        texts::far_safety("a.rs", &far),
        ["a.rs:12: `SAFETY: as above`, and nothing is near"]
    );
}

/// A file that only a macro's tokens or an `include!` name is not reached.
#[test]
fn hidden_files_are_found() {
    let core = ("core/Cargo.toml", "[package]\nname = \"tls-slots\"\n");
    let repository = |root: &'static str| {
        Sources::made_up(&[
            core,
            ("core/src/lib.rs", root),
            ("core/src/b.rs", "fn f() {}"),
        ])
    };
    assert_eq!(rules::reached(&repository("mod b;")), [""; 0]);
    for hides in ["items! { mod b; }", "include!(\"b.rs\");", ""] {
        assert_eq!(
            rules::reached(&repository(hides)),
            ["core/src/b.rs is no Rust module of its crate"]
        );
    }
    assert_eq!(
        rules::reached(&Sources::made_up(&[])),
        ["there is no package `tls-slots`"]
    );
}
