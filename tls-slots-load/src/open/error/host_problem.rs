//! [`HostProblem`]: what a program lacks to be a host.

use std::fmt;

use tls_slots_manifest::ParseError;

/// What a program lacks to load modules.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HostProblem {
    /// The executable does not export the symbols that modules need.
    NotExported {
        /// One of the symbols that are missing.
        symbol: String,
    },
    /// Another image exports the symbols, with another copy of `tls-slots` in it.
    OtherHost {
        /// The file of that image, where the system tells.
        file: Option<String>,
    },
    /// The program is linked statically, with its C library. A module would bring a second one.
    Static,
    /// The program's own manifest cannot be read.
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
                    ", and a process has one; let that one load the modules, and make this library \
                     a module, without a dependency on `tls-slots`",
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
