//! An image as JSON, for a program.
//!
//! The form is stable: members are added and not renamed. A list is there also where it is empty,
//! and what an image does not tell is `null`.

use serde_json::{Value, json};
use tls_slots_manifest::{Crate, Key, StdCopy};

use super::image::{Image, hex};

impl Image {
    /// The image as JSON.
    ///
    /// Hashes are strings of sixteen hexadecimal digits: a number of JSON need not hold 64 bits.
    pub fn json(&self) -> Value {
        let manifest = &self.manifest;
        let compiler = &manifest.compiler;
        let crates: Vec<Value> = manifest.crates.iter().map(crate_json).collect();
        let flags: Vec<Value> = compiler
            .flags
            .iter()
            .map(|flag| json!({ "name": flag.name, "value": flag.value }))
            .collect();
        let keys: Vec<Value> = self.keys().into_iter().map(key_json).collect();
        json!({
            "file": self.path.to_string_lossy(),
            "format": self.format,
            "architecture": self.architecture,
            "exports_host": self.exports_host,
            "abi": manifest.abi,
            "compiler": {
                "rustc": compiler.rustc,
                "commit": compiler.commit,
                "target": compiler.target,
                "panic": compiler.panic,
                "debug_assertions": compiler.debug_assertions,
                "layout_probe": hex(compiler.layout_probe),
                "flags": flags,
            },
            "shared_std": match &self.std {
                StdCopy::Shared { file } => Some(file),
                _ => None,
            },
            "allocator": manifest.allocator.as_ref().map(|one| json!({
                "name": one.name,
                "forwards": one.forwards,
            })),
            "crates": crates,
            "keys": keys,
        })
    }
}

/// One forked crate.
fn crate_json(one: &Crate) -> Value {
    let features: Vec<Value> = one
        .features
        .iter()
        .map(|feature| {
            json!({
                "name": feature.name,
                "enabled": feature.enabled,
                "group": feature.group,
            })
        })
        .collect();
    let cfgs: Vec<Value> = one
        .cfgs
        .iter()
        .map(|cfg| json!({ "name": cfg.name, "enabled": cfg.enabled }))
        .collect();
    let dependencies: Vec<Value> = one
        .dependencies
        .iter()
        .map(|dependency| {
            json!({
                "name": dependency.name,
                "version": dependency.version,
                "enabled": dependency.enabled,
            })
        })
        .collect();
    let types: Vec<Value> = one
        .types
        .iter()
        .map(|one| {
            json!({
                "name": one.name,
                "size": one.size,
                "align": one.align,
                "fields": hex(one.fields),
            })
        })
        .collect();
    json!({
        "name": one.name,
        "version": one.version,
        "checksum": one.checksum,
        "source": one.source,
        "features": features,
        "cfgs": cfgs,
        "dependencies": dependencies,
        "types": types,
    })
}

/// One key.
fn key_json(key: &Key) -> Value {
    json!({
        "kind": key.kind.to_string(),
        "package": key.package,
        "version": key.version,
        "path": key.path,
        "name": key.name,
        "file": key.file,
        "line": key.line,
        "column": key.column,
        "type": key.type_text,
        "size": key.size,
        "align": key.align,
    })
}
