//! The documents: they are complete, what they name is there, and they keep their form.
//!
//! The problem: nobody compiles prose. A page drops out of the table of contents, a file that a
//! page names is renamed, a version moves on, and only a reader notices. Each test here reads all
//! documents of the repository and fails with the file and what is wrong in it.
//!
//! `tests/src/guide.rs` compiles the Rust blocks. `benches/tests/published.rs` and
//! `cargo-tls-slots/tests/conformance.rs` compare quoted figures with what was measured.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};
use walkdir::WalkDir;

/// More than this does not fit into two screens.
const README_LINES: usize = 200;

/// Prose wraps before this column.
const COLUMNS: usize = 120;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// A Markdown file of the repository.
struct Document {
    /// From the repository's root.
    path: PathBuf,
    text: String,
}

impl Document {
    fn read(path: impl Into<PathBuf>) -> Self {
        let path = path.into();
        let text = fs::read_to_string(repository().join(&path));
        let text = text.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self { path, text }
    }

    fn name(&self) -> String {
        self.path.display().to_string()
    }

    fn events(&self) -> impl Iterator<Item = Event<'_>> {
        Parser::new_ext(&self.text, Options::ENABLE_TABLES)
    }

    /// Where its links and images lead.
    fn links(&self) -> Vec<String> {
        let of = |event| match event {
            Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                Some(dest_url.to_string())
            }
            _ => None,
        };
        self.events().filter_map(of).collect()
    }

    /// The anchors of its headings, as mdBook and GitHub make them.
    fn anchors(&self) -> BTreeSet<String> {
        let mut anchors = BTreeSet::new();
        let mut heading = None;
        for event in self.events() {
            match (event, &mut heading) {
                (Event::Start(Tag::Heading { .. }), _) => heading = Some(String::new()),
                (Event::End(TagEnd::Heading(_)), _) => {
                    anchors.extend(heading.take().map(|text| anchor(&text)));
                }
                (Event::Text(text) | Event::Code(text), Some(heading)) => heading.push_str(&text),
                _ => {}
            }
        }
        anchors
    }

    /// What stands in backticks, within a line of prose.
    fn code_spans(&self) -> Vec<String> {
        let of = |event| match event {
            Event::Code(code) => Some(code.to_string()),
            _ => None,
        };
        self.events().filter_map(of).collect()
    }

    /// The fenced blocks: what they are marked as, and their text.
    fn blocks(&self) -> Vec<(String, String)> {
        let mut blocks = Vec::new();
        let mut block = None;
        for event in self.events() {
            match (event, &mut block) {
                (Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(mark))), _) => {
                    block = Some((mark.to_string(), String::new()));
                }
                (Event::Text(part), Some((_, text))) => text.push_str(&part),
                (Event::End(TagEnd::CodeBlock), _) => blocks.extend(block.take()),
                _ => {}
            }
        }
        blocks
    }
}

/// The anchor of a heading: letters and digits in lower case, blanks as hyphens, nothing else.
fn anchor(heading: &str) -> String {
    heading
        .trim()
        .chars()
        .filter_map(|char| match char {
            ' ' => Some('-'),
            '-' | '_' => Some(char),
            _ => char
                .is_alphanumeric()
                .then(|| char.to_lowercase().next().unwrap_or(char)),
        })
        .collect()
}

/// The Markdown files in a folder, sorted.
fn markdown_in(folder: &str) -> Vec<Document> {
    let entries = fs::read_dir(repository().join(folder)).expect("a folder of the repository");
    let mut names: Vec<String> = entries
        .map(|entry| entry.expect("an entry").file_name())
        .map(|name| name.into_string().expect("a name of ours"))
        .filter(|name| name.ends_with(".md"))
        .collect();
    names.sort();
    let folder = Path::new(folder);
    let read = |name| Document::read(folder.join(name));
    names.into_iter().map(read).collect()
}

/// All documents that people write.
fn documents() -> Vec<Document> {
    let mut documents = markdown_in("");
    for folder in ["docs", "patches", "fuzz", "findings", "examples/site"] {
        documents.extend(markdown_in(folder));
    }
    // The others in these two folders are written by commands.
    documents.push(Document::read("benches/README.md"));
    documents.push(Document::read("conformance/README.md"));
    assert!(documents.len() > 25, "{}", documents.len());
    documents
}

/// Fails with all that is wrong.
#[track_caller]
fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_page_is_in_the_table_of_contents_once() {
    let mut contents = Document::read("docs/SUMMARY.md").links();
    contents.sort();
    let mut pages: Vec<String> = markdown_in("docs")
        .iter()
        .filter_map(|page| Some(page.path.file_name()?.to_str()?.to_owned()))
        .filter(|name| name != "SUMMARY.md")
        .collect();
    pages.sort();
    assert_eq!(contents, pages);
}

#[test]
fn every_page_has_one_title() {
    let mut wrong = Vec::new();
    for document in documents() {
        let mut code = false;
        let titles = document.text.lines().filter(|line| {
            code ^= line.starts_with("```");
            !code && line.starts_with("# ")
        });
        // The table of contents has a title for each part.
        let is_contents = document.path.ends_with("SUMMARY.md");
        if !document.text.starts_with("# ") || (titles.count() != 1 && !is_contents) {
            wrong.push(format!("{} has not one title", document.name()));
        }
    }
    assert_none(&wrong);
}

#[test]
fn every_link_leads_somewhere() {
    let root = repository().canonicalize().expect("the repository");
    let mut wrong = Vec::new();
    let mut anchors: BTreeMap<PathBuf, BTreeSet<String>> = BTreeMap::new();
    let mut seen = 0;
    for document in documents() {
        let folder = document.path.parent().expect("a file has a folder");
        for link in document.links() {
            if link.contains("://") {
                continue;
            }
            seen += 1;
            let (file, fragment) = link.split_once('#').unwrap_or((&link, ""));
            let target = match file {
                "" => document.path.clone(),
                file => folder.join(file),
            };
            let target = match root.join(&target).canonicalize() {
                Ok(target) if target.starts_with(&root) => target,
                _ => {
                    wrong.push(format!("{}: {link} is not there", document.name()));
                    continue;
                }
            };
            if fragment.is_empty() {
                continue;
            }
            let known = anchors
                .entry(target)
                .or_insert_with_key(|path| Document::read(path.clone()).anchors());
            if !known.contains(fragment) {
                wrong.push(format!("{}: {link} is no heading", document.name()));
            }
        }
    }
    assert!(seen > 100, "{seen} links");
    assert_none(&wrong);
}

/// A path in backticks that begins with a folder of this repository.
#[test]
fn every_file_that_is_named_is_there() {
    let folders: BTreeSet<String> = fs::read_dir(repository())
        .expect("the repository")
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name != "target" && repository().join(name).is_dir())
        .collect();
    let is_path = |text: &str| {
        let known = |char: char| char.is_ascii_alphanumeric() || "/._-".contains(char);
        let folder = text.split_once('/').map(|(folder, _)| folder);
        folder.is_some_and(|folder| folders.contains(folder)) && text.chars().all(known)
    };
    let mut wrong = Vec::new();
    let mut seen = 0;
    for document in documents() {
        for path in document
            .code_spans()
            .into_iter()
            .filter(|text| is_path(text))
        {
            seen += 1;
            // `tls-keys/src/…` from the root, `modules/markdown/…` from the document's folder.
            let beside = repository().join(&document.path).with_file_name(&path);
            if !repository().join(&path).exists() && !beside.exists() {
                wrong.push(format!("{}: there is no {path}", document.name()));
            }
        }
    }
    assert!(seen > 30, "{seen} paths");
    assert_none(&wrong);
}

/// The version of each crate of ours.
fn versions() -> BTreeMap<String, String> {
    let read = |path: &str| -> toml::Table {
        let text = fs::read_to_string(repository().join(path)).expect("a Cargo.toml");
        text.parse().expect("a Cargo.toml")
    };
    let workspace = read("Cargo.toml");
    let of_workspace = workspace["workspace"]["package"]["version"]
        .as_str()
        .expect("a version");
    let members = workspace["workspace"]["members"].as_array();
    let mut versions = BTreeMap::new();
    for member in members.expect("members") {
        let member = member.as_str().expect("a folder");
        let cargo_toml = read(&format!("{member}/Cargo.toml"));
        let package = &cargo_toml["package"];
        let version = package["version"].as_str().unwrap_or(of_workspace);
        let name = package["name"].as_str().expect("a name");
        versions.insert(name.to_owned(), version.to_owned());
    }
    versions
}

#[test]
fn the_versions_in_the_documents_are_those_of_the_crates() {
    let mut versions = versions();
    let recipe: toml::Table = fs::read_to_string(repository().join("patches/tokio.toml"))
        .expect("the recipe")
        .parse()
        .expect("a recipe");
    let default = recipe["default"].as_str().expect("a default");
    versions.insert("tokio".to_owned(), default.to_owned());

    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for document in documents() {
        for (_, text) in document.blocks().iter().filter(|(mark, _)| mark == "toml") {
            // Not a whole one: a part, or a recipe with `…` in it.
            let Ok(table) = text.parse::<toml::Table>() else {
                continue;
            };
            for section in ["dependencies", "dev-dependencies", "build-dependencies"] {
                let dependencies = table.get(section).and_then(toml::Value::as_table);
                for (name, dependency) in dependencies.into_iter().flatten() {
                    let asked = dependency
                        .as_str()
                        .or_else(|| dependency.get("version")?.as_str());
                    let (Some(asked), Some(version)) = (asked, versions.get(name)) else {
                        continue;
                    };
                    seen.insert(name.clone());
                    if !format!("{version}.").starts_with(&format!("{asked}.")) {
                        let document = document.name();
                        wrong.push(format!("{document}: {name} {asked}, and it is {version}"));
                    }
                }
            }
        }
    }
    for name in [
        "tokio",
        "tls-keys",
        "tls-slots",
        "tls-slots-build",
        "tls-slots-load",
    ] {
        assert!(
            seen.contains(name),
            "no document shows how to depend on {name}"
        );
    }
    let page = Document::read("docs/versions.md").text;
    let ours = &versions["tls-slots"];
    if !page.contains(&format!("have version {ours} ")) {
        wrong.push(format!("docs/versions.md does not say that it is {ours}"));
    }
    assert_none(&wrong);
}

/// The texts of the files below a folder whose names end so, one after another.
fn texts(folder: &str, ending: &str) -> String {
    WalkDir::new(repository().join(folder))
        .into_iter()
        .map(|entry| entry.expect("an entry").into_path())
        .filter(|path| path.to_string_lossy().ends_with(ending))
        .map(|path| fs::read_to_string(path).expect("a text"))
        .collect()
}

/// The words that a reader looks for are those that a test or a snapshot expects.
#[test]
fn the_words_of_errors_are_tested() {
    let tested = texts("tests/tests", ".rs") + &texts("tls-slots-load/src", ".snap");
    let page = Document::read("docs/troubleshooting.md");
    let mut wrong = Vec::new();
    let mut seen = 0;
    for row in page.text.lines() {
        let cells: Vec<&str> = row.split(" | ").collect();
        let [words, from, _] = cells[..] else {
            continue;
        };
        if from != "`Module::load`" && !from.starts_with("a panic") {
            continue;
        }
        seen += 1;
        let words = words.trim_start_matches('|').trim_matches(['`', ' ']);
        // A word or two between two gaps says nothing.
        for part in words.split('…').filter(|part| part.len() > 15) {
            if !tested.contains(part) {
                wrong.push(format!("no test expects {part:?}"));
            }
        }
    }
    assert!(seen >= 5, "{seen} rows");
    assert_none(&wrong);
}

#[test]
fn the_readme_is_two_screens() {
    let lines = Document::read("README.md").text.lines().count();
    assert!(lines <= README_LINES, "README.md has {lines} lines");
}

/// Tables, code and headings cannot wrap; a quoted line must be as it is where it was measured.
#[test]
fn prose_wraps() {
    let quoted = fs::read_to_string(repository().join("benches/RESULTS.md")).expect("the results");
    let mut wrong = Vec::new();
    for document in documents() {
        let mut code = false;
        for (number, line) in document.text.lines().enumerate() {
            code ^= line.trim_start().starts_with("```");
            let is_free = code
                || line.starts_with(['|', '#'])
                || line.starts_with("    ")
                || quoted.lines().any(|one| one == line);
            if line.chars().count() > COLUMNS && !is_free {
                wrong.push(format!("{}:{}: {line}", document.name(), number + 1));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn rust_blocks_are_compiled() {
    let compiled = fs::read_to_string(repository().join("tests/src/guide.rs")).expect("the list");
    let mut wrong = Vec::new();
    for document in documents() {
        let is_compiled = |mark: &str| {
            let mut words = mark.split(',').map(str::trim);
            words.next() == Some("rust") && !words.any(|word| word == "ignore")
        };
        let has_blocks = document.blocks().iter().any(|(mark, _)| is_compiled(mark));
        let is_listed = compiled.contains(&format!("/{}\")", document.name()));
        // README's are built by cargo-tls-slots/tests/readme.rs.
        if has_blocks != is_listed && !document.path.ends_with("README.md") {
            wrong.push(format!(
                "{}: has Rust blocks: {has_blocks}, is in tests/src/guide.rs: {is_listed}",
                document.name()
            ));
        }
    }
    assert_none(&wrong);
}
