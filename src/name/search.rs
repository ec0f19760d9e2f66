//! Forms of names for searching: without what people do not type, case and accents.

use icu_casemap::CaseMapper;
use icu_normalizer::DecomposingNormalizerBorrowed;

use super::{character::is_mark, collapse_spaces};

/// Returns the form in which names are searched: case folded, without combining marks, single spaces between words.
pub fn search_form(text: &str) -> String {
    let plain = DecomposingNormalizerBorrowed::new_nfkd().normalize(text);
    let without_marks: String = plain.chars().filter(|c| !is_mark(*c)).collect();
    collapse_spaces(&CaseMapper::new().fold_string(&without_marks))
}

/// Returns what a search for a name may begin with: its search form from each of its words on.
pub fn search_starts(shown: &str) -> Vec<String> {
    let form = search_form(shown);
    let after_spaces = form.match_indices(' ').map(|(at, _)| form[at + 1..].to_owned());
    std::iter::once(form.clone()).chain(after_spaces).collect()
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

    #[test]
    fn search_starts_at_every_word() {
        assert_eq!(search_starts("Dewi Ayu Lestari"), ["dewi ayu lestari", "ayu lestari", "lestari"]);
        assert_eq!(search_starts("李"), ["李"]);
    }
}
