//! `[[replace]]`: tokens become another text.
//!
//! The most general edit, and the one that breaks first: it names upstream's tokens. Blanks, line
//! breaks and comments between them do not matter; doc comments and strings never match.
//!
//! ```toml
//! [[replace]]
//! file = "src/macros/thread_local.rs"
//! from = "::std::thread_local!"
//! to = "crate::external_tls::thread_local!"
//! reason = "…"
//! ```

use serde::Deserialize;

use super::kind::{EditEntry, Entry};
use crate::recipe::about::About;
use crate::recipe::alternatives::{Alternative, InFile, choose};
use crate::recipe::claim::{Action, Claim};
use crate::recipe::count::{Misfit, one};
use crate::source::edit::Edit;
use crate::source::library::Library;
use crate::source::tokens::Run;

/// A run of tokens that becomes another text.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Replace {
    /// Its reason, and its file.
    #[serde(flatten)]
    pub(crate) about: About,
    /// The run of tokens; it may stop inside a group.
    pub(crate) from: String,
    /// The text.
    pub(crate) to: String,
    /// How often the run is there. An entry with `shares` is about all of them.
    #[serde(default = "one")]
    pub(crate) count: usize,
    /// The statics in `from` that the edit makes shared: a thread-local, a `static mut`, or one of
    /// a macro, of which no other entry could say so.
    #[serde(default)]
    pub(crate) shares: Vec<String>,
    /// What other releases have in its place.
    #[serde(default)]
    pub(crate) or: Vec<Or>,
    /// Whether a release may have none of them. So it is with `shares`, too: a static that stands
    /// there in another way is not classified.
    #[serde(default)]
    pub(crate) optional: bool,
}

/// What other releases have in the place of `from`. What it does not say is as in the entry.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Or {
    /// The file.
    pub(crate) file: Option<String>,
    /// The run of tokens.
    pub(crate) from: Option<String>,
    /// The text.
    pub(crate) to: Option<String>,
    /// How often the run is there.
    pub(crate) count: Option<usize>,
}

impl Replace {
    /// The entry's own run and those of the alternatives, each with its text.
    fn alternatives(&self) -> Vec<(Alternative<'_>, &str)> {
        let any_number = !self.shares.is_empty();
        let counted = |count: usize| (!any_number).then_some(count);
        let own = Alternative {
            file: &self.about.file,
            run: &self.from,
            count: counted(self.count),
        };
        let others = self.or.iter().map(|or| {
            let alternative = Alternative {
                file: or.file.as_deref().unwrap_or(&self.about.file),
                run: or.from.as_deref().unwrap_or(&self.from),
                count: counted(or.count.unwrap_or(self.count)),
            };
            (alternative, or.to.as_deref().unwrap_or(&self.to))
        });
        std::iter::once((own, &*self.to)).chain(others).collect()
    }
}

impl Entry for Replace {
    fn about(&self) -> &About {
        &self.about
    }

    /// The statics in the run are this entry's alone: no other entry may claim what is no longer
    /// there afterwards. Others of the same name elsewhere in the file are not its own.
    fn claims(&self) -> Vec<Claim<'_>> {
        let alternatives = self.alternatives().into_iter();
        let runs = alternatives.filter_map(|(one, _)| Run::parse(one.run).ok());
        let runs: Vec<Run> = runs.collect();
        let mut claims = Vec::new();
        for name in &self.shares {
            let files = self.files();
            claims.push(Claim::new(
                format!("`static {name}` that a `replace` shares"),
                move |path, found| files.contains(&path) && found.name == *name,
                Action::Replace(runs.clone()),
            ));
        }
        claims
    }
}

impl EditEntry for Replace {
    fn is_optional(&self) -> bool {
        self.optional || !self.shares.is_empty()
    }

    fn files(&self) -> Vec<&str> {
        let all = self.alternatives().into_iter();
        all.map(|(one, _)| one.file).collect()
    }

    fn edits(&self, library: &Library<'_>) -> Result<Vec<InFile>, Misfit> {
        let (alternatives, texts): (Vec<_>, Vec<_>) = self.alternatives().into_iter().unzip();
        let (index, places) = choose(library, &alternatives)?;
        let file = alternatives[index].file;
        let replace = |place| (file.to_owned(), Edit::replace(place, texts[index]));
        Ok(places.into_iter().map(replace).collect())
    }
}
