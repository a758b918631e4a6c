//! Damaged and hostile manifests and files. No input may cause a panic, take long to read, or take
//! more memory than in proportion to its length.
//!
//! Anybody may have made the file that a manifest comes from, and the manifest is read before
//! anything is known about the file. `fuzz/` at the root of the repository has the same three
//! targets for cargo-fuzz, which finds inputs by coverage. The tests here need nothing but cargo.
//! They make their inputs from valid manifests and files with a seeded generator, so that a run can
//! be repeated:
//!
//! ```text
//! cargo test -p tls-slots-manifest --features formats --test fuzz
//! TLS_SLOTS_FUZZ_INPUTS=10000000 \
//!     cargo test --release -p tls-slots-manifest --features formats --test fuzz
//! ```
//!
//! | variable | what | unless set |
//! | --- | --- | --- |
//! | `TLS_SLOTS_FUZZ_INPUTS` | how many inputs, all targets together | 300,000 |
//! | `TLS_SLOTS_FUZZ_SEED` | where the generator starts | 1 |
//!
//! What is asserted of each input:
//!
//! - it is read without a panic, and in less than [`LONGEST`];
//! - reading never holds more than [`PER_BYTE`] bytes of memory for each of the input's, and
//!   [`AT_ONCE`];
//! - what is read fits itself, and compares with the manifest it was made from in either direction;
//! - every error and mismatch can be shown, in few lines and without control characters.
//!
//! A failure names the input's seed: `TLS_SLOTS_FUZZ_SEED=… TLS_SLOTS_FUZZ_INPUTS=3` repeats it
//! alone.

mod counting;
mod files;
mod mutate;
mod records;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

#[cfg(feature = "file")]
use tls_slots_manifest::PrivateState;
use tls_slots_manifest::{Allowed, Description, Manifest, Mismatch, compare};

use mutate::Random;

/// The longest that one input may take. An ordinary one takes some microseconds; the rest is for a
/// machine that does something else at the moment.
const LONGEST: Duration = Duration::from_secs(2);

/// Memory in proportion to the input. The worst is a feature: 7 bytes in the section, a structure
/// of 32 here, in a list that doubles.
const PER_BYTE: usize = 24;
/// Memory that any input may take.
const AT_ONCE: usize = 64 << 10;

fn variable(name: &str, unless_set: u64) -> u64 {
    match std::env::var(name) {
        Ok(text) => text
            .replace('_', "")
            .parse()
            .unwrap_or_else(|_| panic!("{name}={text} is no number")),
        Err(_) => unless_set,
    }
}

/// Runs a third of the inputs on one target: `check` is given a generator of its own for each.
fn run(name: &str, mut check: impl FnMut(&mut Random)) {
    let inputs = variable("TLS_SLOTS_FUZZ_INPUTS", 300_000).div_ceil(3);
    let first = variable("TLS_SLOTS_FUZZ_SEED", 1);
    let begin = Instant::now();
    let mut longest = Duration::ZERO;
    for seed in first..first + inputs {
        let mut random = Random::new(seed);
        let start = Instant::now();
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| check(&mut random))) {
            eprintln!("{name}: seed {seed}");
            std::panic::resume_unwind(panic);
        }
        let took = start.elapsed();
        assert!(took < LONGEST, "{name}: seed {seed} took {took:?}");
        longest = longest.max(took);
    }
    println!(
        "{name}: {inputs} inputs in {:.1?}, the longest took {longest:?}",
        begin.elapsed()
    );
}

/// Does something with an input of so many bytes; fails if it holds too much memory at a time.
fn bounded<R>(input: usize, work: impl FnOnce() -> R) -> R {
    let (result, peak) = counting::peak(work);
    let bound = input * PER_BYTE + AT_ONCE;
    assert!(peak <= bound, "{peak} bytes of memory for {input} of input");
    result
}

/// What a message may look like.
fn assert_shown(message: &str, lines: usize, length: usize) {
    assert!(!message.is_empty());
    assert!(message.len() <= length, "{} bytes", message.len());
    assert!(message.lines().count() <= lines, "{message}");
    let control = |one: char| one.is_control() && one != '\n';
    assert!(!message.contains(control), "{message:?}");
}

/// Reads a section, and what is true of every reading.
fn parse(bytes: &[u8]) -> Option<Manifest> {
    match bounded(bytes.len(), || Manifest::parse(bytes)) {
        Ok(manifest) => Some(manifest),
        Err(error) => {
            assert_shown(&error.to_string(), 1, 200);
            None
        }
    }
}

/// Compares what is known of two manifests alone, with nothing allowed.
fn fits(host: &Manifest, module: &Manifest) -> Result<(), Mismatch> {
    let [host, module] = [host, module].map(|one| Description::from(one.clone()));
    compare(&host, &module, &Allowed::default())
}

/// Compares two, and what is true of every comparison. Whether they fit.
fn compared(host: &Manifest, module: &Manifest) -> bool {
    match fits(host, module) {
        Ok(()) => true,
        Err(mismatch) => {
            assert!(!mismatch.differences.is_empty());
            assert!(mismatch.differences.len() <= 1000);
            // A table of at most a dozen rows, and a sentence for each.
            assert_shown(&mismatch.to_string(), 30, 12 * 6000);
            false
        }
    }
}

#[test]
fn sections() {
    let mut read = 0_u64;
    run("sections", |random| {
        let mut bytes = records::manifest(random);
        mutate::mutate(random, &mut bytes);
        if let Some(manifest) = parse(&bytes) {
            read += 1;
            assert_eq!(Manifest::parse(&bytes).as_ref(), Ok(&manifest));
        }
    });
    // The mutations leave some inputs whole: what comes behind the first check is reached.
    println!("{read} of them were manifests");
    assert!(read > 0);
}

#[test]
fn comparisons() {
    let (mut fit, mut differ) = (0_u64, 0_u64);
    run("comparisons", |random| {
        let bytes = records::manifest(random);
        let host = parse(&bytes).expect("it is valid");
        assert_eq!(fits(&host, &host), Ok(()));
        // Fewer mutations, so that more than one in a few can be read.
        let mut bytes = if random.one_in(4) {
            records::manifest(random)
        } else {
            bytes
        };
        records::mutate_values(random, &mut bytes);
        let Some(module) = parse(&bytes) else {
            return;
        };
        assert_eq!(fits(&module, &module), Ok(()));
        for (host, module) in [(&host, &module), (&module, &host)] {
            if compared(host, module) {
                fit += 1;
            } else {
                differ += 1;
            }
        }
    });
    println!("{fit} fitted, {differ} did not");
    assert!(fit > 0 && differ > 0);
}

#[cfg(feature = "formats")]
#[test]
fn files() {
    let mut read = 0_u64;
    run("files", |random| {
        let mut section = records::manifest(random);
        if random.one_in(4) {
            mutate::mutate(random, &mut section);
        }
        let format = random.pick(&files::FORMATS);
        let (mut bytes, headers) = format(&section);
        mutate::mutate_headers(random, &mut bytes, &headers);
        bounded(bytes.len(), || PrivateState::from_object(&bytes));
        match bounded(bytes.len(), || Description::from_object(&bytes)) {
            Ok(image) => {
                read += 1;
                assert_eq!(compare(&image, &image, &Allowed::default()), Ok(()));
            }
            Err(error) => {
                assert_shown(&error.to_string(), 1, 400);
                let source = std::error::Error::source(&error);
                if let Some(source) = source {
                    assert_shown(&source.to_string(), 1, 200);
                }
            }
        }
    });
    println!("{read} of them had a manifest");
    assert!(read > 0);
}

/// What the mutations start from is right, in all formats.
#[cfg(feature = "formats")]
#[test]
fn untouched_files_are_read() {
    for seed in 0..100 {
        let section = records::manifest(&mut Random::new(seed));
        let manifest = Manifest::parse(&section).expect("it is valid");
        for format in files::FORMATS {
            let (bytes, _) = format(&section);
            assert_eq!(Manifest::from_object(&bytes).as_ref(), Ok(&manifest));
        }
    }
}

/// A name that would be repeated for each of many features, on both sides.
#[test]
fn a_long_name_is_not_repeated() {
    let name = "n".repeat(1 << 20);
    let features: Vec<String> = (0..50_000).map(|at| format!("{at}")).collect();
    let section = |on: bool| {
        let features = features.iter().map(|feature| (&**feature, on));
        let crates = records::crate_record(&name, "1.0.0", features);
        [records::compiler(), crates].concat()
    };
    let (host, module) = (section(true), section(false));
    let host = parse(&host).expect("it is valid");
    let module = parse(&module).expect("it is valid");
    let start = Instant::now();
    let input = 2 * (1 << 20) + 2 * 50_000 * 12;
    assert!(!bounded(4 * input, || compared(&host, &module)));
    assert!(start.elapsed() < 5 * LONGEST);
}

/// Thousands of sections, each with a name that goes on to the end of a large table.
#[cfg(feature = "formats")]
#[test]
fn names_without_an_end_do_not_take_for_ever() {
    for (sections, names) in [(60_000, 100), (4000, 1 << 18), (4000, 1 << 24)] {
        let bytes = files::elf_with_names(sections, names);
        let start = Instant::now();
        let error =
            bounded(bytes.len(), || Manifest::from_object(&bytes)).expect_err("no manifest");
        assert_shown(&error.to_string(), 1, 400);
        let took = start.elapsed();
        assert!(took < 10 * LONGEST, "{took:?}");
    }
}
