//! A name that is taken is taken again as shown, under the same key; and nothing invisible is in it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ruang::name::Name;

fuzz_target!(|typed: &str| {
    let Ok(name) = Name::parse(typed) else { return };
    let again = Name::parse(name.shown()).expect("what is shown can be typed");
    assert_eq!((again.shown(), again.key()), (name.shown(), name.key()));
    assert!(!name.key().is_empty() && !name.key().chars().any(char::is_control), "{:?}", name.key());
    assert_eq!(name.shown().trim(), name.shown());
    assert!(!name.shown().chars().any(char::is_control));
});
