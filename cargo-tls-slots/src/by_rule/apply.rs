//! Forks a crate that has no recipe, in memory.
//!
//! | step | fails if |
//! | --- | --- |
//! | the library's files are found | it is a procedural macro, or there is none |
//! | they are read | the root is no Rust; other files that are none get a note |
//! | decisions and edits are made | |
//! | the root gets the declaration of our file | |
//! | each file's edits are applied | two edits meet in one place |
//! | our file and the report are added | our file is there already |
//!
//! What a build script writes is not in the package, so it is not searched; a note says so.

use semver::Version;

use super::edits;
use super::report::{self, Report};
use crate::source::edit;
use crate::source::layout::Layout;
use crate::source::library::{self, File, Library};
use crate::source::problem::Problem;
use crate::source::root;
use crate::source::tree::Tree;

/// The file that the edits call.
const MODULE: &str = include_str!("external_tls.rs.in");

/// Shares the state of a crate, and says what was done.
///
/// `tree` also gets the file that all edits call, and the report. Its `Cargo.toml` is the caller's
/// business.
///
/// # Errors
///
/// Why the crate cannot be forked: its library is a procedural macro or is not there, its root is
/// no Rust, it has a file of ours already, or two edits meet in one place. `tree` is then
/// unchanged.
pub(crate) fn apply(
    name: &str,
    version: &Version,
    tree: &mut Tree,
) -> Result<Report, Vec<Problem>> {
    let problem = |file: &str, message: &str| vec![Problem::new(file, None, message)];
    let layout = Layout::read(tree).map_err(|message| problem("Cargo.toml", &message))?;
    let mut notes = Vec::new();
    let (files, unread) = library::read(tree, |path| layout.has(path));
    for (path, message) in unread {
        if path == layout.root {
            return Err(problem(path, "cannot be read as Rust"));
        }
        notes.push(format!("{path} {message}; it was not searched"));
    }
    let module = format!("{}external_tls.rs", layout.folder);
    if tree.contains_key(&module) {
        let message = "is there already: this crate has been forked by hand";
        return Err(problem(&module, message));
    }
    if files.iter().any(|file| mentions(file, "OUT_DIR")) {
        notes.push("code that its build script writes was not searched".to_owned());
    }

    let mut work = edits::of(&Library::new(&files));
    let is_root = |file: &File<'_>| file.path == layout.root;
    if let Some(root) = files.iter().position(is_root) {
        work.edits[root].extend(root::edits(&files[root].source));
    }
    let mut changed = Vec::new();
    for (file, list) in files.iter().zip(work.edits) {
        if list.is_empty() {
            continue;
        }
        let text = edit::apply(file.source.text, list).map_err(|overlap| {
            let message = "two edits meet in one place; this crate needs a recipe";
            vec![Problem::new(file.path, Some(overlap.line), message)]
        })?;
        changed.push((file.path.to_owned(), text.into_bytes()));
    }

    let mut states = work.states;
    states.sort_by(|a, b| (a.sharing, &a.file, a.line).cmp(&(b.sharing, &b.file, b.line)));
    let report = Report {
        name: name.to_owned(),
        version: version.clone(),
        notes,
        states,
    };
    tree.extend(changed);
    tree.insert(module, MODULE.as_bytes().to_vec());
    tree.insert(report::FILE.to_owned(), report.render().into_bytes());
    Ok(report)
}

/// Whether a file has a string that is nothing but `word`.
fn mentions(file: &File<'_>, word: &str) -> bool {
    let quoted = format!("\"{word}\"");
    (0..file.source.tokens.len()).any(|index| file.source.at(index) == quoted)
}
