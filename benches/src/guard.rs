//! The instruction counts that must not grow.
//!
//! The problem: time cannot be a test on a machine that others use.
//!
//! The way: instructions can, as they are the same in each run of one binary. `guard.toml` has the
//! counts of a few operations in a module, and the compiler that they belong to. Another compiler
//! makes other code; its counts are compared with std's thread-locals and with static linking, by
//! the goals alone.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::Error;
use crate::machine::Machine;
use crate::measure::{self, Counted};
use crate::places;
use crate::programs::{self, Ours};
use crate::project::{Profile, Tokio, Work};

/// How much a count may grow.
const GROWTH: f64 = 1.03;

/// How much a workload may take in a module, against static upstream.
const GOAL: f64 = 1.05;

/// Accesses that are counted, in a module.
const ACCESSES: [&str; 4] = [
    "Cell, const",
    "Drop, const",
    "RefCell, lazy",
    "process_local!",
];

/// Workloads that are counted, in a module.
const WORKLOADS: [&str; 2] = ["spawn_local", "spawn_join"];

/// The committed counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// `rustc --version`.
    pub rustc: String,
    /// Instructions of each operation, those of the allocator left out.
    pub instructions: BTreeMap<String, f64>,
}

impl Counts {
    /// The file.
    pub fn file() -> PathBuf {
        places::folder().join("guard.toml")
    }

    /// Reads them.
    ///
    /// # Errors
    ///
    /// If the file cannot be read.
    pub fn read(file: &Path) -> Result<Self, Error> {
        let text = std::fs::read_to_string(file)
            .map_err(|error| format!("cannot read {}: {error}", file.display()))?;
        toml::from_str(&text).map_err(|error| format!("cannot read {}: {error}", file.display()))
    }

    /// Writes them.
    ///
    /// # Errors
    ///
    /// If the file cannot be written.
    pub fn write(&self, file: &Path) -> Result<(), Error> {
        let text = toml::to_string(self).map_err(|error| error.to_string())?;
        let text = format!(
            "# Instructions of one operation in a module; written by the command `guard --write`.\n{text}"
        );
        std::fs::write(file, text)
            .map_err(|error| format!("cannot write {}: {error}", file.display()))
    }

    /// What has grown too much, compared with older counts; a sentence each.
    pub fn grown(&self, committed: &Self) -> Vec<String> {
        let mut sentences = Vec::new();
        for (name, before) in &committed.instructions {
            let Some(now) = self.instructions.get(name) else {
                sentences.push(format!("`{name}` is not counted any more"));
                continue;
            };
            if *now > before * GROWTH {
                sentences.push(format!(
                    "`{name}` takes {now:.1} instructions in a module, {before:.1} before: more than 3 % \
                     more. If that is wanted, write new counts with \
                     `cargo run -p tls-slots-benches -- guard --write`"
                ));
            }
        }
        sentences
    }
}

/// Builds what is counted, and counts it.
///
/// # Errors
///
/// What cannot be built or run.
pub fn count(work: &Work) -> Result<(Counts, Vec<String>), Error> {
    let ours = Ours::build(work, Profile::Release)?;
    let upstream = work.release("program", Tokio::Upstream, "upstream")?;
    let upstream = upstream.join("bench-program");

    let mut instructions = BTreeMap::new();
    let mut missed = Vec::new();
    for kind in ACCESSES {
        let access = |set: &'static str| {
            let ours = &ours;
            move |n: u64| ours.access(set, kind, n, true)
        };
        let own = measure::instructions(&access("slots"), 10_000, 1, Counted::All)?;
        instructions.insert(format!("access: {kind}"), (own * 10.0).round() / 10.0);
        if kind == "process_local!" {
            continue;
        }
        let std = measure::instructions(&access("std"), 10_000, 1, Counted::All)?;
        if own > std {
            missed.push(format!(
                "an access to a `{kind}` in a module takes {own:.1} instructions, std's own in that module \
                 {std:.1}"
            ));
        }
    }
    for workload in WORKLOADS {
        let own = |n: u64| programs::run(&ours.program, Some(&ours.module), "current", workload, n);
        let own = measure::instructions(&own, 2_000, 1, Counted::Apart)?;
        let base = |n: u64| programs::run(&upstream, None, "current", workload, n);
        let outside = measure::instructions(&base, 2_000, 1, Counted::Apart)?;
        let base = measure::instructions(&base, 2_000, 1, Counted::All)?;
        let allocator = base - outside;
        instructions.insert(format!("runtime: {workload}"), (own * 10.0).round() / 10.0);
        if own + allocator > base * GOAL {
            missed.push(format!(
                "`{workload}` takes {:.1} instructions in a module and {base:.1} in a static program with \
                 untouched tokio",
                own + allocator
            ));
        }
    }
    let rustc = Machine::look().rustc;
    Ok((
        Counts {
            rustc,
            instructions,
        },
        missed,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(spawn: f64) -> Counts {
        Counts {
            rustc: String::new(),
            instructions: BTreeMap::from([("spawn".to_owned(), spawn)]),
        }
    }

    #[test]
    fn three_per_cent_are_tolerated_and_no_more() {
        assert!(counts(103.0).grown(&counts(100.0)).is_empty());
        assert!(counts(50.0).grown(&counts(100.0)).is_empty());
        let grown = counts(103.1).grown(&counts(100.0));
        assert!(
            grown[0].contains("103.1") && grown[0].contains("100.0"),
            "{grown:?}"
        );
    }

    #[test]
    fn a_count_that_is_gone_is_noticed() {
        let mut none = counts(1.0);
        none.instructions.clear();
        assert_eq!(none.grown(&counts(1.0)).len(), 1);
    }
}
