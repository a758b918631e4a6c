//! Section `access`: what one access to a thread-local costs.
//!
//! The numbers include the loop and a call. The row `nothing` is what these two take alone.
//!
//! | variant | the thread-local is | and is read |
//! | --- | --- | --- |
//! | std, executable | std's | in the program |
//! | std, cdylib | std's | in a module, whose copy it is |
//! | tls-keys, host | ours | in the program, which is the host |
//! | tls-keys, module | ours, of the host | in a module |
//! | rubicon, module | rubicon's, of a library that host and module link | in a module |
//! | plugin_tls, host and plugin | plugin_tls's, of the host | in either |
//!
//! Each kind of thread-local is a group: with and without `Drop`, constant and lazy.

use std::path::PathBuf;
use std::process::Command;

use crate::effort::Effort;
use crate::error::Error;
use crate::measure::{self, Counted, Samples};
use crate::programs::Ours;
use crate::project::{Profile, Tokio, Work};
use crate::row::{Row, Rows, Section};

/// The kinds of thread-local.
const KINDS: [&str; 6] = [
    "Cell, const",
    "Cell, lazy",
    "Drop, const",
    "Drop, lazy",
    "RefCell, const",
    "RefCell, lazy",
];

/// How many accesses a timed run makes.
const TIMED: u64 = 20_000_000;
/// How many accesses a counted run makes.
const COUNTED: u64 = 10_000;

/// The command for so many accesses of a kind.
type Access = Box<dyn Fn(&str, u64) -> Command>;

/// A program that makes accesses of one kind.
struct Variant {
    name: &'static str,
    command: Access,
}

/// The variants that are compared.
struct Variants {
    static_: Vec<Variant>,
    process: Vec<Variant>,
    kinds: Vec<Variant>,
    lazy_only: Vec<Variant>,
}

/// The accesses of one set in one place.
fn own(ours: &Ours, name: &'static str, set: &'static str, in_module: bool) -> Variant {
    let ours = ours.clone();
    Variant {
        name,
        command: Box::new(move |kind, n| ours.access(set, kind, n, in_module)),
    }
}

/// Thread-locals of std and of tls-keys, in both places.
fn owns(ours: &Ours) -> Vec<Variant> {
    vec![
        own(ours, "std, executable", "std", false),
        own(ours, "std, cdylib", "std", true),
        own(ours, "tls-keys, host", "slots", false),
        own(ours, "tls-keys, module", "slots", true),
    ]
}

/// Builds the programs of all variants.
fn variants(work: &Work) -> Result<Variants, Error> {
    let ours = Ours::build(work, Profile::Release)?;
    let peer = |project, target| work.release(project, Tokio::Upstream, target);
    // Host and module of a peer in folders of their own, as ours.
    let rubicon_host = peer("rubicon/host", "rubicon-host")?;
    let rubicon_module =
        peer("rubicon/module", "rubicon-module")?.join("libbench_rubicon_module.so");
    let libraries = library_path(&rubicon_host)?;
    let rubicon = move || {
        let (host, module, libraries) = (
            rubicon_host.join("bench-rubicon-host"),
            rubicon_module.clone(),
            libraries.clone(),
        );
        Variant {
            name: "rubicon 3.4.9, module",
            command: Box::new(move |kind, n| {
                let mut command = Command::new(&host);
                command.arg(&module).args([kind, &n.to_string()]);
                command.env("LD_LIBRARY_PATH", &libraries);
                command
            }),
        }
    };
    // The two share their many dependencies' builds.
    let plugin_host = peer("plugin_tls/host", "plugin_tls")?.join("bench-plugin-tls-host");
    let plugin = peer("plugin_tls/module", "plugin_tls")?.join("libbench_plugin_tls_module.so");
    let plugin_tls = |name, in_plugin: bool| {
        let (host, plugin) = (plugin_host.clone(), plugin.clone());
        Variant {
            name,
            command: Box::new(move |kind, n| {
                let mut command = Command::new(&host);
                command.args([kind, &n.to_string()]);
                if in_plugin {
                    command.arg(&plugin);
                }
                command
            }),
        }
    };
    Ok(Variants {
        static_: vec![
            own(&ours, "static, executable", "std", false),
            own(&ours, "static, cdylib", "std", true),
        ],
        process: vec![
            own(&ours, "process_local!, host", "slots", false),
            own(&ours, "process_local!, module", "slots", true),
            rubicon(),
        ],
        kinds: {
            let mut kinds = owns(&ours);
            kinds.push(rubicon());
            kinds
        },
        lazy_only: vec![
            plugin_tls("plugin_tls 0.4.1, host", false),
            plugin_tls("plugin_tls 0.4.1, plugin", true),
        ],
    })
}

/// Where rubicon's exports are, and the standard library that they need.
fn library_path(built: &std::path::Path) -> Result<std::ffi::OsString, Error> {
    let (sysroot, _) = measure::run(Command::new("rustc").args(["--print", "target-libdir"]))?;
    std::env::join_paths([built.to_owned(), built.join("deps"), PathBuf::from(sysroot)])
        .map_err(|error| error.to_string())
}

/// Measures the section.
///
/// # Errors
///
/// If a program cannot be built or run.
pub fn measure(work: &Work, effort: &Effort, count: bool) -> Result<Vec<Row>, Error> {
    let variants = variants(work)?;
    let mut rows = Rows::new(Section::Access);
    let mut group = |name: &str, list: &[(&Variant, &str)]| -> Result<(), Error> {
        if !effort.wants(name) {
            return Ok(());
        }
        let n = effort.scaled(TIMED);
        let samples = Samples::take(effort.pairs, list.len(), |at| {
            let (variant, kind) = list[at];
            let time = measure::numbers(&mut (variant.command)(kind, n))?;
            Ok(time[0] / n as f64)
        })?;
        let mut counts = Vec::new();
        for (variant, kind) in list.iter().filter(|_| count) {
            let program = |n: u64| (variant.command)(kind, n);
            counts.push(measure::instructions(&program, COUNTED, 1, Counted::All)?);
        }
        let names: Vec<&str> = list.iter().map(|(variant, _)| variant.name).collect();
        rows.add_counted(name, "ns", &names, &samples, &counts);
        Ok(())
    };
    let nothing: Vec<_> = variants.kinds[..1]
        .iter()
        .map(|one| (one, "nothing"))
        .collect();
    group("nothing", &nothing)?;
    let mut statics: Vec<_> = variants.static_.iter().map(|one| (one, "static")).collect();
    statics.extend(variants.process.iter().map(|one| (one, "process_local!")));
    group("static", &statics)?;
    for kind in KINDS {
        let mut list: Vec<_> = variants.kinds.iter().map(|one| (one, kind)).collect();
        if kind.ends_with("lazy") {
            list.extend(variants.lazy_only.iter().map(|one| (one, kind)));
        }
        group(kind, &list)?;
    }
    if effort.fat {
        // Only what is ours and std's: whether a linker that sees everything makes a difference.
        let fat = owns(&Ours::build(work, Profile::Fat)?);
        for kind in KINDS {
            let list: Vec<_> = fat.iter().map(|one| (one, kind)).collect();
            group(&format!("{kind}, fat LTO"), &list)?;
        }
    }
    Ok(rows.into_rows())
}
