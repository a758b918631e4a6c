//! `[[on_host]]`: in a module, the host's copy of a function runs.
//!
//! Some functions start what outlives their caller: a thread, a vtable, a handler of a signal. Were
//! they the module's, its code could not be unloaded. The first statement of such a function asks
//! whether this image is the host; if it is not, it calls the host's copy and returns what that
//! returns.
//!
//! ```toml
//! [[on_host]]
//! file = "src/runtime/blocking/pool.rs"
//! fn = "Spawner::spawn_thread"
//! key = "SPAWN_THREAD"
//! reason = "…"
//! ```

use serde::Deserialize;

use super::kind::{EditEntry, Entry, source_of};
use crate::recipe::about::About;
use crate::recipe::alternatives::InFile;
use crate::recipe::count::Misfit;
use crate::recipe::signature;
use crate::source::edit::Edit;
use crate::source::library::Library;

/// A function whose first statement becomes a call of the host's copy of it.
///
/// The call goes through a process-wide key that holds a pointer to the host's function, so the
/// function must have a type that a pointer can have: no generics, not `async`.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct OnHost {
    /// Its reason, and its file.
    #[serde(flatten)]
    pub(crate) about: About,
    /// `function` or `Type::method`.
    #[serde(rename = "fn")]
    pub(crate) function: String,
    /// The key's name.
    pub(crate) key: String,
    /// Whether a release may be without the function.
    #[serde(default)]
    pub(crate) optional: bool,
}

impl Entry for OnHost {
    fn about(&self) -> &About {
        &self.about
    }
}

impl EditEntry for OnHost {
    fn is_optional(&self) -> bool {
        self.optional
    }

    fn edits(&self, library: &Library<'_>) -> Result<Vec<InFile>, Misfit> {
        let source = source_of(library, &self.about)?;
        let found = signature::find(source, &self.function);
        let misfit = |is_absent, end: &str| Misfit {
            is_absent,
            message: format!("the function `{}` {end}", self.function),
        };
        let call = found
            .map_err(|end| misfit(false, &end))?
            .ok_or_else(|| misfit(true, "is not there"))?;
        let text = format!(
            "\n{}    crate::external_tls::on_host!({}: {} = {}; ({}));",
            call.indentation,
            self.key,
            call.pointer,
            self.function,
            call.arguments.join(", ")
        );
        let edit = Edit::insert(call.at, text);
        Ok(vec![(self.about.file.clone(), edit)])
    }
}
