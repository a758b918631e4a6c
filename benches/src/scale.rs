//! Section `scale`: many modules, many threads.
//!
//! A small module is copied under other names. To the system's loader each copy is another image.
//!
//! | row | the question |
//! | --- | --- |
//! | load, each of N modules | what does loading a module cost, also when there are many? |
//! | memory of each of N modules | how much memory does a module take? |
//! | access in the last module | is an access slower when there are many images? |
//! | first access, later access, N threads | what does a thread pay for its table? |
//! | tasks from 16 places | do many modules that spawn at once disturb each other? |

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::effort::Effort;
use crate::error::Error;
use crate::measure::{self, Samples};
use crate::programs::{Ours, Programs};
use crate::project::{Profile, Tokio, Work};
use crate::row::{Row, Rows, Section};

/// How many modules are loaded.
const MODULES: [usize; 5] = [1, 16, 64, 128, 256];
/// How many threads there are.
const THREADS: [u64; 4] = [1, 16, 128, 512];
/// How many tasks are spawned across modules.
const TASKS: u64 = 1_000_000;
/// How many modules spawn them.
const PARTS: usize = 16;

/// Copies of a module's file, each another image.
fn copies(work: &Work, file: &Path, name: &str, count: usize) -> Result<Vec<PathBuf>, Error> {
    let folder = work.folder().join("copies");
    let copy = |error: std::io::Error| format!("cannot copy {}: {error}", file.display());
    std::fs::create_dir_all(&folder).map_err(copy)?;
    (0..count)
        .map(|at| {
            let to = folder.join(format!("lib{name}_{at}.so"));
            std::fs::copy(file, &to).map_err(copy)?;
            Ok(to)
        })
        .collect()
}

/// Measures the section.
///
/// # Errors
///
/// If a program cannot be built or run.
pub fn measure(work: &Work, effort: &Effort) -> Result<Vec<Row>, Error> {
    let ours = Ours::build(work, Profile::Release)?;
    let small = work.release("small", Tokio::Fork, "ours")?;
    let small = small.join("libbench_small.so");
    let stub = work
        .release("stub", Tokio::Fork, "stub")?
        .join("bench-stub");
    let modules = copies(work, &small, "small", *MODULES.last().unwrap_or(&0))?;
    let mut rows = Rows::new(Section::Scale);
    if effort.wants("modules") {
        load(&ours.program, &stub, &modules, effort, &mut rows)?;
        access(&ours.program, &modules, effort, &mut rows)?;
    }
    if effort.wants("threads") {
        threads(&ours.program, effort, &mut rows)?;
    }
    if effort.wants("tasks") {
        tasks(work, &ours, effort, &mut rows)?;
    }
    Ok(rows.into_rows())
}

/// Runs programs that print several numbers each, in turn. Returns a set of samples for each of the
/// numbers.
fn several(
    effort: &Effort,
    columns: usize,
    commands: &[Box<dyn Fn() -> Command + '_>],
) -> Result<Vec<Samples>, Error> {
    let mut all = vec![
        Samples {
            rounds: vec![Vec::new(); commands.len()],
        };
        columns
    ];
    for _ in 0..effort.pairs {
        for (at, command) in commands.iter().enumerate() {
            let numbers = measure::numbers(&mut command())?;
            for (samples, number) in all.iter_mut().zip(numbers) {
                samples.rounds[at].push(number);
            }
        }
    }
    Ok(all)
}

/// The samples, each divided by a number.
fn divided(mut samples: Samples, by: f64) -> Samples {
    for number in samples.rounds.iter_mut().flatten() {
        *number /= by;
    }
    samples
}

/// What loading a module costs: time and memory.
fn load(
    program: &Path,
    stub: &Path,
    modules: &[PathBuf],
    effort: &Effort,
    rows: &mut Rows,
) -> Result<(), Error> {
    let variants = ["plain dlopen", "dlopen in a host", "Module::load"];
    for count in MODULES {
        let files = &modules[..count];
        let in_host = |how: &'static str| {
            move || {
                let mut command = Command::new(program);
                command.args(["scale", "load", how]).args(files);
                command
            }
        };
        let commands: [Box<dyn Fn() -> Command + '_>; 3] = [
            Box::new(move || {
                let mut command = Command::new(stub);
                command.args(files);
                command
            }),
            Box::new(in_host("opened")),
            Box::new(in_host("checked")),
        ];
        let numbers = several(effort, 3, &commands)?;
        let [all, late, memory]: [Samples; 3] = numbers
            .try_into()
            .map_err(|_| "three numbers were expected".to_owned())?;
        let all = divided(all, 1_000.0 * count as f64);
        rows.add(
            &format!("load, each of {count} modules"),
            "µs",
            &variants,
            &all,
        );
        let late = divided(late, 1_000.0 * count.div_ceil(4) as f64);
        if count > 1 {
            let name = format!(
                "load, each of the last {} of {count} modules",
                count.div_ceil(4)
            );
            rows.add(&name, "µs", &variants, &late);
        }
        let memory = divided(memory, count as f64);
        rows.add(
            &format!("memory of each of {count} modules"),
            "kB",
            &variants,
            &memory,
        );
    }
    Ok(())
}

/// What an access costs when many modules are loaded.
fn access(
    program: &Path,
    modules: &[PathBuf],
    effort: &Effort,
    rows: &mut Rows,
) -> Result<(), Error> {
    let commands: Vec<Box<dyn Fn() -> Command + '_>> = MODULES
        .iter()
        .map(|&count| -> Box<dyn Fn() -> Command + '_> {
            Box::new(move || {
                let mut command = Command::new(program);
                command.args(["scale", "access"]).args(&modules[..count]);
                command
            })
        })
        .collect();
    let numbers = several(effort, 2, &commands)?;
    let variants: Vec<_> = MODULES
        .iter()
        .map(|count| format!("{count} modules"))
        .collect();
    let variants: Vec<_> = variants.iter().map(String::as_str).collect();
    for (name, samples) in [
        "access in the last module, its own key",
        "access in the last module, tokio's context",
    ]
    .iter()
    .zip(&numbers)
    {
        rows.add(name, "ns", &variants, samples);
    }
    Ok(())
}

/// What a thread costs that uses a thread-local.
fn threads(program: &Path, effort: &Effort, rows: &mut Rows) -> Result<(), Error> {
    let variants = ["no thread-local", "std", "tls-keys"];
    for count in THREADS {
        let commands: Vec<Box<dyn Fn() -> Command + '_>> = ["none", "std", "slots"]
            .into_iter()
            .map(|set| -> Box<dyn Fn() -> Command + '_> {
                Box::new(move || {
                    let mut command = Command::new(program);
                    command.args(["threads", set, &count.to_string()]);
                    command
                })
            })
            .collect();
        let numbers = several(effort, 3, &commands)?;
        for ((name, unit), samples) in [
            ("first access", "ns"),
            ("later access", "ns"),
            ("memory of each thread", "kB"),
        ]
        .into_iter()
        .zip(&numbers)
        {
            rows.add(
                &format!("{name}, {count} threads"),
                unit,
                &variants,
                samples,
            );
        }
    }
    Ok(())
}

/// What a task costs when many modules spawn tasks at once.
fn tasks(work: &Work, ours: &Ours, effort: &Effort, rows: &mut Rows) -> Result<(), Error> {
    let programs = Programs::build(work, Profile::Release)?;
    let modules = copies(work, &ours.module, "module", PARTS)?;
    let n = effort.scaled(TASKS);
    let tasks = |program: PathBuf, modules: &[PathBuf]| {
        let modules = modules.to_vec();
        move || {
            let mut command = Command::new(&program);
            command
                .args(["tasks", &n.to_string(), &PARTS.to_string()])
                .args(&modules);
            command
        }
    };
    let commands: [Box<dyn Fn() -> Command + '_>; 3] = [
        Box::new(tasks(programs.program(0), &[])),
        Box::new(tasks(ours.program.clone(), &[])),
        Box::new(tasks(ours.program.clone(), &modules)),
    ];
    let numbers = several(effort, 1, &commands)?;
    let variants = ["static, upstream", "static, on", "16 modules"];
    let name = format!("{n} tasks from {PARTS} places, 2 workers");
    rows.add(&name, "ms", &variants, &divided(numbers[0].clone(), 1e6));
    Ok(())
}
