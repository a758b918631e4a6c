//! Section `edit`: from a one-line change to its effect, and what the binaries weigh.
//!
//! The demo's three modules are compared as modules of a running host and linked statically into
//! one program. The same line of the math module's source is changed for both. A round ends when
//! the changed code has answered: in the running host, which loads the new build beside the old
//! one, or in the program that was built and started again.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Instant;

use cargo_tls_slots::fork::{self, ForkOptions, Forked};
use cargo_tls_slots::with_causes;

use crate::effort::Effort;
use crate::error::Error;
use crate::measure::{self, Samples};
use crate::places;
use crate::project::{self, Work};
use crate::row::{Row, Rows, Section};

/// What the changed line says.
const SENTENCE: &str = "is too long";

/// The demo and the program that uses it, copied, as sources are changed.
struct Site {
    /// All that the demo forks.
    forked: Forked,
    folder: PathBuf,
    release: bool,
}

impl Site {
    /// Copies the sources below the work folder, and forks what they use.
    fn copy(work: &Work, release: bool) -> Result<Self, Error> {
        let folder = work.folder().join("edit");
        let repository = places::repository();
        for part in [
            "examples/site/contract",
            "examples/site/modules",
            "benches/projects/site",
        ] {
            let whole = |_: &Path, content| Ok(Some(content));
            places::copy(&repository.join(part), &folder.join(part), &whole)
                .map_err(|error| format!("cannot copy {part}: {error}"))?;
        }
        let mut options = ForkOptions::new(folder.join("forks"));
        options.lockfile = Some(folder.join("benches/projects/site/Cargo.lock"));
        let forked = fork::fork(&options).map_err(|error| with_causes(&error))?;
        Ok(Self {
            forked,
            folder,
            release,
        })
    }

    /// The name of the profile's folder in a target folder.
    fn profile(&self) -> &'static str {
        if self.release { "release" } else { "debug" }
    }

    /// The target folder of one build: host and modules know nothing of each other.
    fn target(&self, name: &str) -> PathBuf {
        self.folder.join("target").join(self.profile()).join(name)
    }

    /// Builds a project into its own target folder; returns the file.
    fn build(
        &self,
        project: &str,
        name: &str,
        features: &[&str],
        file: &str,
    ) -> Result<PathBuf, Error> {
        let target = self.target(name);
        let mut command = project::cargo();
        command
            .current_dir(self.folder.join(project))
            .arg("build")
            .args(self.forked.cargo_config_args())
            .args(features)
            .arg("--target-dir")
            .arg(&target);
        if self.release {
            command.arg("--release");
        }
        project::run_cargo(&mut command)?;
        Ok(target.join(self.profile()).join(file))
    }

    /// Builds one of the demo's modules.
    fn module(&self, name: &str) -> Result<PathBuf, Error> {
        let project = format!("examples/site/modules/{name}");
        self.build(&project, name, &[], &format!("libsite_{name}.so"))
    }

    /// Builds the program that loads modules.
    fn host(&self) -> Result<PathBuf, Error> {
        self.build("benches/projects/site", "host", &[], "bench-site")
    }

    /// Builds the program that the modules are linked into.
    fn statically(&self) -> Result<PathBuf, Error> {
        let features = ["--features", "static"];
        self.build("benches/projects/site", "static", &features, "bench-site")
    }

    /// Changes the line.
    fn edit(&self, round: usize) -> Result<String, Error> {
        let file = self.folder.join("examples/site/modules/math/src/lib.rs");
        let fail = |error: std::io::Error| format!("cannot edit {}: {error}", file.display());
        let source =
            fs::read_to_string(places::repository().join("examples/site/modules/math/src/lib.rs"))
                .map_err(fail)?;
        let sentence = format!("{SENTENCE} (edit {round})");
        let changed = source.replace(SENTENCE, &sentence);
        if changed == source {
            return Err(format!(
                "the math module does not say `{SENTENCE}` any more"
            ));
        }
        fs::write(&file, changed).map_err(fail)?;
        Ok(sentence)
    }
}

/// The running host.
struct Host {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Host {
    /// Starts the host with the three modules, and waits for its first answer.
    fn start(program: &Path, modules: &[PathBuf]) -> Result<Self, Error> {
        let mut child = Command::new(program)
            .args(modules)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start {}: {error}", program.display()))?;
        let input = child.stdin.take();
        let output = child.stdout.take().ok_or("the host has no output")?;
        let mut host = Self {
            child,
            input,
            output: BufReader::new(output),
        };
        host.answer()?;
        Ok(host)
    }

    /// The next line that the host prints.
    fn answer(&mut self) -> Result<String, Error> {
        let mut line = String::new();
        let read = self.output.read_line(&mut line);
        match read {
            Ok(1..) => Ok(line),
            _ => Err("the host has ended; its message is above".to_owned()),
        }
    }

    /// Has the host load a new build of the math module, and returns that build's answer.
    fn ask(&mut self, module: &Path) -> Result<String, Error> {
        let input = self.input.as_mut().ok_or("the host has no input")?;
        writeln!(input, "{}", module.display()).map_err(|error| error.to_string())?;
        self.answer()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // Its input ends, and so does it.
        self.input = None;
        let _ = self.child.wait();
    }
}

/// Makes sure that an answer came from the edited code.
fn expect(answer: &str, sentence: &str) -> Result<(), Error> {
    match answer.contains(sentence) {
        true => Ok(()),
        false => Err(format!(
            "the answer is `{}`, without `{sentence}`",
            answer.trim()
        )),
    }
}

/// The names of the variants.
const VARIANTS: [&str; 2] = ["static, restarted", "module, in the running host"];

/// Measures the section.
///
/// # Errors
///
/// If something cannot be built or run.
pub fn measure(work: &Work, effort: &Effort) -> Result<Vec<Row>, Error> {
    let mut rows = Rows::new(Section::Edit);
    for release in [true, false] {
        if effort.quick && release {
            continue;
        }
        profile(work, effort, release, &mut rows)?;
    }
    Ok(rows.into_rows())
}

/// Measures the section in one profile.
fn profile(work: &Work, effort: &Effort, release: bool, rows: &mut Rows) -> Result<(), Error> {
    let site = Site::copy(work, release)?;
    let profile = if release { "release" } else { "dev" };

    // Cold: from empty target folders. The host and the other modules are there already.
    eprintln!("building the demo ({profile})");
    let host = site.host()?;
    let (markdown, style) = (site.module("markdown")?, site.module("style")?);
    for name in ["static", "math"] {
        let _ = fs::remove_dir_all(site.target(name));
    }
    site.edit(0)?;
    let time = |work: &dyn Fn() -> Result<PathBuf, Error>| {
        let start = Instant::now();
        work().map(|file| (start.elapsed().as_secs_f64(), file))
    };
    let (cold_static, program) = time(&|| site.statically())?;
    let (cold_module, math) = time(&|| site.module("math"))?;
    let name = format!("build from nothing, {profile}");
    rows.single(&name, "static", "s", cold_static, cold_static);
    rows.single(&name, "module", "s", cold_module, cold_static);

    let files = [markdown.clone(), math.clone(), style.clone()];
    let mut running = Host::start(&host, &files)?;
    let mut round = 0;
    let samples = Samples::take(effort.pairs, 2, |variant| {
        round += 1;
        let sentence = site.edit(round)?;
        let start = Instant::now();
        let answer = if variant == 0 {
            let program = site.statically()?;
            measure::run(&mut Command::new(program))?.0
        } else {
            running.ask(&site.module("math")?)?
        };
        expect(&answer, &sentence)?;
        Ok(start.elapsed().as_secs_f64())
    })?;
    let name = format!("one line changed, until its code has answered, {profile}");
    rows.add(&name, "s", &VARIANTS, &samples);

    let name = format!("size, {profile}");
    let base = measure::size(&program)? / 1000.0;
    for (variant, file) in [
        ("static", &program),
        ("host", &host),
        ("module markdown", &markdown),
        ("module math", &math),
        ("module style", &style),
    ] {
        rows.single(&name, variant, "kB", measure::size(file)? / 1000.0, base);
    }
    Ok(())
}
