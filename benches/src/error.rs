//! Why a measurement could not be made.

/// Why a measurement could not be made: a sentence. The only reader is a person at the terminal.
pub type Error = String;
