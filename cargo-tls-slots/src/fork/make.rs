//! Makes the forks, step by step.
//!
//! | step | needs | touches |
//! | --- | --- | --- |
//! | decide what is made | lock files, the project, recipes | |
//! | look whether it is there | stamps, and the files they list | |
//! | get the other releases | cargo, perhaps the network | cargo's cache |
//! | make all files in memory | | |
//! | decide whether what cannot be forked may be left | | |
//! | write the folders, then the patch lines | the lock of the fork folder | the fork folder |
//!
//! A run that fails before the last step has changed nothing. The lock is taken only for that step:
//! a run that waits for the network does not keep others waiting.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::choose::choose;
use super::content::TOKIO;
use super::error::Error;
use super::folder;
use super::forked::{Forked, ForkedCrate};
use super::known_left::KnownLeft;
use super::left::{Left, Why};
use super::local;
use super::locked::Locked;
use super::options::{ForkOptions, Pin};
use super::patches;
use super::plan::{Group, Plan};
use super::stamp::Stamp;
use super::target::Target;
use super::there;
use super::trees::{self, Made};
use crate::by_rule::report::Report;
use crate::parallel;
use crate::upstream::release::compatible;

/// Makes the forks, or finds that they are there.
///
/// A release comes from cargo, with the configuration that holds in [`ForkOptions::folder`]. With
/// forks that are up to date neither the network nor a source is used.
///
/// A crate that cannot be forked is left as published, and part of the result. A crate that was
/// named, and tokio, is an error instead.
///
/// # Errors
///
/// Each variant of [`Error`] is a step that failed. Nothing is written before all of the
/// releases are there and it is known which of them fit.
///
/// # Examples
///
/// ```no_run
/// use cargo_tls_slots::fork::{ForkOptions, fork};
///
/// let forked = fork(&ForkOptions::new("target/forks"))?;
/// std::process::Command::new("cargo")
///     .arg("build")
///     .args(forked.cargo_config_args())
///     .status()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn fork(options: &ForkOptions) -> Result<Forked, Error> {
    let result = run(options);
    if result.is_err() {
        options.progress.clear();
    }
    result
}

/// [`fork`], whose caller puts the progress away if it fails.
fn run(options: &ForkOptions) -> Result<Forked, Error> {
    let locked = Locked::of(options)?;
    let write = options.write.as_ref();
    let target = write
        .map(|write| Target::open(&write.cargo_toml))
        .transpose()?;
    let kept = target
        .as_ref()
        .map_or(Vec::new(), |target| patches::kept(target, &locked));
    let chosen = choose(options, &locked, &kept)?;
    let mut plan = Plan::of(chosen, &options.crates, &locked)?;
    if let Some(target) = &target {
        patches::leave_taken(target, &mut plan, options)?;
    }
    if let Some(project) = &locked.project {
        local::add_state(&mut plan.left, project);
    }
    let out = std::path::absolute(&options.out).map_err(Error::writing(&options.out))?;
    let mut forked = make(plan, &locked, &out, options)?;
    if let Some(target) = &target {
        forked.patched = Some(patches::write(target, &forked, &options.crates)?);
    }
    for pin in &options.pins {
        for line in still_locked(pin, &locked) {
            options.progress.line(&line);
        }
    }
    Ok(forked)
}

/// How the lock file gets a version that the forks have now. cargo moves a dependency by itself
/// only if no other crate has it.
fn still_locked(pin: &Pin, locked: &Locked) -> impl Iterator<Item = String> {
    let Pin { name, version } = pin;
    let choices = locked.choices(name).into_iter();
    let other = choices
        .map(|choice| choice.version)
        .filter(move |other| other != version && compatible(other) == compatible(version));
    other.map(move |other| {
        format!(
            "Cargo.lock still has {name} {other}: \
             run `cargo update -p {name}@{other} --precise {version}`"
        )
    })
}

/// Makes what is planned.
fn make(
    mut plan: Plan,
    locked: &Locked,
    out: &Path,
    options: &ForkOptions,
) -> Result<Forked, Error> {
    let mut known = KnownLeft::read(out);
    plan.leave_known(&known);
    for folder in plan.folders() {
        folder::check_ours(&out.join(folder))?;
    }
    let there = parallel::map(plan.groups.iter().collect(), |group| {
        there::group(group, &options.pins, out)
    });
    let missing = plan.groups.iter().zip(&there);
    let missing: Vec<_> = missing
        .filter(|(_, there)| there.is_none())
        .map(|(group, _)| group.clone())
        .collect();

    // All in memory: nothing is written before everything fits.
    let made = trees::make(&missing, locked, out, options)?;
    let forked = missing.iter().zip(&made).filter(|(_, made)| made.is_ok());
    let forked: Vec<Group> = forked.map(|(group, _)| group.clone()).collect();
    let mut made = made.into_iter();
    let mut work = Vec::new();
    for there in there {
        match there {
            Some(crates) => work.extend(crates.into_iter().map(Work::Done)),
            None => match made.next() {
                Some(Ok(made)) => work.extend(made.into_iter().map(Work::Write)),
                Some(Err(left)) => plan.left.push(left),
                None => {}
            },
        }
    }
    check_pinned(&options.pins, &work)?;
    let left = judge(plan.left, &work, options)?;
    if !work.is_empty() {
        let ours = parallel::map(plan.ours, |ours| match there::ours(&ours, out) {
            Some(done) => Ok(Work::Done(done)),
            None => Made::ours(&ours).map(Work::Write),
        });
        work.extend(ours.into_iter().collect::<Result<Vec<_>, _>>()?);
    }
    for one in &left {
        if let (Why::Unfit(problems), Some(version)) = (&one.why, &one.version) {
            known.add(&one.name, version, problems);
        }
    }
    let crates = write(each_once(work), &known, out, options)?;
    match forked.is_empty() {
        true => options.progress.clear(),
        false => {
            let label = Plan::label(&forked);
            options.progress.done(&format!("forked {label}"));
        }
    }
    finish(out, crates, left)
}

/// A crate of a run, before the last step.
enum Work {
    /// Its folder is up to date.
    Done(ForkedCrate),
    /// Its folder must be written.
    Write(Made),
}

impl Work {
    /// The crate's name, and that of its folder.
    fn names(&self) -> (&str, &str) {
        match self {
            Work::Done(done) => (&done.name, done.folder()),
            Work::Write(made) => (&made.stamp.name, &made.folder),
        }
    }

    /// What its folder says, or is to say, about itself.
    fn stamp(&self) -> Option<Stamp> {
        match self {
            Work::Done(done) => Stamp::read(&done.dir),
            Work::Write(made) => Some(made.stamp.clone()),
        }
    }

    /// Whether a project names the crate in `[patch.crates-io]`.
    fn patched(&mut self) -> &mut bool {
        match self {
            Work::Done(done) => &mut done.patched,
            Work::Write(made) => &mut made.patched,
        }
    }
}

/// Sees to it that each version that was asked for is that of a fork's dependency.
///
/// # Errors
///
/// [`Error::Pin`].
fn check_pinned(pins: &[Pin], work: &[Work]) -> Result<(), Error> {
    if pins.is_empty() {
        return Ok(());
    }
    let stamps: Vec<Stamp> = work.iter().filter_map(Work::stamp).collect();
    for pin in pins {
        let mut versions = stamps.iter().filter_map(|stamp| stamp.pins.get(&pin.name));
        let wanted = pin.version.to_string();
        if versions.clone().any(|version| *version == wanted) {
            continue;
        }
        let why = match (versions.clone().next(), versions.any(String::is_empty)) {
            (None, _) => format!("no fork of this run pins a dependency {}", pin.name),
            (_, true) => "cargo does not find this version".to_owned(),
            _ => "no fork of this run allows this version".to_owned(),
        };
        return Err(Error::Pin(pin.clone(), why));
    }
    Ok(())
}

/// Each folder once: two releases may have the same one along them.
fn each_once(work: Vec<Work>) -> Vec<Work> {
    let mut once: Vec<Work> = Vec::new();
    for mut one in work {
        let known = once.iter_mut().find(|other| other.names() == one.names());
        match known {
            Some(known) => *known.patched() |= *one.patched(),
            None => once.push(one),
        }
    }
    once
}

/// What may be left as published, of all that cannot be forked.
///
/// | | may be left |
/// | --- | --- |
/// | a release that has nothing to share | yes |
/// | a crate that was named, or any with `strict` | no |
/// | tokio | if another release of it is forked |
/// | what cargo cannot get | if there is something that it can |
/// | the rest | yes |
///
/// # Errors
///
/// [`Error::Left`] with all that may not, or [`Error::Upstream`] for a single failure of cargo.
fn judge(left: Vec<Left>, work: &[Work], options: &ForkOptions) -> Result<Vec<Left>, Error> {
    let has_tokio = work.iter().any(|one| one.names().0 == TOKIO);
    let is_error = |one: &Left| {
        let unreachable = matches!(one.why, Why::Unreachable(_));
        !one.is_harmless()
            && (options.strict
                || options.crates.iter().any(|spec| spec.name == one.name)
                || (one.name == TOKIO && !has_tokio)
                || (unreachable && work.is_empty()))
    };
    let (mut errors, left): (Vec<Left>, Vec<Left>) = left.into_iter().partition(is_error);
    if errors.is_empty() {
        return Ok(left);
    }
    // One failure of cargo may be about several crates.
    errors.dedup_by(|one, other| match (&one.why, &other.why) {
        (Why::Unreachable(one), Why::Unreachable(other)) => Arc::ptr_eq(one, other),
        _ => false,
    });
    // No other copy of a failure is left then.
    drop(left);
    if let [
        Left {
            why: Why::Unreachable(_),
            ..
        },
    ] = errors.as_slice()
        && let Some(Left {
            why: Why::Unreachable(error),
            ..
        }) = errors.pop()
        && let Some(error) = Arc::into_inner(error)
    {
        return Err(Error::Upstream(error));
    }
    Err(Error::Left(errors))
}

/// Writes what must be written, and returns the crates in the order of `work`.
fn write(
    work: Vec<Work>,
    known: &KnownLeft,
    out: &Path,
    options: &ForkOptions,
) -> Result<Vec<ForkedCrate>, Error> {
    let is_done = |one: &Work| matches!(one, Work::Done(_));
    let is_left_alone = work.iter().all(is_done) && known.is_written(out);
    let _lock = match is_left_alone {
        true => None,
        false => {
            fs::create_dir_all(out).map_err(Error::writing(out))?;
            Some(folder::lock(out, &options.progress)?)
        }
    };
    known.write(out)?;
    let crates = parallel::map(work, |one| match one {
        Work::Done(done) => Ok(done),
        Work::Write(made) => write_one(made, out),
    });
    crates.into_iter().collect()
}

/// Writes one folder.
fn write_one(made: Made, out: &Path) -> Result<ForkedCrate, Error> {
    let Made {
        folder,
        patched,
        tree,
        stamp,
    } = made;
    let outcome = folder::write(out, &folder, &tree, &stamp)?;
    let dir = out.join(folder);
    Ok(ForkedCrate {
        name: stamp.name,
        version: stamp.version,
        checksum: stamp.checksum,
        patched,
        outcome,
        report: Report::of(&dir),
        dir,
    })
}

/// The result of a run, with one spelling of each folder, whatever links lead to it: cargo tells
/// packages apart by path.
fn finish(out: &Path, mut crates: Vec<ForkedCrate>, left: Vec<Left>) -> Result<Forked, Error> {
    let dir = match crates.is_empty() {
        true => out.to_owned(),
        false => out.canonicalize().map_err(Error::reading(out))?,
    };
    for one in &mut crates {
        one.dir = dir.join(one.folder());
    }
    Ok(Forked {
        dir,
        crates,
        left,
        patched: None,
    })
}
