//! The Rust modules of a crate: what `mod`, `use` and `macro_rules!` declare, file by file.

use std::collections::{BTreeMap, BTreeSet};

use crate::parsed::{Declared, Parsed, Written};
use crate::sources::Sources;

/// One target of a package: a library or a program.
pub(crate) struct Crate<'a> {
    pub(crate) files: Vec<File<'a>>,
    pub(crate) modules: Vec<Module>,
    /// Macros of which the path is `crate::name`, with their files: several, by cfg.
    pub(crate) exported: BTreeMap<String, Vec<usize>>,
}

/// A file of a crate that `mod` declares, directly or not.
pub(crate) struct File<'a> {
    /// From the repository's root.
    pub(crate) path: String,
    /// From `src`, without `.rs`: `a/mod`.
    pub(crate) name: String,
    pub(crate) parsed: &'a Parsed,
    /// The Rust module that the file is.
    pub(crate) module: usize,
}

/// A Rust module: a file, or inline in one.
pub(crate) struct Module {
    pub(crate) parent: Option<usize>,
    /// [`ELSEWHERE`] for the root of a crate to which the files are added.
    pub(crate) file: usize,
    /// May be several of a name, by cfg.
    pub(crate) children: BTreeMap<String, Vec<usize>>,
    /// Names that are given to paths; `None` for a glob.
    pub(crate) imports: Vec<(Option<String>, Written)>,
    pub(crate) macros: BTreeSet<String>,
    /// `#[macro_use]`: its macros are in scope behind it.
    pub(crate) macro_use: bool,
}

/// No file of the crate.
pub(crate) const ELSEWHERE: usize = usize::MAX;

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
        new.modules.push(Module::new(None, ELSEWHERE));
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
    pub(crate) fn inline(&self, module: usize, names: &[String]) -> usize {
        names.iter().fold(module, |module, name| {
            let children = &self.modules[module].children[name];
            *children.last().expect("it was declared before")
        })
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
