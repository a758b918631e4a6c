//! Runs programs in turn, and counts their instructions.
//!
//! The problem: time on a machine that does other things is noise with a signal in it.
//!
//! The way, first: variants are run *in turn* (A, B, C, A, B, C, …), and what is compared is the
//! ratio of each pair of neighbours, by its median.
//!
//! The way, second: instructions are counted under callgrind, which gives the same number each
//! time, for everything that does not depend on the system's scheduler. Instructions of start-up
//! are not counted: a program is run with N and with 2 N operations, and the difference is that of
//! N operations.
//!
//! The allocator is a case of its own. How many instructions `malloc` takes depends on what was
//! allocated and freed before, by anybody: loading a module changes the number by some per cent in
//! either direction. So a workload's instructions are counted with libc's allocator left out
//! ([`Counted::Apart`]). Those of the allocator are counted once, in the program that all are
//! compared with: it is the same code that answers the same requests.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use cargo_tls_slots::process;

use crate::error::Error;

/// The longest that one run may take.
const DEADLINE: Duration = Duration::from_secs(300);

/// Runs a program to its end, and returns what it printed to its two streams.
///
/// # Errors
///
/// If the program cannot be started, fails or takes too long.
pub fn run(command: &mut Command) -> Result<(String, String), Error> {
    let ended = process::run(command, DEADLINE)
        .map_err(|error| format!("cannot start {command:?}: {error}"))?;
    match ended.success() {
        true => Ok((
            ended.stdout.trim().to_owned(),
            ended.stderr.trim().to_owned(),
        )),
        false => Err(ended.to_string()),
    }
}

/// The numbers that a program prints.
///
/// # Errors
///
/// If the program fails, or prints something else.
pub fn numbers(command: &mut Command) -> Result<Vec<f64>, Error> {
    let (stdout, _) = run(command)?;
    stdout
        .split_whitespace()
        .map(|word| word.parse())
        .collect::<Result<_, _>>()
        .map_err(|_| format!("{command:?} printed `{stdout}`"))
}

/// A program that does `n` operations and ends.
pub trait Program {
    /// The command for `n` operations.
    fn command(&self, n: u64) -> Command;
}

impl<F: Fn(u64) -> Command> Program for F {
    fn command(&self, n: u64) -> Command {
        self(n)
    }
}

/// Whether instructions can be counted here.
pub fn has_callgrind() -> bool {
    Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// What the command says where valgrind is missing.
pub const NO_CALLGRIND: &str = "valgrind is not installed: instructions are not counted, and those \
                                columns stay empty (Debian: apt-get install valgrind)";

/// Whether the allocator's instructions are among those that are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    /// All instructions.
    All,
    /// Those outside of libc's allocator.
    Apart,
}

/// Instructions per operation: those of 2 N less those of N, for each of the programs.
///
/// `repeat` times; the median counts. Programs of one thread give the same number each time.
///
/// # Errors
///
/// If a program fails under callgrind.
pub fn instructions(
    program: &dyn Program,
    n: u64,
    repeat: usize,
    counted: Counted,
) -> Result<f64, Error> {
    let mut counts = Vec::new();
    for _ in 0..repeat {
        let (once, twice) = (program.command(n), program.command(2 * n));
        let (once, twice) = std::thread::scope(|scope| {
            let once = scope.spawn(move || count(once, counted));
            let twice = count(twice, counted);
            (
                once.join()
                    .unwrap_or_else(|_| Err("a count panicked".to_owned())),
                twice,
            )
        });
        counts.push((twice? - once?) / n as f64);
    }
    Ok(median(&mut counts))
}

/// Instructions of a whole program.
fn count(command: Command, what: Counted) -> Result<f64, Error> {
    let mut counted = Command::new("valgrind");
    counted.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    if what == Counted::Apart {
        // Counting is turned off where one of these begins, and on where it ends.
        for function in [
            "malloc",
            "calloc",
            "realloc",
            "free",
            "posix_memalign*",
            "aligned_alloc*",
        ] {
            counted.arg(format!("--toggle-collect={function}"));
        }
        // After them: each of them turns it off from the start.
        counted.arg("--collect-atstart=yes");
    }
    counted
        .arg(command.get_program())
        .args(command.get_args())
        // One arena, and a cache that holds all that is freed.
        .env(
            "GLIBC_TUNABLES",
            "glibc.malloc.tcache_count=65535:glibc.malloc.arena_max=1",
        );
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            counted.env(name, value);
        }
    }
    let (_, stderr) = run(&mut counted)?;
    stderr
        .lines()
        .find_map(|line| line.split("Collected : ").nth(1)?.trim().parse().ok())
        .ok_or_else(|| format!("callgrind did not say how many instructions it saw:\n{stderr}"))
}

/// The middle of some numbers; the upper one where there are two.
pub fn median(numbers: &mut [f64]) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}

/// The median, the lowest and the highest.
pub fn spread(mut numbers: Vec<f64>) -> (f64, f64, f64) {
    let median = median(&mut numbers);
    let first = numbers.first().copied().unwrap_or(f64::NAN);
    let last = numbers.last().copied().unwrap_or(f64::NAN);
    (median, first, last)
}

/// Samples of several variants, taken in turn.
#[derive(Clone, Debug)]
pub struct Samples {
    /// For each variant, one number for each round.
    pub rounds: Vec<Vec<f64>>,
}

impl Samples {
    /// Takes `pairs` samples of each of `variants` variants, in turn.
    ///
    /// # Errors
    ///
    /// The first sample that fails.
    pub fn take(
        pairs: usize,
        variants: usize,
        mut sample: impl FnMut(usize) -> Result<f64, Error>,
    ) -> Result<Self, Error> {
        let mut rounds = vec![Vec::with_capacity(pairs); variants];
        for _ in 0..pairs {
            for (variant, samples) in rounds.iter_mut().enumerate() {
                samples.push(sample(variant)?);
            }
        }
        Ok(Self { rounds })
    }

    /// A variant's samples against those of the first, round by round.
    pub fn ratios(&self, variant: usize, base: usize) -> Vec<f64> {
        self.rounds[variant]
            .iter()
            .zip(&self.rounds[base])
            .map(|(own, base)| own / base)
            .collect()
    }
}

/// A file's size.
///
/// # Errors
///
/// If there is no such file.
pub fn size(file: &Path) -> Result<f64, Error> {
    std::fs::metadata(file)
        .map(|data| data.len() as f64)
        .map_err(|error| format!("cannot look at {}: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_and_the_spread_the_ends() {
        assert_eq!(spread(vec![3.0, 1.0, 2.0]), (2.0, 1.0, 3.0));
        assert!(median(&mut []).is_nan());
    }

    #[test]
    fn variants_are_run_in_turn_and_compared_round_by_round() {
        let mut order = Vec::new();
        let samples = Samples::take(3, 2, |variant| {
            order.push(variant);
            Ok((order.len() * (variant + 1)) as f64)
        })
        .unwrap();
        assert_eq!(order, [0, 1, 0, 1, 0, 1]);
        assert_eq!(samples.rounds, [[1.0, 3.0, 5.0], [4.0, 8.0, 12.0]]);
        assert_eq!(samples.ratios(1, 0), [4.0, 8.0 / 3.0, 12.0 / 5.0]);
    }
}
