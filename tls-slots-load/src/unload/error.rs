//! Why a module was not unloaded.

use std::fmt;

use crate::module::Module;
use crate::usage::Usage;

/// Why a module was not unloaded.
#[derive(Debug)]
#[non_exhaustive]
pub enum UnloadProblem {
    /// Something of it is alive.
    InUse(Box<Usage>),
    /// Some thread may be running its last instructions, or cannot be looked at.
    NotSeenOutside(String),
    /// The system has not unmapped it.
    StillMapped {
        /// What is known to keep it, each with a sentence.
        kept_mapped_by: Vec<String>,
    },
    /// On this target it is not known how to see that it can be unmapped.
    Unsupported,
    /// The [`Unload`] was dropped before it had ended. Nobody gets to see this but in a debugger.
    Cancelled,
}

/// A module was not unloaded: gives it back, and says why.
///
/// Its text is one sentence that names the file and lists what is alive.
pub struct UnloadError {
    module: Module,
    problem: UnloadProblem,
}

impl UnloadError {
    /// Why it was not unloaded.
    pub fn problem(&self) -> &UnloadProblem {
        &self.problem
    }

    /// What is alive of it, if that is why.
    pub fn usage(&self) -> Option<&Usage> {
        match &self.problem {
            UnloadProblem::InUse(usage) => Some(usage),
            _ => None,
        }
    }

    /// The module, as it is now: see [`Module::is_closed`].
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// The module, as it is now: see [`Module::is_closed`].
    pub fn into_module(self) -> Module {
        self.module
    }
}

impl fmt::Debug for UnloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UnloadError")
            .field("module", &self.module)
            .field("problem", &self.problem)
            .finish()
    }
}

impl fmt::Display for UnloadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.module.path().display();
        match &self.problem {
            UnloadProblem::InUse(usage) => write!(
                f,
                "{path} was not unloaded, as this host still has of it: {usage}; end these, or wait for \
                 them, and unload it again"
            )?,
            UnloadProblem::NotSeenOutside(why) => {
                write!(
                    f,
                    "{path} was not unloaded by this host: {why}; unload it again"
                )?;
            }
            UnloadProblem::StillMapped { kept_mapped_by } => {
                write!(
                    f,
                    "{path} was closed by this host, and the system keeps it mapped: "
                )?;
                match kept_mapped_by.is_empty() {
                    true => f.write_str(
                        "something else in this process has opened it, or depends on it; close that",
                    )?,
                    false => f.write_str(&kept_mapped_by.join("; "))?,
                }
            }
            UnloadProblem::Unsupported => write!(
                f,
                "{path} was not unloaded: on this target the host cannot see whether its code is in \
                 use; keep it loaded"
            )?,
            UnloadProblem::Cancelled => write!(
                f,
                "{path} was not unloaded, as the host has dropped the future that was to unload it"
            )?,
        }
        if self.module.is_closed() {
            f.write_str("; it takes no calls any more, as some of its thread-locals are gone")?;
        }
        Ok(())
    }
}

impl std::error::Error for UnloadError {}

impl Module {
    /// The error for a module that stays.
    pub(super) fn stays(self, problem: UnloadProblem) -> UnloadError {
        UnloadError {
            module: self,
            problem,
        }
    }
}
