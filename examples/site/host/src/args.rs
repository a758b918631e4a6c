//! The host's command line. The driver one folder up writes it; a person may write it, too.

use std::ffi::OsString;
use std::path::PathBuf;

/// What `--help` prints.
pub(crate) const HELP: &str = "\
Renders a repository's Markdown files into a site, by three modules on one tokio runtime.

Usage: site-host --root DIR --content DIR --markdown FILE --math FILE --style FILE [OPTIONS]

  --root DIR        the repository whose Markdown files become pages
  --content DIR     the template, the style sheets, and more pages
  --markdown FILE   the module that renders Markdown
  --math FILE       the module that renders formulas
  --style FILE      the module that compiles style sheets
  --out DIR         write the site there [default: site]
  --serve           do not write; serve the pages on 127.0.0.1, each rendered when asked for
  --watch           with --serve: load a module anew when its file changes
  --port N          with --serve: the port; 0 finds a free one [default: 0]
  --trace           print the spans of each page, the modules' too, on standard error
  --workers N       worker threads of the runtime, 1 to 64 [default: 4]
  --help            print this
";

/// The most worker threads that may be asked for; `threads::namer` fits them into a thread's name.
const MAX_WORKERS: usize = 64;

/// The command line, checked.
#[derive(Debug)]
pub(crate) struct Args {
    pub(crate) root: PathBuf,
    pub(crate) content: PathBuf,
    pub(crate) modules: ModuleFiles,
    pub(crate) mode: Mode,
    pub(crate) workers: usize,
    /// Whether to print spans.
    pub(crate) trace: bool,
}

/// The files of the three modules.
#[derive(Debug)]
pub(crate) struct ModuleFiles {
    pub(crate) markdown: PathBuf,
    pub(crate) math: PathBuf,
    pub(crate) style: PathBuf,
}

/// What to do with the pages.
#[derive(Debug)]
pub(crate) enum Mode {
    /// Write them into the folder.
    Render { out: PathBuf },
    /// Serve them on the port.
    Serve {
        port: u16,
        /// Whether to load modules anew when their files change.
        watch: bool,
    },
}

impl Args {
    /// Reads the arguments that follow the program's name; `None` if help was asked for.
    pub(crate) fn parse(args: impl Iterator<Item = OsString>) -> Result<Option<Self>, String> {
        let mut args = args;
        let (mut root, mut content, mut out) = (None, None, None);
        let (mut markdown, mut math, mut style) = (None, None, None);
        let (mut serve, mut watch, mut port, mut workers) = (false, false, None, 4);
        let mut trace = false;
        while let Some(arg) = args.next() {
            let name = arg
                .to_str()
                .ok_or_else(|| format!("what is {}?", arg.display()))?;
            let mut value = || args.next().ok_or_else(|| format!("{name} needs a value"));
            match name {
                "--help" | "-h" => return Ok(None),
                "--serve" => serve = true,
                "--watch" => watch = true,
                "--trace" => trace = true,
                "--root" => root = Some(value()?.into()),
                "--content" => content = Some(value()?.into()),
                "--out" => out = Some(value()?.into()),
                "--markdown" => markdown = Some(value()?.into()),
                "--math" => math = Some(value()?.into()),
                "--style" => style = Some(value()?.into()),
                "--port" => port = Some(number(name, &value()?, 0..=u16::MAX.into())? as u16),
                "--workers" => workers = number(name, &value()?, 1..=MAX_WORKERS)?,
                _ => return Err(format!("unknown argument {name}")),
            }
        }
        let missing = |name: &str| format!("{name} is missing");
        let mode = match (serve, out, port) {
            (true, None, port) => Mode::Serve {
                port: port.unwrap_or(0),
                watch,
            },
            (false, ..) if watch => return Err("--watch is for --serve".into()),
            (true, Some(_), _) => return Err("--serve writes nothing, so it takes no --out".into()),
            (false, _, Some(_)) => return Err("--port is for --serve".into()),
            (false, out, None) => Mode::Render {
                out: out.unwrap_or_else(|| "site".into()),
            },
        };
        Ok(Some(Self {
            root: root.ok_or_else(|| missing("--root"))?,
            content: content.ok_or_else(|| missing("--content"))?,
            modules: ModuleFiles {
                markdown: markdown.ok_or_else(|| missing("--markdown"))?,
                math: math.ok_or_else(|| missing("--math"))?,
                style: style.ok_or_else(|| missing("--style"))?,
            },
            mode,
            workers,
            trace,
        }))
    }
}

/// A number in this range, or a sentence that names the argument and the range.
fn number(
    name: &str,
    value: &OsString,
    range: std::ops::RangeInclusive<usize>,
) -> Result<usize, String> {
    let number = value.to_str().and_then(|value| value.parse().ok());
    number
        .filter(|number| range.contains(number))
        .ok_or_else(|| {
            format!(
                "{name} takes {} to {}, not {}",
                range.start(),
                range.end(),
                value.display()
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Option<Args>, String> {
        let all = "--root . --content c --markdown a --math b --style s ";
        Args::parse(
            (all.to_owned() + line)
                .split_whitespace()
                .map(OsString::from),
        )
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for line in [
            "--port 1",
            "--serve --port 65536",
            "--serve --port -1",
            "--serve --out o",
            "--watch",
            "--workers 0",
            "--workers 65",
            "--workers",
            "--what",
            "stray",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
        let error = Args::parse(["--root", "."].map(OsString::from).into_iter()).unwrap_err();
        assert_eq!(error, "--content is missing");
    }

    #[test]
    fn the_rest_is_understood() {
        assert!(parse("--help").unwrap().is_none());
        let args = parse("--workers 64").unwrap().unwrap();
        assert_eq!(args.workers, 64);
        assert!(matches!(args.mode, Mode::Render { out } if out.as_os_str() == "site"));
        let args = parse("--serve --port 80").unwrap().unwrap();
        assert!(matches!(
            args.mode,
            Mode::Serve {
                port: 80,
                watch: false
            }
        ));
        let args = parse("--serve --watch").unwrap().unwrap();
        assert!(matches!(
            args.mode,
            Mode::Serve {
                port: 0,
                watch: true
            }
        ));
    }
}
