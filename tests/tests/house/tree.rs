//! The Rust modules of a crate, and what a path means in them.
//!
//! A path means the deepest file that it leads to: `crate::a::b::f` means `a/b.rs` where `b` is a
//! Rust module with a file, and `a.rs` where `b` is anything else that stands in `a.rs`, be it a
//! re-export. So who takes a thing from a re-export depends on the file of the re-export, and a
//! child that imports through its parent is in a circle with it. Three names are looked through:
//!
//! | name | means |
//! | --- | --- |
//! | a Rust module under another name (`use elf as format`) | that Rust module |
//! | another crate under another name (`use tls_keys as keys`) | nothing of this crate |
//! | what `$crate::…` re-exports | the file where the thing stands |

use std::collections::{BTreeMap, BTreeSet};

use crate::parsed::{Declared, Form, Parsed, Written};
use crate::sources::Sources;

/// One target of a package: a library or a program.
pub(crate) struct Crate<'a> {
    pub(crate) files: Vec<File<'a>>,
    modules: Vec<Module>,
    /// Macros of which the path is `crate::name`, with their files: several, by cfg.
    exported: BTreeMap<String, Vec<usize>>,
}

/// A file of a crate that `mod` declares, directly or not.
pub(crate) struct File<'a> {
    /// From the repository's root.
    pub(crate) path: String,
    /// From `src`, without `.rs`: `a/mod`.
    pub(crate) name: String,
    pub(crate) parsed: &'a Parsed,
    /// The Rust module that the file is.
    module: usize,
}

/// A Rust module: a file, or inline in one.
struct Module {
    parent: Option<usize>,
    file: usize,
    /// May be several of a name, by cfg.
    children: BTreeMap<String, Vec<usize>>,
    imports: Vec<(Option<String>, Written)>,
    macros: BTreeSet<String>,
    macro_use: bool,
}

/// What a path leads to.
#[derive(Debug, PartialEq, Eq)]
enum Meaning {
    Modules(Vec<usize>),
    /// Something that is no Rust module, and stands in one of these.
    Item(Vec<usize>),
    /// A macro that each of these files exports.
    Macro(Vec<usize>),
    /// Another crate, or nothing that is known here.
    Elsewhere,
}

/// How many names a path may lead through that stand for other paths.
const DEPTH: usize = 16;

impl<'a> Crate<'a> {
    /// Reads the crate of which `root` is the first file (`a/src/lib.rs`).
    ///
    /// # Errors
    ///
    /// Which `mod` has no file.
    pub(crate) fn new(sources: &'a Sources, src: &str, root: &str) -> Result<Self, String> {
        let mut new = Self::empty();
        new.read(sources, src, root, None, true, false)?;
        Ok(new)
    }

    /// Reads files that are added to a crate whose root is somewhere else.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub(crate) fn added(sources: &'a Sources, src: &str, files: &[String]) -> Result<Self, String> {
        let mut new = Self::empty();
        new.modules.push(Module::new(None, usize::MAX));
        for path in files {
            let module = new.read(sources, src, path, Some(0), false, false)?;
            let name = path[src.len()..].trim_end_matches(".rs").to_owned();
            new.modules[0]
                .children
                .entry(name)
                .or_default()
                .push(module);
        }
        Ok(new)
    }

    fn empty() -> Self {
        Self {
            files: Vec::new(),
            modules: Vec::new(),
            exported: BTreeMap::new(),
        }
    }

    /// Reads a file and all files that it declares; returns the Rust module that it is.
    fn read(
        &mut self,
        sources: &'a Sources,
        src: &str,
        path: &str,
        parent: Option<usize>,
        owns_folder: bool,
        macro_use: bool,
    ) -> Result<usize, String> {
        let parsed = sources
            .parsed(path)
            .ok_or_else(|| format!("{path}: is for tests"))?;
        let (file, module) = (self.files.len(), self.modules.len());
        self.modules.push(Module {
            macro_use,
            ..Module::new(parent, file)
        });
        let name = path
            .strip_prefix(src)
            .unwrap_or(path)
            .trim_end_matches(".rs")
            .to_owned();
        self.files.push(File {
            path: path.to_owned(),
            name,
            parsed,
            module,
        });
        // Inline modules stand before what is in them.
        for declared in &parsed.declared {
            let around = self.inline(module, &declared.within);
            if !declared.is_file {
                let mut inline = Module::new(Some(around), file);
                inline.macro_use = declared.macro_use;
                self.add_child(around, &declared.name, inline);
                continue;
            }
            for child in files_of(sources, path, owns_folder, declared)? {
                if !child.starts_with(src) {
                    continue;
                }
                let owns = child.ends_with("/mod.rs") || !declared.paths.is_empty();
                let child =
                    self.read(sources, src, &child, Some(around), owns, declared.macro_use)?;
                let children = &mut self.modules[around].children;
                children
                    .entry(declared.name.clone())
                    .or_default()
                    .push(child);
            }
        }
        for import in &parsed.imports {
            let within = self.inline(module, &import.path.within);
            self.modules[within]
                .imports
                .push((import.name.clone(), import.path.clone()));
        }
        for defined in &parsed.macros {
            let within = self.inline(module, &defined.within);
            self.modules[within].macros.insert(defined.name.clone());
            if defined.exported {
                self.exported
                    .entry(defined.name.clone())
                    .or_default()
                    .push(file);
            }
        }
        Ok(module)
    }

    fn add_child(&mut self, parent: usize, name: &str, child: Module) {
        self.modules.push(child);
        let child = self.modules.len() - 1;
        self.modules[parent]
            .children
            .entry(name.to_owned())
            .or_default()
            .push(child);
    }

    /// The inline module of these names.
    fn inline(&self, module: usize, names: &[String]) -> usize {
        names.iter().fold(module, |module, name| {
            let children = &self.modules[module].children[name];
            *children.last().expect("it was declared before")
        })
    }

    /// The files that a path of the file `from` means; not `from` itself.
    pub(crate) fn files_meant(&self, from: usize, written: &Written) -> BTreeSet<usize> {
        let module = self.inline(self.files[from].module, &written.within);
        let meaning = match (written.form, &written.names[..]) {
            (Form::Macro, [name]) => self.macro_in_scope(module, name),
            (Form::Path, [_]) => Meaning::Elsewhere,
            _ => self.walk(module, &written.names, written.form == Form::Expansion, 0),
        };
        let mut files: BTreeSet<usize> = match meaning {
            Meaning::Modules(modules) | Meaning::Item(modules) => modules
                .iter()
                .map(|module| self.modules[*module].file)
                .collect(),
            // Where several files export it, by cfg, each means its own.
            Meaning::Macro(files) if files.contains(&from) => BTreeSet::new(),
            Meaning::Macro(files) => files.into_iter().collect(),
            Meaning::Elsewhere => BTreeSet::new(),
        };
        files.remove(&from);
        // The root of a crate whose root is somewhere else.
        files.remove(&usize::MAX);
        files
    }

    /// Follows a path from a Rust module.
    ///
    /// With `through`, items that are re-exported are looked through.
    fn walk(&self, from: usize, names: &[String], through: bool, depth: usize) -> Meaning {
        let (first, rest) = match names {
            [first, rest @ ..] if depth < DEPTH => (first.as_str(), rest),
            _ => return Meaning::Elsewhere,
        };
        let mut here = match first {
            "crate" => vec![0],
            "self" => vec![from],
            "super" => match self.parent(from) {
                Some(parent) => vec![parent],
                None => return Meaning::Elsewhere,
            },
            name => match self.look_up(from, name, through, depth + 1) {
                Some(Meaning::Modules(modules)) => modules,
                // What an import means was counted where it is imported.
                _ => return Meaning::Elsewhere,
            },
        };
        for name in rest {
            if name == "super" {
                here = here
                    .iter()
                    .filter_map(|module| self.parent(*module))
                    .collect();
                continue;
            }
            let mut next = Vec::new();
            let mut other = None;
            for module in &here {
                match self.look_up(*module, name, through, depth + 1) {
                    Some(Meaning::Modules(modules)) => next.extend(modules),
                    found => other = other.or(found),
                }
            }
            if !next.is_empty() {
                here = next;
            } else if let Some(found) = other {
                return found;
            } else {
                return Meaning::Item(here);
            }
        }
        Meaning::Modules(here)
    }

    /// The Rust module around another.
    fn parent(&self, module: usize) -> Option<usize> {
        self.modules[module].parent
    }

    /// What a name stands for in a Rust module; `None` where it is an item of that module, or
    /// unknown.
    fn look_up(&self, module: usize, name: &str, through: bool, depth: usize) -> Option<Meaning> {
        let here = &self.modules[module];
        if let Some(children) = here.children.get(name) {
            return Some(Meaning::Modules(children.clone()));
        }
        if module == 0
            && let Some(files) = self.exported.get(name)
        {
            return Some(Meaning::Macro(files.clone()));
        }
        for (import, path) in &here.imports {
            if import.as_deref() != Some(name) || path.names == [name] {
                continue;
            }
            let within = self.walk(module, &path.names, through, depth + 1);
            match within {
                Meaning::Modules(_) => return Some(within),
                Meaning::Item(_) | Meaning::Macro(_) if through => return Some(within),
                Meaning::Elsewhere if through || path.names.len() == 1 => return Some(within),
                _ => {}
            }
        }
        here.imports
            .iter()
            .filter(|(name, _)| name.is_none())
            .find_map(
                |(_, glob)| match self.walk(module, &glob.names, through, depth + 1) {
                    Meaning::Modules(modules) => modules
                        .iter()
                        .filter(|glob| **glob != module)
                        .find_map(|glob| self.look_up_if_module(*glob, name, through, depth + 1)),
                    _ => None,
                },
            )
    }

    /// As [`look_up`](Self::look_up), within the limit.
    fn look_up_if_module(
        &self,
        module: usize,
        name: &str,
        through: bool,
        depth: usize,
    ) -> Option<Meaning> {
        (depth < DEPTH)
            .then(|| self.look_up(module, name, through, depth))
            .flatten()
    }

    /// Who defines a macro that is called by its bare name: the nearest Rust module around the
    /// call that has it, itself or in a child that is declared with `#[macro_use]`.
    fn macro_in_scope(&self, module: usize, name: &str) -> Meaning {
        let mut around = Some(module);
        while let Some(module) = around {
            if let Some(found) = self.macro_of(module, name) {
                return Meaning::Item(vec![found]);
            }
            let imports = &self.modules[module].imports;
            if imports
                .iter()
                .any(|(import, _)| import.as_deref() == Some(name))
            {
                break;
            }
            around = self.parent(module);
        }
        Meaning::Elsewhere
    }

    fn macro_of(&self, module: usize, name: &str) -> Option<usize> {
        let here = &self.modules[module];
        if here.macros.contains(name) {
            return Some(module);
        }
        let children = here.children.values().flatten();
        children
            .filter(|child| self.modules[**child].macro_use)
            .find_map(|child| self.macro_of(*child, name))
    }
}

impl Module {
    fn new(parent: Option<usize>, file: usize) -> Self {
        Self {
            parent,
            file,
            children: BTreeMap::new(),
            imports: Vec::new(),
            macros: BTreeSet::new(),
            macro_use: false,
        }
    }
}

/// The files that a `mod name;` of the file `path` declares. `owns_folder`: `lib.rs`, `mod.rs` and
/// the like have their children beside them, others in a folder of their name.
fn files_of(
    sources: &Sources,
    path: &str,
    owns_folder: bool,
    declared: &Declared,
) -> Result<Vec<String>, String> {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let mut around = folder.to_owned();
    if !owns_folder && (declared.paths.is_empty() || !declared.within.is_empty()) {
        around = format!("{around}/{}", file.trim_end_matches(".rs"));
    }
    for name in &declared.within {
        around = format!("{around}/{name}");
    }
    let name = &declared.name;
    let candidates = match &declared.paths[..] {
        [] => vec![
            format!("{around}/{name}.rs"),
            format!("{around}/{name}/mod.rs"),
        ],
        paths => paths
            .iter()
            .map(|path| normal(&format!("{around}/{path}")))
            .collect(),
    };
    let files: Vec<String> = candidates
        .into_iter()
        .filter(|path| sources.get(path).is_some())
        .collect();
    if files.is_empty() {
        return Err(format!("{path}: `mod {name};` has no file"));
    }
    Ok(files)
}

/// A path without `..`.
fn normal(path: &str) -> String {
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}
