//! What of a plan is in the fork folder already, and needs nothing to be done.

use std::fs;
use std::path::Path;

use semver::Version;

use super::content;
use super::forked::{ForkedCrate, Outcome};
use super::options::Pin;
use super::plan::{Group, Ours, Release};
use super::stamp::Stamp;
use crate::by_rule::report::Report;

/// The crates of a group, if nothing has to be done for it. `pins` are the versions that were asked
/// for: a fork that has another version of such a package is looked at again.
pub(super) fn group(group: &Group, pins: &[Pin], out: &Path) -> Option<Vec<ForkedCrate>> {
    let release = &group.release;
    let version = match &release.version {
        Some(version) => version.clone(),
        None => newest(release, out)?,
    };
    let stamp = up_to_date(release, &version, pins, out)?;
    let mut crates = vec![crate_of(&stamp, out, true)];
    for release in &group.along {
        let version = stamp.along.get(&release.name)?;
        let wanted = release.version.as_ref();
        if wanted.is_some_and(|wanted| wanted != version) {
            return None;
        }
        let stamp = up_to_date(release, version, pins, out)?;
        crates.push(crate_of(&stamp, out, false));
    }
    Some(crates)
}

/// A crate of ours, if nothing has to be done for it.
pub(super) fn ours(ours: &Ours, out: &Path) -> Option<ForkedCrate> {
    let folder = out.join(&ours.name);
    let stamp = Stamp::read(&folder)?;
    let fits = stamp.name == ours.name && stamp.version == ours.version && stamp.holds(&folder);
    fits.then(|| ForkedCrate {
        name: stamp.name,
        version: stamp.version,
        checksum: stamp.checksum,
        dir: folder,
        patched: ours.patched,
        outcome: Outcome::UpToDate,
        report: None,
    })
}

/// The stamp of a release's folder, if the folder was made by this command, from the release that
/// is planned, with the dependencies that were asked for or that the lock file has now, and is as
/// it was made.
fn up_to_date(release: &Release, version: &Version, pins: &[Pin], out: &Path) -> Option<Stamp> {
    let folder = out.join(content::folder(&release.name, version));
    let stamp = Stamp::read(&folder)?;
    let locked = release.locked.as_ref();
    let fits = stamp.name == release.name
        && stamp.version == *version
        && locked.is_none_or(|(sum, _)| stamp.checksum.as_ref() == Some(sum))
        && stamp.pins.iter().all(|(name, pinned)| {
            let asked = pins.iter().find(|pin| pin.name == *name);
            let asked = asked.map(|pin| &pin.version);
            let wanted = asked.or_else(|| release.neighbours.dependencies.get(name));
            wanted.is_none_or(|wanted| wanted.to_string() == *pinned)
        });
    (fits && stamp.holds(&folder)).then_some(stamp)
}

/// The newest fork of a crate that is there, of those that the project asks for.
pub(super) fn newest(release: &Release, out: &Path) -> Option<Version> {
    let prefix = format!("{}-", release.name);
    let entries = fs::read_dir(out).ok()?.flatten();
    let versions = entries.filter_map(|entry| {
        let name = entry.file_name();
        name.to_str()?.strip_prefix(&prefix)?.parse().ok()
    });
    versions.filter(|version| release.allows(version)).max()
}

/// The result about a fork that is there.
fn crate_of(stamp: &Stamp, out: &Path, patched: bool) -> ForkedCrate {
    let dir = out.join(content::folder(&stamp.name, &stamp.version));
    ForkedCrate {
        name: stamp.name.clone(),
        version: stamp.version.clone(),
        checksum: stamp.checksum.clone(),
        patched,
        outcome: Outcome::UpToDate,
        report: Report::of(&dir),
        dir,
    }
}
