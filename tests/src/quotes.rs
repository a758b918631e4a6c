//! Documents that quote results.
//!
//! The problem: results are measured anew, and a figure that a document quotes stays behind. So a
//! test knows a quoted line when it sees one, and looks for it on the page of results.

use std::fs;
use std::path::Path;

/// Asserts that each quoted line of the documents is a line of the page, letter by letter.
///
/// `page` has a name for messages, and a text. `documents` are paths from the repository's root.
/// `is_quote` says whether a line of a document quotes the page.
///
/// # Panics
///
/// If a document cannot be read, if the page lacks a quoted line, and if there are five quotes or
/// fewer: then `is_quote` has lost sight of them.
pub fn assert_quoted(page: (&str, &str), documents: &[&str], is_quote: impl Fn(&str) -> bool) {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let (name, page) = page;
    let mut quoted = 0;
    for document in documents {
        let text = fs::read_to_string(repository.join(document))
            .unwrap_or_else(|error| panic!("{document}: {error}"));
        for line in text.lines().filter(|line| is_quote(line)) {
            quoted += 1;
            assert!(
                page.lines().any(|one| one == line),
                "{document} quotes a line that {name} does not have:\n{line}"
            );
        }
    }
    assert!(quoted > 5, "{documents:?} have {quoted} quotes of {name}");
}
