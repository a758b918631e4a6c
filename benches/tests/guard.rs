//! The regression guard: what an access and a spawn in a module cost, in instructions.
//!
//! Builds a host, a module and a static program with untouched tokio (about a minute when nothing
//! is there yet), and counts under callgrind. Without valgrind there is nothing to count with: the
//! test then says that it was not run. CI has it.

use std::io::Write as _;
use std::path::Path;

use tls_slots_benches::guard::{self, Counts};
use tls_slots_benches::measure;
use tls_slots_benches::project::Work;

/// To the terminal even where a test's output is captured.
fn say(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

#[test]
#[cfg_attr(not(target_os = "linux"), ignore = "counts with valgrind, on Linux")]
fn accesses_and_spawns_in_a_module_have_not_become_dearer() {
    if !measure::has_callgrind() {
        say(&format!(
            "NOT RUN: the instruction guard. {}",
            measure::NO_CALLGRIND
        ));
        return;
    }
    // Where the command builds, too.
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("..");
    let work = Work::prepare(&target.join("benches")).unwrap_or_else(|error| panic!("{error}"));
    let (counts, missed) = guard::count(&work).unwrap_or_else(|error| panic!("{error}"));
    assert!(missed.is_empty(), "{}", missed.join("\n"));

    let committed = Counts::read(&Counts::file()).unwrap_or_else(|error| panic!("{error}"));
    if committed.rustc != counts.rustc {
        say(&format!(
            "NOT COMPARED: the committed instruction counts are of {}, and this is {}; the goals alone \
             were checked",
            committed.rustc, counts.rustc
        ));
        return;
    }
    let grown = counts.grown(&committed);
    assert!(grown.is_empty(), "{}", grown.join("\n"));
}
