//! What entries about source files have in common.

use crate::recipe::about::About;
use crate::recipe::claim::Claim;
use crate::source::edit::Edit;
use crate::source::tokens::Source;

/// An entry about one source file, or about all below a folder.
pub(in crate::recipe) trait Entry {
    /// Its reason, its releases and its file.
    fn about(&self) -> &About;

    /// What it says about statics.
    fn claims(&self) -> Vec<Claim<'_>> {
        Vec::new()
    }

    /// What is wrong with its file, beyond the statics, in one sentence.
    fn complaint(&self, _source: &Source<'_>) -> Option<String> {
        None
    }
}

/// An entry that names the place of its edits itself.
pub(in crate::recipe) trait EditEntry: Entry {
    /// Its edits of its file.
    ///
    /// # Errors
    ///
    /// A sentence that says why the entry does not fit the file.
    fn edits(&self, source: &Source<'_>) -> Result<Vec<Edit>, String>;
}
