//! The benchmarks' command.
//!
//! ```text
//! cargo run --release -p tls-slots-benches                everything; about an hour
//! cargo run --release -p tls-slots-benches -- --quick     less of all, to see that it works
//! cargo run --release -p tls-slots-benches -- access      one section
//! cargo run --release -p tls-slots-benches -- --save      and keep the results in benches/
//! cargo run --release -p tls-slots-benches -- guard --write   new instruction counts for CI
//! ```

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, ValueEnum};

use tls_slots_benches::guard::{self, Counts};
use tls_slots_benches::machine::{self, Machine};
use tls_slots_benches::programs::Programs;
use tls_slots_benches::project::{Profile, Work};
use tls_slots_benches::results::{Part, Results};
use tls_slots_benches::row::Section;
use tls_slots_benches::{Effort, Error, access, edit, folder, fork, measure, runtime, scale};

/// Measures thread-locals, tokio's workloads and the edit cycle, in modules and without.
///
/// Builds everything that is compared from one source, below the target folder, and runs the
/// variants in turn. Prints one table.
#[derive(Debug, Parser)]
#[command(name = "tls-slots-benches")]
struct Args {
    /// The sections to measure; all by default.
    #[arg(value_enum)]
    sections: Vec<What>,

    /// Less of everything, to see that it works; the numbers mean little.
    #[arg(long)]
    quick: bool,
    /// Measure accesses and runtime with fat LTO as well; that takes long to build.
    #[arg(long)]
    fat: bool,

    /// Only rows whose name contains this.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,

    /// How often each pair is run.
    #[arg(long, value_name = "N")]
    pairs: Option<usize>,

    /// Keep the results in `benches/`: data, page and plots.
    #[arg(long, conflicts_with_all = ["quick", "filter"])]
    save: bool,

    /// Make page and plots anew from the data; measure nothing.
    #[arg(long)]
    render: bool,

    /// With `guard`: write the counts instead of comparing with them.
    #[arg(long)]
    write: bool,

    /// Where to build [default: `benches` in the target folder].
    #[arg(long, value_name = "DIR")]
    work: Option<PathBuf>,
}

/// A section, or the guard.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum What {
    /// Accesses to thread-locals.
    Access,
    /// tokio's workloads.
    Runtime,
    /// Many modules, many threads.
    Scale,
    /// From an edit to its effect.
    Edit,
    /// The time of `cargo tls-slots` itself.
    Fork,
    /// The instruction counts that CI holds; only when asked for.
    Guard,
    /// Builds what `runtime` measures; only when asked for.
    Build,
}

impl What {
    /// The section of the table that this stands for; `None` for what is no section.
    fn section(self) -> Option<Section> {
        match self {
            Self::Access => Some(Section::Access),
            Self::Runtime => Some(Section::Runtime),
            Self::Scale => Some(Section::Scale),
            Self::Edit => Some(Section::Edit),
            Self::Fork => Some(Section::Fork),
            Self::Guard | Self::Build => None,
        }
    }
}

fn main() -> ExitCode {
    match run(&Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tls-slots-benches: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &Args) -> Result<(), Error> {
    let file = folder().join("results.toml");
    if args.render {
        return Results::read(&file)?.write(folder());
    }
    let work = Work::prepare(&args.work.clone().unwrap_or_else(work_folder))?;
    let count = measure::has_callgrind();
    if !count {
        eprintln!("{}", measure::NO_CALLGRIND);
    }
    if args.sections.contains(&What::Guard) {
        return if count {
            guard(&work, args.write)
        } else {
            Ok(())
        };
    }
    if args.sections.contains(&What::Build) {
        return Programs::build(&work, Profile::Release).map(drop);
    }
    let all = sections(args, &work, &file, count)?;
    println!();
    for row in all.rows() {
        println!("{row}");
    }
    for note in all.part.iter().flat_map(|part| &part.notes) {
        println!("{note}");
    }
    for line in all.summary() {
        println!("{line}");
    }
    if !count {
        println!("{}", measure::NO_CALLGRIND);
    }
    Ok(())
}

/// Measures the sections that are wanted, and keeps each in `file` if it is to be kept.
fn sections(args: &Args, work: &Work, file: &Path, count: bool) -> Result<Results, Error> {
    let effort = Effort {
        pairs: args.pairs.unwrap_or(if args.quick { 2 } else { 9 }).max(1),
        counts: 1,
        quick: args.quick,
        fat: args.fat,
        filter: args.filter.clone(),
    };
    let is_wanted = |section: &Section| {
        let mut named = args.sections.iter().filter_map(|what| what.section());
        args.sections.is_empty() || named.any(|one| one == *section)
    };
    let mut all = Results::default();
    for section in Section::ALL.into_iter().filter(is_wanted) {
        let part = measure_section(section, work, &effort, count)?;
        if args.save {
            // After each section: the whole takes long.
            let mut kept = match file.is_file() {
                true => Results::read(file)?,
                false => Results::default(),
            };
            kept.replace(part.clone());
            kept.write(folder())?;
        }
        all.replace(part);
    }
    Ok(all)
}

/// Measures one section, and notes when and where.
fn measure_section(
    section: Section,
    work: &Work,
    effort: &Effort,
    count: bool,
) -> Result<Part, Error> {
    let machine = Machine::look();
    let before = machine::load();
    let (row, notes) = match section {
        Section::Access => (access::measure(work, effort, count)?, Vec::new()),
        Section::Runtime => runtime::measure(work, effort, count)?,
        Section::Scale => (scale::measure(work, effort)?, Vec::new()),
        Section::Edit => (edit::measure(work, effort)?, Vec::new()),
        Section::Fork => (fork::measure(work, effort)?, Vec::new()),
    };
    Ok(Part {
        section,
        date: machine.date,
        machine: machine.machine,
        system: machine.system,
        rustc: machine.rustc,
        load: [before, machine::load()],
        pairs: effort.pairs,
        notes,
        row,
    })
}

/// Counts the instructions that CI holds, and writes them or compares with what was written.
fn guard(work: &Work, write: bool) -> Result<(), Error> {
    let (counts, missed) = guard::count(work)?;
    for (name, count) in &counts.instructions {
        println!("{name:<26}{count:>9.1}");
    }
    if write {
        return counts.write(&Counts::file());
    }
    let grown = counts.grown(&Counts::read(&Counts::file())?);
    match missed
        .into_iter()
        .chain(grown)
        .reduce(|all, one| all + "\n" + &one)
    {
        Some(sentences) => Err(sentences),
        None => Ok(()),
    }
}

/// `benches` in cargo's target folder, in which this program lies.
fn work_folder() -> PathBuf {
    let program = std::env::current_exe().unwrap_or_default();
    program
        .ancestors()
        .find(|folder| folder.join("CACHEDIR.TAG").is_file())
        .map_or_else(|| folder().join("../target"), PathBuf::from)
        .join("benches")
}
