//! The rule on small crates: what it takes for harmless, and what it does not.

use std::collections::BTreeSet;

use super::rule::Features;
use crate::source::tree::Tree;

/// The builds in which the feature `f` is harmless, as an expression; `false` if it is in none.
fn answer_of(files: &[(&str, &str)]) -> String {
    let mut tree = Tree::from([("Cargo.toml".to_owned(), b"[package]\nname = 'a'\n".to_vec())]);
    for (path, text) in files {
        tree.insert((*path).to_owned(), text.as_bytes().to_vec());
    }
    let crates = BTreeSet::from(["dep".to_owned()]);
    let cfgs = BTreeSet::from(["unstable".to_owned(), "debug_assertions".to_owned()]);
    let Some(features) = Features::read(&tree, crates, &cfgs) else {
        return "unknown".to_owned();
    };
    let mut found = features.harmless(&BTreeSet::from(["f", "g", "h"]));
    found
        .remove("f")
        .map_or("false".to_owned(), |builds| builds.expression())
}

/// Of a crate with one file.
fn answer(text: &str) -> String {
    answer_of(&[("src/lib.rs", text)])
}

const WRAPPER: &str = r#"macro_rules! cfg_f { ($($item:item)*) => { $(
    #[cfg(feature = "f")] #[cfg_attr(docsrs, doc(cfg(feature = "f")))] $item )* } }
    macro_rules! feature { (#![$meta:meta] $($item:item)*) => { $( #[cfg($meta)] $item )* } }
"#;

#[test]
fn what_only_adds_items_is_harmless() {
    for text in [
        "",
        "//! Only `feature = \"f\"` in a comment.\n/// #[cfg(feature = \"f\")]\nfn a() {}",
        r#"#[cfg(feature = "f")] pub fn a() {}"#,
        r#"#[cfg(feature = "f")] pub mod a { pub struct B { #[cfg(feature = "f")] c: u8 } }"#,
        r#"#[cfg(any(feature = "f", unix))] /** doc */ #[inline] pub(crate) const fn a() {}"#,
        r#"struct A; #[cfg(feature = "f")] impl A { pub fn b(&self) {} }"#,
        r#"struct A; impl A { #[cfg(feature = "f")] pub fn b(&self) {} fn c() {} }"#,
        r#"struct A; #[cfg(feature = "f")] impl std::error::Error for A {}"#,
        r#"#[cfg(feature = "f")] pub use dep::{self as other, Thing};"#,
        r#"#[cfg(feature = "f")] extern crate alloc; struct A { a: u8 }"#,
        r#"#![cfg_attr(not(feature = "f"), no_std)] #![cfg_attr(feature = "f", allow(dead_code))]"#,
        r#"#[cfg_attr(feature = "f", derive(Debug, serde::Serialize), serde(rename = "b"))] struct A;"#,
        // A type that there is only with the feature.
        r#"#[cfg(feature = "f")] #[cfg_attr(feature = "f", derive(Clone))] struct A;"#,
        r#"#[cfg(feature = "f")] mod m { pub struct A; impl Clone for A { fn clone(&self) -> A { A } } }"#,
        r#"#[cfg(feature = "f")] mod m { pub struct A; impl Deref for A {} impl A { fn len(&self) {} } }"#,
        r#"struct A; #[cfg(feature = "f")] mod m { impl super::A { fn b(&self) {} } }"#,
        r#"#[cfg(feature = "f")] struct A; #[cfg(feature = "f")] impl Drop for A { fn drop(&mut self) {} }"#,
        r#"#[cfg(all(test, not(feature = "f")))] struct A; #[cfg(test)] mod tests { use super::*; }"#,
        r#"#[test] fn a() { if cfg!(feature = "f") {} }"#,
        // A constant, and not state.
        r#"#[cfg(feature = "f")] static NAMES: [&str; 1] = ["a"];"#,
        r#"#[cfg(feature = "f")] use std::{boxed::Box, vec::Vec}; struct A(Vec<u8>);"#,
        r#"#[cfg(not(feature = "f"))] extern crate core as std;"#,
        // Two of one name, which are both there only with the feature.
        r#"#[cfg(feature = "f")] mod m { #[cfg(unix)] use a::X; #[cfg(not(unix))] use b::X; }"#,
        r#"#[cfg(all(feature = "f", feature = "g"))] use a::X; #[cfg(all(feature = "f", not(feature = "g")))] use b::X;"#,
        // A build that fails is none, and one for documentation has no images.
        r#"#[cfg(not(feature = "f"))] compile_error!("f is needed");"#,
        r#"const TYPES: &[TypeLayout] = &[#[cfg(feature = "f")] type_layout!(A)];"#,
        r#"#[cfg(feature = "f")] #[cfg(docsrs)] use a::X; #[cfg(not(docsrs))] use b::X;"#,
        // Places that there are only with the feature.
        r#"#[cfg(feature = "f")] fn a() { if cfg!(feature = "f") {} }"#,
    ] {
        assert_eq!(answer(text), "true", "{text}");
    }
    for text in [
        "cfg_f! { pub fn a() {} pub use dep::a as b; mod c; }",
        "struct A; impl A { cfg_f! { pub fn b() {} pub fn c() {} } }",
        "feature! { #![all(unix, feature = \"f\")] pub fn a() {} cfg_f! { pub fn b() {} } }",
        "cfg_f! { pin_project! { pub struct A { b: u8 } } }",
    ] {
        assert_eq!(answer(&format!("{WRAPPER}{text}")), "true", "{text}");
    }
}

#[test]
fn what_changes_what_is_there_is_compared() {
    for text in [
        // Types.
        r#"struct A { #[cfg(feature = "f")] a: u8 }"#,
        r#"struct A(#[cfg(feature = "f")] u8);"#,
        r#"enum A { B, #[cfg(feature = "f")] C }"#,
        r#"enum A { #[cfg(not(feature = "f"))] B }"#,
        r#"type A = [u8; if cfg!(feature = "f") { 1 } else { 2 }];"#,
        r#"#[cfg(feature = "f")] const N: usize = 1; #[cfg(not(feature = "f"))] const N: usize = 2; struct A([u8; N]);"#,
        r#"const fn n() -> usize { #[cfg(feature = "f")] return 1; 2 }"#,
        r#"#[cfg_attr(feature = "f", repr(C))] struct A { a: u8, b: u16 }"#,
        r#"#[cfg_attr(feature = "f", derive(Copy, Clone))] struct A;"#,
        r#"#[cfg_attr(feature = "f", derive(ZeroizeOnDrop))] struct A;"#,
        r#"#[cfg_attr(unix, cfg(feature = "f"))] struct A;"#,
        r#"fn a(#[cfg(feature = "f")] b: u8) {}"#,
        r#"struct A { #[cfg(feature = "f")] #[cfg(feature = "f")] a: u8 }"#,
        r#"struct A { #[cfg(any(feature = "f", unix))] #[cfg(any(feature = "f", windows))] a: u8 }"#,
        // Trait objects.
        r#"trait A { #[cfg(feature = "f")] fn a(&self) {} }"#,
        r#"struct B; impl A for B { #[cfg(feature = "f")] fn a(&self) {} }"#,
        r#"#[cfg(feature = "f")] trait A: Send {} #[cfg(not(feature = "f"))] trait A {}"#,
        // What becomes of values.
        r#"struct A; #[cfg(feature = "f")] impl Drop for A { fn drop(&mut self) {} }"#,
        r#"struct A; #[cfg(feature = "f")] mod a { impl<T> core::ops::Drop for super::A {} }"#,
        r#"#[derive(Clone)] struct A; #[cfg(feature = "f")] impl Copy for A {}"#,
        // `(&a).clone()` is a reference without it, and an `A` with it.
        r#"#[cfg_attr(feature = "f", derive(Clone))] struct A;"#,
        r#"struct A; #[cfg(feature = "f")] impl Clone for A { fn clone(&self) -> A { A } }"#,
        r#"struct A; #[cfg(feature = "f")] mod m { impl Clone for super::A {} }"#,
        // State.
        r#"#[cfg(feature = "f")] static A: AtomicU8 = AtomicU8::new(0);"#,
        r#"#[cfg(feature = "f")] fn a() { static mut A: u8 = 0; }"#,
        r#"#[cfg(feature = "f")] mod a { thread_local! { static A: u8 = 0; } }"#,
        r#"#[cfg(feature = "f")] fn a() { crate::external_tls::on_host!(A: fn() = a; ()); }"#,
        r#"#[cfg(feature = "f")] #[unsafe(no_mangle)] pub fn malloc() {}"#,
        r#"#[cfg(feature = "f")] mod a { #[global_allocator] static A: B = B; }"#,
        r#"const TYPES: &[u8] = &[#[cfg(feature = "f")] other!(A)];"#,
        // What code does.
        r#"fn a() { #[cfg(feature = "f")] { b(); } }"#,
        r#"fn a() { match b { #[cfg(feature = "f")] C => {} _ => {} } }"#,
        r#"fn a() { if cfg!(feature = "f") { b() } }"#,
        r#"cfg_if! { if #[cfg(feature = "f")] { mod a; } else { mod b; } }"#,
        // Names.
        r#"#[cfg(feature = "f")] use dep::a::Vec; struct A(Vec<u8>);"#,
        r#"#[cfg(feature = "f")] use a::X; use dep::*; struct A(X);"#,
        r#"#[cfg(feature = "f")] use a::*; struct A(X);"#,
        r#"#[cfg(feature = "f")] mod dep { pub struct X; } struct A(dep::X);"#,
        r#"#[cfg(feature = "f")] use std::io::Result; fn a() -> Result<()> {}"#,
        r#"#[cfg(feature = "f")] use std::io::Box as Vec;"#,
        r#"#[cfg(feature = "f")] extern crate core as other;"#,
        r#"#[cfg(feature = "f")] macro_rules! a { () => { 1 } } macro_rules! a { () => { 2 } }"#,
        r#"#[cfg(feature = "f")] macro_rules! vec { () => { 1 } }"#,
        r#"struct A; impl A { #[cfg(feature = "f")] fn b() {} } impl B for A { fn b() {} }"#,
        r#"struct A; trait T { fn b(&self) {} } impl T for A {} #[cfg(feature = "f")] impl A { fn b(&self) {} }"#,
        r#"struct A; impl A { #[cfg(feature = "f")] fn clone(&self) {} }"#,
        r#"struct A; impl Deref for A {} #[cfg(feature = "f")] impl A { fn len(&self) {} }"#,
        r#"struct A; impl Deref for A {} #[cfg(feature = "f")] mod m { impl super::A { fn len(&self) {} } }"#,
        r#"struct A; trait T { fn b(&self) {} } impl T for A {} #[cfg(feature = "f")] mod m { impl super::A { fn b(&self) {} } }"#,
        r#"struct A; #[cfg(feature = "f")] mod m { mod n { impl crate::A { fn clone(&self) {} } } }"#,
        // What nobody knows.
        r#"#[cfg(feature = "f")] dep::declare!(A);"#,
        r#"macro_rules! a { () => { #[cfg(feature = "f")] fn b() {} } }"#,
        r#"#[cfg_or(feature = "f")] struct A;"#,
        r#"macro_rules! a { ($x:literal) => { #[cfg(feature = $x)] fn b() {} } } a!("f");"#,
        r#"extern "C" { #[cfg(feature = "f")] fn a(); }"#,
    ] {
        assert_eq!(answer(text), "false", "{text}");
    }
    let wrapped = [
        "cfg_f! { static A: AtomicU8 = AtomicU8::new(0); }",
        "fn a() { cfg_f! { fn b() {} } }",
        "trait A { cfg_f! { fn b() {} } }",
        "cfg_f! { fn a() {} } feature! { #![not(feature = \"f\")] fn a() {} }",
        "feature! { #![not(feature = \"f\")] fn a() {} }",
    ];
    for text in wrapped {
        assert_eq!(answer(&format!("{WRAPPER}{text}")), "false", "{text}");
    }
}

#[test]
fn files_have_the_conditions_of_their_mod() {
    let state = "static A: AtomicU8 = AtomicU8::new(0);";
    let of = |root: &str, file: &str| answer_of(&[("src/lib.rs", root), ("src/a.rs", file)]);
    assert_eq!(of(r#"#[cfg(feature = "f")] mod a;"#, state), "false");
    assert_eq!(
        of(&format!("{WRAPPER} cfg_f! {{ mod a; }}"), state),
        "false"
    );
    assert_eq!(of(r#"#[cfg(feature = "g")] mod a;"#, state), "true");
    assert_eq!(
        of("mod a;", &format!("#![cfg(feature = \"f\")] {state}")),
        "false"
    );
    // Methods of a type of another file.
    let method = "impl crate::A { pub fn len(&self) {} }";
    let derefs = "pub struct A(Vec<u8>); impl Deref for A {}";
    let gated = r#"#[cfg(feature = "f")] mod a;"#;
    assert_eq!(of(&format!("{gated} {derefs}"), method), "false");
    assert_eq!(of(&format!("{gated} pub struct A;"), method), "true");
    // A field of a type that is there only with the feature.
    let field = r#"pub struct A { #[cfg(feature = "f")] a: u8, #[cfg(not(feature = "f"))] b: u8 }"#;
    assert_eq!(of(r#"#[cfg(feature = "f")] mod a;"#, field), "true");
    assert_eq!(of("mod a;", field), "false");
    // A file that two declare.
    let two = r#"#[cfg(feature = "f")] mod a; #[cfg(feature = "g")] #[path = "a.rs"] mod b;"#;
    // A static that is there with `g` in any case; `g` is compared.
    assert_eq!(of(two, state), "cfg!(all(feature = \"g\"))");
}

#[test]
fn an_answer_may_depend_on_the_build() {
    let field = |condition: &str| answer(&format!("struct A {{ #[cfg({condition})] a: u8 }}"));
    assert_eq!(
        field(r#"all(unstable, feature = "f")"#),
        "cfg!(all(not(unstable)))"
    );
    assert_eq!(field(r#"all(unix, feature = "f")"#), "false");
    // `g` decides about a field itself, so it is compared, and may stand in the answer.
    let with_g = r#"struct B { #[cfg(feature = "g")] b: u8 }"#;
    let text =
        format!(r#"struct A {{ #[cfg(any(feature = "f", feature = "g"))] a: u8 }} {with_g}"#);
    assert_eq!(answer(&text), "cfg!(all(feature = \"g\"))");
    let without_g = r#"enum A { B, #[cfg(all(feature = "f", feature = "g"))] C } struct D { #[cfg(feature = "g")] d: u8 }"#;
    assert_eq!(answer(without_g), "cfg!(all(not(feature = \"g\")))");
    // Two backends with one name: harmless where the other one is off, which is compared.
    let backends =
        r#"#[cfg(feature = "f")] use a::X; #[cfg(feature = "g")] use b::X; struct A(X);"#;
    assert_eq!(answer(backends), "cfg!(all(not(feature = \"g\")))");
    // Two features cannot each be harmless because of the other one: one of them is compared.
    let mutual = r#"struct A { #[cfg(any(feature = "f", feature = "g"))] a: u8 }"#;
    let tree = Tree::from([
        ("Cargo.toml".to_owned(), Vec::new()),
        ("src/lib.rs".to_owned(), mutual.as_bytes().to_vec()),
    ]);
    let features = Features::read(&tree, BTreeSet::new(), &BTreeSet::new()).unwrap();
    let found = features.harmless(&BTreeSet::from(["f", "g"]));
    assert_eq!(found.keys().collect::<Vec<_>>(), ["f"]);
    assert_eq!(features.places("g"), ["src/lib.rs:1"]);
}

#[test]
fn a_build_script_that_looks_at_features_says_nothing() {
    let with = |script: &str| answer_of(&[("src/lib.rs", ""), ("build.rs", script)]);
    assert_eq!(with("fn main() { autocfg::new(); }"), "true");
    for script in [
        "fn main() { std::env::var(\"CARGO_FEATURE_F\"); }",
        "fn main() { if cfg!(feature = \"f\") {} }",
        "fn main() { for (name, _) in std::env::vars() {} }",
    ] {
        assert_eq!(with(script), "unknown", "{script}");
    }
    assert_eq!(answer_of(&[("src/lib.rs", "fn f( {")]), "unknown");
    // The script's own files.
    let asks = "fn main() { if cfg!(feature = \"f\") {} }";
    let script = ("build.rs", "mod support; fn main() {}");
    for path in ["support.rs", "support/mod.rs", "build/support.rs"] {
        let found = answer_of(&[("src/lib.rs", ""), script, (path, asks)]);
        assert_eq!(found, "unknown", "{path}");
    }
    for path in ["tests/a.rs", "README.md"] {
        let found = answer_of(&[("src/lib.rs", ""), script, (path, asks)]);
        assert_eq!(found, "true", "{path}");
    }
    assert_eq!(
        with("#[path = \"src/a.rs\"] mod a; fn main() {}"),
        "unknown"
    );
    assert_eq!(with("include!(\"../a.rs\"); fn main() {}"), "unknown");
    // crossbeam-utils has such a list.
    assert_eq!(with("include!(\"no_atomic.rs\"); fn main() {}"), "true");
    // One of another name, and none.
    let named = |build: &str| {
        let cargo_toml = format!("[package]\nname = 'a'\nbuild = {build}\n");
        let files = [
            ("src/lib.rs", ""),
            ("build.rs", asks),
            ("other/main.rs", ""),
        ];
        answer_of(&[&[("Cargo.toml", cargo_toml.as_str())], &files[..]].concat())
    };
    assert_eq!(named("'build.rs'"), "unknown");
    assert_eq!(named("'./build.rs'"), "unknown");
    assert_eq!(named("'../build.rs'"), "unknown");
    assert_eq!(named("['other/main.rs', 'build.rs']"), "unknown");
    assert_eq!(named("false"), "true");
}
