//! [`Source`]: where a module's code is loaded from, as [`LoadOptions`](crate::LoadOptions) has it.
//!
//! The problem: a private copy is safe, but it has another path than the module, and needs memory.
//! So the host chooses.

/// Where a module's code is loaded from, after its file has been checked.
///
/// Whoever may write to the file or to a folder above it can change what is there between the check
/// and the loading. The table says what happens then.
///
/// | | another file takes the path | the file is written to | extra memory |
/// | --- | --- | --- | --- |
/// | [`Copy`](Self::Copy) | no effect | no effect | the file's size |
/// | [`Descriptor`](Self::Descriptor) | no effect | **runs what was written** | none |
/// | [`Path`](Self::Path) | **runs the other file** | **runs what was written** | none |
///
/// With a copy and with a descriptor, the system knows the image by another path, on Linux
/// `/proc/PID/fd/N`. This has consequences:
///
/// - `$ORIGIN` in the module's search path (`DT_RUNPATH`) is not the module's folder.
/// - Files beside the module (`.dwp`, `.debug`) are not found.
/// - Tools that read `/proc/PID/maps`, such as `perf` and valgrind, find no symbols for a copy.
///   Backtraces, and debuggers that ask the process for its images, do find them.
///
/// If you need one of these, take [`Path`](Self::Path) together with
/// [`LoadOptions::private`](crate::LoadOptions::private). Then nobody else can change the file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Source {
    /// A private copy of the bytes that were checked.
    ///
    /// On Linux this is sealed memory (memfd_create(2)), which nobody can write to any more. Where
    /// memory files are forbidden, it is a file without a name in the temporary folder. On Windows
    /// it is the file itself, which nobody can change while it is open.
    #[default]
    Copy,
    /// The file that was opened and checked, by its descriptor. Only on Linux.
    Descriptor,
    /// The file that is at the path when the system opens it.
    Path,
}
