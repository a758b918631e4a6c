//! The bytes of a manifest's section.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tls_slots_manifest::{Manifest, compare};

fuzz_target!(|bytes: &[u8]| {
    match Manifest::parse(bytes) {
        Ok(manifest) => assert_eq!(compare(&manifest, &manifest), Ok(())),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
