//! The state that host and modules share: listed, and checked to be one.
//!
//! The problem: that four copies of tokio run on one runtime is to be seen, not believed.
//!
//! The way: each copy of a shared static or thread-local is a *key*, and `tls_slots::images` tells
//! which keys an image has, and whether each is the host's. A key that is not the host's would be a
//! second context, a second counter of task ids, a second seed: an error, here.

use std::fmt::Write as _;
use std::path::Path;

use tls_slots::{ImageInfo, images};

/// The images with their keys, one in a line.
pub(crate) fn report() -> String {
    let mut text = String::new();
    for image in images() {
        let shared = image.keys.iter().filter(|key| key.shared).count();
        let (name, whose) = match image.is_host {
            true => (name(&image), "its own, the only ones"),
            false => (name(&image), "all of them the host's"),
        };
        let whose = if shared == image.keys.len() {
            whose
        } else {
            "NOT all of them the host's"
        };
        let _ = writeln!(text, "state of {name}: {} keys, {whose}", image.keys.len());
    }
    text
}

/// Fails if there are not `modules` modules, or if one of them has state of its own.
pub(crate) fn check(modules: usize) -> Result<(), String> {
    let images = images();
    let found = images.iter().filter(|image| !image.is_host).count();
    if found != modules {
        return Err(format!(
            "{found} modules have registered keys, {modules} were loaded"
        ));
    }
    for image in &images {
        let name = name(image);
        if let Some(reason) = &image.refused {
            return Err(format!("{name} was refused: {reason}"));
        }
        if image.keys.is_empty() {
            return Err(format!(
                "{name} has no keys, so its tokio is not the forked one"
            ));
        }
        if let Some(key) = image.keys.iter().find(|key| !key.shared) {
            return Err(format!(
                "{name} has an instance of {} that is not the host's",
                key.path
            ));
        }
    }
    Ok(())
}

/// The name of an image's file.
fn name(image: &ImageInfo) -> String {
    let file = image
        .file
        .as_deref()
        .map(Path::new)
        .and_then(Path::file_name);
    file.map_or_else(|| "a module".to_owned(), |name| name.display().to_string())
}
