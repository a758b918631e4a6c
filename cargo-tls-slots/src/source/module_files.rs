//! Which other files a file of a crate takes in, by `mod` items and by `include!`.
//!
//! A crate's files are not simply those of a folder: a `#[path = "…"]` or an `include!` may name
//! any file of the package, and that file may hold state.

use super::place;
use super::tokens::Source;

/// The Rust modules that the `mod` items of the file at `path` declare, each with the index of its
/// `mod`.
///
/// `lib.rs` and `mod.rs` have their children beside them, other files in a folder of their own
/// name. A `#[path = "…"]` is relative to the file's own folder.
pub(crate) fn declared(path: &str, source: &Source<'_>) -> Vec<(usize, String)> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let home = match name {
        "lib.rs" | "mod.rs" => folder.to_owned(),
        _ => joined(folder, name.trim_end_matches(".rs")),
    };
    (0..source.tokens.len())
        .filter(|index| source.is_ident(*index, "mod") && source.at(index + 2) == ";")
        .map(|index| {
            let module = match path_attribute(source, index) {
                Some(file) => self::module(&joined(folder, file)).to_owned(),
                None => {
                    let inside = enclosing_modules(source, index);
                    let inside = inside
                        .iter()
                        .fold(home.clone(), |at, name| joined(&at, name));
                    joined(&inside, source.at(index + 1).trim_start_matches("r#"))
                }
            };
            (index, module)
        })
        .collect()
}

/// The files that the file at `path` takes in: what its `mod` items declare, and what it includes
/// by name. Those that are not there count, too.
pub(crate) fn taken_in(path: &str, source: &Source<'_>) -> Vec<String> {
    let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let modules = declared(path, source).into_iter();
    let mut files: Vec<String> = modules
        .flat_map(|(_, module)| [format!("{module}.rs"), format!("{module}/mod.rs")])
        .collect();
    for at in 0..source.tokens.len() {
        if source.is_ident(at, "include") && source.at(at + 1) == "!" {
            let name = source.at(at + 3);
            if let Some(name) = name
                .strip_prefix('"')
                .and_then(|name| name.strip_suffix('"'))
            {
                files.push(joined(folder, name));
            }
        }
    }
    files
}

/// The Rust module that a file is, as a path without `.rs` and without `/mod.rs`.
pub(crate) fn module(path: &str) -> &str {
    let path = path.trim_end_matches(".rs");
    path.strip_suffix("/mod").unwrap_or(path)
}

/// The path of `name` in `folder`, which is empty for the crate's own, without `.` and `..`.
fn joined(folder: &str, name: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in folder.split('/').chain(name.split('/')) {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The file that a `#[path = "…"]` before the `mod` at `index` names.
fn path_attribute<'a>(source: &Source<'a>, index: usize) -> Option<&'a str> {
    let mut lead = place::lead(source, index);
    let at = lead.find(|at| {
        source.at(*at) == "[" && source.is_ident(at + 1, "path") && source.at(at + 2) == "="
    })?;
    Some(source.at(at + 3).trim_matches('"'))
}

/// The names of the Rust modules of this file around the token at `index`, from the outside.
fn enclosing_modules<'a>(source: &Source<'a>, index: usize) -> Vec<&'a str> {
    let mut names: Vec<&str> = source
        .ancestors(index)
        .filter(|open| source.at(*open) == "{" && source.before(*open, 2) == "mod")
        .map(|open| source.before(open, 1))
        .collect();
    names.reverse();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_takes_in() {
        let text = "mod a; mod b { mod c; } #[path = \"../d/e.rs\"] mod f; include!(\"g.in\"); \
                    include!(concat!(env!(\"OUT_DIR\"), \"/h.rs\"));";
        let source = Source::parse(text).unwrap();
        assert_eq!(
            taken_in("src/lib.rs", &source),
            [
                "src/a.rs",
                "src/a/mod.rs",
                "src/b/c.rs",
                "src/b/c/mod.rs",
                "d/e.rs",
                "d/e/mod.rs",
                "src/g.in"
            ]
        );
    }
}
