//! Times that are beyond the system's clock.
//!
//! The problem: `Duration::MAX` is how people say "for ever", and a panic is what `Instant` says to
//! it.

use std::time::{Duration, Instant};

/// A time that much later. What is beyond the system's clock is a lifetime away.
pub(crate) fn after(now: Instant, time: Duration) -> Instant {
    const LIFETIME: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    now.checked_add(time).unwrap_or_else(|| now + LIFETIME)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn for_ever_is_a_time() {
        let now = Instant::now();
        assert_eq!(
            after(now, Duration::from_secs(1)) - now,
            Duration::from_secs(1)
        );
        assert!(after(now, Duration::MAX) - now > Duration::from_secs(1_000_000_000));
    }
}
