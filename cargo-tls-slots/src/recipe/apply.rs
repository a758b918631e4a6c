//! Applies a recipe to the files of an upstream release.
//!
//! | step | what |
//! | --- | --- |
//! | classify | every static of `src/` is claimed by one entry; shared ones are wrapped |
//! | count | every claim has found as many as it wants |
//! | edit | the entries that name a place add their edits |
//! | splice | each file's edits make its new text |
//!
//! All problems of all steps are collected, so one run on a new release says everything that is new
//! in it. The files are changed only where there is none.

use std::collections::BTreeMap;

use semver::Version;

use super::claim::{Action, Claim};
use super::format::Recipe;
use crate::source::edit::{self, Edit};
use crate::source::problem::Problem;
use crate::source::statics::{self, Found};
use crate::source::tokens::Source;
use crate::source::tree::Tree;

/// Applies the entries of `recipe` that are for `version`, without those about `Cargo.toml`.
///
/// # Errors
///
/// All that does not fit, sorted by file and line. `tree` is then partly edited, and of no use.
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
    run.classify(tree);
    run.edit(tree);
    run.splice(tree);
    if run.problems.is_empty() {
        return Ok(());
    }
    run.problems
        .sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
    Err(run.problems)
}

/// A recipe that is being applied to a release.
///
/// The steps add to `edits` and `problems`; only the last one changes files.
struct Run<'r> {
    recipe: &'r Recipe,
    version: &'r Version,
    /// The edits of each file.
    edits: BTreeMap<String, Vec<Edit>>,
    problems: Vec<Problem>,
}

impl<'r> Run<'r> {
    /// Sees to it that every static is claimed once, and every claim is answered.
    ///
    /// Files outside of `src/` are not looked at: tests, benches and examples of a package are in
    /// no other crate.
    fn classify(&mut self, tree: &Tree) {
        let all = self.recipe.entries().into_iter().map(|(_, entry)| entry);
        let entries: Vec<_> = all
            .filter(|entry| entry.about().applies(self.version))
            .collect();
        let mut claims: Vec<Claim<'r>> = entries.iter().flat_map(|entry| entry.claims()).collect();
        for (path, bytes) in tree.iter() {
            if !path.starts_with("src/") || !path.ends_with(".rs") {
                continue;
            }
            let source = match read(bytes) {
                Ok(source) => source,
                Err(message) => {
                    self.problems.push(Problem::new(path, None, message));
                    continue;
                }
            };
            for found in statics::find(&source) {
                match self.classify_one(path, &source, &found, &mut claims) {
                    Ok(edits) => self.edits.entry(path.clone()).or_default().extend(edits),
                    Err(message) => {
                        let line = source.line_of(found.index);
                        self.problems.push(Problem::new(path, Some(line), message));
                    }
                }
            }
            for entry in entries.iter().filter(|entry| entry.about().file == *path) {
                if let Some(message) = entry.complaint(&source) {
                    let problem = entry.about().problem(message, &self.recipe.until);
                    self.problems.push(problem);
                }
            }
        }
        for claim in &claims {
            if let Some(message) = claim.complaint() {
                let problem = claim.about.problem(message, &self.recipe.until);
                self.problems.push(problem);
            }
        }
    }

    /// Finds the one claim on a static, and returns the edits that follow from it.
    ///
    /// | claim | the static must | edits |
    /// | --- | --- | --- |
    /// | [`Action::Share`] | be no thread-local | it is wrapped |
    /// | [`Action::Seam`] | stand in a call of a seam | none: the seam's definition is edited |
    /// | [`Action::Leave`] | | none |
    /// | [`Action::Replace`] | stand in the run that is replaced | none: the entry has its own |
    ///
    /// # Errors
    ///
    /// A sentence: no entry claims it, two do, or the one that does cannot have it.
    fn classify_one(
        &self,
        path: &str,
        source: &Source<'_>,
        found: &Found,
        claims: &mut [Claim<'r>],
    ) -> Result<Vec<Edit>, String> {
        let spelling = found.spelling();
        // What an edit replaces is that edit's alone, whatever else has the same name.
        let in_a_run = claims
            .iter()
            .any(|claim| claim.replaces(source, found.index) && claim.is_about(path, found));
        let mut matching = claims.iter_mut().filter(|claim| {
            let replaces = matches!(claim.action, Action::Replace(_));
            replaces == in_a_run
                && claim.replaces(source, found.index) == in_a_run
                && claim.is_about(path, found)
        });
        let Some(claim) = matching.next() else {
            return Err(format!(
                "`{spelling}` is not classified: patches/{}.toml must say whether it is shared, \
                 per copy or test only",
                self.recipe.name
            ));
        };
        claim.found += 1;
        if let Some(other) = matching.next() {
            other.found += 1;
            return Err(format!(
                "`{spelling}` is classified twice: as {} and as {}",
                claim.subject, other.subject
            ));
        }
        match &claim.action {
            Action::Leave | Action::Replace(_) => Ok(Vec::new()),
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
    ///
    /// An entry may name any file of the package, so this step does not stop at `src/`.
    fn edit(&mut self, tree: &Tree) {
        for entry in self.recipe.edit_entries() {
            if !entry.about().applies(self.version) {
                continue;
            }
            let path = &entry.about().file;
            let edits = match tree.get(path).map(|bytes| read(bytes)) {
                None => Err("is not there, but the recipe edits it".to_owned()),
                // No Rust: if it is a source, `classify` has said so.
                Some(Err(_)) => continue,
                Some(Ok(source)) => entry.edits(&source),
            };
            match edits {
                Ok(edits) => self.edits.entry(path.clone()).or_default().extend(edits),
                Err(message) => {
                    let problem = entry.about().problem(message, &self.recipe.until);
                    self.problems.push(problem);
                }
            }
        }
    }

    /// Gives each file the text that its edits make. Two entries that edit the same bytes are a
    /// problem of the recipe: the order of entries must not decide about the result.
    fn splice(&mut self, tree: &mut Tree) {
        for (path, edits) in std::mem::take(&mut self.edits) {
            let Some(bytes) = tree.get_mut(&path).filter(|_| !edits.is_empty()) else {
                continue;
            };
            match edit::apply(&String::from_utf8_lossy(bytes), edits) {
                Ok(text) => *bytes = text.into_bytes(),
                Err(overlap) => {
                    let message = "two entries of the recipe edit the same place";
                    self.problems
                        .push(Problem::new(&path, Some(overlap.line), message));
                }
            }
        }
    }
}

/// The tokens of a file.
///
/// # Errors
///
/// The end of a sentence about the file: it is no UTF-8, or no Rust.
fn read(bytes: &[u8]) -> Result<Source<'_>, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("is not UTF-8: {error}"))?;
    Source::parse(text).map_err(|error| error.to_string())
}
