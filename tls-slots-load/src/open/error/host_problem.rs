//! [`HostProblem`]: what a program lacks to be a host.

use std::fmt;

use tls_slots_manifest::ParseError;

/// Why a program cannot load modules.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostProblem {
    /// The executable does not export what modules need.
    NotExported {
        /// A symbol that is missing.
        symbol: String,
    },
    /// The symbols belong to another copy of `tls-slots` than the one that was called.
    OtherHost {
        /// The file of the one that exports them, where the system tells.
        file: Option<String>,
    },
    /// The program has its C library linked in, and a module would bring another.
    Static,
    /// The program has no manifest of its own.
    Manifest {
        /// What is wrong with it.
        source: ParseError,
    },
}

impl fmt::Display for HostProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotExported { symbol } => write!(
                f,
                "the executable does not export `{symbol}`; call `tls_slots_build::host()` in the \
                 `build.rs` of the package whose executable this is"
            ),
            Self::OtherHost { file } => {
                f.write_str("there is another host in this process")?;
                if let Some(file) = file {
                    write!(f, ", {file}")?;
                }
                f.write_str(
                    ", and a process has one; let that one load the modules, and make this library a \
                     module, without a dependency on `tls-slots`",
                )
            }
            Self::Static => f.write_str(
                "it is linked statically, and a module would bring a second C library; build it \
                 without `-C target-feature=+crt-static`",
            ),
            Self::Manifest { .. } => {
                f.write_str("its own manifest cannot be read; build it again, and do not pack it")
            }
        }
    }
}
