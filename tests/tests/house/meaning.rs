//! What a path means: which files of the crate.
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
//!
//! What no path shows is not seen: a call of a method does not name the method's file, and a symbol
//! of the linker names no file at all.

use std::collections::BTreeSet;

use crate::parsed::{Form, Written};
use crate::tree::{Crate, ELSEWHERE};

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

impl Crate<'_> {
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
        files.remove(&ELSEWHERE);
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
