//! What entries about source files have in common.

use crate::recipe::about::About;
use crate::recipe::alternatives::InFile;
use crate::recipe::claim::Claim;
use crate::recipe::count::Misfit;
use crate::source::library::Library;
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
    /// Whether a release may have nothing for it to edit.
    fn is_optional(&self) -> bool {
        false
    }

    /// The files that it may edit.
    fn files(&self) -> Vec<&str> {
        vec![&self.about().file]
    }

    /// Its edits.
    ///
    /// # Errors
    ///
    /// [`Misfit`], if the entry does not fit the library.
    fn edits(&self, library: &Library<'_>) -> Result<Vec<InFile>, Misfit>;
}

/// The tokens of the file that an entry is about.
///
/// # Errors
///
/// [`Misfit`]: the file is not there.
pub(in crate::recipe) fn source_of<'l>(
    library: &Library<'l>,
    about: &About,
) -> Result<&'l Source<'l>, Misfit> {
    let file = library.file(&about.file);
    file.map(|file| &file.source).ok_or_else(|| Misfit {
        is_absent: true,
        message: "is not there, but the recipe edits it".to_owned(),
    })
}
