//! What is published of the measurements must be what was measured.

use std::fs;

use tls_slots_benches::results::Results;
use tls_slots_benches::row::Section;
use tls_slots_benches::{folder, plot, repository};
use tls_slots_tests::quotes::assert_quoted;

fn results() -> Results {
    Results::read(&folder().join("results.toml")).unwrap_or_else(|error| panic!("{error}"))
}

#[test]
fn page_and_plots_are_made_from_the_results() {
    let results = results();
    for (name, made) in [
        ("RESULTS.md", results.markdown()),
        ("access.svg", plot::access(&results)),
        ("runtime.svg", plot::runtime(&results)),
    ] {
        let kept = fs::read_to_string(folder().join(name)).unwrap();
        assert_eq!(
            kept, made,
            "{name}: make it anew with `cargo run -p tls-slots-benches -- --render`"
        );
    }
}

#[test]
fn every_section_was_measured() {
    let sections: Vec<_> = results().part.iter().map(|part| part.section).collect();
    for section in Section::ALL {
        assert!(sections.contains(&section), "{}", section.name());
    }
}

/// A module that is opened in the stub must find what a host has.
#[test]
fn the_stub_has_every_function_of_a_host() {
    let read = |file: &str| fs::read_to_string(repository().join(file)).unwrap();
    let stub = read("benches/projects/stub/src/main.rs");
    let mut functions = 0;
    // As the helper for build scripts lists them.
    for line in read("tls-slots-build/src/exported.rs").lines() {
        let Some(name) = line.trim().strip_prefix("\"tls_slots_") else {
            continue;
        };
        functions += 1;
        let name = format!("tls_slots_{}", name.trim_end_matches("\","));
        assert!(
            stub.split_whitespace().any(|word| word == name),
            "the stub has no `{name}`"
        );
    }
    assert!(functions > 10, "tls-slots-build lists the functions");
}

/// A document may quote lines of the table and the sentences with the means, and then quotes them
/// as they are.
#[test]
fn quoted_figures_are_the_measured_ones() {
    let page = results().markdown();
    let is_figures = |line: &str| {
        let mut cells = line.split('|').map(str::trim).skip(1);
        let first = cells.next().unwrap_or_default();
        let known = Section::ALL.iter().any(|section| section.name() == first);
        line.starts_with('|') && known && cells.count() == 10
            || line.starts_with("A module ÷ static upstream, by instructions")
    };
    let documents = [
        "README.md",
        "ARCHITECTURE.md",
        "docs/speed.md",
        "benches/README.md",
    ];
    assert_quoted(("benches/RESULTS.md", &page), &documents, is_figures);
}

/// The goals are met, and stay so.
#[test]
fn the_goals_are_met() {
    let results = results();
    assert!(
        results.module_ratios("").is_some(),
        "instructions were counted"
    );
    // Fat LTO takes long to build, and is measured when asked for.
    for suffix in ["", ", fat LTO"] {
        let Some((mean, worst)) = results.module_ratios(suffix) else {
            continue;
        };
        assert!(
            mean <= 1.02,
            "module ÷ static{suffix}: {mean:.3} in the mean"
        );
        assert!(
            worst <= 1.05,
            "module ÷ static{suffix}: {worst:.3} at worst"
        );
    }
    let access = |name: &str, variant: &str| {
        results
            .rows()
            .find(|row| {
                row.section == Section::Access && row.name == name && row.variant == variant
            })
            .unwrap_or_else(|| panic!("no row for `{name}`, {variant}"))
            .clone()
    };
    for kind in ["Cell", "Drop", "RefCell"] {
        for init in ["const", "lazy"] {
            let name = format!("{kind}, {init}");
            let module = access(&name, "tls-keys, module");
            let cdylib = access(&name, "std, cdylib");
            let executable = access(&name, "std, executable");
            let rubicon = access(&name, "rubicon 3.4.9, module");
            assert!(module.instructions <= cdylib.instructions, "{name}");
            assert!(module.median <= cdylib.median, "{name}");
            assert!(module.median <= executable.median + 1.0, "{name}");
            assert!(2.0 * module.median <= rubicon.median, "{name}");
        }
    }
}
