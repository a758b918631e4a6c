//! The words of shared values and of statics: how they are read, and which do not count.
//!
//! # The problem
//!
//! Other threads may write to the memory without atomics: to a `Cell` of their own, or to a static
//! under a lock that the search does not know. And values may have padding. A read by Rust code,
//! volatile or atomic, would be a data race in the first case, and undefined in the second.
//!
//! # The way
//!
//! So no code of this process reads. The kernel is asked to copy the bytes, through a pipe. As with
//! a debugger, the program itself does not access the memory. It gets initialised bytes, whatever
//! they mean. Memory that cannot be read is an error, and not a fault.
//!
//! This is outside of the memory model of Rust, which knows threads and no kernel. What the search
//! needs of the hardware is little. A word that nobody writes to during the copy is copied as it
//! is. The kernel copies a word that is written meanwhile before or after the write, or in pieces.
//! Neither matters: what a module has left behind was written before its last count ended, and
//! whoever unloads has acquired that count.
//!
//! A sanitizer checks a buffer that is given to libc's `write`, as if the program read it. Its
//! report would be right about the program and wrong about the kernel. So the system is called
//! directly, where the sanitizer looks at nothing.
//!
//! A pipe needs two descriptors during the search, and no privilege. `process_vm_readv` on one's
//! own process needs no descriptors, but some sandboxes forbid it, or kill the process for it.

use std::io;

use tls_slots::loader;

/// Whether a shared crate clears the word at this address when the module goes to which the word
/// points.
pub(super) fn is_taken_out(word: *const u8) -> bool {
    let hooks = loader::all_unload_hooks();
    hooks.iter().any(|hook| (hook.takes_out)(word))
}

/// Copies memory through the kernel.
#[cfg(unix)]
pub(super) struct Copier {
    from: io::PipeReader,
    to: io::PipeWriter,
    /// What was copied last.
    bytes: Vec<u8>,
}

#[cfg(unix)]
impl Copier {
    /// How many bytes are copied at once, if the pipe takes so many: an empty pipe of Linux takes
    /// this many (pipe(7)), and each pipe takes some.
    const CHUNK: usize = 1 << 16;

    pub(super) fn new() -> io::Result<Self> {
        let (from, to) = io::pipe()?;
        not_blocking(&to)?;
        let bytes = Vec::new();
        Ok(Self { from, to, bytes })
    }

    /// Shows `look` each aligned word of the memory: first the address, then the word.
    ///
    /// # Errors
    ///
    /// The memory cannot be read.
    pub(super) fn words(
        &mut self,
        at: *const u8,
        size: usize,
        mut look: impl FnMut(usize, usize),
    ) -> io::Result<()> {
        const WORD: usize = size_of::<usize>();
        let end = at.addr() + size;
        let mut next = at.addr().next_multiple_of(WORD);
        while next + WORD <= end {
            let len = (end - next).min(Self::CHUNK) / WORD * WORD;
            self.copy(at.with_addr(next), len)?;
            let words = self.bytes.as_chunks::<WORD>().0;
            for (number, bytes) in words.iter().enumerate() {
                look(next + number * WORD, usize::from_ne_bytes(*bytes));
            }
            // Where the pipe took less, the last word may be there in part.
            next += words.len() * WORD;
        }
        Ok(())
    }

    /// Fills `bytes` with what is at that address: up to `len` bytes, and at least a word, which
    /// every pipe takes at once (POSIX, "write", `_POSIX_PIPE_BUF`).
    ///
    /// # Errors
    ///
    /// The memory cannot be read.
    fn copy(&mut self, at: *const u8, len: usize) -> io::Result<()> {
        use std::io::Read;

        let count = loop {
            match write(&self.to, at, len) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        self.bytes.resize(count, 0);
        self.from.read_exact(&mut self.bytes)
    }
}

/// Makes `write` say how much the pipe takes, and not wait for somebody to empty it.
#[cfg(unix)]
fn not_blocking(pipe: &io::PipeWriter) -> io::Result<()> {
    use std::os::fd::AsRawFd;

    // SAFETY: the descriptor is open, and the command takes a number.
    match unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(()),
    }
}

/// Has the kernel copy memory into the pipe, which is empty. Says how many bytes it has copied.
#[cfg(unix)]
fn write(pipe: &io::PipeWriter, at: *const u8, len: usize) -> io::Result<usize> {
    use std::os::fd::AsRawFd;

    // Past libc: see the top of this file.
    // SAFETY: the descriptor is open, and belongs to this pipe. The kernel checks the memory before
    // it copies, and nothing in this process reads it.
    #[cfg(target_os = "linux")]
    let count = unsafe { libc::syscall(libc::SYS_write, pipe.as_raw_fd(), at, len) };
    // SAFETY: as for the system call.
    #[cfg(not(target_os = "linux"))]
    let count = unsafe { libc::write(pipe.as_raw_fd(), at.cast(), len) };
    usize::try_from(count).map_err(|_| io::Error::last_os_error())
}

/// On these systems the memory of a module is not known, so nobody searches.
#[cfg(not(unix))]
pub(super) struct Copier;

#[cfg(not(unix))]
impl Copier {
    pub(super) fn new() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    pub(super) fn words(
        &mut self,
        _: *const u8,
        _: usize,
        _: impl FnMut(usize, usize),
    ) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::Copier;

    #[test]
    fn memory_that_is_not_there_is_an_error() {
        let mut copier = Copier::new().unwrap();
        // 14 is `EFAULT` on all Unix systems.
        let nothing = std::ptr::without_provenance(size_of::<usize>());
        let error = copier.words(nothing, 64, |_, _| panic!("nothing is there"));
        assert_eq!(error.unwrap_err().raw_os_error(), Some(14));
        // The copier can be used again. In memory that is not aligned, it looks at whole aligned
        // words.
        let words = [1_usize, 2, 3];
        let mut seen = Vec::new();
        let at = words.as_ptr().cast::<u8>().wrapping_add(1);
        let size = size_of_val(&words) - 2;
        copier.words(at, size, |_, word| seen.push(word)).unwrap();
        assert_eq!(seen, [2]);
    }
}
