//! An accepted name is accepted again as shown, with the same key, and has no invisible characters.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ruang::name::Name;

fuzz_target!(|typed: &str| {
    let Ok(name) = Name::parse(typed) else { return };
    let again = Name::parse(name.shown()).expect("a shown name is valid");
    assert_eq!((again.shown(), again.key()), (name.shown(), name.key()));
    assert!(!name.key().is_empty() && !name.key().chars().any(char::is_control), "{:?}", name.key());
    assert_eq!(name.shown().trim(), name.shown());
    assert!(!name.shown().chars().any(char::is_control));
});
