//! Section `runtime`: tokio's workloads in a module, against the same linked statically.
//!
//! | variant | tokio | linked |
//! | --- | --- | --- |
//! | static, upstream | the registry's | statically |
//! | static, off | the fork without its feature | statically |
//! | static, on | the fork with it | statically; the program is a host without a module |
//! | module | the fork with it, twice | a host, and the workload in a module |

use std::collections::BTreeMap;
use std::path::Path;

use object::{Object as _, ObjectSymbol as _, SymbolKind};

use crate::effort::Effort;
use crate::error::Error;
use crate::measure::{self, Counted, Samples};
use crate::programs::Programs;
use crate::project::{Profile, Work};
use crate::row::{Row, Rows, Section};
use crate::workloads::{WORKLOADS, Workload};

/// The names of the variants.
pub const VARIANTS: [&str; 4] = ["static, upstream", "static, off", "static, on", "module"];

/// How the workloads are run in one part of the section.
struct Run<'a> {
    programs: &'a Programs,
    effort: &'a Effort,
    /// The runtime's flavour, for the program.
    flavour: &'a str,
    /// What is added to the workloads' names in the table.
    suffix: &'a str,
    /// Whether instructions are counted.
    count: bool,
}

/// Measures the section: rows, and sentences for below the table.
///
/// # Errors
///
/// If a program cannot be built or run.
pub fn measure(
    work: &Work,
    effort: &Effort,
    count: bool,
) -> Result<(Vec<Row>, Vec<String>), Error> {
    let mut rows = Rows::new(Section::Runtime);
    let programs = Programs::build(work, Profile::Release)?;
    let notes = vec![same_functions(&programs)?];
    let wanted = || WORKLOADS.iter().filter(|one| effort.wants(one.name));
    let current = Run {
        programs: &programs,
        effort,
        flavour: "current",
        suffix: "",
        count,
    };
    for workload in wanted() {
        current.workload(workload, &mut rows)?;
    }
    let multi = Run {
        flavour: "multi",
        suffix: ", 2 workers",
        count: false,
        ..current
    };
    for workload in wanted().filter(|one| one.whole) {
        multi.workload(workload, &mut rows)?;
    }
    if effort.fat {
        let fat = Run {
            programs: &Programs::build(work, Profile::Fat)?,
            suffix: ", fat LTO",
            ..current
        };
        for workload in wanted() {
            fat.workload(workload, &mut rows)?;
        }
    }
    Ok((rows.into_rows(), notes))
}

impl Run<'_> {
    /// Measures one workload in all variants.
    fn workload(&self, workload: &Workload, rows: &mut Rows) -> Result<(), Error> {
        let n = self.effort.scaled(workload.timed);
        // One pinned thread: processor time is what it took. Several threads: the clock.
        let number = usize::from(self.flavour == "current");
        let samples = Samples::take(self.effort.pairs, VARIANTS.len(), |variant| {
            let mut command = self
                .programs
                .command(variant, self.flavour, workload.name, n);
            Ok(measure::numbers(&mut command)?[number] / n as f64)
        })?;
        let counts = match self.count {
            true => self.counts(workload)?,
            false => Vec::new(),
        };
        let name = format!("{}{}", workload.name, self.suffix);
        rows.add_counted(&name, "ns", &VARIANTS, &samples, &counts);
        Ok(())
    }

    /// The instructions of one operation in each variant.
    fn counts(&self, workload: &Workload) -> Result<Vec<f64>, Error> {
        let mut allocator = None;
        let mut counts = Vec::new();
        for variant in 0..VARIANTS.len() {
            let program = |n| {
                self.programs
                    .command(variant, self.flavour, workload.name, n)
            };
            let counted =
                |what| measure::instructions(&program, workload.counted, self.effort.counts, what);
            let own = counted(Counted::Apart)?;
            // The first variant's allocator stands for that of every variant: see `measure.rs`.
            let allocator = match allocator {
                Some(allocator) => allocator,
                None => *allocator.insert(counted(Counted::All)? - own),
            };
            counts.push(own + allocator);
        }
        Ok(counts)
    }
}

/// A sentence that says whether the fork with its feature off has upstream's functions.
fn same_functions(programs: &Programs) -> Result<String, Error> {
    let upstream = functions(&programs.program(0))?;
    let off = functions(&programs.program(1))?;
    let total: usize = upstream.values().sum();
    let differ: usize = upstream
        .iter()
        .map(|(function, times)| times.abs_diff(off.get(function).copied().unwrap_or(0)))
        .chain(
            off.iter()
                .filter(|(function, _)| !upstream.contains_key(function))
                .map(|(_, times)| *times),
        )
        .sum();
    Ok(match differ {
        0 => format!(
            "`static, upstream` and `static, off` consist of the same {total} functions, by name and \
             size of the machine code."
        ),
        _ => format!(
            "Of the {total} functions of `static, upstream`, {differ} differ from `static, off` by \
             name or size of the machine code."
        ),
    })
}

/// The functions of a program: how many there are of each name and size.
fn functions(program: &Path) -> Result<BTreeMap<(String, u64), usize>, Error> {
    let bytes = std::fs::read(program)
        .map_err(|error| format!("cannot read {}: {error}", program.display()))?;
    let file = object::File::parse(&*bytes)
        .map_err(|error| format!("cannot read {}: {error}", program.display()))?;
    let mut functions = BTreeMap::new();
    for symbol in file
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text)
    {
        let name = symbol.name().unwrap_or_default();
        // Without the hash, which depends on where the crate comes from.
        let name = format!("{:#}", rustc_demangle::demangle(name));
        *functions.entry((name, symbol.size())).or_insert(0) += 1;
    }
    Ok(functions)
}
