//! Why a module is not loaded, or does not have what it is asked for.
//!
//! A host wants to tell the steps of loading apart, and to show the user a text that helps. So
//! there is a variant for each step that can fail. Its text is one sentence about this step. It
//! names the file and says what to do. What the system or another crate said is the
//! [`source`](std::error::Error::source). One text is longer: that of a
//! [`Mismatch`](tls_slots_manifest::Mismatch), which is a table.
//!
//! | file | what |
//! | --- | --- |
//! | `load_error.rs` | the variants, and what they hold |
//! | `host_problem.rs` | what a program lacks to be a host |
//! | `sentences.rs` | the texts of [`LoadError`] |

mod host_problem;
mod load_error;
mod sentences;
#[cfg(test)]
mod tests;

pub use host_problem::HostProblem;
pub use load_error::LoadError;
