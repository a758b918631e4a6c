//! An image as text, for a person.
//!
//! ```text
//! module/target/debug/libmodule.so
//!   file              ELF x86_64, a module
//!   ABI               1
//!   compiler          rustc 1.95.0 (59807616e 2026-04-14)
//!   …
//!
//! tokio 1.54.1
//!   checksum          …
//!   features          fs, io-util, macros, net
//!   …
//!
//! keys
//!   key                                                       size  align  type
//!   thread-local tokio 1.54.1: tokio::runtime::context::CONTEXT  …      8  Context
//! ```
//!
//! Everything that `check` compares is there, so a difference that it reports can be looked up in
//! both files.

use std::fmt::Write as _;

use tls_slots_manifest::{Crate, StdCopy};

use super::image::{Image, hex};

impl Image {
    /// The image as a person reads it: a line for each fact, and a table of the keys.
    pub fn render(&self) -> String {
        let mut text = format!("{}\n", self.path.display());
        self.facts(&mut text);
        for one in &self.manifest.crates {
            forked_crate(&mut text, one);
        }
        let rows = self.keys().into_iter().map(|key| {
            let path = format!(
                "{} {}: {}::{}",
                key.package, key.version, key.path, key.name
            );
            let [size, align] = [key.size, key.align].map(|number| number.to_string());
            [
                format!("{} {path}", key.kind),
                size,
                align,
                one_line(&key.type_text),
            ]
        });
        let _ = writeln!(text, "\nkeys");
        table(&mut text, ["key", "size", "align", "type"], rows);
        text
    }

    /// Appends what is known of the file and its compiler.
    fn facts(&self, text: &mut String) {
        let manifest = &self.manifest;
        let compiler = &manifest.compiler;
        let role = match self.exports_host {
            true => "exports the host's state to modules",
            false => "a module",
        };
        let file = format!("{} {}, {role}", self.format, self.architecture);
        line(text, "file", &file);
        line(text, "ABI", &manifest.abi.to_string());
        line(text, "compiler", &compiler.rustc);
        line(text, "commit", &compiler.commit);
        line(text, "target", &compiler.target);
        line(text, "std", &std(&self.std));
        line(text, "panic", &compiler.panic);
        line(text, "debug assertions", on(compiler.debug_assertions));
        line(text, "order of fields", &hex(compiler.layout_probe));
        let flags = compiler.flags.iter();
        let flags: Vec<String> = flags
            .map(|flag| format!("{}={}", flag.name, flag.value))
            .collect();
        line(text, "flags", &list(flags.iter().map(String::as_str)));
        let allocator = match &manifest.allocator {
            None => "not told".to_owned(),
            Some(one) if one.forwards => format!("{}, by the host's", one.name),
            Some(one) => one.name.clone(),
        };
        line(text, "allocator", &allocator);
    }
}

/// Appends one forked crate.
fn forked_crate(text: &mut String, one: &Crate) {
    let _ = writeln!(text, "\n{} {}", one.name, one.version);
    line(text, "checksum", &one.checksum);
    line(text, "sources", &one.source);
    line(text, "features", &list(one.enabled_features()));
    let cfgs = one.cfgs.iter().filter(|cfg| cfg.enabled);
    line(text, "cfgs", &list(cfgs.map(|cfg| cfg.name.as_str())));
    let dependencies: Vec<String> = one
        .dependencies
        .iter()
        .filter(|dependency| dependency.enabled && !dependency.version.is_empty())
        .map(|dependency| format!("{} {}", dependency.name, dependency.version))
        .collect();
    let dependencies = list(dependencies.iter().map(String::as_str));
    line(text, "dependencies", &dependencies);
    let rows = one.types.iter().map(|one| {
        let [size, align] = [one.size, one.align].map(|number| number.to_string());
        [one.name.clone(), size, align, hex(one.fields)]
    });
    table(text, ["type", "size", "align", "fields"], rows);
}

/// Appends one fact.
fn line(text: &mut String, what: &str, value: &str) {
    let _ = writeln!(text, "  {what:<17} {value}");
}

/// Which std an image has, in words.
fn std(std: &StdCopy) -> String {
    match std {
        StdCopy::Shared { file } => format!("shared, by {file}"),
        _ => "its own".to_owned(),
    }
}

/// A switch in words.
fn on(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

/// The names with commas between, or `none`.
fn list<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    match names.is_empty() {
        true => "none".to_owned(),
        false => names.join(", "),
    }
}

/// The text on one line: a type may have been written over several lines.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Appends a table whose second and third columns are numbers; nothing if there are no rows.
fn table(text: &mut String, head: [&str; 4], rows: impl Iterator<Item = [String; 4]>) {
    let rows: Vec<[String; 4]> = std::iter::once(head.map(str::to_owned))
        .chain(rows)
        .collect();
    if rows.len() == 1 {
        return;
    }
    let width = |at: usize| {
        let widths = rows.iter().map(|row| row[at].chars().count());
        widths.max().unwrap_or_default()
    };
    let (a, b, c) = (width(0), width(1), width(2));
    for row in &rows {
        let _ = writeln!(
            text,
            "  {:a$}  {:>b$}  {:>c$}  {}",
            row[0], row[1], row[2], row[3]
        );
    }
}
