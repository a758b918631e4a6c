//! `[[insert]]`: a text of ours before or after a run of tokens.
//!
//! The run names the place and stays as it is, so the entry says less about upstream's text than a
//! `[[replace]]` of the same run would, and fits more releases.
//!
//! ```toml
//! [[insert]]
//! file = "src/lib.rs"
//! after = "pub mod macros;"
//! text = "\n\npub mod external_tls;"
//! reason = "…"
//! ```

use serde::Deserialize;

use super::kind::{EditEntry, Entry};
use crate::recipe::about::About;
use crate::recipe::alternatives::{Alternative, InFile, choose};
use crate::recipe::count::{Misfit, one};
use crate::source::edit::Edit;
use crate::source::library::Library;

/// A text that is put beside a run of tokens.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Insert {
    /// Its reason, and its file.
    #[serde(flatten)]
    pub(crate) about: About,
    /// The run of tokens.
    #[serde(flatten)]
    pub(crate) beside: Beside,
    /// The text.
    pub(crate) text: String,
    /// How often the run is there.
    #[serde(default = "one")]
    pub(crate) count: usize,
    /// What other releases have in its place.
    #[serde(default)]
    pub(crate) or: Vec<Or>,
    /// Whether a release may have none of them.
    #[serde(default)]
    pub(crate) optional: bool,
}

/// The run of tokens that a text is put beside. Exactly one of the two is there.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Beside {
    /// The run that the text goes before.
    pub(crate) before: Option<String>,
    /// The run that the text goes after.
    pub(crate) after: Option<String>,
}

/// What other releases have in the place of the run. What it does not say is as in the entry.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Or {
    /// The file.
    pub(crate) file: Option<String>,
    /// The run of tokens.
    #[serde(flatten)]
    pub(crate) beside: Beside,
    /// The text.
    pub(crate) text: Option<String>,
    /// How often the run is there.
    pub(crate) count: Option<usize>,
}

impl Beside {
    /// The run, and whether the text goes after it. `None` unless one of the two is there.
    fn run(&self) -> Option<(&str, bool)> {
        match (&self.before, &self.after) {
            (Some(run), None) => Some((run, false)),
            (None, Some(run)) => Some((run, true)),
            _ => None,
        }
    }
}

impl Entry for Insert {
    fn about(&self) -> &About {
        &self.about
    }
}

impl EditEntry for Insert {
    fn is_optional(&self) -> bool {
        self.optional
    }

    fn files(&self) -> Vec<&str> {
        let others = self.or.iter().filter_map(|or| or.file.as_deref());
        std::iter::once(&*self.about.file).chain(others).collect()
    }

    fn edits(&self, library: &Library<'_>) -> Result<Vec<InFile>, Misfit> {
        let own = (&*self.about.file, &self.beside, &self.text, self.count);
        let others = self.or.iter().map(|or| {
            // Which side, and where, are one thing: `or` has both or none.
            let beside = match (&or.beside.before, &or.beside.after) {
                (None, None) => &self.beside,
                _ => &or.beside,
            };
            (
                or.file.as_deref().unwrap_or(&self.about.file),
                beside,
                or.text.as_ref().unwrap_or(&self.text),
                or.count.unwrap_or(self.count),
            )
        });
        let mut alternatives = Vec::new();
        let mut texts = Vec::new();
        for (file, beside, text, count) in std::iter::once(own).chain(others) {
            let (run, after) = beside.run().ok_or_else(|| Misfit {
                is_absent: false,
                message: "an `insert` needs `before` or `after`, one of them".to_owned(),
            })?;
            let count = Some(count);
            alternatives.push(Alternative { file, run, count });
            texts.push((after, text));
        }
        let (index, places) = choose(library, &alternatives)?;
        let (after, text) = texts[index];
        let insert = |place: std::ops::Range<usize>| {
            let offset = if after { place.end } else { place.start };
            let edit = Edit::insert(offset, text);
            (alternatives[index].file.to_owned(), edit)
        };
        Ok(places.into_iter().map(insert).collect())
    }
}
