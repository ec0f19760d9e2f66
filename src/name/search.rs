//! Forms of names for searching: without what people do not type, case and accents.

use icu_casemap::CaseMapper;
use icu_normalizer::DecomposingNormalizerBorrowed;

use super::{character::is_mark, collapse_spaces};

/// Returns the form in which names are searched: case folded, without combining marks, single spaces between words.
pub fn search_form(text: &str) -> String {
    if text.is_ascii() {
        return collapse_spaces(&text.to_ascii_lowercase());
    }
    let plain = DecomposingNormalizerBorrowed::new_nfkd().normalize(text);
    let without_marks: String = plain.chars().filter(|c| !is_mark(*c)).collect();
    collapse_spaces(&CaseMapper::new().fold_string(&without_marks))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn search_form_has_neither_case_nor_accents() {
        for (text, form) in [
            ("BÜDI", "budi"),
            ("  Dewi   LESTARI ", "dewi lestari"),
            ("Ｓａｒｉ", "sari"),
            ("\u{301}", ""),
            ("李", "李"),
        ] {
            assert_eq!(search_form(text), form);
        }
    }
}
