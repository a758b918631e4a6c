//! Where a module's code is loaded from: a choice of [`LoadOptions`](crate::LoadOptions).

/// Where a module's code is loaded from, once its file has been checked.
///
/// Between the check and the loading, whoever may write to the file or to a folder above it can change
/// what is there.
///
/// | | another file takes the path | the file is written to | extra memory |
/// | --- | --- | --- | --- |
/// | [`Copy`](Self::Copy) | no effect | no effect | the file's size |
/// | [`Descriptor`](Self::Descriptor) | no effect | **runs what was written** | none |
/// | [`Path`](Self::Path) | **runs the other file** | **runs what was written** | none |
///
/// What else depends on it: with a copy, and with a descriptor, the system knows the image by another
/// path, `/proc/PID/fd/N` on Linux. So `$ORIGIN` in the module's search path (`DT_RUNPATH`) does not mean
/// the module's folder, files beside it (`.dwp`, `.debug`) are not found, and tools that look at
/// `/proc/PID/maps`, such as `perf` and valgrind, find no symbols for a copy. Backtraces and debuggers
/// that ask the process for its images do. Where one of these is needed, take [`Path`](Self::Path)
/// together with [`LoadOptions::private`](crate::LoadOptions::private), which leaves nobody to change the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Source {
    /// A private copy of the bytes that were checked. On Linux this is sealed memory (`memfd_create`), which
    /// nobody can write to any more; where memory files are forbidden, a file without a name in the
    /// temporary folder. On Windows it is the file itself, which nobody can change while it is open.
    #[default]
    Copy,
    /// The file that was opened and checked, by its descriptor. Linux only.
    Descriptor,
    /// The file that is at the path when the system opens it.
    Path,
}
