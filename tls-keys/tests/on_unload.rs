//! `Span`: which pointers lead into an image, by their address or by their vtable.

use std::fmt::Debug;

use tls_keys::on_unload::Span;
use tls_slots as _;

fn of(place: usize) -> Span {
    Span::new(place, place + 1)
}

#[test]
fn an_address_is_in_the_image_or_not() {
    let near = 5_u8;
    assert!(of((&raw const near).addr()).refers(&raw const near));
    assert!(of((&raw const near).addr()).contains(&raw const near));
    assert!(!of((&raw const near).addr() + 1).contains(&raw const near));
    assert!(!Span::new(0, 0).refers(&raw const near));
}

#[test]
fn a_vtable_counts_as_much_as_an_address() {
    let near = 5_u8;
    let value: &dyn Debug = &near;
    // SAFETY: a wide pointer is two words.
    let words = unsafe { std::mem::transmute::<*const dyn Debug, [usize; 2]>(value) };
    for word in words {
        assert!(of(word).refers(value));
        assert!(!of(word + 1).refers(value));
    }
}
