//! Compares two manifests, both ways.
//!
//! The loader compares manifests that anybody may have written, and shows what differs. So a
//! difference must give a text, and the text must be short and free of control characters.
//!
//! The input is one section after the other. Its first four bytes are the length of the first one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tls_slots_manifest::{Allowed, Description, Manifest, compare};

fuzz_target!(|bytes: &[u8]| {
    let Some((length, rest)) = bytes.split_first_chunk() else {
        return;
    };
    let middle = (u32::from_le_bytes(*length) as usize).min(rest.len());
    let (one, other) = rest.split_at(middle);
    let (Ok(one), Ok(other)) = (Manifest::parse(one), Manifest::parse(other)) else {
        return;
    };
    let (one, other) = (Description::from(one), Description::from(other));
    for (host, module) in [(&one, &other), (&other, &one)] {
        if let Err(mismatch) = compare(host, module, &Allowed::default()) {
            assert!(!mismatch.differences.is_empty());
            let text = mismatch.to_string();
            assert!(text.len() < 12 * 6000);
            assert!(!text.contains(|one: char| one.is_control() && one != '\n'));
        }
    }
});
