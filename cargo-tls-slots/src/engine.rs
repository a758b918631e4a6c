//! Applies a recipe to the files of an upstream release.
//!
//! Edits are byte ranges of the original text, found on the token level; what no edit names
//! stays as it was, byte by byte. All problems are collected, so one run on a new release says
//! everything that is new in it.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

use semver::Version;

use crate::recipe::{Left, Recipe, Why};
use crate::scan::{self, Form, Found};
use crate::signature;
use crate::tokens::{Kind, Run, Source};

/// The files of a crate: path inside it (with `/`), contents.
pub(crate) type Tree = BTreeMap<String, Vec<u8>>;

/// Something in a release that the recipe does not fit.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Problem {
    /// The file, relative to the crate.
    pub file: String,
    /// The line, counted from 1, if it is about one.
    pub line: Option<usize>,
    /// What is wrong, in one sentence.
    pub message: String,
    /// Of a recipe's entry that does not fit: why it exists, and when it can go.
    pub hint: Option<String>,
}

impl Problem {
    pub(crate) fn new(file: &str, line: Option<usize>, message: impl Into<String>) -> Self {
        Problem {
            file: file.to_owned(),
            line,
            message: message.into(),
            hint: None,
        }
    }

    fn of(mut self, recipe: &Recipe, why: &Why) -> Self {
        let until = why.until.as_ref().unwrap_or(&recipe.until);
        let reason = why.reason.split_whitespace().collect::<Vec<_>>().join(" ");
        self.hint = Some(format!(
            "the entry is there because: {reason}\nit can go when: {until}"
        ));
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}", self.message)?;
        for line in self.hint.iter().flat_map(|hint| hint.lines()) {
            write!(f, "\n    {line}")?;
        }
        Ok(())
    }
}

/// One replacement of a byte range; an insertion has an empty one.
#[derive(Debug)]
pub(crate) struct Edit {
    pub(crate) range: Range<usize>,
    pub(crate) text: String,
}

/// Whether a claim is about what was found in the file at this path.
type Matches = dyn Fn(&str, &Found) -> bool;

/// One recipe entry's claim on the statics of a file.
struct Claim {
    why: Why,
    entry: String,
    matches: Box<Matches>,
    wanted: Wanted,
    action: Action,
    found: usize,
    file: String,
}

#[derive(Clone, Copy)]
enum Wanted {
    Exactly(usize),
    AtLeastOne,
}

#[derive(Clone, PartialEq)]
enum Action {
    Share,
    /// Reaches the host through one of these macros.
    Seam(Vec<String>),
    Leave,
    /// Becomes another text, in place of this run of tokens.
    Replaced(String),
}

impl Action {
    /// Whether the token at `index` is part of a run that becomes another text.
    fn replaces(&self, source: &Source<'_>, index: usize) -> bool {
        match self {
            Action::Replaced(run) => Run::parse(run)
                .is_ok_and(|run| source.find(&run).iter().any(|run| run.contains(&index))),
            _ => false,
        }
    }
}

/// Applies the entries of `recipe` that are for `version`, but for its manifest edits.
pub(crate) fn apply(
    recipe: &Recipe,
    version: &Version,
    tree: &mut Tree,
) -> Result<(), Vec<Problem>> {
    let mut problems = Vec::new();
    let mut claims = claims(recipe, version);
    let mut edits: BTreeMap<String, Vec<Edit>> = BTreeMap::new();

    for (path, bytes) in tree.iter() {
        if !path.starts_with("src/") || !path.ends_with(".rs") {
            continue;
        }
        let Some(source) = read(path, bytes, &mut problems) else {
            continue;
        };
        let list = edits.entry(path.clone()).or_default();
        for found in scan::scan(&source) {
            classify(
                recipe,
                path,
                &source,
                &found,
                &mut claims,
                list,
                &mut problems,
            );
        }
        check_seams(recipe, version, path, &source, &mut problems);
    }
    for claim in &claims {
        let complaint = match claim.wanted {
            Wanted::Exactly(count) if claim.found != count => {
                format!("is there {}, not {}", times(claim.found), times(count))
            }
            Wanted::AtLeastOne if claim.found == 0 => "matches nothing".to_owned(),
            _ => continue,
        };
        problems.push(
            Problem::new(&claim.file, None, format!("{} {complaint}", claim.entry))
                .of(recipe, &claim.why),
        );
    }

    named_edits(recipe, version, tree, &mut edits, &mut problems);

    for (path, mut list) in edits {
        if list.is_empty() {
            continue;
        }
        let Some(bytes) = tree.get_mut(&path) else {
            continue;
        };
        // Stable: insertions at one place stay in the recipe's order.
        list.sort_by_key(|edit| (edit.range.start, edit.range.end));
        let text = String::from_utf8_lossy(bytes).into_owned();
        if let Some(pair) = list
            .windows(2)
            .find(|pair| pair[0].range.end > pair[1].range.start)
        {
            let line = 1 + text[..pair[1].range.start].matches('\n').count();
            let message = "two entries of the recipe edit the same place";
            problems.push(Problem::new(&path, Some(line), message));
            continue;
        }
        *bytes = splice(&text, &list).into_bytes();
    }
    if problems.is_empty() {
        Ok(())
    } else {
        problems.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        Err(problems)
    }
}

pub(crate) fn splice(text: &str, edits: &[Edit]) -> String {
    let mut result = String::with_capacity(text.len());
    let mut at = 0;
    for edit in edits {
        result += &text[at..edit.range.start];
        result += &edit.text;
        at = edit.range.end;
    }
    result += &text[at..];
    result
}

fn times(count: usize) -> String {
    match count {
        0 => "not at all".to_owned(),
        1 => "once".to_owned(),
        _ => format!("{count} times"),
    }
}

fn read<'a>(path: &str, bytes: &'a [u8], problems: &mut Vec<Problem>) -> Option<Source<'a>> {
    let problem = |message| Problem::new(path, None, message);
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            problems.push(problem(format!("is not UTF-8: {error}")));
            return None;
        }
    };
    match Source::parse(text) {
        Ok(source) => Some(source),
        Err(error) => {
            problems.push(problem(error.to_string()));
            None
        }
    }
}

fn claims(recipe: &Recipe, version: &Version) -> Vec<Claim> {
    let mut claims = Vec::new();
    let here = |why: &Why| why.applies(version);
    for entry in recipe.shares.iter().filter(|entry| here(&entry.why)) {
        let (file, name) = (entry.file.clone(), entry.name.clone());
        claims.push(Claim {
            why: entry.why.clone(),
            entry: format!("`static {name}` to be shared"),
            file: file.clone(),
            matches: Box::new(move |path, found| {
                path == file && found.name == name && found.form == Form::Plain
            }),
            wanted: Wanted::Exactly(entry.count),
            action: Action::Share,
            found: 0,
        });
    }
    for entry in recipe.replaces.iter().filter(|entry| here(&entry.why)) {
        for name in &entry.shares {
            let (file, wanted) = (entry.file.clone(), name.clone());
            claims.push(Claim {
                why: entry.why.clone(),
                entry: format!("`static {name}` that a `replace` shares"),
                file: file.clone(),
                matches: Box::new(move |path, found| path == file && found.name == wanted),
                wanted: Wanted::Exactly(entry.count),
                action: Action::Replaced(entry.from.clone()),
                found: 0,
            });
        }
    }
    let seams: Vec<String> = recipe.seams.iter().map(|seam| seam.name.clone()).collect();
    for entry in recipe.thread_locals.iter().filter(|entry| here(&entry.why)) {
        let (file, name) = (entry.file.clone(), entry.name.clone());
        claims.push(Claim {
            why: entry.why.clone(),
            entry: format!("the thread-local `{name}`"),
            file: file.clone(),
            matches: Box::new(move |path, found| {
                path == file && found.name == name && found.thread_local.is_some()
            }),
            wanted: Wanted::Exactly(1),
            action: Action::Seam(seams.clone()),
            found: 0,
        });
    }
    for entry in recipe.seams.iter().filter(|entry| here(&entry.why)) {
        let (file, name) = (entry.file.clone(), entry.name.clone());
        claims.push(Claim {
            why: entry.why.clone(),
            entry: format!("the seam `{name}!`"),
            file: file.clone(),
            matches: Box::new(move |path, found| {
                path == file && found.definition.as_ref() == Some(&name)
            }),
            wanted: Wanted::AtLeastOne,
            action: Action::Leave,
            found: 0,
        });
    }
    for (kind, entries) in [
        ("per copy", &recipe.per_copies),
        ("test only", &recipe.test_only),
    ] {
        for entry in entries.iter().filter(|entry| here(&entry.why)) {
            left(kind, entry, &mut claims);
        }
    }
    claims
}

fn left(kind: &str, entry: &Left, claims: &mut Vec<Claim>) {
    let names: Vec<Option<&String>> = match &entry.names {
        Some(names) => names.iter().map(Some).collect(),
        None => vec![None],
    };
    // A claim for each name, so that one that is gone is noticed.
    for name in names {
        let covers = entry.clone();
        let wanted = name.cloned();
        claims.push(Claim {
            why: entry.why.clone(),
            entry: match name {
                Some(name) if entry.lazy => format!("`static ref {name}` ({kind})"),
                Some(name) => format!("`static {name}` ({kind})"),
                None => format!("the `{kind}` entry"),
            },
            file: entry.file.clone(),
            matches: Box::new(move |path, found| {
                let lazy = found.form == Form::Lazy;
                covers.covers(path)
                    && match &wanted {
                        Some(name) => found.name == *name && lazy == covers.lazy,
                        None => true,
                    }
            }),
            wanted: Wanted::AtLeastOne,
            action: Action::Leave,
            found: 0,
        });
    }
}

fn classify(
    recipe: &Recipe,
    path: &str,
    source: &Source<'_>,
    found: &Found,
    claims: &mut [Claim],
    edits: &mut Vec<Edit>,
    problems: &mut Vec<Problem>,
) {
    let mut problem = |message: String| {
        let line = source.line(source.tokens[found.index].range.start);
        problems.push(Problem::new(path, Some(line), message));
    };
    let spelling = found.spelling();
    let of_a_run = claims
        .iter()
        .any(|claim| claim.action.replaces(source, found.index) && (claim.matches)(path, found));
    // What an edit replaces is that edit's alone, whatever else has the same name.
    let mut matching = claims.iter_mut().filter(|claim| {
        let replaced = claim.action.replaces(source, found.index);
        let is_edit = matches!(claim.action, Action::Replaced(_));
        replaced == of_a_run && is_edit == of_a_run && (claim.matches)(path, found)
    });
    let Some(claim) = matching.next() else {
        problem(format!(
            "`{spelling}` is not classified: patches/{}.toml must say whether it is shared, \
             per copy or test only",
            recipe.name
        ));
        return;
    };
    claim.found += 1;
    if let Some(other) = matching.next() {
        let message = format!(
            "`{spelling}` is classified twice: as {} and as {}",
            claim.entry, other.entry
        );
        other.found += 1;
        problem(message);
        return;
    }
    match &claim.action {
        Action::Leave | Action::Replaced(_) => {}
        Action::Seam(seams) => {
            let through = found.thread_local.as_deref().unwrap_or_default();
            if !seams.iter().any(|seam| seam == through) {
                problem(format!("`{spelling}` is in `{through}!`, which is no seam"));
            }
        }
        Action::Share if found.thread_local.is_some() => {
            problem(format!("`{spelling}` is a thread-local, not a static"));
        }
        Action::Share => match share(source, found.index, "crate::external_tls::process_local!") {
            Some(pair) => edits.extend(pair),
            None => problem(format!("`{spelling}` has no `;` at its end")),
        },
    }
}

/// Wraps the static whose keyword stands at `index` in a call of `call`.
///
/// Its attributes and visibility go inside, but for leading `#[cfg]`s: those stay in front and
/// then hold for the call as a whole, whatever the macro makes of it.
pub(crate) fn share(source: &Source<'_>, index: usize, call: &str) -> Option<[Edit; 2]> {
    let mut start = index;
    if source.before(start, 1) == ")" && source.before(source.tokens[start - 1].pair, 1) == "pub" {
        start = source.tokens[start - 1].pair - 1;
    } else if source.before(start, 1) == "pub" {
        start -= 1;
    }
    // Attributes, back to front.
    let mut attributes = Vec::new();
    let mut at = start;
    while at > 0 {
        if source.tokens[at - 1].kind == Kind::Doc {
            at -= 1;
        } else if source.before(at, 1) == "]" && source.before(source.tokens[at - 1].pair, 1) == "#"
        {
            at = source.tokens[at - 1].pair - 1;
        } else {
            break;
        }
        attributes.push(at);
    }
    while let Some(first) = attributes.pop() {
        if source.at(first) == "#" && source.is_ident(first + 2, "cfg") {
            continue;
        }
        start = first;
        break;
    }
    let parent = source.tokens[index].parent;
    let end = (index..source.tokens.len())
        .take_while(|at| *at <= parent.map_or(usize::MAX, |open| source.tokens[open].pair))
        .find(|at| source.at(*at) == ";" && source.tokens[*at].parent == parent)?;
    let start = source.tokens[start].range.start;
    let end = source.tokens[end].range.end;
    Some([
        Edit {
            range: start..start,
            text: format!("{call} {{ "),
        },
        Edit {
            range: end..end,
            text: " }".to_owned(),
        },
    ])
}

/// A seam that is defined more or less often than the recipe thinks has another definition
/// somewhere that does not reach the host.
fn check_seams(
    recipe: &Recipe,
    version: &Version,
    path: &str,
    source: &Source<'_>,
    problems: &mut Vec<Problem>,
) {
    for seam in &recipe.seams {
        if seam.file != path || !seam.why.applies(version) {
            continue;
        }
        let count = (0..source.tokens.len())
            .filter(|index| {
                source.tokens[*index].kind == Kind::Open
                    && source.macro_definition(*index) == Some(&seam.name)
            })
            .count();
        if count != seam.count {
            let message = format!(
                "the seam `{}!` is defined {}, not {}",
                seam.name,
                times(count),
                times(seam.count)
            );
            problems.push(Problem::new(path, None, message).of(recipe, &seam.why));
        }
    }
}

/// The edits that name their place themselves.
fn named_edits(
    recipe: &Recipe,
    version: &Version,
    tree: &Tree,
    edits: &mut BTreeMap<String, Vec<Edit>>,
    problems: &mut Vec<Problem>,
) {
    let mut each =
        |why: &Why, path: &str, make: &dyn Fn(&Source<'_>) -> Result<Vec<Edit>, String>| {
            if !why.applies(version) {
                return;
            }
            let problem = |message: String| Problem::new(path, None, message).of(recipe, why);
            let Some(bytes) = tree.get(path) else {
                problems.push(problem("is not there, but the recipe edits it".to_owned()));
                return;
            };
            // A file that is no Rust was reported by the scan.
            let mut ignored = Vec::new();
            let Some(source) = read(path, bytes, &mut ignored) else {
                return;
            };
            match make(&source) {
                Ok(list) => edits.entry(path.to_owned()).or_default().extend(list),
                Err(message) => problems.push(problem(message)),
            }
        };

    for entry in &recipe.replaces {
        each(&entry.why, &entry.file, &|source| {
            let places = places(source, &entry.from, entry.count)?;
            Ok(places
                .into_iter()
                .map(|range| Edit {
                    range,
                    text: entry.to.clone(),
                })
                .collect())
        });
    }
    for entry in &recipe.inserts {
        each(&entry.why, &entry.file, &|source| {
            let (run, after) = match (&entry.before, &entry.after) {
                (Some(run), None) => (run, false),
                (None, Some(run)) => (run, true),
                _ => return Err("an `insert` needs `before` or `after`, one of them".to_owned()),
            };
            let places = places(source, run, entry.count)?;
            Ok(places
                .into_iter()
                .map(|range| {
                    let at = if after { range.end } else { range.start };
                    Edit {
                        range: at..at,
                        text: entry.text.clone(),
                    }
                })
                .collect())
        });
    }
    for entry in &recipe.appends {
        each(&entry.why, &entry.file, &|source| {
            let end = source.text.len();
            let gap = if source.text.ends_with('\n') {
                "\n"
            } else {
                "\n\n"
            };
            Ok(vec![Edit {
                range: end..end,
                text: format!("{gap}{}", entry.text),
            }])
        });
    }
    for entry in &recipe.on_hosts {
        each(&entry.why, &entry.file, &|source| {
            let call = signature::find(source, &entry.function)
                .map_err(|end| format!("the function `{}` {end}", entry.function))?;
            Ok(vec![Edit {
                range: call.at..call.at,
                text: format!(
                    "\n{}    crate::external_tls::on_host!({}: {} = {}; ({}));",
                    call.indentation,
                    entry.key,
                    call.pointer,
                    entry.function,
                    call.arguments.join(", ")
                ),
            }])
        });
    }
}

/// Where a token run stands, in bytes, if it is there as often as it should.
fn places(source: &Source<'_>, run: &str, count: usize) -> Result<Vec<Range<usize>>, String> {
    let tokens = Run::parse(run).map_err(|error| format!("the run `{run}` {error}"))?;
    let found = source.find(&tokens);
    if found.len() != count {
        return Err(format!(
            "`{}` is there {}, not {}",
            run.trim(),
            times(found.len()),
            times(count)
        ));
    }
    Ok(found
        .into_iter()
        .map(|range| source.tokens[range.start].range.start..source.tokens[range.end - 1].range.end)
        .collect())
}

#[cfg(test)]
mod tests {
    use snapbox::{assert_data_eq, str};

    use super::*;

    /// A recipe of these entries.
    fn recipe(entries: &str) -> Recipe {
        let head = "crate = 'up'\nsupported = ['~1.0']\ndefault = '1.0.0'\nuntil = 'never'\n";
        Recipe::parse("up", &format!("{head}{entries}")).unwrap()
    }

    /// What the recipe makes of `src/lib.rs`.
    fn run_version(entries: &str, version: &str, text: &str) -> Result<String, String> {
        let mut tree = Tree::from([("src/lib.rs".to_owned(), text.as_bytes().to_vec())]);
        match apply(&recipe(entries), &version.parse().unwrap(), &mut tree) {
            Ok(()) => Ok(String::from_utf8(tree.remove("src/lib.rs").unwrap()).unwrap()),
            Err(problems) => Err(problems
                .iter()
                .map(|problem| format!("{problem}\n"))
                .collect()),
        }
    }

    fn run(entries: &str, text: &str) -> String {
        run_version(entries, "1.0.0", text).unwrap()
    }

    fn fail(entries: &str, text: &str) -> String {
        run_version(entries, "1.0.0", text).unwrap_err()
    }

    /// One entry, about `src/lib.rs`, of a kind and with these keys.
    fn entry(kind: &str, keys: &str) -> String {
        format!("[[{kind}]]\nfile = 'src/lib.rs'\nreason = 'why'\n{keys}\n")
    }

    fn share(name: &str) -> String {
        entry("share", &format!("name = '{name}'"))
    }

    #[test]
    fn a_shared_static_is_wrapped_and_nothing_else_changes() {
        let text =
            "//! Café.\r\n\r\n\tfn  f( ) { /* é */ }\n static A: u8 = 1 ; // ∞\n\n\nfn g(){}";
        assert_eq!(
            run(&share("A"), text),
            "//! Café.\r\n\r\n\tfn  f( ) { /* é */ }\n \
             crate::external_tls::process_local! { static A: u8 = 1 ; } // ∞\n\n\nfn g(){}"
        );
    }

    #[test]
    fn attributes_and_visibility_go_inside_but_a_leading_cfg_does_not() {
        assert_eq!(
            run(
                &share("A"),
                "/// Doc.\n#[allow(x)]\npub(crate) static A: u8 = 1;"
            ),
            "crate::external_tls::process_local! { /// Doc.\n#[allow(x)]\npub(crate) static A: u8 = 1; }"
        );
        assert_eq!(
            run(
                &share("A"),
                "#[cfg(a)] #[cfg(b)] /// Doc.\n#[allow(x)] pub static A: u8 = 1;"
            ),
            "#[cfg(a)] #[cfg(b)] crate::external_tls::process_local! { /// Doc.\n#[allow(x)] pub static A: u8 = 1; }"
        );
        assert_eq!(
            run(&share("A"), "#[cfg(a)] pub(in crate::b) static A: u8 = 1;"),
            "#[cfg(a)] crate::external_tls::process_local! { pub(in crate::b) static A: u8 = 1; }"
        );
        // An attribute of the file is not the static's.
        assert_eq!(
            run(&share("A"), "#![allow(x)]\nstatic A: u8 = 1;"),
            "#![allow(x)]\ncrate::external_tls::process_local! { static A: u8 = 1; }"
        );
    }

    #[test]
    fn a_static_is_found_inside_macros_and_functions() {
        assert_eq!(
            run(
                &share("A"),
                "cfg_rt! { fn f(x: &'static u8) { static A: [u8; { 1; 1 }] = [1]; let y = 1; } }"
            ),
            "cfg_rt! { fn f(x: &'static u8) { crate::external_tls::process_local! { \
             static A: [u8; { 1; 1 }] = [1]; } let y = 1; } }"
        );
    }

    #[test]
    fn counts_are_exact() {
        let two = entry("share", "name = 'A'\ncount = 2");
        let twice = "fn f() { static A: u8 = 1; } fn g() { static A: u8 = 1; }";
        assert_eq!(run(&two, twice).matches("process_local!").count(), 2);
        assert_data_eq!(
            fail(&share("A"), twice),
            str![[r#"
src/lib.rs: `static A` to be shared is there 2 times, not once
    the entry is there because: why
    it can go when: never

"#]]
        );
        assert_data_eq!(
            fail(&share("A"), "fn f() {}"),
            str![[r#"
src/lib.rs: `static A` to be shared is there not at all, not once
    the entry is there because: why
    it can go when: never

"#]]
        );
    }

    #[test]
    fn all_problems_are_told_at_once_with_their_lines() {
        let entries = share("GONE")
            + &entry(
                "replace",
                "from = 'a b'\nto = 'c'\ncount = 3\nuntil = 'then'",
            );
        assert_data_eq!(
            fail(
                &entries,
                "/// static NO: u8 = 1;\nfn f() {\n  static A: u8 = 1;\n}\nstd::thread_local! { static B: u8 = 1; }\n\
                 thread_local! { any!() }\nstatic mut C: u8 = 1;\nlazy_static! { static ref D: u8 = 1; }\n// a b\nfn g() { a b }"
            ),
            str![[r#"
src/lib.rs: `static GONE` to be shared is there not at all, not once
    the entry is there because: why
    it can go when: never
src/lib.rs: `a b` is there once, not 3 times
    the entry is there because: why
    it can go when: then
src/lib.rs:3: `static A` is not classified: patches/up.toml must say whether it is shared, per copy or test only
src/lib.rs:5: `static B` is not classified: patches/up.toml must say whether it is shared, per copy or test only
src/lib.rs:6: `thread_local!` is not classified: patches/up.toml must say whether it is shared, per copy or test only
src/lib.rs:7: `static mut C` is not classified: patches/up.toml must say whether it is shared, per copy or test only
src/lib.rs:8: `static ref D` is not classified: patches/up.toml must say whether it is shared, per copy or test only

"#]]
        );
    }

    #[test]
    fn a_static_ref_is_another_form() {
        let text = "lazy_static! { static ref A: u8 = 1; } static A: u8 = 1;";
        let entries = share("A") + &entry("test_only", "names = ['A']\nlazy = true");
        assert_eq!(run(&entries, text).matches("process_local!").count(), 1);
        assert!(fail(&share("A"), text).contains("`static ref A` is not classified"));
    }

    #[test]
    fn what_is_left_must_exist() {
        let entries = entry("per_copy", "names = ['A', 'B']");
        assert_data_eq!(
            fail(&entries, "static A: u8 = 1;"),
            str![[r#"
src/lib.rs: `static B` (per copy) matches nothing
    the entry is there because: why
    it can go when: never

"#]]
        );
        let all = "[[test_only]]\nfile = 'src/**'\nreason = 'why'\n";
        assert_eq!(run(all, "static A: u8 = 1;"), "static A: u8 = 1;");
        assert!(fail(all, "fn f() {}").contains("the `test only` entry matches nothing"));
    }

    #[test]
    fn one_static_has_one_class() {
        let entries = share("A") + &entry("per_copy", "names = ['A']");
        assert!(fail(&entries, "static A: u8 = 1;").contains("classified twice"));
    }

    #[test]
    fn thread_locals_must_go_through_the_seam() {
        let seam = entry("seam", "macro = 'seam_thread_local'");
        let definition =
            "macro_rules! seam_thread_local { ($($t:tt)*) => { thread_local! { $($t)* } } }\n";
        let key = entry("thread_local", "name = 'A'");
        let good = format!("{definition}seam_thread_local!(static A: u8 = 1);");
        assert_eq!(run(&(seam.clone() + &key), &good), good);
        let bad = format!("{definition}std::thread_local! {{ static A: u8 = 1; }}");
        assert!(
            fail(&(seam.clone() + &key), &bad)
                .contains("`static A` is in `std::thread_local!`, which is no seam")
        );
        // Not a shared static either.
        assert!(
            fail(&(seam.clone() + &share("A")), &good).contains("is a thread-local, not a static")
        );
        // And a second definition of the seam may go elsewhere.
        let twice = format!("{definition}{definition}seam_thread_local!(static A: u8 = 1);");
        assert!(fail(&(seam + &key), &twice).contains("is defined 2 times, not once"));
    }

    #[test]
    fn entries_for_other_versions_are_no_entries() {
        let entries = entry("share", "name = 'A'\nversions = '>=1.2'");
        let text = "static A: u8 = 1;";
        assert!(run_version(&entries, "1.2.0", text).is_ok());
        assert!(
            run_version(&entries, "1.1.9", text)
                .unwrap_err()
                .contains("not classified")
        );
        assert!(run_version(&entries, "1.1.9", "fn f() {}").is_ok());
    }

    #[test]
    fn replaced_tokens_may_be_spelled_in_any_way() {
        let entries = entry("replace", "from = '::std::f!( a )'\nto = 'g!()'\ncount = 2");
        assert_eq!(
            run(
                &entries,
                "x{::std::f!(a);}\n:: std :: f ! ( /* c */ a )\n\"::std::f!(a)\""
            ),
            "x{g!();}\ng!()\n\"::std::f!(a)\""
        );
    }

    #[test]
    fn a_replacement_may_share_the_statics_in_it() {
        let edit = |name: &str| {
            entry(
                "replace",
                &format!(
                    "from = 'thread_local! {{ static A'\nto = 'seam! {{ static A'\nshares = ['{name}']"
                ),
            )
        };
        let text = "thread_local! { static A: u8 = 1; static B: u8 = 2; }";
        assert!(fail(&edit("A"), text).contains("`static B` is not classified"));
        assert!(fail(&edit("B"), text).contains("`static B` is not classified"));
        // Another of that name is another entry's.
        let both = edit("A") + &entry("per_copy", "names = ['A']");
        assert_eq!(
            run(
                &both,
                "thread_local! { static A: u8 = 1; } static mut A: u8 = 1;"
            ),
            "seam! { static A: u8 = 1; } static mut A: u8 = 1;"
        );
        assert_eq!(
            run(&edit("A"), "thread_local! { static A: u8 = 1; }"),
            "seam! { static A: u8 = 1; }"
        );
        assert!(
            fail(&edit("A"), "fn f() {}").contains("that a `replace` shares is there not at all")
        );
    }

    #[test]
    fn insertions_go_before_and_after_in_order() {
        let entries = entry("insert", "after = 'mod a {'\ntext = ' use b;'")
            + &entry("insert", "before = 'fn f'\ntext = 'pub '")
            + &entry("insert", "after = 'mod a {'\ntext = ' use c;'")
            + &entry("append", "text = 'mod d;'");
        assert_eq!(
            run(&entries, "mod a {\n fn f() {} }\n"),
            "mod a { use b; use c;\n pub fn f() {} }\n\nmod d;"
        );
        let neither = entry("insert", "text = 'x'");
        assert!(fail(&neither, "").contains("needs `before` or `after`"));
    }

    #[test]
    fn edits_of_one_place_are_refused() {
        let entries = entry("replace", "from = 'a b'\nto = 'x'")
            + &entry("replace", "from = 'b c'\nto = 'y'");
        assert_eq!(
            fail(&entries, "fn f() {\n a b c }"),
            "src/lib.rs:2: two entries of the recipe edit the same place\n"
        );
    }

    #[test]
    fn a_call_of_the_hosts_copy_is_the_first_statement() {
        let entries = entry("on_host", "fn = 'T::f'\nkey = 'F'");
        assert_eq!(
            run(
                &entries,
                "cfg_x! {\n    impl T {\n        fn f(&self, mut a: Arc<Self>) -> u8 { 1 }\n    }\n}"
            ),
            "cfg_x! {\n    impl T {\n        fn f(&self, mut a: Arc<Self>) -> u8 {\n            \
             crate::external_tls::on_host!(F: fn(&T, Arc<T>) -> u8 = T::f; (self, a)); 1 }\n    }\n}"
        );
        assert!(fail(&entries, "fn f() {}").contains("the function `T::f` is not there"));
    }

    #[test]
    fn files_that_are_gone_or_no_rust_are_problems() {
        let gone = "[[append]]\nfile = 'src/gone.rs'\nreason = 'why'\ntext = 'x'\n";
        assert!(fail(gone, "").starts_with("src/gone.rs: is not there, but the recipe edits it"));
        assert!(fail("", "fn f( {").starts_with("src/lib.rs: cannot be read as Rust"));
    }

    #[test]
    fn only_sources_are_looked_at() {
        let mut tree = Tree::from([
            ("tests/a.rs".to_owned(), b"static A: u8 = 1;".to_vec()),
            ("src/data.bin".to_owned(), vec![0xff, 0xfe]),
        ]);
        let before = tree.clone();
        apply(&recipe(""), &Version::new(1, 0, 0), &mut tree).unwrap();
        assert_eq!(tree, before);
    }
}
