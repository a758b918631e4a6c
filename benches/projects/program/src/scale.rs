//! Many modules and many threads, in one process.
//!
//! ```text
//! load checked|opened FILE…   nanoseconds for all, for the last quarter of them, and kB of memory for all
//! access FILE…                nanoseconds of an access in the last: to its own thread-local, to tokio's
//! ```

use std::time::Instant;

use tls_slots_load::Module;

use crate::{load, text};

/// One measurement.
pub(crate) fn measure(args: &[&str]) -> Result<String, String> {
    match args {
        ["load", how, files @ ..] => {
            let before = crate::memory();
            let start = Instant::now();
            let mut late = start;
            for (at, file) in files.iter().enumerate() {
                if at == files.len() - files.len().div_ceil(4) {
                    late = Instant::now();
                }
                match *how {
                    // Loaded until the process ends, also when this is dropped.
                    // SAFETY: as in `load` of `main.rs`.
                    "checked" => drop(unsafe { Module::load(file) }.map_err(text)?),
                    _ => std::mem::forget(open(file)?),
                }
            }
            let (all, late) = (start.elapsed(), late.elapsed());
            let memory = crate::memory().saturating_sub(before);
            Ok(format!("{} {} {memory}", all.as_nanos(), late.as_nanos()))
        }
        ["access", files @ ..] => {
            let modules = files
                .iter()
                .map(|file| load(file))
                .collect::<Result<Vec<Module>, _>>()?;
            for module in &modules {
                let touch = module.function::<fn() -> u64>("touch").map_err(text)?;
                touch.call(()).map_err(text)?;
            }
            let last = modules.last().ok_or("no module")?;
            let time = last
                .function::<fn(u64) -> (u64, u64)>("time")
                .map_err(text)?;
            let (own, tokios) = time.call((ACCESSES,)).map_err(text)?;
            Ok(format!(
                "{} {}",
                own as f64 / ACCESSES as f64,
                tokios as f64 / ACCESSES as f64
            ))
        }
        _ => Err("unknown arguments of scale".to_owned()),
    }
}

/// Accesses in a run.
const ACCESSES: u64 = 5_000_000;

/// As the loader opens it, without its checks.
fn open(file: &str) -> Result<libloading::Library, String> {
    use libloading::os::unix::{Library, RTLD_LOCAL, RTLD_NOW};
    // SAFETY: as in `load`.
    let library = unsafe { Library::open(Some(file), RTLD_NOW | RTLD_LOCAL) };
    library.map(Into::into).map_err(text)
}
