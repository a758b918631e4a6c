//! Reads a whole ELF, Mach-O or PE file.
//!
//! `check`, `inspect` and the loader read files that may be damaged. Any bytes must give a manifest
//! or an error with a text, and a manifest must agree with itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tls_slots_manifest::{Allowed, Description, PrivateState, compare};

fuzz_target!(|bytes: &[u8]| {
    PrivateState::from_object(bytes);
    match Description::from_object(bytes) {
        Ok(image) => {
            assert_eq!(compare(&image, &image, &Allowed::default()), Ok(()));
        }
        Err(error) => assert!(!error.to_string().contains(char::is_control)),
    }
});
