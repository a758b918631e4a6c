//! Reads what a test binary says: libtest's list of tests, and a line for each test that ran.
//!
//! The problem: the output of a test, or of a process which the test started, can land in the
//! middle of a line. libtest's JSON format would not help, as it is unstable and goes to the same
//! stream.
//!
//! The way: a line that is not understood is skipped. Whoever runs the binary compares the
//! outcomes with the list, and runs each test that has no outcome once more, alone.

use std::collections::BTreeMap;

use super::outcome::Outcome;

/// The names of the tests in the output of `--list --format terse`, without benchmarks.
pub(super) fn list(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| line.strip_suffix(": test"))
        .map(str::to_owned)
        .collect()
}

/// What libtest says of a test that takes long, after the test's name.
const SLOW: &str = " has been running for over 60 seconds";

/// The outcomes in what a run printed, by the tests' names.
///
/// A test that libtest calls slow, and that has no outcome afterwards, has hung.
pub(crate) fn outcomes(text: &str) -> BTreeMap<String, Outcome> {
    let mut found = BTreeMap::new();
    for line in text.lines() {
        let Some(rest) = line.strip_prefix("test ") else {
            continue;
        };
        // An outcome that comes later takes the place of this one.
        if let Some(name) = rest.strip_suffix(SLOW) {
            found.insert(name.to_owned(), Outcome::Hung("did not end".to_owned()));
        }
        let Some((name, word)) = rest.rsplit_once(" ... ") else {
            continue;
        };
        let outcome = match word {
            "ok" => Outcome::Passed,
            "FAILED" => Outcome::Failed(failure(text, name)),
            _ if word == "ignored" || word.starts_with("ignored,") => Outcome::Ignored,
            _ => continue,
        };
        let name = name.strip_suffix(" - should panic").unwrap_or(name);
        found.insert(name.to_owned(), outcome);
    }
    found
}

/// The last panic that a failed test printed, or the last line of what it printed.
fn failure(text: &str, name: &str) -> String {
    let start = format!("---- {} stdout ----", name);
    let Some((_, section)) = text.split_once(&start) else {
        return String::new();
    };
    let section = section.split("\n---- ").next().unwrap_or(section);
    reason(section.split("\nfailures:").next().unwrap_or(section))
}

/// The place and the text of the last panic in `text`; without one, its last line.
///
/// The last panic, because the first ones of a test may be expected: a test of `JoinError` panics
/// on purpose. Notes about backtraces are no text.
pub(super) fn reason(text: &str) -> String {
    let noise = |line: &&str| !line.is_empty() && !line.starts_with("note: ");
    let lines: Vec<&str> = text.lines().map(str::trim).filter(noise).collect();
    match lines.iter().rposition(|line| line.contains("panicked at ")) {
        Some(at) => {
            let message = lines.get(at + 1).copied().unwrap_or_default();
            let place = lines[at].split("panicked at ").last().unwrap_or_default();
            format!("{message} ({})", anywhere(place.trim_end_matches(':')))
        }
        None => lines.last().copied().unwrap_or_default().to_owned(),
    }
}

/// The part of a path that is the same on every machine: from the package's folder on.
///
/// A path that is relative already, and one without `src` or `tests`, stays as it is.
fn anywhere(path: &str) -> &str {
    if !path.starts_with('/') {
        return path;
    }
    let inside = ["/src/", "/tests/"]
        .iter()
        .filter_map(|name| path.rfind(name))
        .max();
    let package = inside.and_then(|at| path[..at].rfind('/'));
    package.map_or(path, |at| &path[at + 1..])
}

/// The outcomes of doctests, by names without line numbers.
///
/// rustdoc names a doctest by the line that it stands on, and that line differs between a fork and
/// upstream. So a doctest is called the `n`th of its item instead: `src/a.rs - x::y #2`.
pub(super) fn without_lines(tests: BTreeMap<String, Outcome>) -> BTreeMap<String, Outcome> {
    let mut sorted: Vec<_> = tests
        .into_iter()
        .filter_map(|(name, outcome)| {
            let (item, rest) = name.rsplit_once(" (line ")?;
            let (line, kind) = rest.split_once(')')?;
            Some((
                item.to_owned(),
                line.parse::<u32>().ok()?,
                kind.to_owned(),
                outcome,
            ))
        })
        .collect();
    sorted.sort_by(|a, b| (&a.0, a.1).cmp(&(&b.0, b.1)));
    let mut named = BTreeMap::new();
    let mut counts: BTreeMap<String, u32> = BTreeMap::new();
    for (item, _, kind, outcome) in sorted {
        let count = counts.entry(item.clone()).or_default();
        *count += 1;
        named.insert(format!("{item} #{count}{kind}"), outcome);
    }
    named
}

#[cfg(test)]
mod tests {
    use super::*;

    const RUN: &str = "
running 5 tests
test a ... ok
test b::c ... FAILED
noise test d ... ok
test e ... ignored
test f - should panic ... ok
test g ... ignored, no threads here
test h ... some process speaksok
test i has been running for over 60 seconds
test j has been running for over 60 seconds
test j ... ok

failures:

---- b::c stdout ----

thread 'b::c' (7) panicked at tests/x.rs:3:5:
assertion failed: x
note: run with `RUST_BACKTRACE=1`

---- z stdout ----

thread 'z' panicked at tests/x.rs:9:5:
other

failures:
    b::c

test result: FAILED. 2 passed; 1 failed; 2 ignored; 0 measured; 0 filtered out
";

    #[test]
    fn lines_are_understood() {
        let found = outcomes(RUN);
        assert_eq!(found["a"], Outcome::Passed);
        assert_eq!(
            found["b::c"],
            Outcome::Failed("assertion failed: x (tests/x.rs:3:5)".to_owned())
        );
        assert_eq!(found["e"], Outcome::Ignored);
        assert_eq!(found["f"], Outcome::Passed);
        assert_eq!(found["g"], Outcome::Ignored);
        assert!(matches!(found["i"], Outcome::Hung(_)));
        assert_eq!(found["j"], Outcome::Passed);
        assert_eq!(found.len(), 7, "{found:?}");
    }

    #[test]
    fn lists_are_understood() {
        assert_eq!(list("a: test\nb::c: test\nd: benchmark\n\n"), ["a", "b::c"]);
    }

    #[test]
    fn reasons_without_a_panic() {
        assert_eq!(reason("one\nlast\n\n"), "last");
        assert_eq!(reason(""), "");
    }

    #[test]
    fn places_are_those_of_any_machine() {
        assert_eq!(anywhere("tests/a.rs:1:2"), "tests/a.rs:1:2");
        assert_eq!(
            anywhere("/home/me/registry/src/index-1/mio-1.0.0/src/sys/a.rs:1:2"),
            "mio-1.0.0/src/sys/a.rs:1:2"
        );
        assert_eq!(
            anywhere("/rustc/library/core/result.rs:1:2"),
            "/rustc/library/core/result.rs:1:2"
        );
    }

    #[test]
    fn doctests_lose_their_lines() {
        let tests = [
            ("src/a.rs - x::y (line 9)", Outcome::Passed),
            ("src/a.rs - x::y (line 120) - compile", Outcome::Ignored),
            ("src/a.rs - z (line 10)", Outcome::Passed),
        ];
        let named = without_lines(
            tests
                .into_iter()
                .map(|(name, outcome)| (name.to_owned(), outcome))
                .collect(),
        );
        let names: Vec<_> = named.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "src/a.rs - x::y #1",
                "src/a.rs - x::y #2 - compile",
                "src/a.rs - z #1"
            ]
        );
    }
}
