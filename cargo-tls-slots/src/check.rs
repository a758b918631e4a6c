//! Compares modules with their host, from the files alone.
//!
//! The problem: a module that does not fit is refused when it is loaded, and that may be on the
//! machine of a customer. A CI job or a packager has both files earlier, and need not run either.
//!
//! The way: this is the comparison that the loader makes before it loads a module, by the same code
//! of `tls-slots-manifest`. What differs, and what to do about it, is the same text in both places.
//!
//! The questions, in this order; the first that is answered by "no" is the verdict:
//!
//! | question | verdict |
//! | --- | --- |
//! | Can the file be read, and has it a manifest? | [`Verdict::Unreadable`] |
//! | If not: has it the state of crates that the host shares? | [`Verdict::Unforked`] |
//! | Is the manifest of a version that this command knows? | [`Verdict::OtherAbi`] |
//! | Are format and processor those of the host? | [`Verdict::Architecture`] |
//! | Is it no host itself? | [`Verdict::Host`] |
//! | Do compiler, profile, crates, features, types and keys agree? | [`Verdict::Differs`] |

use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tls_slots_manifest::{
    Allowed, Description, Difference, FileError, HostHalf, Mismatch, PrivateState, Unforked,
    asks_for_private_state, compare,
};

use crate::causes::with_causes;
use crate::inspect::{self, Error, Image};

/// The version of the JSON's form. Fields may be added without a new number; a field that goes or
/// changes its meaning needs one.
const SCHEMA: u32 = 1;

/// The result of a comparison: a host, and a verdict for each module.
#[derive(Debug)]
pub struct Report {
    /// The host.
    pub host: Image,
    /// The modules, in the order in which they were given.
    pub modules: Vec<Checked>,
}

/// One module, and whether it fits.
#[derive(Debug)]
pub struct Checked {
    /// The module's file, as it was given.
    pub path: PathBuf,
    /// Whether the module fits the host.
    pub verdict: Verdict,
}

/// Whether a module fits its host.
#[derive(Debug)]
#[non_exhaustive]
pub enum Verdict {
    /// The module fits.
    Fits,
    /// The file is a module, but differs from its host in what must agree.
    Differs(Mismatch),
    /// The file is a module of another version of the binary interface, whose manifest this reader
    /// does not understand.
    OtherAbi(Error),
    /// The file is a module for another processor, or of another format, than the host.
    Architecture {
        /// Format and processor of the host.
        host: String,
        /// Format and processor of the module.
        module: String,
    },
    /// The file has no manifest, but the state of crates that the host shares: it was meant as a
    /// module.
    Unforked(Unforked),
    /// The file is a host, or a module that contains the host's half by mistake.
    Host,
    /// The file cannot be read, or is no module.
    Unreadable(Error),
}

impl Verdict {
    /// The verdict in one word: `fits`, `refused` or `unreadable`.
    ///
    /// `refused` is what the host's loader would do. `unreadable` is a file that no loader would
    /// come to: the command's exit status tells the two apart.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Fits => "fits",
            Self::Unreadable(_) => "unreadable",
            _ => "refused",
        }
    }

    /// Why the module does not fit; `None` if it does.
    ///
    /// This is a short table and a sentence for each thing to do, or just a sentence.
    pub fn reason(&self) -> Option<String> {
        match self {
            Self::Fits => None,
            Self::Differs(mismatch) => Some(mismatch.to_string()),
            // The text of these two begins with the file's path, which the reader knows.
            Self::OtherAbi(Error::File(_, source)) | Self::Unreadable(Error::File(_, source)) => {
                Some(with_causes(source))
            }
            Self::OtherAbi(error) | Self::Unreadable(error) => Some(with_causes(error)),
            Self::Architecture { host, module } => Some(format!(
                "the host is built for {host} and the module for {module}; build the module for the \
                 host's target"
            )),
            Self::Unforked(unforked) => Some(format!("it has no manifest; {unforked}")),
            Self::Host => Some(format!("it {}", HostHalf::REGISTERS)),
        }
    }

    /// What differs, as the comparison lists it.
    fn differences(&self) -> &[Difference] {
        match self {
            Self::Differs(mismatch) => &mismatch.differences,
            _ => &[],
        }
    }
}

/// Compares each module with the host.
///
/// # Errors
///
/// [`HostError`], when the *host* cannot be read or is none. What is wrong with a module is part of
/// the report.
///
/// # Examples
///
/// ```no_run
/// use std::path::Path;
///
/// let report = cargo_tls_slots::check::check(
///     Path::new("host/target/debug/host"),
///     &[Path::new("module/target/debug/libmodule.so")],
/// )?;
/// print!("{}", report.render());
/// # Ok::<(), cargo_tls_slots::check::HostError>(())
/// ```
pub fn check(host: &Path, modules: &[impl AsRef<Path>]) -> Result<Report, HostError> {
    let host = inspect::read(host)?;
    if !host.exports_host {
        return Err(HostError::NoHost(host.path));
    }
    let modules = modules
        .iter()
        .map(|path| Checked {
            path: path.as_ref().to_owned(),
            verdict: verdict(&host, path.as_ref()),
        })
        .collect();
    Ok(Report { host, modules })
}

/// Why there is nothing to compare with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The file cannot be read, or is no host or module.
    #[error(transparent)]
    Read(#[from] Error),
    /// The file does not export what modules need.
    #[error(
        "{0} is no host: it does not export tls_slots_register_v1; name the host first and its \
         modules after it, and have the host link `tls-slots` and call `tls_slots_build::host()` in \
         its build.rs"
    )]
    NoHost(PathBuf),
}

/// Compares one module with the host. The questions come in the order in which a loader meets them.
fn verdict(host: &Image, path: &Path) -> Verdict {
    let module = match inspect::read(path) {
        Ok(module) => module,
        Err(error @ Error::File(_, FileError::OtherAbi { .. })) => return Verdict::OtherAbi(error),
        Err(error @ Error::NoManifest(_)) => {
            return match unforked(host, path) {
                Some(unforked) => Verdict::Unforked(unforked),
                None => Verdict::Unreadable(error),
            };
        }
        Err(error) => return Verdict::Unreadable(error),
    };
    let describe = |image: &Image| format!("{} {}", image.format, image.architecture);
    let (ours, theirs) = (describe(host), describe(&module));
    if ours != theirs {
        return Verdict::Architecture {
            host: ours,
            module: theirs,
        };
    }
    if module.exports_host {
        return Verdict::Host;
    }
    let [host, module] = [(host, &module), (&module, host)].map(described);
    match compare(&host, &module, &Allowed::default()) {
        Ok(()) => Verdict::Fits,
        Err(mismatch) => Verdict::Differs(mismatch),
    }
}

/// All that the comparison with another image looks at. A file that cannot be read again tells no
/// private state.
fn described((image, other): (&Image, &Image)) -> Description {
    let mut description = image.description();
    if asks_for_private_state(&image.manifest, &other.manifest) {
        let file = File::open(&image.path);
        description.private = file.map(PrivateState::from_reader).unwrap_or_default();
    }
    description
}

/// The crates that the host shares, and that a file without a manifest has for itself.
fn unforked(host: &Image, path: &Path) -> Option<Unforked> {
    let file = File::open(path).ok()?;
    Unforked::find(&host.description(), &PrivateState::from_reader(file))
}

impl Report {
    /// The exit status of the command: 0 if all modules fit, 2 if one cannot be read, else 1.
    ///
    /// Trouble with one file outweighs the answer about another: a job that gets 2 has to look at
    /// its own paths first.
    pub fn status(&self) -> u8 {
        let of = |checked: &Checked| match checked.verdict.word() {
            "fits" => 0,
            "refused" => 1,
            _ => 2,
        };
        self.modules.iter().map(of).max().unwrap_or_default()
    }

    /// The report as a person reads it: a line for each module, and below it why it does not fit.
    pub fn render(&self) -> String {
        let mut text = String::new();
        for Checked { path, verdict } in &self.modules {
            let _ = writeln!(text, "{:<10} {}", verdict.word(), path.display());
            for line in verdict.reason().iter().flat_map(|reason| reason.lines()) {
                let _ = writeln!(text, "{}", format!("  {line}").trim_end());
            }
        }
        text
    }

    /// The report as JSON, for a program. `docs/check-in-ci.md` has its schema.
    pub fn json(&self) -> Value {
        let modules: Vec<Value> = self
            .modules
            .iter()
            .map(|Checked { path, verdict }| {
                let differences: Vec<Value> = verdict
                    .differences()
                    .iter()
                    .map(|one| {
                        json!({
                            "what": one.what,
                            "host": one.host,
                            "module": one.module,
                            "fix": one.fix,
                        })
                    })
                    .collect();
                json!({
                    "file": path.to_string_lossy(),
                    "status": verdict.word(),
                    "reason": verdict.reason(),
                    "differences": differences,
                })
            })
            .collect();
        json!({
            "schema": SCHEMA,
            "host": self.host.path.to_string_lossy(),
            "fits": self.status() == 0,
            "modules": modules,
        })
    }
}
