//! Paths as a `Cargo.toml` has them: relative to its folder, with `/` on every platform.

use std::path::{Component, Path, PathBuf};

/// A path with `/` between its parts, which cargo reads on every platform.
pub(crate) fn with_slashes(path: &Path) -> String {
    let text = path.display().to_string();
    match std::path::MAIN_SEPARATOR {
        '/' => text,
        separator => text.replace(separator, "/"),
    }
}

/// `to` as seen from the folder `from`. Both are absolute. A path on another drive has no relative
/// form and stays as it is.
pub(super) fn relative(from: &Path, to: &Path) -> PathBuf {
    let from: Vec<Component<'_>> = from.components().collect();
    let to_parts: Vec<Component<'_>> = to.components().collect();
    let same = from
        .iter()
        .zip(&to_parts)
        .take_while(|(a, b)| a == b)
        .count();
    if same == 0 {
        return to.to_owned();
    }
    let mut path: PathBuf = from[same..].iter().map(|_| Component::ParentDir).collect();
    path.extend(&to_parts[same..]);
    if path.as_os_str().is_empty() {
        path.push(".");
    }
    path
}

/// A path without `.` and `..`, by its text alone: what it leads to need not be there.
pub(crate) fn without_dots(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(plain.pop()),
            part => plain.push(part),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths() {
        let relative =
            |from: &str, to: &str| with_slashes(&relative(Path::new(from), Path::new(to)));
        assert_eq!(relative("/a/b", "/a/c/d"), "../c/d");
        assert_eq!(relative("/a", "/a/b"), "b");
        assert_eq!(relative("/a/b", "/a"), "..");
        assert_eq!(relative("/a", "/a"), ".");
        assert_eq!(without_dots(Path::new("/a/./b/../c")), Path::new("/a/c"));
    }
}
