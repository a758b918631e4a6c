//! Tries releases, several side by side, and fills the table.

use std::fs;
use std::path::Path;
use std::sync::Mutex;

use semver::Version;

use super::attempt::attempt;
use super::boundary;
use super::choose::choose;
use super::error::Error;
use super::options::Options;
use super::page::write_page;
use super::place::{Place, folder_name};
use super::tried::Tried;
use crate::parallel;
use crate::release_table::{Answer, Facts, Table};
use crate::replace_file::replace_file;

/// Tries the releases that the options ask for, and writes what came of them into the table.
///
/// The table's file is written after each release, so a run that is interrupted loses nothing. The
/// page of the guide that shows the table is written with it, if there is one.
///
/// # Errors
///
/// Each variant of [`Error`]. A release that does not fit is none: see [`Tried::problems`].
pub fn run(options: &Options) -> Result<Vec<Tried>, Error> {
    let result = run_all(options);
    options.progress.clear();
    result
}

/// [`run`], without the last step: to take the progress off the terminal.
fn run_all(options: &Options) -> Result<Vec<Tried>, Error> {
    let work = std::path::absolute(&options.work)
        .map_err(|source| Error::Write(options.work.clone(), source))?;
    let repository = match options.boundary {
        true => Some(boundary::repository(options)?),
        false => None,
    };
    let table = match &options.table {
        Some(path) => read(path)?,
        None => Table::embedded().clone(),
    };
    options.progress.step("looking for releases");
    let releases = choose(options, &table)?;
    options
        .progress
        .step(&format!("trying {} releases", releases.len()));
    let table = Mutex::new(table);
    // No two attempts use one target folder at a time.
    let targets = Mutex::new((0..releases.len()).rev().collect::<Vec<_>>());
    let tried = parallel::map(releases, |release| {
        let target = targets.lock().expect("no panic holds the lock").pop();
        let target = target.expect("there are as many as releases");
        let (name, version) = (&release.recipe.name, &release.version);
        options.progress.detail(&format!("trying {name} {version}"));
        let place = Place {
            folder: work.join(folder_name(name, version)),
            forks: work.join("forks"),
            target: work.join(format!("target-{target}")),
        };
        let facts = known(&table, name, version);
        let tried = attempt(options, &release, &place, facts);
        targets
            .lock()
            .expect("no panic holds the lock")
            .push(target);
        keep(options, &table, &tried)?;
        Ok(tried)
    });
    let mut tried = tried.into_iter().collect::<Result<Vec<_>, Error>>()?;
    if let Some(repository) = repository {
        let known_now = table.lock().expect("no panic holds the lock").clone();
        for one in boundary::run(options, &known_now, &repository)? {
            let mut facts = known(&table, &one.name, &one.version);
            let trouble = match one.answer {
                Ok(answer) => {
                    facts.boundary = answer;
                    None
                }
                Err(why) => Some(why),
            };
            let one = Tried {
                name: one.name,
                version: one.version,
                facts,
                along: Vec::new(),
                trouble,
            };
            keep(options, &table, &one)?;
            tried.retain(|old| (&old.name, &old.version) != (&one.name, &one.version));
            tried.push(one);
        }
    }
    Ok(tried)
}

/// What the table knows of a release.
fn known(table: &Mutex<Table>, name: &str, version: &Version) -> Facts {
    let table = table.lock().expect("no panic holds the lock");
    table.facts(name, version).cloned().unwrap_or_default()
}

/// Shows what came of a release, and writes it into the table.
fn keep(options: &Options, table: &Mutex<Table>, tried: &Tried) -> Result<(), Error> {
    options.progress.line(&tried.line());
    if tried.trouble.is_some() {
        return Ok(());
    }
    let mut table = table.lock().expect("no panic holds the lock");
    *table.entry(&tried.name, &tried.version) = tried.facts.clone();
    for (name, version, checksum) in &tried.along {
        let facts = table.entry(name, version);
        facts.checksum.clone_from(checksum);
        facts.forks = Answer::yes();
    }
    match &options.table {
        Some(path) => write(path, &table),
        None => Ok(()),
    }
}

/// Reads the table's file.
fn read(path: &Path) -> Result<Table, Error> {
    let text = fs::read_to_string(path).map_err(|source| Error::Read(path.to_owned(), source))?;
    Table::parse(&text).map_err(|source| Error::Parse(path.to_owned(), source))
}

/// Writes the table's file, and its page.
fn write(path: &Path, table: &Table) -> Result<(), Error> {
    let text = table.render();
    replace_file(path, text.as_bytes()).map_err(|source| Error::Write(path.to_owned(), source))?;
    write_page(path, table)
}
