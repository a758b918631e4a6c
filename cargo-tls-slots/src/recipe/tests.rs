//! Recipes of one entry, and what each makes of a short text.

use snapbox::{assert_data_eq, str};

use semver::Version;

use super::Recipe;
use super::apply::apply;
use crate::source::tree::Tree;

/// A recipe of these entries.
fn recipe(entries: &str) -> Recipe {
    let head = "crate = 'up'\nsupported = ['~1.0']\ndefault = '1.0.0'\nuntil = 'never'\n";
    Recipe::parse("up", &format!("{head}{entries}")).unwrap()
}

/// What the recipe makes of `src/lib.rs`.
fn run_version(entries: &str, version: &str, text: &str) -> Result<String, String> {
    let mut tree = Tree::from([("src/lib.rs".to_owned(), text.as_bytes().to_vec())]);
    match apply(&recipe(entries), &version.parse().unwrap(), &mut tree) {
        Ok(()) => Ok(String::from_utf8(tree.remove("src/lib.rs").unwrap()).unwrap()),
        Err(problems) => Err(problems
            .iter()
            .map(|problem| format!("{problem}\n"))
            .collect()),
    }
}

fn run(entries: &str, text: &str) -> String {
    run_version(entries, "1.0.0", text).unwrap()
}

fn fail(entries: &str, text: &str) -> String {
    run_version(entries, "1.0.0", text).unwrap_err()
}

/// One entry, about `src/lib.rs`, of a kind and with these keys.
fn entry(kind: &str, keys: &str) -> String {
    format!("[[{kind}]]\nfile = 'src/lib.rs'\nreason = 'why'\n{keys}\n")
}

fn share(name: &str) -> String {
    entry("share", &format!("name = '{name}'"))
}

#[test]
fn a_shared_static_is_wrapped_and_nothing_else_changes() {
    let text = "//! Café.\r\n\r\n\tfn  f( ) { /* é */ }\n static A: u8 = 1 ; // ∞\n\n\nfn g(){}";
    assert_eq!(
        run(&share("A"), text),
        "//! Café.\r\n\r\n\tfn  f( ) { /* é */ }\n \
         crate::external_tls::process_local! { static A: u8 = 1 ; } // ∞\n\n\nfn g(){}"
    );
}

#[test]
fn attributes_and_visibility_go_inside_but_a_leading_cfg_does_not() {
    assert_eq!(
        run(
            &share("A"),
            "/// Doc.\n#[allow(x)]\npub(crate) static A: u8 = 1;"
        ),
        "crate::external_tls::process_local! { /// Doc.\n#[allow(x)]\npub(crate) static A: u8 = 1; }"
    );
    assert_eq!(
        run(
            &share("A"),
            "#[cfg(a)] #[cfg(b)] /// Doc.\n#[allow(x)] pub static A: u8 = 1;"
        ),
        "#[cfg(a)] #[cfg(b)] crate::external_tls::process_local! { /// Doc.\n#[allow(x)] pub static A: u8 = 1; }"
    );
    assert_eq!(
        run(&share("A"), "#[cfg(a)] pub(in crate::b) static A: u8 = 1;"),
        "#[cfg(a)] crate::external_tls::process_local! { pub(in crate::b) static A: u8 = 1; }"
    );
    // An attribute of the file is not the static's.
    assert_eq!(
        run(&share("A"), "#![allow(x)]\nstatic A: u8 = 1;"),
        "#![allow(x)]\ncrate::external_tls::process_local! { static A: u8 = 1; }"
    );
}

#[test]
fn a_static_is_found_inside_macros_and_functions() {
    assert_eq!(
        run(
            &share("A"),
            "cfg_rt! { fn f(x: &'static u8) { static A: [u8; { 1; 1 }] = [1]; let y = 1; } }"
        ),
        "cfg_rt! { fn f(x: &'static u8) { crate::external_tls::process_local! { \
         static A: [u8; { 1; 1 }] = [1]; } let y = 1; } }"
    );
}

#[test]
fn counts_are_exact() {
    let two = entry("share", "name = 'A'\ncount = 2");
    let twice = "fn f() { static A: u8 = 1; } fn g() { static A: u8 = 1; }";
    assert_eq!(run(&two, twice).matches("process_local!").count(), 2);
    assert_data_eq!(
        fail(&share("A"), twice),
        str![[r#"
src/lib.rs: `static A` to be shared is there 2 times, not once
    the entry is there because: why
    it can go when: never

"#]]
    );
    assert_data_eq!(
        fail(&share("A"), "fn f() {}"),
        str![[r#"
src/lib.rs: `static A` to be shared is there not at all, not once
    the entry is there because: why
    it can go when: never

"#]]
    );
}

#[test]
fn all_problems_are_told_at_once_with_their_lines() {
    let entries = share("GONE")
        + &entry(
            "replace",
            "from = 'a b'\nto = 'c'\ncount = 3\nuntil = 'then'",
        );
    assert_data_eq!(
        fail(
            &entries,
            "/// static NO: u8 = 1;\nfn f() {\n  static A: u8 = 1;\n}\nstd::thread_local! { static B: u8 = 1; }\n\
             thread_local! { any!() }\nstatic mut C: u8 = 1;\nlazy_static! { static ref D: u8 = 1; }\n// a b\nfn g() { a b }"
        ),
        str![[r#"
src/lib.rs: `static GONE` to be shared is there not at all, not once
    the entry is there because: why
    it can go when: never
src/lib.rs: `a b` is there once, not 3 times
    the entry is there because: why
    it can go when: then
src/lib.rs:3: `static A` is not classified: patches/up.toml must say whether it is shared, per copy or test only
src/lib.rs:5: `static B` is not classified: patches/up.toml must say whether it is shared, per copy or test only
src/lib.rs:6: `thread_local!` is not classified: patches/up.toml must say whether it is shared, per copy or test only
src/lib.rs:7: `static mut C` is not classified: patches/up.toml must say whether it is shared, per copy or test only
src/lib.rs:8: `static ref D` is not classified: patches/up.toml must say whether it is shared, per copy or test only

"#]]
    );
}

#[test]
fn a_static_ref_is_another_form() {
    let text = "lazy_static! { static ref A: u8 = 1; } static A: u8 = 1;";
    let entries = share("A") + &entry("test_only", "names = ['A']\nlazy = true");
    assert_eq!(run(&entries, text).matches("process_local!").count(), 1);
    assert!(fail(&share("A"), text).contains("`static ref A` is not classified"));
}

#[test]
fn what_is_left_must_exist() {
    let entries = entry("per_copy", "names = ['A', 'B']");
    assert_data_eq!(
        fail(&entries, "static A: u8 = 1;"),
        str![[r#"
src/lib.rs: `static B` to be left as it is matches nothing
    the entry is there because: why
    it can go when: never

"#]]
    );
    let all = "[[test_only]]\nfile = 'src/**'\nreason = 'why'\n";
    assert_eq!(run(all, "static A: u8 = 1;"), "static A: u8 = 1;");
    assert!(
        fail(all, "fn f() {}")
            .contains("the entry that leaves all statics as they are matches nothing")
    );
}

#[test]
fn one_static_has_one_class() {
    let entries = share("A") + &entry("per_copy", "names = ['A']");
    assert!(fail(&entries, "static A: u8 = 1;").contains("classified twice"));
}

#[test]
fn thread_locals_must_go_through_the_seam() {
    let seam = entry("seam", "macro = 'seam_thread_local'");
    let definition =
        "macro_rules! seam_thread_local { ($($t:tt)*) => { thread_local! { $($t)* } } }\n";
    let key = entry("thread_local", "name = 'A'");
    let good = format!("{definition}seam_thread_local!(static A: u8 = 1);");
    assert_eq!(run(&(seam.clone() + &key), &good), good);
    let bad = format!("{definition}std::thread_local! {{ static A: u8 = 1; }}");
    assert!(
        fail(&(seam.clone() + &key), &bad)
            .contains("`static A` is in `std::thread_local!`, which is no seam")
    );
    // Not a shared static either.
    assert!(fail(&(seam.clone() + &share("A")), &good).contains("is a thread-local, not a static"));
    // And a second definition of the seam may go elsewhere.
    let twice = format!("{definition}{definition}seam_thread_local!(static A: u8 = 1);");
    assert!(fail(&(seam + &key), &twice).contains("is defined 2 times, not once"));
}

#[test]
fn entries_for_other_versions_are_no_entries() {
    let entries = entry("share", "name = 'A'\nversions = '>=1.2'");
    let text = "static A: u8 = 1;";
    assert!(run_version(&entries, "1.2.0", text).is_ok());
    assert!(
        run_version(&entries, "1.1.9", text)
            .unwrap_err()
            .contains("not classified")
    );
    assert!(run_version(&entries, "1.1.9", "fn f() {}").is_ok());
}

#[test]
fn replaced_tokens_may_be_spelled_in_any_way() {
    let entries = entry("replace", "from = '::std::f!( a )'\nto = 'g!()'\ncount = 2");
    assert_eq!(
        run(
            &entries,
            "x{::std::f!(a);}\n:: std :: f ! ( /* c */ a )\n\"::std::f!(a)\""
        ),
        "x{g!();}\ng!()\n\"::std::f!(a)\""
    );
}

#[test]
fn a_replacement_may_share_the_statics_in_it() {
    let edit = |name: &str| {
        entry(
            "replace",
            &format!(
                "from = 'thread_local! {{ static A'\nto = 'seam! {{ static A'\nshares = ['{name}']"
            ),
        )
    };
    let text = "thread_local! { static A: u8 = 1; static B: u8 = 2; }";
    assert!(fail(&edit("A"), text).contains("`static B` is not classified"));
    assert!(fail(&edit("B"), text).contains("`static B` is not classified"));
    // Another of that name is another entry's.
    let both = edit("A") + &entry("per_copy", "names = ['A']");
    assert_eq!(
        run(
            &both,
            "thread_local! { static A: u8 = 1; } static mut A: u8 = 1;"
        ),
        "seam! { static A: u8 = 1; } static mut A: u8 = 1;"
    );
    assert_eq!(
        run(&edit("A"), "thread_local! { static A: u8 = 1; }"),
        "seam! { static A: u8 = 1; }"
    );
    assert!(fail(&edit("A"), "fn f() {}").contains("that a `replace` shares is there not at all"));
}

#[test]
fn insertions_go_before_and_after_in_order() {
    let entries = entry("insert", "after = 'mod a {'\ntext = ' use b;'")
        + &entry("insert", "before = 'fn f'\ntext = 'pub '")
        + &entry("insert", "after = 'mod a {'\ntext = ' use c;'")
        + &entry("append", "text = 'mod d;'");
    assert_eq!(
        run(&entries, "mod a {\n fn f() {} }\n"),
        "mod a { use b; use c;\n pub fn f() {} }\n\nmod d;"
    );
    let neither = entry("insert", "text = 'x'");
    assert!(fail(&neither, "").contains("needs `before` or `after`"));
}

#[test]
fn edits_of_one_place_are_refused() {
    let entries =
        entry("replace", "from = 'a b'\nto = 'x'") + &entry("replace", "from = 'b c'\nto = 'y'");
    assert_eq!(
        fail(&entries, "fn f() {\n a b c }"),
        "src/lib.rs:2: two entries of the recipe edit the same place\n"
    );
}

#[test]
fn a_call_of_the_hosts_copy_is_the_first_statement() {
    let entries = entry("on_host", "fn = 'T::f'\nkey = 'F'");
    assert_eq!(
        run(
            &entries,
            "cfg_x! {\n    impl T {\n        fn f(&self, mut a: Arc<Self>) -> u8 { 1 }\n    }\n}"
        ),
        "cfg_x! {\n    impl T {\n        fn f(&self, mut a: Arc<Self>) -> u8 {\n            \
         crate::external_tls::on_host!(F: fn(&T, Arc<T>) -> u8 = T::f; (self, a)); 1 }\n    }\n}"
    );
    assert!(fail(&entries, "fn f() {}").contains("the function `T::f` is not there"));
}

#[test]
fn files_that_are_gone_or_no_rust_are_problems() {
    let gone = "[[append]]\nfile = 'src/gone.rs'\nreason = 'why'\ntext = 'x'\n";
    assert!(fail(gone, "").starts_with("src/gone.rs: is not there, but the recipe edits it"));
    assert!(fail("", "fn f( {").starts_with("src/lib.rs: cannot be read as Rust"));
}

#[test]
fn only_sources_are_looked_at() {
    let mut tree = Tree::from([
        ("tests/a.rs".to_owned(), b"static A: u8 = 1;".to_vec()),
        ("src/data.bin".to_owned(), vec![0xff, 0xfe]),
    ]);
    let before = tree.clone();
    apply(&recipe(""), &Version::new(1, 0, 0), &mut tree).unwrap();
    assert_eq!(tree, before);
}
