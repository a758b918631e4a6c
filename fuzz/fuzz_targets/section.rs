//! Reads the bytes of a manifest's section.
//!
//! The bytes are found in a file that may be damaged, and in the memory of a module. Any bytes must
//! give a manifest or an error with a text, and a manifest must agree with itself.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tls_slots_manifest::{Allowed, Description, Manifest, compare};

fuzz_target!(|bytes: &[u8]| {
    match Manifest::parse(bytes) {
        Ok(manifest) => {
            let image = Description::from(manifest);
            assert_eq!(compare(&image, &image, &Allowed::default()), Ok(()));
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
