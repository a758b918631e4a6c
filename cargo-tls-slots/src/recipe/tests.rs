//! Recipes of one entry, and what each makes of a short text.

use snapbox::{assert_data_eq, str};

use semver::Version;

use super::Recipe;
use super::apply::apply;
use crate::source::tree::Tree;

/// A recipe of these entries.
fn recipe(entries: &str) -> Recipe {
    let head = "crate = 'up'\nsince = '1.0.0'\ndefault = '1.0.0'\nuntil = 'never'\n";
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
    let text = "//! Café.\r\n\r\n\tfn  f( ) { /* é */ }\n static A: X = 1 ; // ∞\n\n\nfn g(){}";
    assert_eq!(
        run(&share("A"), text),
        "//! Café.\r\n\r\n\tfn  f( ) { /* é */ }\n \
         crate::external_tls::process_local! { static A: X = 1 ; } // ∞\n\n\nfn g(){}"
    );
}

#[test]
fn attributes_and_visibility_go_inside_but_a_leading_cfg_does_not() {
    assert_eq!(
        run(
            &share("A"),
            "/// Doc.\n#[allow(x)]\npub(crate) static A: X = 1;"
        ),
        "crate::external_tls::process_local! { /// Doc.\n#[allow(x)]\npub(crate) static A: X = 1; }"
    );
    assert_eq!(
        run(
            &share("A"),
            "#[cfg(a)] #[cfg(b)] /// Doc.\n#[allow(x)] pub static A: X = 1;"
        ),
        "#[cfg(a)] #[cfg(b)] crate::external_tls::process_local! { /// Doc.\n#[allow(x)] pub static A: X = 1; }"
    );
    assert_eq!(
        run(&share("A"), "#[cfg(a)] pub(in crate::b) static A: X = 1;"),
        "#[cfg(a)] crate::external_tls::process_local! { pub(in crate::b) static A: X = 1; }"
    );
    // An attribute of the file is not the static's.
    assert_eq!(
        run(&share("A"), "#![allow(x)]\nstatic A: X = 1;"),
        "#![allow(x)]\ncrate::external_tls::process_local! { static A: X = 1; }"
    );
}

#[test]
fn a_static_is_found_inside_macros_and_functions() {
    assert_eq!(
        run(
            &share("A"),
            "cfg_rt! { fn f(x: &'static u8) { static A: [X; { 1; 1 }] = [1]; let y = 1; } }"
        ),
        "cfg_rt! { fn f(x: &'static u8) { crate::external_tls::process_local! { \
         static A: [X; { 1; 1 }] = [1]; } let y = 1; } }"
    );
}

#[test]
fn all_statics_of_a_name_are_shared_however_many_there_are() {
    let twice = "fn f() { static A: X = 1; } fn g() { static A: X = 1; }";
    assert_eq!(run(&share("A"), twice).matches("process_local!").count(), 2);
    assert_eq!(run(&share("A"), "fn f() {}"), "fn f() {}");
}

#[test]
fn all_problems_are_told_at_once_with_their_lines() {
    let entries = share("GONE")
        + &entry(
            "replace",
            "from = 'a b'\nto = 'c'\ncount = 3\nuntil = 'then'",
        )
        + &entry("insert", "before = 'c d'\ntext = 'x'");
    assert_data_eq!(
        fail(
            &entries,
            "/// static NO: X = 1;\nfn f() {\n  static A: X = 1;\n}\nstd::thread_local! { static B: X = 1; }\n\
             thread_local! { any!() }\nstatic mut C: u8 = 1;\nlazy_static! { static ref D: u8 = 1; }\n// a b\nfn g() { a b }"
        ),
        str![[r#"
src/lib.rs: `a b` is there once, not 3 times
    the entry is there because: why
    it can go when: then
src/lib.rs: `c d` is there not at all, not once
    the entry is there because: why
    it can go when: never
src/lib.rs:3: `static A` is new: the recipe does not say whether images share it
src/lib.rs:5: `static B` is new: the recipe does not say whether images share it
src/lib.rs:6: `thread_local!` is new: the recipe does not say whether images share it
src/lib.rs:7: `static mut C` is new: the recipe does not say whether images share it
src/lib.rs:8: `static ref D` is new: the recipe does not say whether images share it

"#]]
    );
}

#[test]
fn a_static_ref_is_another_form() {
    let text = "lazy_static! { static ref A: u8 = 1; } static A: X = 1;";
    assert!(fail(&share("A"), text).contains("`static ref A` is new"));
}

#[test]
fn what_no_program_has_and_what_never_changes_needs_no_entry() {
    for text in [
        "#[cfg(test)] mod a { static A: X = 1; thread_local! { static B: X = 1; } }",
        "#[cfg(all(test, loom))] lazy_static! { static ref A: u8 = 1; }",
        "macro_rules! m { (static $a:ident: u8 = 1) => {} }",
        "struct X(&'static str); static A: [X; 1] = [X(\"a\")];",
    ] {
        assert_eq!(run("", text), text);
    }
    // Who compares a table by its address, or calls through it later, must be asked.
    for text in [
        "static A: RawWakerVTable = 1;",
        "static A: fn(u8) = 1;",
        "struct X(fn()); static A: X = 1;",
    ] {
        assert!(fail("", text).contains("`static A` is new"), "{text}");
    }
    // Nor is it shared by mistake: the test's own has the same name.
    let both = "static A: X = 1; #[cfg(test)] static A: X = 2;";
    assert_eq!(run(&share("A"), both).matches("process_local!").count(), 1);
}

#[test]
fn files_of_tests_need_no_entry() {
    let file = |path: &str, text: &str| (path.to_owned(), text.as_bytes().to_vec());
    let mut tree = Tree::from([
        file("src/lib.rs", "#[cfg(test)] mod tests; mod code;"),
        file("src/tests/util.rs", "static A: X = 1;"),
        file("src/code.rs", "static B: X = 1;"),
    ]);
    let problems = apply(&recipe(""), &Version::new(1, 0, 0), &mut tree).unwrap_err();
    let files: Vec<&str> = problems.iter().map(|one| &*one.file).collect();
    assert_eq!(files, ["src/code.rs"]);
}

#[test]
fn what_never_changes_is_not_shared() {
    let error = fail(&share("A"), "static A: u8 = 1;");
    assert!(error.contains("`static A` never changes, so no entry can share it"));
}

#[test]
fn a_folder_is_left_but_for_what_is_known_to_change() {
    let folder = "[[per_copy]]\nfile = 'src/**'\nreason = 'why'\n";
    let file = entry("per_copy", "");
    for text in [
        "static A: Mutex<u8> = 1;",
        "static mut A: u8 = 1;",
        "thread_local! { static A: X = 1; }",
    ] {
        assert!(fail(folder, text).contains("but must name it"), "{text}");
        assert_eq!(run(&file, text), text);
    }
    let unknown = "static A: &dyn Group = 1;";
    assert_eq!(run(folder, unknown), unknown);
}

#[test]
fn files_elsewhere_that_are_taken_in_are_looked_at() {
    let file = |path: &str, text: &str| (path.to_owned(), text.as_bytes().to_vec());
    let mut tree = Tree::from([
        file(
            "src/lib.rs",
            "#[path = \"../extra/a.rs\"] mod a; mod m { include!(\"../state.in\"); }\n\
             #[cfg(test)] #[path = \"../tests/t.rs\"] mod t;",
        ),
        file("extra/a.rs", "mod b;"),
        file("extra/a/b.rs", "static B: X = 1;"),
        file("state.in", "static S: X = 1;"),
        file("tests/t.rs", "static T: X = 1;"),
        file("extra/c.rs", "static C: X = 1;"),
    ]);
    let problems = apply(&recipe(""), &Version::new(1, 0, 0), &mut tree).unwrap_err();
    let files: Vec<&str> = problems.iter().map(|one| &*one.file).collect();
    assert_eq!(files, ["extra/a/b.rs", "state.in"]);
}

#[test]
fn an_entry_may_have_alternatives() {
    let entries = entry(
        "replace",
        "from = 'a b'\nto = 'x'\nor = [{ from = 'c d', to = 'y' }, { from = 'e', count = 2 }, { count = 3 }]",
    );
    assert_eq!(run(&entries, "a b"), "x");
    assert_eq!(run(&entries, "c d"), "y");
    assert_eq!(run(&entries, "e e"), "x x");
    assert_eq!(run(&entries, "a b a b a b"), "x x x");
    // The first that fits, even if another is there as well.
    assert_eq!(run(&entries, "c d a b"), "c d x");
    assert!(fail(&entries, "e").contains(
        "`a b` is there not at all, not once, and `c d` is there not at all, not once, and \
         `e` is there once, not 2 times, and `a b` is there not at all, not 3 times"
    ));

    let entries = entry(
        "insert",
        "after = 'a'\ntext = ' x'\nor = [{ before = 'b', file = 'src/b.rs' }]",
    );
    let mut tree = Tree::from([
        ("src/lib.rs".to_owned(), b"fn f() {}".to_vec()),
        ("src/b.rs".to_owned(), b"b".to_vec()),
    ]);
    apply(&recipe(&entries), &Version::new(1, 0, 0), &mut tree).unwrap();
    assert_eq!(tree["src/b.rs"], b" xb");
}

#[test]
fn an_entry_may_have_nothing_to_do() {
    for (kind, keys) in [
        ("replace", "from = 'a b'\nto = 'x'"),
        ("insert", "after = 'a b'\ntext = 'x'"),
        ("on_host", "fn = 'T::f'\nkey = 'F'"),
    ] {
        assert!(!fail(&entry(kind, keys), "fn g() {}").is_empty());
        let optional = entry(kind, &format!("{keys}\noptional = true"));
        assert_eq!(run(&optional, "fn g() {}"), "fn g() {}");
        // One too many may be where the edit matters.
        let twice = "impl T { fn f() { a b } fn f() { a b } }";
        assert!(fail(&optional, twice).contains("2 times, not once"));
    }
}

#[test]
fn one_static_has_one_class() {
    let entries = share("A") + &entry("per_copy", "names = ['A']");
    assert!(fail(&entries, "static A: X = 1;").contains("classified twice"));
}

#[test]
fn thread_locals_must_go_through_the_seam() {
    let seam = entry("seam", "macro = 'seam_thread_local'");
    let definition =
        "macro_rules! seam_thread_local { ($($t:tt)*) => { thread_local! { $($t)* } } }\n";
    let key = entry("thread_local", "name = 'A'");
    let good = format!("{definition}seam_thread_local!(static A: X = 1);");
    assert_eq!(run(&(seam.clone() + &key), &good), good);
    let bad = format!("{definition}std::thread_local! {{ static A: X = 1; }}");
    assert!(
        fail(&(seam.clone() + &key), &bad)
            .contains("`static A` is in `std::thread_local!`, which is no seam")
    );
    // Not a shared static either.
    assert!(fail(&(seam.clone() + &share("A")), &good).contains("is a thread-local, not a static"));
    // And a second definition of the seam may go elsewhere.
    let twice = format!("{definition}{definition}seam_thread_local!(static A: X = 1);");
    assert!(fail(&(seam + &key), &twice).contains("is defined 2 times, not once"));
}

#[test]
fn entries_for_other_versions_are_no_entries() {
    let entries = entry("share", "name = 'A'\nversions = '>=1.2'");
    let text = "static A: X = 1;";
    assert!(run_version(&entries, "1.2.0", text).is_ok());
    assert!(
        run_version(&entries, "1.1.9", text)
            .unwrap_err()
            .contains("is new")
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
    let text = "thread_local! { static A: X = 1; static B: X = 2; }";
    assert!(fail(&edit("A"), text).contains("`static B` is new"));
    assert!(fail(&edit("B"), text).contains("`static B` is new"));
    // Another of that name is another entry's.
    let both = edit("A") + &entry("per_copy", "names = ['A']");
    assert_eq!(
        run(
            &both,
            "thread_local! { static A: X = 1; } static mut A: u8 = 1;"
        ),
        "seam! { static A: X = 1; } static mut A: u8 = 1;"
    );
    assert_eq!(
        run(&edit("A"), "thread_local! { static A: X = 1; }"),
        "seam! { static A: X = 1; }"
    );
    assert_eq!(run(&edit("A"), "fn f() {}"), "fn f() {}");
    // Alternatives are one entry, even where the tokens of one end in those of the other.
    let entries = entry(
        "replace",
        "from = 'std::thread_local! { static A'\nto = 'seam! { static A'\nshares = ['A']\n\
         or = [{ from = 'thread_local! { static A' }]",
    );
    for path in ["std::", ""] {
        assert_eq!(
            run(
                &entries,
                &format!("{path}thread_local! {{ static A: X = 1; }}")
            ),
            "seam! { static A: X = 1; }"
        );
    }
    let otherwise = "std::thread_local! { pub static A: X = 1; }";
    assert!(fail(&edit("A"), otherwise).contains("`static A` is new"));
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
        ("tests/a.rs".to_owned(), b"static A: X = 1;".to_vec()),
        ("src/data.bin".to_owned(), vec![0xff, 0xfe]),
    ]);
    let before = tree.clone();
    apply(&recipe(""), &Version::new(1, 0, 0), &mut tree).unwrap();
    assert_eq!(tree, before);
}
