//! Ranges of addresses and of the file, and the result of a check.

/// The result of a check. The error says what is damaged.
pub(in crate::open) type Checked<T = ()> = Result<T, String>;

/// A range of addresses, or of the file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) start: u64,
    pub(super) end: u64,
}

impl Range {
    /// A range of `size` bytes.
    ///
    /// # Errors
    ///
    /// The end does not fit in 64 bits. `what` is the subject of the message.
    pub(super) fn new(what: &str, start: u64, size: u64) -> Checked<Self> {
        match start.checked_add(size) {
            Some(end) => Ok(Self { start, end }),
            None => Err(format!("{what} has no end")),
        }
    }

    /// How many bytes it has.
    pub(super) fn size(self) -> u64 {
        self.end - self.start
    }

    /// Whether all of `other` is in this range.
    pub(super) fn holds(self, other: Self) -> bool {
        self.start <= other.start && other.end <= self.end
    }

    /// Whether a byte is in both ranges.
    pub(super) fn meets(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    pub(super) fn is_empty(self) -> bool {
        self.start == self.end
    }
}
