//! Section `runtime`: tokio's workloads in a module, against the same linked statically.
//!
//! | variant | tokio | linked |
//! | --- | --- | --- |
//! | static, upstream | the registry's | statically |
//! | static, off | the fork without its feature | statically |
//! | static, on | the fork with it | statically; the program is a host without a module |
//! | module | the fork with it, twice | a host, and the workload in a module |

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

use object::{Object as _, ObjectSymbol as _, SymbolKind};

use crate::access::Ours;
use crate::measure::{self, Counted, Samples};
use crate::project::{Build, Profile, Tokio, Work};
use crate::results::{Row, Section};
use crate::{Effort, Error};

/// A workload, and how many operations are counted and timed.
#[derive(Clone, Copy, Debug)]
pub struct Workload {
    /// Its name, as in `projects/workloads`.
    pub name: &'static str,
    /// Operations of a counted run.
    pub counted: u64,
    /// Operations of a timed one.
    pub timed: u64,
    /// Whether it is more than a single call, and so goes into the mean.
    pub whole: bool,
}

const fn workload(name: &'static str, counted: u64, timed: u64) -> Workload {
    Workload {
        name,
        counted,
        timed,
        whole: true,
    }
}

/// All of them.
pub const WORKLOADS: &[Workload] = &[
    workload("spawn_local", 2_000, 50_000),
    workload("spawn_remote", 2_000, 25_000),
    workload("spawn_join", 2_000, 25_000),
    workload("yield_now", 4_000, 125_000),
    workload("ping_pong", 1_000, 12_500),
    workload("chained_spawn", 2_000, 50_000),
    workload("mpsc_uncontended", 3_200, 125_000),
    workload("mpsc_contended", 3_000, 125_000),
    workload("mpsc_unbounded", 3_000, 250_000),
    workload("oneshot_pairs", 1_000, 12_500),
    workload("broadcast_all", 640, 25_000),
    workload("watch_all", 500, 3_750),
    workload("timers", 10_000, 12_500),
    workload("timeouts", 2_000, 25_000),
    workload("sleep", 400, 400),
    workload("blocking", 1_000, 25_000),
    workload("tcp_echo", 300, 1_250),
    workload("fs_files", 200, 1_250),
    Workload {
        whole: false,
        ..workload("try_id", 5_000, 6_250_000)
    },
    Workload {
        whole: false,
        ..workload("try_current", 5_000, 1_250_000)
    },
];

/// The variants' names.
pub const VARIANTS: [&str; 4] = ["static, upstream", "static, off", "static, on", "module"];

/// The programs of one profile.
#[derive(Clone, Debug)]
pub struct Programs {
    /// For each variant the program, and the module that it loads.
    programs: Vec<(PathBuf, Option<PathBuf>)>,
}

impl Programs {
    /// Builds them.
    ///
    /// # Errors
    ///
    /// What cargo says.
    pub fn build(work: &Work, profile: Profile) -> Result<Self, Error> {
        let statically = |tokio, target| {
            let built = work.build(Build {
                project: "program",
                tokio,
                features: "",
                profile,
                target,
            })?;
            Ok::<_, Error>((built.join("bench-program"), None))
        };
        let upstream = statically(Tokio::Upstream, "upstream")?;
        let off = statically(Tokio::Fork, "off")?;
        let ours = Ours::build(work, profile)?;
        Ok(Self {
            programs: vec![
                upstream,
                off,
                (ours.program.clone(), None),
                (ours.program, Some(ours.module)),
            ],
        })
    }

    /// The program of a variant.
    pub fn program(&self, variant: usize) -> PathBuf {
        self.programs[variant].0.clone()
    }

    /// The command that runs a workload in a variant.
    pub fn command(&self, variant: usize, flavour: &str, workload: &str, n: u64) -> Command {
        let (program, module) = &self.programs[variant];
        run(program, module.as_deref(), flavour, workload, n)
    }
}

/// The command that runs a workload in a program.
pub fn run(
    program: &Path,
    module: Option<&Path>,
    flavour: &str,
    workload: &str,
    n: u64,
) -> Command {
    let mut command = Command::new(program);
    command
        .args(["run", flavour, workload, &n.to_string()])
        .args(module);
    command
}

/// Measures the section: rows, and what is said below the table.
///
/// # Errors
///
/// What cannot be built or run.
pub fn measure(
    work: &Work,
    effort: &Effort,
    count: bool,
) -> Result<(Vec<Row>, Vec<String>), Error> {
    let mut rows = Vec::new();
    let programs = Programs::build(work, Profile::Release)?;
    let notes = vec![same_functions(&programs)?];
    for workload in WORKLOADS.iter().filter(|one| effort.wants(one.name)) {
        one(
            &programs, workload, "current", "", true, effort, count, &mut rows,
        )?;
    }
    for workload in WORKLOADS
        .iter()
        .filter(|one| effort.wants(one.name) && one.whole)
    {
        one(
            &programs,
            workload,
            "multi",
            ", 2 workers",
            false,
            effort,
            false,
            &mut rows,
        )?;
    }
    if !effort.fat {
        return Ok((rows, notes));
    }
    let programs = Programs::build(work, Profile::Fat)?;
    for workload in WORKLOADS.iter().filter(|one| effort.wants(one.name)) {
        one(
            &programs,
            workload,
            "current",
            ", fat LTO",
            true,
            effort,
            count,
            &mut rows,
        )?;
    }
    Ok((rows, notes))
}

#[expect(clippy::too_many_arguments, reason = "called three times, above")]
fn one(
    programs: &Programs,
    workload: &Workload,
    flavour: &str,
    suffix: &str,
    by_cpu: bool,
    effort: &Effort,
    count: bool,
    rows: &mut Vec<Row>,
) -> Result<(), Error> {
    let n = effort.scaled(workload.timed);
    let samples = Samples::take(effort.pairs, VARIANTS.len(), |variant| {
        let mut command = programs.command(variant, flavour, workload.name, n);
        let times = measure::numbers(&mut command)?;
        // One pinned thread: processor time is what it took. Several: the clock.
        Ok(times[usize::from(by_cpu)] / n as f64)
    })?;
    let mut counts = Vec::new();
    for variant in (0..VARIANTS.len()).filter(|_| count) {
        let program = |n: u64| programs.command(variant, flavour, workload.name, n);
        let counted = |what| measure::instructions(&program, workload.counted, effort.counts, what);
        let own = counted(Counted::Apart)?;
        // The first variant's allocator stands for everybody's.
        let allocator = match counts.first() {
            None => counted(Counted::All)? - own,
            Some((_, allocator)) => *allocator,
        };
        counts.push((own + allocator, allocator));
    }
    for (at, variant) in VARIANTS.into_iter().enumerate() {
        let name = format!("{}{suffix}", workload.name);
        let mut row = Row::new(Section::Runtime, &name, variant, "ns", &samples, at, 0);
        row.against = VARIANTS[0].to_owned();
        if count {
            row = row.counted(counts[at].0, counts[0].0);
        }
        eprintln!("{row}");
        rows.push(row);
    }
    Ok(())
}

/// Whether the fork with its feature off has the functions that upstream has.
fn same_functions(programs: &Programs) -> Result<String, Error> {
    let upstream = functions(&programs.programs[0].0)?;
    let off = functions(&programs.programs[1].0)?;
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

/// The functions of a program: name and size, and how often there is such a one.
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
