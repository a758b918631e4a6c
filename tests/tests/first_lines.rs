//! What a user sees first after a mistake: the first lines of the real tool's message.
//!
//! The problem: a page that says "the linker names what is missing" is of no use if that line is
//! the fiftieth. So each mistake of [`MISTAKES`] is made here, with the tool that a user has. Its
//! message must begin with words that `docs/troubleshooting.md` has in the first column of a row
//! of that tool; and no row of such a tool may have words that no mistake shows.

use std::fs;
use std::path::Path;

use tls_slots_tests::building::Building;
use tls_slots_tests::process::Ended;
use tls_slots_tests::project::Project;
use tls_slots_tests::{Tokio, sanitizer};

/// That many lines of a message are its first ones, of which the page must have one.
const FIRST: usize = 6;

/// A mistake, made by a build.
struct Mistake {
    what: &'static str,
    /// As the page calls the tool.
    from: &'static str,
    /// The linker that the tool is, but for the default one.
    linker: Option<&'static str>,
    made: fn(&Building, &[&str]) -> Ended,
}

/// Builds a program of the fixture `mistakes`.
fn program(building: &Building, features: &str, name: &str, linker: &[&str]) -> Ended {
    let arguments = [&["rustc", "--bin", name], linker].concat();
    let project = Project::new("mistakes").features(features);
    project.cargo(building, &arguments)
}

fn unused(building: &Building, linker: &[&str]) -> Ended {
    program(building, "", "unused", linker)
}

fn twice(building: &Building, linker: &[&str]) -> Ended {
    program(building, "greets", "twice", linker)
}

const NO_USE: &str = "a host without `use tls_slots as _;`";
const TWICE: &str = "two entries of one name in one program";

const MISTAKES: &[Mistake] = &[
    Mistake {
        what: NO_USE,
        from: "rust-lld, at build",
        linker: None,
        made: unused,
    },
    Mistake {
        what: NO_USE,
        from: "GNU ld, at build",
        linker: Some("bfd"),
        made: unused,
    },
    Mistake {
        what: NO_USE,
        from: "gold, at build",
        linker: Some("gold"),
        made: unused,
    },
    Mistake {
        what: NO_USE,
        from: "mold, at build",
        linker: Some("mold"),
        made: unused,
    },
    Mistake {
        what: "the tests of a module, which are a program, without `tls-slots`",
        from: "rust-lld, at build",
        linker: None,
        made: |building, _| Project::new("types_module").cargo(building, &["test"]),
    },
    Mistake {
        what: TWICE,
        from: "rust-lld, at build",
        linker: None,
        made: twice,
    },
    Mistake {
        what: TWICE,
        from: "GNU ld, at build",
        linker: Some("bfd"),
        made: twice,
    },
    Mistake {
        what: TWICE,
        from: "gold, at build",
        linker: Some("gold"),
        made: twice,
    },
    Mistake {
        what: "a module without patch lines",
        from: "cargo",
        linker: None,
        made: |building, _| {
            let project = Project::new("misuse").tokio(Tokio::Registry);
            project.cargo(building, &["check"])
        },
    },
    Mistake {
        what: "a host without patch lines",
        from: "cargo",
        linker: None,
        made: |building, _| {
            let project = Project::new("mistakes").tokio(Tokio::Registry);
            project.cargo(building, &["check"])
        },
    },
    Mistake {
        what: "an entry without the feature `macros` of tokio",
        from: "rustc",
        linker: None,
        made: |building, _| {
            let project = Project::new("mistakes");
            project.cargo(building, &["check", "--bin", "no_macros"])
        },
    },
    Mistake {
        what: "a procedural macro that shares keys",
        from: "rustc",
        linker: None,
        made: |building, _| {
            let project = Project::new("mistakes").features("says");
            project.cargo(building, &["check", "--bin", "shared_macro"])
        },
    },
];

/// The first lines of the message, from the first error on. rustc's two notes about the linker's
/// command line are no part of it: everybody skips them.
fn first_lines(ended: &Ended) -> Vec<&str> {
    let lines = ended
        .stderr
        .lines()
        .skip_while(|line| !line.starts_with("error"));
    let is_command = |line: &&str| {
        line.starts_with("  = note:  \"cc\"") || line.starts_with("  = note: some arguments")
    };
    lines.filter(|line| !is_command(line)).take(FIRST).collect()
}

/// Whether a line has all parts of the words, one after another.
fn has(line: &str, words: &str) -> bool {
    let mut rest = line;
    words.split('…').all(|part| match rest.split_once(part) {
        Some((_, behind)) => {
            rest = behind;
            true
        }
        None => false,
    })
}

/// A row of the page: the words, and the tool that says them.
struct Row<'a> {
    words: &'a str,
    from: &'a str,
    seen: bool,
}

fn rows(page: &str) -> Vec<Row<'_>> {
    let of = |line| match str::split(line, " | ").collect::<Vec<_>>()[..] {
        [words, from, _] => Some(Row {
            words: words.trim_start_matches("| ").trim_matches(['`', ' ']),
            from,
            seen: false,
        }),
        _ => None,
    };
    page.lines().filter_map(of).collect()
}

/// Whether gcc finds that linker.
fn is_there(linker: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(format!("ld.{linker}")).exists())
}

#[test]
fn the_page_has_the_first_lines_of_each_mistake() {
    if sanitizer::chosen().is_some() {
        return println!("skipped: a sanitizer brings a linker's arguments of its own");
    }
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/troubleshooting.md");
    let page = fs::read_to_string(page).expect("the page is there");
    let (_, shown) = page.split_once("```text\n").expect("a message");
    let (shown, _) = shown.split_once("\n```").expect("a message ends");
    let mut rows = rows(&page);
    let mut wrong = Vec::new();
    for mistake in MISTAKES {
        let argument = mistake
            .linker
            .map(|linker| format!("-Clink-arg=-fuse-ld={linker}"));
        if let Some(linker) = mistake.linker.filter(|linker| !is_there(linker)) {
            println!("skipped: there is no linker {linker}");
            for row in rows.iter_mut().filter(|row| row.from == mistake.from) {
                row.seen = true;
            }
            continue;
        }
        let linker: Vec<&str> = argument.iter().flat_map(|one| ["--", &**one]).collect();
        let ended = (mistake.made)(&Building::begin(), &linker);
        ended.assert_failure();
        let lines = first_lines(&ended);
        if (mistake.what, mistake.linker) == (NO_USE, None) {
            // The page shows these lines, without the empty ones.
            let mut rest = lines.iter();
            let shows = shown.lines().all(|words| rest.any(|line| has(line, words)));
            if !shows {
                let lines = lines.join("\n");
                wrong.push(format!("the page shows\n{shown}\nand it is\n{lines}\n"));
            }
        }
        let mut found = false;
        for row in rows.iter_mut().filter(|row| row.from == mistake.from) {
            let is_first = lines.iter().any(|line| has(line, row.words));
            row.seen |= is_first;
            found |= is_first;
        }
        if !found {
            let (what, from, lines) = (mistake.what, mistake.from, lines.join("\n"));
            wrong.push(format!(
                "no row of `{from}` for {what}, which begins\n{lines}\n"
            ));
        }
    }
    let tools: Vec<&str> = MISTAKES.iter().map(|mistake| mistake.from).collect();
    for row in rows.iter().filter(|row| tools.contains(&row.from)) {
        if !row.seen {
            wrong.push(format!(
                "`{}` does not say at first: {}",
                row.from, row.words
            ));
        }
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// mold takes the first of two entries with one name and says nothing: the page warns of that.
#[test]
fn mold_does_not_tell_of_two_entries() {
    if sanitizer::chosen().is_some() || !is_there("mold") {
        return println!("skipped: no mold, or a sanitizer");
    }
    let linker = ["--", "-Clink-arg=-fuse-ld=mold"];
    twice(&Building::begin(), &linker).assert_success();
}
