//! Why a module was not unloaded.
//!
//! A host that wants to unload a module needs to know what stands against it, and needs the module
//! back. So the error holds both.

use std::fmt;

use crate::module::Module;
use crate::usage::Usage;

/// Why a module was not unloaded.
#[derive(Debug)]
#[non_exhaustive]
pub enum UnloadProblem {
    /// Something of the module is alive.
    InUse(Box<Usage>),
    /// A thread may still run the last instructions of the module, or nobody can see whether it
    /// does. The text says which threads, or why.
    NotSeenOutside(String),
    /// The system has not unmapped it.
    StillMapped {
        /// What is known to keep the file mapped, a sentence each. Empty if nothing is known.
        kept_mapped_by: Vec<String>,
    },
    /// On this target, nothing tells whether the module is in use. So modules stay loaded.
    Unsupported,
    /// The [`Unload`](crate::Unload) was dropped before it had ended. As nobody polls it any more,
    /// only a debugger shows this.
    Cancelled,
}

/// A module was not unloaded. The error holds the module, and says why.
///
/// The text is one sentence that names the file and lists what is alive.
pub struct UnloadError {
    module: Module,
    problem: UnloadProblem,
}

impl UnloadError {
    /// Why the module was not unloaded.
    pub fn problem(&self) -> &UnloadProblem {
        &self.problem
    }

    /// What of the module is alive, if the problem is [`UnloadProblem::InUse`].
    pub fn usage(&self) -> Option<&Usage> {
        match &self.problem {
            UnloadProblem::InUse(usage) => Some(usage),
            _ => None,
        }
    }

    /// The module. [`Module::is_closed`] says whether it still takes calls.
    pub fn module(&self) -> &Module {
        &self.module
    }

    /// Gives the module back. [`Module::is_closed`] says whether it still takes calls.
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
                "{path} was not unloaded, as this host still has of it: {usage}; end these, or \
                 wait for them, and unload it again"
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
                        "something else in this process has opened it, or depends on it; close \
                         that",
                    )?,
                    false => f.write_str(&kept_mapped_by.join("; "))?,
                }
            }
            UnloadProblem::Unsupported => write!(
                f,
                "{path} was not unloaded: on this target the host cannot see whether its code is \
                 in use; keep it loaded"
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
