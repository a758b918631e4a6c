//! Writes the projects of mode `module`: the attribute, the module and the host.
//!
//! The projects are written as a user would write them, so that the mode tests what users do: the
//! fork is patched in by the lines that `cargo tls-slots fork` prints, and the host has the build
//! script that README tells to write.

use std::path::{Path, PathBuf};

use semver::Version;

use super::cargo_toml::{features, of_module};
use crate::conformance::error::Error;
use crate::conformance::options::Context;
use crate::conformance::rewrite::rewrite;
use crate::conformance::work;
use crate::fork::Forked;

/// The attribute that takes the place of all test attributes.
const MACROS: &str = include_str!("../../../templates/macros.rs");
/// The module's part that is not upstream's: the list of tests, and the entries.
const SUPPORT: &str = include_str!("../../../templates/support.rs");
/// The program of the host, with two marks for what depends on the release: see [`host`].
const HOST: &str = include_str!("../../../templates/host.rs");

/// The release from which tokio has a stable `LocalRuntime`, and names of runtimes.
const LOCAL_SINCE: Version = Version::new(1, 51, 0);

/// Where the projects are that are built, and the forks that they use.
pub(in crate::conformance) struct Projects {
    /// The folder of the host.
    pub(super) host: PathBuf,
    /// The folder of the module.
    pub(super) module: PathBuf,
    /// The folder of the forked tokio.
    pub(super) tokio: PathBuf,
}

/// What the projects are made from.
pub(in crate::conformance) struct Sources<'a> {
    /// The release of tokio.
    pub(in crate::conformance) version: &'a Version,
    /// The folder of upstream's release, for the tests and the lock file.
    pub(in crate::conformance) upstream: &'a Path,
    /// The fork of the release.
    pub(in crate::conformance) forked: &'a Forked,
    /// The test files to take, by name without `.rs`; empty means all.
    pub(in crate::conformance) files: &'a [String],
}

impl Projects {
    /// Writes the projects below the folder `work`.
    ///
    /// # Errors
    ///
    /// [`Error::Read`], [`Error::CargoToml`] or [`Error::Lex`] for a file of upstream,
    /// [`Error::Write`] for one of a project, and the errors of [`work::lock`].
    pub(in crate::conformance) fn write(
        context: &Context,
        work: &Path,
        from: &Sources<'_>,
    ) -> Result<Self, Error> {
        let projects = Projects {
            host: work.join("host"),
            module: work.join("module"),
            tokio: from.forked.crates[0].dir.clone(),
        };
        let patches = from.forked.patch_lines();
        write_macros(&work.join("macros"))?;
        projects.write_module(from, &patches)?;
        projects.write_host(from.version, &patches)?;
        let published = from.upstream.join("Cargo.lock");
        for project in [&projects.module, &projects.host] {
            work::lock(project, &published, from.version, context.offline)?;
        }
        Ok(projects)
    }

    /// Writes the module: its `Cargo.toml`, the rewritten tests, and the root that names them.
    fn write_module(&self, from: &Sources<'_>, patches: &str) -> Result<(), Error> {
        let upstream = from.upstream.join("Cargo.toml");
        let text = of_module(&work::read(&upstream)?, from.version, patches)
            .map_err(|error| Error::CargoToml(upstream, error))?;
        work::write(&self.module.join("Cargo.toml"), &text)?;
        write_tests(
            &from.upstream.join("tests"),
            &self.module.join("src"),
            from.files,
        )
    }

    /// Writes the host: a `Cargo.toml`, a build script that exports the state, and the program.
    fn write_host(&self, version: &Version, patches: &str) -> Result<(), Error> {
        work::write(
            &self.host.join("Cargo.toml"),
            &format!(
                "[package]\nname = \"conformance-host\"\nversion = \"0.0.0\"\n\
                 edition = \"2021\"\n\n\
                 [[bin]]\nname = \"conformance-host\"\npath = \"main.rs\"\n\n\
                 [dependencies]\ntokio = {{ version = \"={version}\", features = {} }}\n\
                 tls-slots = \"0.1\"\ntls-slots-load = \"0.1\"\n\n\
                 [build-dependencies]\ntls-slots-build = \"0.1\"\n\n[workspace]\n\n{patches}",
                features()
            ),
        )?;
        work::write(
            &self.host.join("build.rs"),
            "//! Exports what modules resolve their keys with.\n\n\
             fn main() {\n    tls_slots_build::host();\n}\n",
        )?;
        work::write(&self.host.join("main.rs"), &host(version))
    }
}

/// Writes the project of the attribute.
fn write_macros(folder: &Path) -> Result<(), Error> {
    work::write(
        &folder.join("Cargo.toml"),
        "[package]\nname = \"conformance_macros\"\nversion = \"0.0.0\"\nedition = \"2021\"\n\n\
         [lib]\nproc-macro = true\npath = \"lib.rs\"\n\n[workspace]\n",
    )?;
    work::write(&folder.join("lib.rs"), MACROS)
}

/// The host's program. Releases differ in what `#[tokio::test]` can ask for, so two places of the
/// template depend on the release.
fn host(version: &Version) -> String {
    let local = "\"local\" => {
            let runtime = builder
                .build_local(Default::default())
                .map_err(|error| error.to_string())?;
            runtime.block_on(body)
        }";
    match *version >= LOCAL_SINCE {
        true => HOST
            .replace("/* local */", local)
            .replace("/* name */", "builder.name(name);"),
        false => HOST.to_owned(),
    }
}

/// Writes the rewritten test files and the crate's root. A file that `files` leaves out is written,
/// and the root does not name it.
fn write_tests(tests: &Path, src: &Path, files: &[String]) -> Result<(), Error> {
    let mut root = String::from(
        "//! Upstream's tests as a module of a host.\n\n#![allow(warnings)]\n\n\
         mod conformance_support;\n\n",
    );
    work::write(&src.join("conformance_support.rs"), SUPPORT)?;
    for path in work::files(tests)? {
        let text = work::read(&tests.join(&path))?;
        let name = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default();
        let is_test = path.components().count() == 1;
        let rewritten = match is_test {
            true => rewrite(&text, name),
            // What a file shares with others is below it here.
            false => Ok(text),
        };
        let rewritten =
            rewritten.map_err(|error| Error::Lex(tests.join(&path), error.to_string()))?;
        work::write(&src.join("tests").join(&path), &rewritten)?;
        if is_test && (files.is_empty() || files.iter().any(|file| file == name)) {
            root += &format!("#[path = \"tests/{name}.rs\"]\nmod {name};\n");
        }
    }
    work::write(&src.join("lib.rs"), &root)
}
