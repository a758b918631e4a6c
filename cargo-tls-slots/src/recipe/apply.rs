//! Applies a recipe to the files of an upstream release.
//!
//! | step | what |
//! | --- | --- |
//! | read | the files of `src/`, what they take in, and what entries name |
//! | classify | every static that may be state is claimed by one entry; shared ones are wrapped |
//! | edit | the entries that name a place add their edits |
//! | splice | each file's edits make its new text |
//!
//! All problems of all steps are collected, so one run on a new release says everything that is new
//! in it. The files are changed only where there is none.

use std::collections::{BTreeMap, BTreeSet};

use semver::Version;

use super::claim::{Action, Claim};
use super::entry::kind::{EditEntry, Entry};
use super::format::Recipe;
use crate::source::edit::{self, Edit};
use crate::source::library::{self, File, Library};
use crate::source::problem::Problem;
use crate::source::statics::Found;
use crate::source::tree::Tree;

/// Applies the entries of `recipe` that are for `version`, without those about `Cargo.toml`.
///
/// # Errors
///
/// All that does not fit, sorted by file and line. `tree` is then unchanged.
pub(crate) fn apply(
    recipe: &Recipe,
    version: &Version,
    tree: &mut Tree,
) -> Result<(), Vec<Problem>> {
    let mut run = Run {
        recipe,
        version,
        edits: BTreeMap::new(),
        problems: Vec::new(),
    };
    let entries = run.edit_entries();
    let named: BTreeSet<&str> = entries.iter().flat_map(|entry| entry.files()).collect();
    let (files, unread) = library::read(tree, |path| is_of_library(path) || named.contains(path));
    for (path, message) in unread {
        run.problems.push(Problem::new(path, None, message));
    }
    let library = Library::new(&files);
    run.classify(&library);
    run.edit(&library);
    let texts = run.splice(&library);
    run.problems
        .sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    match run.problems.is_empty() {
        true => {
            tree.extend(texts);
            Ok(())
        }
        false => Err(run.problems),
    }
}

/// A recipe that is being applied to a release. The steps add to `edits` and `problems`.
struct Run<'r> {
    recipe: &'r Recipe,
    version: &'r Version,
    /// The edits of each file.
    edits: BTreeMap<String, Vec<Edit>>,
    problems: Vec<Problem>,
}

impl<'r> Run<'r> {
    /// The entries that name places, and are for this release.
    fn edit_entries(&self) -> Vec<&'r dyn EditEntry> {
        let mut all = self.recipe.edit_entries();
        all.retain(|entry| entry.about().applies(self.version));
        all
    }

    /// Sees to it that every static that may be state is claimed once.
    ///
    /// Tests, benches and examples of a package are in no other crate, so they are not among the
    /// library's files.
    fn classify(&mut self, library: &Library<'_>) {
        let all = self.recipe.entries().into_iter().map(|(_, entry)| entry);
        let entries: Vec<&dyn Entry> = all
            .filter(|entry| entry.about().applies(self.version))
            .collect();
        let claims: Vec<Claim<'r>> = entries.iter().flat_map(|entry| entry.claims()).collect();
        for (at, found) in library.statics() {
            let file = &library.files[at];
            if library.is_in_no_program(file, &found) {
                continue;
            }
            match self.classify_one(library, file, &found, &claims) {
                Ok(edits) => {
                    let known = self.edits.entry(file.path.to_owned()).or_default();
                    known.extend(edits);
                }
                Err(message) => {
                    let line = file.source.line_of(found.index);
                    self.problems
                        .push(Problem::new(file.path, Some(line), message));
                }
            }
        }
        for entry in entries {
            let file = library.file(&entry.about().file);
            if let Some(message) = file.and_then(|file| entry.complaint(&file.source)) {
                let problem = entry.about().problem(message, &self.recipe.until);
                self.problems.push(problem);
            }
        }
    }

    /// Finds the one claim on a static, and returns the edits that follow from it.
    ///
    /// | claim | the static must | edits |
    /// | --- | --- | --- |
    /// | [`Action::Share`] | be no thread-local, and no plain data | it is wrapped |
    /// | [`Action::Seam`] | stand in a call of a seam | none: the seam's definition is edited |
    /// | [`Action::Leave`] | | none |
    /// | [`Action::LeaveConstants`] | not be known to change | none |
    /// | [`Action::Replace`] | stand in the run that is replaced | none: the entry has its own |
    /// | none | be plain data | none |
    ///
    /// # Errors
    ///
    /// A sentence: no entry claims it, two do, or the one that does cannot have it.
    fn classify_one<'l>(
        &self,
        library: &Library<'l>,
        file: &'l File<'l>,
        found: &Found,
        claims: &[Claim<'r>],
    ) -> Result<Vec<Edit>, String> {
        let (path, source) = (file.path, &file.source);
        let spelling = found.spelling();
        // What an edit replaces is that edit's alone, whatever else has the same name.
        let in_a_run = claims
            .iter()
            .any(|claim| claim.replaces(source, found.index) && claim.is_about(path, found));
        let mut matching = claims.iter().filter(|claim| {
            let replaces = matches!(claim.action, Action::Replace(_));
            replaces == in_a_run
                && claim.replaces(source, found.index) == in_a_run
                && claim.is_about(path, found)
        });
        let Some(claim) = matching.next() else {
            return match library.is_plain_data(file, found) {
                true => Ok(Vec::new()),
                false => Err(format!(
                    "`{spelling}` is new: the recipe does not say whether images share it"
                )),
            };
        };
        if let Some(other) = matching.next() {
            return Err(format!(
                "`{spelling}` is classified twice: as {} and as {}",
                claim.subject, other.subject
            ));
        }
        match &claim.action {
            Action::LeaveConstants if library.is_known_to_change(file, found) => Err(format!(
                "`{spelling}` is state: the recipe leaves what is in this folder, but must name it"
            )),
            Action::Leave | Action::LeaveConstants | Action::Replace(_) => Ok(Vec::new()),
            Action::Seam => {
                let through = found.thread_local.as_deref().unwrap_or_default();
                match self.recipe.seams.iter().any(|seam| seam.name == through) {
                    true => Ok(Vec::new()),
                    false => Err(format!("`{spelling}` is in `{through}!`, which is no seam")),
                }
            }
            Action::Share if found.thread_local.is_some() => {
                Err(format!("`{spelling}` is a thread-local, not a static"))
            }
            // Its loss would not be noticed: under another name it needs no entry.
            Action::Share if library.is_plain_data(file, found) => Err(format!(
                "`{spelling}` never changes, so no entry can share it"
            )),
            Action::Share => {
                let call = "crate::external_tls::process_local!";
                match edit::wrap_static(source, found.index, call) {
                    Some(pair) => Ok(pair.into()),
                    None => Err(format!("`{spelling}` has no `;` at its end")),
                }
            }
        }
    }

    /// Adds the edits of the entries that name a place.
    fn edit(&mut self, library: &Library<'_>) {
        for entry in self.edit_entries() {
            match entry.edits(library) {
                Ok(edits) => {
                    for (path, edit) in edits {
                        self.edits.entry(path).or_default().push(edit);
                    }
                }
                Err(misfit) if misfit.is_absent && entry.is_optional() => {}
                Err(misfit) => {
                    let about = entry.about();
                    let problem = about.problem(misfit.message, &self.recipe.until);
                    self.problems.push(problem);
                }
            }
        }
    }

    /// The texts of the files that have edits. Two entries that edit the same bytes are a problem
    /// of the recipe: the order of entries must not decide about the result.
    fn splice(&mut self, library: &Library<'_>) -> Vec<(String, Vec<u8>)> {
        let mut texts = Vec::new();
        for (path, edits) in std::mem::take(&mut self.edits) {
            let Some(file) = library.file(&path).filter(|_| !edits.is_empty()) else {
                continue;
            };
            match edit::apply(file.source.text, edits) {
                Ok(text) => texts.push((path, text.into_bytes())),
                Err(overlap) => {
                    let message = "two entries of the recipe edit the same place";
                    self.problems
                        .push(Problem::new(&path, Some(overlap.line), message));
                }
            }
        }
        texts
    }
}

/// Whether the file at a path is a source of the library.
fn is_of_library(path: &str) -> bool {
    path.starts_with("src/") && path.ends_with(".rs")
}
