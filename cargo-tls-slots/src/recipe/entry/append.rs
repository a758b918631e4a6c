//! `[[append]]`: a text of ours at the end of a file.
//!
//! For items that need no place among upstream's: a `mod`, a `use`, an `impl`. Nothing of
//! upstream's text is named, so the entry fits every release that has the file.
//!
//! ```toml
//! [[append]]
//! file = "src/lib.rs"
//! reason = "…"
//! text = "pub use tls_keys::host_allocator;\n"
//! ```

use serde::Deserialize;

use super::kind::{EditEntry, Entry, source_of};
use crate::recipe::about::About;
use crate::recipe::alternatives::InFile;
use crate::recipe::count::Misfit;
use crate::source::edit::Edit;
use crate::source::library::Library;

/// A text at the end of a file, behind an empty line.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Append {
    /// Its reason, and its file.
    #[serde(flatten)]
    pub(crate) about: About,
    /// The text.
    pub(crate) text: String,
}

impl Entry for Append {
    fn about(&self) -> &About {
        &self.about
    }
}

impl EditEntry for Append {
    fn edits(&self, library: &Library<'_>) -> Result<Vec<InFile>, Misfit> {
        let source = source_of(library, &self.about)?;
        let gap = match source.text.ends_with('\n') {
            true => "\n",
            false => "\n\n",
        };
        let text = format!("{gap}{}", self.text);
        let edit = Edit::insert(source.text.len(), text);
        Ok(vec![(self.about.file.clone(), edit)])
    }
}
