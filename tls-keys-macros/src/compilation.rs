//! Which file the running compiler compiles, and with which cfgs: its arguments say so.
//!
//! They are those of rustc (`rustc --help`): the one input, options with a value of their own or
//! after `=`, and `@FILE` for more arguments, one a line, which cargo uses where a command line
//! would be too long.

use std::path::{Path, PathBuf};
use std::{env, fs};

/// What is compiled.
pub(crate) struct Compilation {
    /// The crate's root, an absolute path.
    pub(crate) root: PathBuf,
    /// What `--cfg` has set, sorted, each once.
    pub(crate) cfgs: Vec<Cfg>,
}

/// A cfg that is set.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cfg {
    /// As it was given: `name` or `name="value"`.
    pub(crate) text: String,
}

impl Cfg {
    /// What sources must have in them to ask for it: the value, or else the name.
    pub(crate) fn word(&self) -> &str {
        match self.text.split_once('=') {
            Some((_, value)) => value,
            None => &self.text,
        }
    }
}

impl Compilation {
    /// The one that runs this macro; `None` where no compiler does, as in an editor's server for
    /// procedural macros.
    pub(crate) fn running() -> Option<Self> {
        let arguments = arguments();
        let mut root = None;
        let mut cfgs = Vec::new();
        let mut each = arguments.iter();
        while let Some(argument) = each.next() {
            if argument == "--cfg" {
                cfgs.extend(each.next().cloned());
            } else if let Some(cfg) = argument.strip_prefix("--cfg=") {
                cfgs.push(cfg.to_owned());
            } else if argument.ends_with(".rs") && !argument.starts_with('-') {
                root = root.or(Some(argument));
            }
        }
        let mut cfgs: Vec<Cfg> = cfgs.into_iter().map(|text| Cfg { text }).collect();
        cfgs.sort();
        cfgs.dedup();
        // Links stay: the compiler looks for `mod`s beside the link.
        let root = std::path::absolute(root?).ok()?;
        Some(Self { root, cfgs })
    }

    /// Whether the crate is a fork, whose own record says all of this: `cargo tls-slots fork` puts
    /// that record into a file beside the crate's root.
    pub(crate) fn is_fork(&self) -> bool {
        self.root.with_file_name("tls_slots_manifest.rs").is_file()
    }
}

/// The compiler's arguments. What is no text is no option that matters here.
fn arguments() -> Vec<String> {
    let mut all = Vec::new();
    for argument in env::args_os().skip(1) {
        let Some(argument) = argument.to_str() else {
            continue;
        };
        match argument.strip_prefix('@') {
            Some(path) => {
                let more = fs::read_to_string(Path::new(path)).unwrap_or_default();
                all.extend(more.lines().map(str::to_owned));
            }
            None => all.push(argument.to_owned()),
        }
    }
    all
}
