//! The shared libraries that a file needs.
//!
//! rustc links std into each image. With `-C prefer-dynamic` it links `libstd-HASH.so` instead, and
//! so it does for a program that links a Rust `dylib`. The linker writes the names of the libraries
//! that an image needs into the image.

use object::{File, Object as _, ReadRef};

use crate::description::StdCopy;

/// Which copy of std a file's code uses.
pub(crate) fn std_copy<'a>(file: &File<'a, impl ReadRef<'a>>) -> StdCopy {
    let mut libraries = libraries(file);
    match libraries.find(|name| is_std(name)) {
        Some(file) => StdCopy::Shared { file },
        None => StdCopy::Own,
    }
}

/// Whether a library of that name is Rust's std.
pub(crate) fn is_std(name: &str) -> bool {
    let name = name.strip_prefix("lib").unwrap_or(name);
    let is_library = [".so", ".dylib", ".dll"]
        .iter()
        .any(|end| name.ends_with(end));
    is_library && name.starts_with("std-")
}

/// The file names of the libraries that a file needs; none where they cannot be read.
pub(crate) fn libraries<'a>(file: &File<'a, impl ReadRef<'a>>) -> impl Iterator<Item = String> {
    let libraries = file.import_libraries().into_iter().flatten().flatten();
    libraries.map(|library| {
        let name = String::from_utf8_lossy(library.name()).into_owned();
        // Mach-O writes a path.
        name.rsplit('/').next().unwrap_or_default().to_owned()
    })
}
