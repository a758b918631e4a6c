//! Forks a crate that nobody wrote a recipe for: shares every static and thread-local that is state.
//!
//! The problem: a recipe says of each static whether it is shared, because somebody has thought about
//! it. Here nobody has, so the rule is mechanical:
//!
//! | declaration | becomes |
//! | --- | --- |
//! | `static` of a type that is not known to be immutable | `tls_keys::process_local!` |
//! | `static mut` | the same, of a cell; each use of it reads and writes through the cell |
//! | `static ref` in `lazy_static!` | a type of that name, whose value is a shared `LazyLock` |
//! | `static` in `std::thread_local!` | `tls_keys::thread_local!` |
//! | `static` of a type known to be immutable ([`types`]) | stays |
//! | what cannot be shared (see [`Crate::treat`]) | stays, and is named with the reason |
//!
//! A shared static has another type (`ProcessLocal<T>`, which dereferences to `T`), so each place that
//! names it is changed too, to `__tls_slots_get!(NAME)`: that is the `T`, a place of lifetime
//! `'static`, as before. Names are resolved on tokens: by the
//! block of a function, then the file, then the crate. Where that leaves a doubt, the use stays as it
//! is: it then compiles through auto-dereferencing, or does not compile. It never means
//! something else.
//!
//! | module | what it does |
//! | --- | --- |
//! | [`types`] | whether a type is known to be immutable |
//! | [`place`] | in which item, block or macro a token stands |
//! | [`report`] | what is said about each declaration |
//!
//! What the edits call is in `external_tls.rs.in`, which every such fork gets. Whether state is shared
//! is decided by the feature `shared` of `tls-keys`, as with the recipes that have `keys`.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use semver::Version;

use crate::engine::{self, Edit, Problem, Tree};
use crate::scan::{self, Form, Found};
use crate::tokens::{Kind, Source};

pub(crate) mod place;
pub(crate) mod report;
pub(crate) mod types;

pub(crate) use report::{Report, Sharing, State};
use types::Types;

/// The module that the edits call.
const MODULE: &str = include_str!("external_tls.rs.in");
/// What is added to it for a crate that has a `static mut`; others may forbid unsafe code.
const STATIC_MUT: &str = include_str!("static_mut.rs.in");

/// This engine's own text, for the stamp of what it made.
pub(crate) const SOURCES: [&str; 6] = [
    MODULE,
    STATIC_MUT,
    include_str!("mod.rs"),
    include_str!("place.rs"),
    include_str!("types.rs"),
    include_str!("../scan.rs"),
];

/// Macros whose arguments are ordinary expressions.
const EXPRESSION_MACROS: [&str; 24] = [
    "assert",
    "assert_eq",
    "assert_ne",
    "debug_assert",
    "debug_assert_eq",
    "debug_assert_ne",
    "dbg",
    "eprint",
    "eprintln",
    "format",
    "format_args",
    "matches",
    "panic",
    "print",
    "println",
    "todo",
    "try",
    "unimplemented",
    "unreachable",
    "vec",
    "write",
    "writeln",
    "ready",
    "addr_of",
];

/// One source file of the library.
struct File<'a> {
    path: &'a str,
    source: Source<'a>,
}

/// A macro that the crate defines.
#[derive(Default)]
struct Macro {
    /// It has `#[macro_export]`.
    exported: bool,
    /// Code of the crate itself calls it.
    called: bool,
    /// A rule of it takes items or anything, so it can hand a declaration on as it is.
    takes_items: bool,
}

/// How a shared static is reached.
#[derive(Clone, Copy, PartialEq)]
enum Get {
    Value,
    Cell,
}

/// What happens to a declaration.
enum Treatment {
    /// It is wrapped; uses of it are changed.
    Share(Get, String),
    /// The macro call that it stands in is changed.
    ShareCall(usize, &'static str),
    /// A macro of the crate that is itself changed makes it.
    Through(String),
    /// It cannot be shared.
    NotShared(String),
    /// It is no state.
    Stays(String),
    /// It is the pattern of a macro, not a declaration.
    Pattern,
}

/// A declaration of a name that an expression could mean.
struct Declared {
    file: usize,
    /// The block it is known in; none is all of the crate.
    scope: Option<Range<usize>>,
    /// The declaration in `Crate::found`, if it is a static.
    static_of: Option<usize>,
}

/// A crate that is being forked.
struct Crate<'a> {
    files: &'a [File<'a>],
    types: Types<'a>,
    macros: BTreeMap<&'a str, Macro>,
    /// Files that only tests have, and folders of them.
    test_files: Vec<String>,
    /// Every static and thread-local: its file and what the scan says.
    found: Vec<(usize, Found)>,
    names: BTreeMap<&'a str, Vec<Declared>>,
}

/// Shares the state of a crate, and says what was done. `tree` also gets the module that all edits
/// call, and the report; the manifest is the caller's.
pub(crate) fn apply(
    name: &str,
    version: &Version,
    tree: &mut Tree,
) -> Result<Report, Vec<Problem>> {
    let layout =
        Layout::read(tree).map_err(|message| vec![Problem::new("Cargo.toml", None, message)])?;
    let mut notes = Vec::new();
    let texts: BTreeMap<String, String> = tree
        .iter()
        .filter(|(path, _)| layout.has(path))
        .filter_map(|(path, bytes)| Some((path.clone(), String::from_utf8(bytes.clone()).ok()?)))
        .collect();
    let mut files = Vec::new();
    for (path, text) in &texts {
        match Source::parse(text) {
            Ok(source) => files.push(File { path, source }),
            Err(_) if *path == layout.root => {
                let message = "cannot be read as Rust".to_owned();
                return Err(vec![Problem::new(path, None, message)]);
            }
            // A template, or what only some other compiler reads.
            Err(_) => notes.push(format!(
                "{path} cannot be read as Rust, and was not searched"
            )),
        }
    }
    let module = format!("{}external_tls.rs", layout.folder);
    if tree.contains_key(&module) {
        let message = "is there already: this crate has been forked by hand";
        return Err(vec![Problem::new(&module, None, message)]);
    }
    if files.iter().any(|file| mentions(file, "OUT_DIR")) {
        notes.push("code that its build script writes was not searched".to_owned());
    }

    let this = Crate::new(&files);
    let (mut edits, mut states) = this.edits();
    this.local_keys(&mut edits, &states);
    let root = files
        .iter()
        .position(|file| file.path == layout.root)
        .unwrap_or_default();
    edits[root].extend(root_edits(&files[root].source, layout.is_2015));

    states.sort_by(|a, b| (a.sharing, &a.file, a.line).cmp(&(b.sharing, &b.file, b.line)));
    let mut changed = Vec::new();
    for (file, mut list) in files.iter().zip(edits) {
        if list.is_empty() {
            continue;
        }
        list.sort_by_key(|edit| (edit.range.start, edit.range.end));
        if let Some(pair) = list
            .windows(2)
            .find(|pair| pair[0].range.end > pair[1].range.start)
        {
            let line = file.source.line(pair[1].range.start);
            let message = "two edits meet in one place; this crate needs a recipe";
            return Err(vec![Problem::new(file.path, Some(line), message)]);
        }
        changed.push((
            file.path.to_owned(),
            engine::splice(file.source.text, &list).into_bytes(),
        ));
    }
    tree.extend(changed);
    let mut text = MODULE.to_owned();
    if states
        .iter()
        .any(|state| state.sharing == Sharing::Shared && state.what.starts_with("static mut "))
    {
        text += STATIC_MUT;
    }
    tree.insert(module, text.into_bytes());
    let report = Report {
        name: name.to_owned(),
        version: version.clone(),
        notes,
        states,
    };
    tree.insert(report::FILE.to_owned(), report.render().into_bytes());
    Ok(report)
}

fn mentions(file: &File<'_>, word: &str) -> bool {
    let quoted = format!("\"{word}\"");
    (0..file.source.tokens.len()).any(|index| file.source.at(index) == quoted)
}

/// Where the library's files are.
struct Layout {
    /// The root file.
    root: String,
    /// Its folder, with a `/` at the end, or empty.
    folder: String,
    /// Files and folders of other targets.
    others: Vec<String>,
    /// Whether the crate is of Rust 2015.
    is_2015: bool,
}

impl Layout {
    fn read(tree: &Tree) -> Result<Self, String> {
        let text = tree
            .get("Cargo.toml")
            .map(|bytes| String::from_utf8_lossy(bytes));
        let manifest: toml::Table = text
            .unwrap_or_default()
            .parse()
            .map_err(|_| "is no TOML".to_owned())?;
        let lib = manifest.get("lib");
        let key = |name: &str| lib.and_then(|lib| lib.get(name));
        if ["proc-macro", "proc_macro"]
            .iter()
            .any(|name| key(name).and_then(toml::Value::as_bool) == Some(true))
        {
            return Err(
                "is that of a procedural macro, which runs in the compiler: there is nothing to share"
                    .to_owned(),
            );
        }
        let root = key("path")
            .and_then(toml::Value::as_str)
            .unwrap_or("src/lib.rs")
            .trim_start_matches("./")
            .to_owned();
        if !tree.contains_key(&root) {
            return Err(format!(
                "is that of a package without a library ({root} is not there)"
            ));
        }
        let folder = root.rsplit_once('/').map_or("", |(folder, _)| folder);
        let folder = match folder {
            "" => String::new(),
            folder => format!("{folder}/"),
        };
        let mut others: Vec<String> = ["main.rs", "bin/"]
            .iter()
            .map(|name| format!("{folder}{name}"))
            .collect();
        if folder.is_empty() {
            for name in ["tests/", "examples/", "benches/", "target/", "build.rs"] {
                others.push(name.to_owned());
            }
        }
        if let Some(build) = manifest
            .get("package")
            .and_then(|it| it.get("build")?.as_str())
        {
            others.push(build.to_owned());
        }
        for kind in ["bin", "test", "example", "bench"] {
            let targets = manifest.get(kind).and_then(toml::Value::as_array);
            others.extend(
                targets
                    .into_iter()
                    .flatten()
                    .filter_map(|target| Some(target.get("path")?.as_str()?.to_owned())),
            );
        }
        others.retain(|path| *path != root);
        let edition = manifest
            .get("package")
            .and_then(|it| it.get("edition")?.as_str());
        Ok(Layout {
            is_2015: edition.is_none_or(|edition| edition == "2015"),
            root,
            folder,
            others,
        })
    }

    fn has(&self, path: &str) -> bool {
        path.ends_with(".rs")
            && path.starts_with(&self.folder)
            && !self.others.iter().any(|other| match other.ends_with('/') {
                true => path.starts_with(other),
                false => path == other,
            })
    }
}

/// The root file gets the module, and its lints are capped.
///
/// cargo caps the lints of a registry's crate, so that `#![deny(warnings)]` does not break it under
/// a newer compiler; a crate that is patched in by its path has no such protection. `forbid` stays:
/// what the edits bring in passes `forbid(unsafe_code)`, as it comes from macros of another crate.
fn root_edits(source: &Source<'_>, is_2015: bool) -> Vec<Edit> {
    let mut edits = Vec::new();
    let mut at = 0;
    let mut end = source.tokens.first().map_or(0, |token| token.range.start);
    loop {
        let is_doc = source
            .tokens
            .get(at)
            .is_some_and(|token| token.kind == Kind::Doc);
        if is_doc
            && ["//!", "/*!"]
                .iter()
                .any(|mark| source.at(at).starts_with(mark))
        {
            end = source.tokens[at].range.end;
            at += 1;
        } else if source.at(at) == "#" && source.at(at + 1) == "!" && source.at(at + 2) == "[" {
            let close = source.tokens[at + 2].pair;
            for index in at..close {
                if source.is_ident(index, "deny") && source.at(index + 1) == "(" {
                    edits.push(Edit {
                        range: source.tokens[index].range.clone(),
                        text: "warn".to_owned(),
                    });
                }
            }
            end = source.tokens[close].range.end;
            at = close + 1;
        } else {
            break;
        }
    }
    let close = source.text.len();
    edits.push(Edit {
        range: end..end,
        text: "\n#![allow(warnings, dangerous_implicit_autorefs)]\n".to_owned(),
    });
    // The manifest's record names `::tls_keys`, which Rust 2015 looks for in the root.
    let keys = match is_2015 {
        true => "\nextern crate tls_keys;\n",
        false => "",
    };
    edits.push(Edit {
        range: close..close,
        text: format!("\n{keys}\n#[doc(hidden)]\npub mod external_tls;\n"),
    });
    edits
}

impl<'a> Crate<'a> {
    fn new(files: &'a [File<'a>]) -> Self {
        let mut this = Crate {
            files,
            types: Types::default(),
            macros: BTreeMap::new(),
            test_files: Vec::new(),
            found: Vec::new(),
            names: BTreeMap::new(),
        };
        for file in files {
            this.types.collect(&file.source);
            this.collect_macros(&file.source);
            this.collect_test_files(file);
        }
        for file in files {
            this.collect_calls(file);
        }
        for (index, file) in files.iter().enumerate() {
            this.found.extend(
                scan::scan(&file.source)
                    .into_iter()
                    .map(|found| (index, found)),
            );
        }
        this.collect_names();
        this
    }

    fn collect_macros(&mut self, source: &'a Source<'a>) {
        for open in 0..source.tokens.len() {
            if source.tokens[open].kind != Kind::Open {
                continue;
            }
            let Some(name) = source.macro_definition(open) else {
                continue;
            };
            let start = place::start_of_item(source, open - 3);
            let body = open..source.tokens[open].pair;
            let takes = |kind: &str| {
                body.clone().any(|at| {
                    source.is_ident(at, kind)
                        && source.before(at, 1) == ":"
                        && source.before(at, 3) == "$"
                })
            };
            let entry = self.macros.entry(name).or_default();
            entry.exported |= (start..open).any(|at| source.is_ident(at, "macro_export"));
            entry.takes_items |= takes("item") || takes("tt");
        }
    }

    fn collect_calls(&mut self, file: &'a File<'a>) {
        let source = &file.source;
        for open in 0..source.tokens.len() {
            if source.tokens[open].kind != Kind::Open {
                continue;
            }
            let Some(path) = source.macro_call(open) else {
                continue;
            };
            let inside_exported = source
                .ancestors(open)
                .filter_map(|outer| source.macro_definition(outer))
                .any(|name| self.macros.get(name).is_some_and(|one| one.exported));
            if inside_exported || self.is_test(file, open) {
                continue;
            }
            let last = path.rsplit("::").next().unwrap_or_default();
            if let Some(one) = self.macros.get_mut(last) {
                one.called = true;
            }
        }
    }

    /// Files of modules that are declared as `#[cfg(test)] mod name;`.
    fn collect_test_files(&mut self, file: &File<'_>) {
        let source = &file.source;
        let (folder, name) = file.path.rsplit_once('/').unwrap_or(("", file.path));
        let folder = match name {
            "lib.rs" | "mod.rs" => folder.to_owned(),
            _ => format!("{folder}/{}", name.trim_end_matches(".rs")),
        };
        for index in 0..source.tokens.len() {
            if source.is_ident(index, "mod")
                && source.at(index + 2) == ";"
                && place::is_test_only(source, index)
            {
                let name = source.at(index + 1);
                let inside = format!("{folder}/{name}");
                let inside = inside.trim_start_matches('/');
                self.test_files.push(format!("{inside}.rs"));
                self.test_files.push(format!("{inside}/"));
            }
        }
    }

    fn is_test(&self, file: &File<'_>, index: usize) -> bool {
        self.test_files
            .iter()
            .any(|test| match test.ends_with('/') {
                true => file.path.starts_with(test),
                false => file.path == test,
            })
            || place::is_test_only(&file.source, index)
    }

    fn collect_names(&mut self) {
        for (id, (file, found)) in self.found.iter().enumerate() {
            let source = &self.files[*file].source;
            let plain = matches!(found.form, Form::Plain | Form::Mut);
            if !plain || found.thread_local.is_some() || place::in_matcher(source, found.index) {
                continue;
            }
            let at = found.index + 1 + usize::from(found.form == Form::Mut);
            self.names.entry(source.at(at)).or_default().push(Declared {
                file: *file,
                scope: place::scope(source, found.index),
                static_of: Some(id),
            });
        }
        for (file, one) in self.files.iter().enumerate() {
            let source = &one.source;
            for index in 0..source.tokens.len() {
                // `const NAME: T`, but no associated one: that is named through its type.
                let is_const = source.is_ident(index, "const")
                    && source
                        .tokens
                        .get(index + 1)
                        .is_some_and(|token| token.kind == Kind::Ident)
                    && source.at(index + 2) == ":"
                    && !place::in_matcher(source, index);
                let associated = source.tokens[index]
                    .parent
                    .is_some_and(|open| place::block(source, open) == place::Block::Item)
                    && !is_in_module(source, index);
                if is_const && !associated {
                    self.names
                        .entry(source.at(index + 1))
                        .or_default()
                        .push(Declared {
                            file,
                            scope: place::scope(source, index),
                            static_of: None,
                        });
                }
            }
        }
    }

    /// The edits of each file, and what became of each declaration.
    fn edits(&self) -> (Vec<Vec<Edit>>, Vec<State>) {
        let mut treatments: Vec<Treatment> = self
            .found
            .iter()
            .map(|(file, found)| self.treat(&self.files[*file], found))
            .collect();
        let uses = self.uses();
        self.refuse_constants(&uses, &mut treatments);

        let mut edits: Vec<Vec<Edit>> = self.files.iter().map(|_| Vec::new()).collect();
        let mut states = Vec::new();
        let mut calls = BTreeSet::new();
        for ((file, found), treatment) in self.found.iter().zip(&mut treatments) {
            let one = &self.files[*file];
            let source = &one.source;
            if let Treatment::Share(get, _) = treatment {
                let root = root_path(source, found.index);
                let call = match get {
                    Get::Value => format!("{root}::external_tls::process_local!"),
                    Get::Cell => format!("{root}::__tls_slots_static_mut!"),
                };
                match engine::share(source, found.index, &call) {
                    Some(pair) => edits[*file].extend(pair),
                    None => {
                        *treatment = Treatment::NotShared(
                            "its declaration has no `;` at its end".to_owned(),
                        );
                    }
                }
            }
            if let Treatment::ShareCall(open, name) = treatment
                && calls.insert((*file, *open))
                && let Some(path) = source.macro_path(*open)
            {
                edits[*file].push(Edit {
                    range: source.tokens[path.start].range.start
                        ..source.tokens[path.end - 1].range.end,
                    text: format!("{}::{name}", root_path(source, *open)),
                });
            }
            let (sharing, reason) = match treatment {
                Treatment::Share(_, note) => (Sharing::Shared, note.clone()),
                Treatment::ShareCall(..) => (Sharing::Shared, String::new()),
                Treatment::Through(name) => (Sharing::Shared, format!("through `{name}!`")),
                Treatment::NotShared(reason) => (Sharing::NotShared, reason.clone()),
                Treatment::Stays(reason) => (Sharing::Stays, reason.clone()),
                Treatment::Pattern => continue,
            };
            let mut what = found.spelling();
            if let Some(path) = &found.thread_local {
                what += &format!(" in {path}!");
            }
            if let Some(name) = &found.definition {
                what += &format!(" of {name}!");
            }
            states.push(State {
                sharing,
                file: one.path.to_owned(),
                line: source.line(source.tokens[found.index].range.start),
                what,
                reason,
            });
        }
        for one in &uses {
            let gets: Vec<Get> = one
                .means
                .iter()
                .filter_map(|id| match &treatments[*id] {
                    Treatment::Share(get, _) => Some(*get),
                    _ => None,
                })
                .collect();
            // All that it could mean is shared, and in the same way.
            let Some(get) = gets.first() else {
                continue;
            };
            if gets.len() == one.means.len() && gets.iter().all(|other| other == get) {
                edits[one.file].push(use_edit(&self.files[one.file].source, one, *get));
            }
        }
        (edits, states)
    }

    /// What a constant refers to cannot be fetched from the host, and neither can a static that
    /// refers to what is not: one copy would then see the state of two.
    fn refuse_constants(&self, uses: &[Use], treatments: &mut [Treatment]) {
        let constants: Vec<(&Use, usize)> = uses
            .iter()
            .filter(|one| !self.is_test(&self.files[one.file], one.index))
            .filter_map(|one| {
                let keyword = place::constant(&self.files[one.file].source, one.index)?;
                Some((one, keyword))
            })
            .collect();
        for (one, _) in &constants {
            let file = &self.files[one.file];
            for id in &one.means {
                if let Treatment::Share(..) = treatments[*id] {
                    let line = file.source.line(file.source.tokens[one.index].range.start);
                    treatments[*id] = Treatment::NotShared(format!(
                        "a constant refers to it, {}:{line}, and the compiler cannot ask the host",
                        file.path
                    ));
                }
            }
        }
        loop {
            let mut changed = false;
            for (one, keyword) in &constants {
                let refers = one
                    .means
                    .iter()
                    .find(|id| matches!(treatments[**id], Treatment::NotShared(_)));
                let holder = self
                    .found
                    .iter()
                    .position(|(file, found)| *file == one.file && found.index == *keyword);
                if let (Some(id), Some(holder)) = (refers, holder)
                    && let Treatment::Share(..) = treatments[holder]
                {
                    treatments[holder] = Treatment::NotShared(format!(
                        "refers to `{}`, which is not shared",
                        self.found[*id].1.spelling()
                    ));
                    changed = true;
                }
            }
            if !changed {
                return;
            }
        }
    }

    /// Decides about one declaration.
    fn treat(&self, file: &'a File<'a>, found: &Found) -> Treatment {
        let source = &file.source;
        if place::in_matcher(source, found.index) {
            return Treatment::Pattern;
        }
        if self.is_test(file, found.index) {
            return Treatment::Stays("for tests only".to_owned());
        }
        if let Some(name) = &found.definition {
            let one = self.macros.get(name.as_str());
            if one.is_some_and(|one| one.exported && !one.called) {
                return Treatment::Stays(
                    "expands in the crates that call the macro, and is theirs".to_owned(),
                );
            }
        }
        if let Some(path) = &found.thread_local {
            return self.treat_call(source, found, path);
        }
        if found.form == Form::Lazy {
            return Treatment::NotShared("is declared by a macro that is not known".to_owned());
        }

        // Another macro's argument: is it handed on as it is?
        let around = source
            .ancestors(found.index)
            .find(|open| place::block(source, *open) == place::Block::Macro)
            .and_then(|open| source.macro_call(open));
        if let Some(path) = around {
            let last = path.rsplit("::").next().unwrap_or_default();
            let known = last.starts_with("cfg_") || last.starts_with("if_");
            if !known && !self.macros.get(last).is_some_and(|one| one.takes_items) {
                return Treatment::NotShared(format!(
                    "stands in a call of `{path}!`, which may not take what would be written in its place"
                ));
            }
        }

        let attributes = place::start_of_item(source, found.index)..found.index;
        for name in [
            "no_mangle",
            "export_name",
            "link_section",
            "used",
            "linkage",
        ] {
            if attributes.clone().any(|at| source.is_ident(at, name)) {
                return Treatment::NotShared(format!("is known to the linker by `{name}`"));
            }
        }
        if attributes
            .clone()
            .any(|at| source.is_ident(at, "thread_local") && place::in_attribute(source, at))
        {
            return Treatment::NotShared(
                "is a `#[thread_local]`, which no key can replace".to_owned(),
            );
        }
        let Some(ty) = type_of(source, found) else {
            return Treatment::Stays(
                "is defined elsewhere: an `extern` block declares it".to_owned(),
            );
        };
        if found.form == Form::Mut {
            return Treatment::Share(Get::Cell, String::new());
        }
        if self.types.is_immutable(source, ty.clone()) {
            return Treatment::Stays("immutable".to_owned());
        }
        let is_public = source.is_ident(found.index.wrapping_sub(1), "pub");
        let note = if self.types.is_mutable(source, ty) {
            ""
        } else if found.name.starts_with('$') {
            return Treatment::NotShared(
                "the type is not known to be immutable, and the name is a macro's parameter, so its uses cannot be found"
                    .to_owned(),
            );
        } else if is_public {
            return Treatment::NotShared(
                "the type is not known to be immutable, and other crates can name it in constants"
                    .to_owned(),
            );
        } else {
            "type not known to be immutable"
        };
        Treatment::Share(Get::Value, note.to_owned())
    }

    /// Decides about what stands in a thread-local macro or in `lazy_static!`.
    fn treat_call(&self, source: &Source<'_>, found: &Found, path: &str) -> Treatment {
        let last = path.rsplit("::").next().unwrap_or_default();
        if let Some(one) = self.macros.get(last) {
            // A seam of the crate's own: what it expands to is a declaration, too.
            return match one.exported && !one.called {
                true => Treatment::NotShared(format!("`{last}!` is a macro for other crates")),
                false => Treatment::Through(last.to_owned()),
            };
        }
        let open = std::iter::once(found.index)
            .chain(source.ancestors(found.index))
            .find(|open| {
                source.tokens[*open].kind == Kind::Open
                    && source.macro_call(*open).as_deref() == Some(path)
            });
        match (last, open) {
            ("thread_local", Some(open)) => {
                Treatment::ShareCall(open, "external_tls::thread_local")
            }
            ("lazy_static", Some(open)) => Treatment::ShareCall(open, "__tls_slots_lazy_static"),
            _ => Treatment::NotShared(format!(
                "is declared by `{path}!`, a macro of another crate"
            )),
        }
    }

    /// Every place where an expression names a static.
    fn uses(&self) -> Vec<Use> {
        let mut all = Vec::new();
        for (file, one) in self.files.iter().enumerate() {
            let source = &one.source;
            let imports = place::uses(source);
            for index in 0..source.tokens.len() {
                if source.tokens[index].kind != Kind::Ident {
                    continue;
                }
                let Some(declared) = self.names.get(source.at(index)) else {
                    continue;
                };
                if declared.iter().all(|one| one.static_of.is_none())
                    || imports.iter().any(|range| range.contains(&index))
                {
                    continue;
                }
                let Some(path) = expression_path(source, index) else {
                    continue;
                };
                let means = self.resolve(file, index, path.start == index, declared);
                if !means.is_empty() {
                    all.push(Use {
                        file,
                        index,
                        path,
                        means,
                    });
                }
            }
        }
        all
    }

    /// The statics that a name can mean; empty if it is in doubt, or means none.
    fn resolve(&self, file: usize, index: usize, plain: bool, all: &[Declared]) -> Vec<usize> {
        // The innermost block of a function that declares it.
        let local = all
            .iter()
            .filter(|one| {
                plain
                    && one.file == file
                    && one
                        .scope
                        .as_ref()
                        .is_some_and(|scope| scope.contains(&index))
            })
            .min_by_key(|one| {
                one.scope
                    .as_ref()
                    .map_or(usize::MAX, ExactSizeIterator::len)
            });
        let mut possible: Vec<&Declared> = match local {
            Some(local) => all
                .iter()
                .filter(|one| one.file == file && one.scope == local.scope)
                .collect(),
            None => all.iter().filter(|one| one.scope.is_none()).collect(),
        };
        if local.is_none() && plain && possible.iter().any(|one| one.file == file) {
            possible.retain(|one| one.file == file);
        }
        possible
            .iter()
            .map(|one| one.static_of)
            .collect::<Option<Vec<_>>>()
            .unwrap_or_default()
    }

    /// Rewrites the names of the types of a thread-local, if thread-locals are shared.
    fn local_keys(&self, edits: &mut [Vec<Edit>], states: &[State]) {
        if !states
            .iter()
            .any(|state| state.sharing == Sharing::Shared && state.what.contains("thread_local!"))
        {
            return;
        }
        for (file, list) in self.files.iter().zip(edits) {
            let source = &file.source;
            let imports = place::uses(source);
            for index in 0..source.tokens.len() {
                let name = source.at(index);
                if source.tokens[index].kind != Kind::Ident
                    || !["LocalKey", "AccessError"].contains(&name)
                {
                    continue;
                }
                if let Some(import) = imports.iter().find(|range| range.contains(&index)) {
                    if !import.clone().any(|at| source.is_ident(at, "thread")) {
                        continue;
                    }
                    list.extend(import_edit(source, import, index));
                } else if source.is_joint(index.saturating_sub(2), "::")
                    && source.is_ident(index.saturating_sub(3), "thread")
                {
                    let mut start = index - 3;
                    while source.is_joint(start.saturating_sub(2), "::") && start >= 2 {
                        start -= 2;
                        if start > 0 && source.tokens[start - 1].kind == Kind::Ident {
                            start -= 1;
                        }
                    }
                    list.push(Edit {
                        range: source.tokens[start].range.start..source.tokens[index].range.end,
                        text: format!("{}::external_tls::{name}", root_path(source, index)),
                    });
                }
            }
        }
    }
}

/// `use std::thread::{self, LocalKey};`: the name is imported as `_`, and ours beside it.
fn import_edit(source: &Source<'_>, import: &Range<usize>, index: usize) -> [Edit; 2] {
    let name = source.at(index);
    let (renamed, edit) = match source.at(index + 1) {
        "as" => {
            let range = source.tokens[index + 2].range.clone();
            let text = "_".to_owned();
            (source.at(index + 2), Edit { range, text })
        }
        _ => {
            let end = source.tokens[index].range.end;
            let text = " as _".to_owned();
            (
                name,
                Edit {
                    range: end..end,
                    text,
                },
            )
        }
    };
    let start = source.tokens[place::start_of_item(source, import.start)]
        .range
        .start;
    let lead = &source.text[start..source.tokens[import.start].range.start];
    let end = source.tokens[import.end].range.end;
    let rename = match renamed == name {
        true => String::new(),
        false => format!(" as {renamed}"),
    };
    [
        edit,
        Edit {
            range: end..end,
            text: format!(
                "\n{lead}use {}::external_tls::{name}{rename};",
                root_path(source, index)
            ),
        },
    ]
}

/// One place where an expression names one or several declarations that may be meant.
struct Use {
    file: usize,
    index: usize,
    /// The whole path: `a::b::NAME`.
    path: Range<usize>,
    means: Vec<usize>,
}

fn use_edit(source: &Source<'_>, one: &Use, get: Get) -> Edit {
    let root = root_path(source, one.index);
    let bytes = |range: &Range<usize>| {
        source.tokens[range.start].range.start..source.tokens[range.end - 1].range.end
    };
    let path = &source.text[bytes(&one.path)];
    if get == Get::Value {
        return Edit {
            range: bytes(&one.path),
            text: format!("{root}::__tls_slots_get!({path})"),
        };
    }
    // `addr_of_mut!(X)` and `&raw mut X` need no `unsafe` for a static, but do for a pointer's target.
    let (start, end) = (one.path.start, one.path.end);
    let alone = source.before(start, 1) == "(" && source.at(end) == ")";
    if alone && let Some(call) = source.macro_path(start - 1) {
        let pointer = |suffix: &str| Edit {
            range: source.tokens[call.start].range.start..source.tokens[end].range.end,
            text: format!("({root}::__tls_slots_pointer!({path}){suffix})"),
        };
        match source.at(call.end - 1) {
            "addr_of_mut" => return pointer(""),
            "addr_of" => return pointer(".cast_const()"),
            _ => {}
        }
    }
    let raw = start >= 3 && source.is_ident(start - 2, "raw") && source.at(start - 3) == "&";
    if raw && ![".", "["].contains(&source.at(end)) {
        let suffix = match source.before(start, 1) {
            "const" => ".cast_const()",
            _ => "",
        };
        return Edit {
            range: source.tokens[start - 3].range.start..bytes(&one.path).end,
            text: format!("({root}::__tls_slots_pointer!({path}){suffix})"),
        };
    }
    Edit {
        range: bytes(&one.path),
        text: format!("{root}::__tls_slots_get_mut!({path})"),
    }
}

/// How the crate's root is called at a place: inside a macro that may expand elsewhere, `$crate`.
fn root_path(source: &Source<'_>, index: usize) -> &'static str {
    let in_definition = source
        .ancestors(index)
        .any(|open| source.macro_definition(open).is_some());
    match in_definition {
        true => "$crate",
        false => "crate",
    }
}

fn is_in_module(source: &Source<'_>, index: usize) -> bool {
    source.tokens[index].parent.is_some_and(|open| {
        // `mod name {`
        source.is_ident(open.saturating_sub(2), "mod")
    })
}

/// The type of a static, or none if the declaration has no value.
fn type_of(source: &Source<'_>, found: &Found) -> Option<Range<usize>> {
    let mut at = found.index + 1;
    while source.at(at) != ":" {
        at += 1;
        if at > found.index + 4 {
            return None;
        }
    }
    let start = at + 1;
    let mut angles = 0;
    at = start;
    while at < source.tokens.len() {
        match (source.tokens[at].kind, source.at(at)) {
            (Kind::Open, _) => at = source.tokens[at].pair,
            (Kind::Close, _) | (Kind::Punct, ";") => return None,
            (Kind::Punct, "<") => angles += 1,
            (Kind::Punct, ">") if source.before(at, 1) != "-" => angles -= 1,
            (Kind::Punct, "=") if angles == 0 => return Some(start..at),
            _ => {}
        }
        at += 1;
    }
    None
}

/// The path that ends with the name at `index`, if it is an expression.
fn expression_path(source: &Source<'_>, index: usize) -> Option<Range<usize>> {
    let next = source.at(index + 1);
    let joint = |text| source.is_joint(index + 1, text);
    if next == "!" && !joint("!=")
        || joint("::")
        || joint("=>")
        || next == ":"
        || next == "as" && source.at(index + 2) == "_"
        || place::in_attribute(source, index)
        || place::in_matcher(source, index)
    {
        return None;
    }
    match source.before(index, 1) {
        // `&raw const X`
        "const" if source.before(index, 2) == "raw" => {}
        "$" | "fn" | "mod" | "struct" | "enum" | "union" | "trait" | "type" | "let" | "const"
        | "macro_rules" | "static" | "ref" => return None,
        "mut" if source.before(index, 2) == "static" => return None,
        "." if source.before(index, 2) != "." => return None,
        _ => {}
    }
    let mut start = index;
    while start >= 2 && source.is_joint(start - 2, "::") {
        start -= 2;
        let segment = start.checked_sub(1).map(|at| (at, &source.tokens[at]));
        match segment {
            Some((at, token)) if token.kind == Kind::Ident => {
                let text = source.at(at);
                // An associated constant, or a variant.
                if text.starts_with(char::is_uppercase) {
                    return None;
                }
                start = at;
                if text == "crate" && source.before(start, 1) == "$" {
                    start -= 1;
                }
            }
            Some((at, _)) if source.at(at) == ">" => return None,
            _ => break,
        }
    }
    let parent = source.tokens[index].parent;
    if parent.is_some_and(|open| place::is_enum(source, open)) {
        return None;
    }
    // A macro's argument that is nothing but the name may be taken for one.
    if let Some(open) = parent
        && place::block(source, open) == place::Block::Macro
        && let Some(call) = source.macro_call(open)
    {
        let last = call.rsplit("::").next().unwrap_or_default();
        let known = EXPRESSION_MACROS.contains(&last) || last == "addr_of_mut";
        let alone = ["(", "[", "{", ","].contains(&source.before(start, 1))
            && [")", "]", "}", ","].contains(&next);
        if ["stringify", "concat", "env", "include"].contains(&last) || alone && !known {
            return None;
        }
    }
    Some(start..index + 1)
}

#[cfg(test)]
mod tests;
