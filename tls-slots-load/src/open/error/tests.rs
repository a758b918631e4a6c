//! Every error is one sentence that names the file, and the sentences are those of the snapshot.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use tls_slots_manifest::{Allowed, Manifest, Mismatch, ParseError, compare};

use super::{HostProblem, LoadError};

/// An error and what caused it, one line each.
fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text += &format!("\n  caused by: {cause}");
        source = cause.source();
    }
    text
}

fn path() -> PathBuf {
    PathBuf::from("/srv/libsite.so")
}

/// An error of the system's loader.
fn system() -> libloading::Error {
    let error = c"libx.so.1: cannot open shared object file: No such file or directory";
    libloading::Error::DlOpen {
        source: error.into(),
    }
}

fn manifest_error() -> ParseError {
    Manifest::parse(&[0; 8]).expect_err("there is nothing in it")
}

/// Of a host that differs from this program in two points.
fn mismatch() -> Mismatch {
    let mut host = tls_slots::manifest().expect("a test is a host").clone();
    host.keys.clear();
    let mut module = host.clone();
    for (manifest, commit, debug_assertions) in
        [(&mut host, "1111", true), (&mut module, "2222", false)]
    {
        manifest.compiler.rustc = "rustc 1.95.0".to_owned();
        manifest.compiler.commit = commit.to_owned();
        manifest.compiler.debug_assertions = debug_assertions;
    }
    compare(&host.into(), &module.into(), &Allowed::default()).expect_err("they differ")
}

fn all() -> Vec<LoadError> {
    let host = |problem| LoadError::Host { problem };
    let name = || "render".to_owned();
    vec![
        host(HostProblem::NotExported {
            symbol: "tls_slots_register_v1".to_owned(),
        }),
        host(HostProblem::OtherHost {
            file: Some("/srv/site".to_owned()),
        }),
        host(HostProblem::OtherHost { file: None }),
        host(HostProblem::Static),
        host(HostProblem::Manifest {
            source: manifest_error(),
        }),
        LoadError::NotFound {
            path: path(),
            source: io::ErrorKind::NotFound.into(),
        },
        LoadError::Read {
            path: path(),
            source: io::ErrorKind::PermissionDenied.into(),
        },
        LoadError::NotAFile {
            path: path(),
            what: "a folder",
        },
        LoadError::TooLarge {
            path: path(),
            size: 3 << 30,
            most: 1 << 30,
        },
        LoadError::Changed { path: path() },
        LoadError::Writable {
            path: path(),
            writable: "/srv".into(),
            by: "everybody".to_owned(),
        },
        LoadError::Digest {
            path: path(),
            expected: [0xAB; 32],
            found: [0x01; 32],
        },
        LoadError::NotShared {
            path: path(),
            what: "a script".to_owned(),
        },
        LoadError::Architecture {
            path: path(),
            host: "x86_64".to_owned(),
            module: "aarch64".to_owned(),
        },
        LoadError::Corrupt {
            path: path(),
            reason: "a segment lies beyond the end of the file".to_owned(),
        },
        LoadError::ContainsHost {
            path: path(),
            symbol: "tls_slots_register_v1".to_owned(),
        },
        LoadError::NoManifest {
            path: path(),
            unforked: None,
        },
        LoadError::Dylib {
            path: path(),
            libraries: vec!["libexports.so".to_owned(), "libc.so.6".to_owned()],
        },
        LoadError::Manifest {
            path: path(),
            source: manifest_error(),
        },
        LoadError::Abi {
            path: path(),
            module: "2".to_owned(),
        },
        LoadError::Mismatch {
            path: path(),
            source: mismatch(),
        },
        LoadError::Rejected {
            path: path(),
            source: "the signature is not ours".into(),
        },
        LoadError::Copy {
            path: path(),
            source: io::ErrorKind::StorageFull.into(),
        },
        LoadError::Replaced { path: path() },
        LoadError::Open {
            path: path(),
            source: system(),
        },
        LoadError::Refused {
            path: path(),
            reason: "a reason".to_owned(),
        },
        LoadError::NotRegistered { path: path() },
        LoadError::NoEntry {
            path: path(),
            name: name(),
            entries: Vec::new(),
        },
        LoadError::NoEntry {
            path: path(),
            name: name(),
            entries: vec!["draw".to_owned()],
        },
        LoadError::NoEntry {
            path: path(),
            name: name(),
            entries: vec!["draw".to_owned(), "paint".to_owned(), "print".to_owned()],
        },
        LoadError::NoSymbol {
            path: path(),
            name: name(),
            source: system(),
        },
        LoadError::Kind {
            path: path(),
            name: name(),
            is_async: true,
        },
        LoadError::Kind {
            path: path(),
            name: name(),
            is_async: false,
        },
        LoadError::Signature {
            path: path(),
            name: name(),
            host: "fn(u32) -> u64",
            module: "fn(u64) -> u64".to_owned(),
        },
        LoadError::Layout {
            path: path(),
            name: name(),
            signature: "fn(site::Page)",
        },
        LoadError::Types {
            path: path(),
            name: name(),
            signature: "fn(site::Page)",
            package: "site".to_owned(),
        },
    ]
}

#[test]
fn every_error_is_a_sentence_that_names_the_file() {
    let all = all();
    for error in &all {
        let text = error.to_string();
        assert_eq!(
            error.path().is_some(),
            text.contains("/srv/libsite.so"),
            "{text}"
        );
        // One sentence, but for the table.
        let sentence = !text.ends_with(['.', '\n', ' ']) && !text.contains('\n');
        let table = matches!(error, LoadError::Mismatch { .. });
        assert_ne!(sentence, table, "{text}");
    }
    let told: Vec<_> = all.iter().map(|error| told(error)).collect();
    insta::assert_snapshot!(told.join("\n"));
}
