//! The file with the moderators' tokens: one line for each, `name:token`, or one bare token.

use std::path::PathBuf;

use super::{secret::Secret, small_file, token_strength::apparent_bits};
use crate::name::{Name, NameKey};

/// The shortest token, in characters.
const MIN_TOKEN: usize = 16;
/// The least entropy of a token by the estimate of [`apparent_bits`]. A random token of 16 hexadecimal digits has about 40, and hardly
/// ever less than 15.
const MIN_BITS: f64 = 10.0;
/// The moderator of a bare token.
const OPERATOR: &str = "operator";
/// Words that do not make a token harder to guess.
const COMMON: [&str; 18] = [
    "administrator",
    "moderator",
    "operator",
    "password",
    "changeme",
    "rahasia",
    "letmein",
    "default",
    "welcome",
    "qwertyuiop",
    "qwerty",
    "asdfgh",
    "secret",
    "sandi",
    "token",
    "admin",
    "ruang",
    "chat",
];

/// A moderator and their token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModeratorToken {
    /// The name that is put on record.
    pub name: String,
    /// The key of the name.
    pub name_key: NameKey,
    /// The token.
    pub token: Secret,
}

/// The file, and the tokens that it had when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenFile {
    path: PathBuf,
    /// The moderators, in the order of the lines.
    pub moderators: Vec<ModeratorToken>,
}

/// The moderators of a file, and the lines that are not valid: the number of each, and why.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct TokenLines {
    /// Those of the valid lines.
    pub moderators: Vec<ModeratorToken>,
    /// The other lines, without what they contain.
    pub invalid: Vec<(usize, &'static str)>,
}

impl TokenFile {
    /// Reads the file. Every line must be valid, and there must be one.
    ///
    /// # Errors
    /// The accepted content, and why the file is refused.
    pub fn read(path: &str) -> Result<Self, String> {
        let accepted = |why: &str| format!("a readable file with lines of name:token, or one token ({why})");
        let path = PathBuf::from(path);
        let text = small_file::read(&path).map_err(|why| accepted(&why))?;
        let lines = TokenLines::parse(&text);
        if let Some((number, why)) = lines.invalid.first() {
            return Err(accepted(&format!("line {number}: {why}")));
        }
        if lines.moderators.is_empty() {
            return Err(accepted("it is empty"));
        }
        Ok(Self { path, moderators: lines.moderators })
    }

    /// Reads the file again.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn read_again(&self) -> Result<String, String> {
        small_file::read(&self.path)
    }
}

impl TokenLines {
    /// Parses the lines of a file. Empty lines and lines that begin with `#` are left out.
    pub fn parse(text: &str) -> Self {
        let mut lines = Self::default();
        for (number, line) in small_file::lines(text) {
            match parse_line(line).and_then(|parsed| lines.unique(parsed)) {
                Ok(moderator) => lines.moderators.push(moderator),
                Err(why) => lines.invalid.push((number, why)),
            }
        }
        lines
    }

    fn unique(&self, new: ModeratorToken) -> Result<ModeratorToken, &'static str> {
        for known in &self.moderators {
            if known.name_key == new.name_key {
                return Err("another line has this name, or one that looks like it");
            }
            if known.token == new.token {
                return Err("another line has this token");
            }
        }
        Ok(new)
    }
}

fn parse_line(line: &str) -> Result<ModeratorToken, &'static str> {
    let (name, token) = line.split_once(':').unwrap_or((OPERATOR, line));
    let name = Name::parse(name).map_err(|_| "the name before the colon is none that people can have")?;
    let token = token.trim();
    check(token)?;
    Ok(ModeratorToken { name: name.shown().to_owned(), name_key: name.key().clone(), token: token.into() })
}

/// Refuses a token that can be guessed.
fn check(token: &str) -> Result<(), &'static str> {
    let characters: Vec<char> = token.chars().collect();
    if characters.len() < MIN_TOKEN {
        return Err("a token has at least 16 characters");
    }
    if is_repeated(&characters) {
        return Err("the token repeats a part of itself; take one from: openssl rand -hex 24");
    }
    if apparent_bits(token) < MIN_BITS || without_words(token) < MIN_TOKEN / 2 {
        return Err("the token is easy to guess; take one from: openssl rand -hex 24");
    }
    Ok(())
}

/// Whether the characters are one part, again and again; the last one may be cut.
fn is_repeated(characters: &[char]) -> bool {
    (1..=characters.len() / 2).any(|part| characters.iter().zip(&characters[part..]).all(|(one, other)| one == other))
}

/// How many characters remain without common words.
fn without_words(token: &str) -> usize {
    let mut rest = token.to_lowercase();
    for word in COMMON {
        rest = rest.replace(word, "");
    }
    rest.chars().count()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use sha2::{Digest, Sha256};

    use super::*;

    const GOOD: &str = "f2a9c07be41d5836";

    fn invalid(text: &str) -> Vec<(usize, &'static str)> {
        TokenLines::parse(text).invalid
    }

    #[test]
    fn bare_token_is_the_operators() {
        let lines = TokenLines::parse(&format!("{GOOD}\n"));
        assert_eq!((lines.moderators[0].name.as_str(), lines.moderators[0].token.expose()), ("operator", GOOD));
        assert!(lines.invalid.is_empty());
    }

    #[test]
    fn each_line_names_a_moderator() {
        let lines = TokenLines::parse(&format!("# ours\nSari:{GOOD}\n\n Budi : a-token-that-is-not-guessed\r\n"));
        let found: Vec<_> = lines.moderators.iter().map(|one| (&*one.name, one.token.expose())).collect();
        assert_eq!(found, [("Sari", GOOD), ("Budi", "a-token-that-is-not-guessed")]);
        assert!(lines.invalid.is_empty(), "{:?}", lines.invalid);
    }

    #[test]
    fn lines_of_one_name_or_token_are_refused() {
        let found = invalid(&format!("Sari:{GOOD}\nsari:a-token-that-is-not-guessed\nBudi:{GOOD}\n\u{200b}:{GOOD}x"));
        assert_eq!(found.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [2, 3, 4]);
        assert!(found[0].1.contains("name") && found[1].1.contains("token") && found[2].1.contains("name"));
    }

    #[test]
    fn tokens_that_can_be_guessed_are_refused() {
        for (token, why) in [
            ("f2a9c07be41d583", "16 characters"),
            ("aaaaaaaaaaaaaaaaaaaaaaaa", "repeats"),
            ("abcdabcdabcdabcdab", "repeats"),
            ("hunter22hunter22", "repeats"),
            ("abcdefghijklmnopqrstuvwxyz", "easy to guess"),
            ("0123456789abcdef", "easy to guess"),
            ("987654321987654320", "easy to guess"),
            ("administrator123", "easy to guess"),
            ("operator-password-2026", "easy to guess"),
            ("qwertyuiopasdfgh", "easy to guess"),
            ("aaaaaaaabbbbbbbbc", "easy to guess"),
        ] {
            let found = invalid(token);
            assert!(found.first().is_some_and(|(_, found)| found.contains(why)), "{token}: {found:?}");
        }
    }

    #[test]
    fn file_that_is_too_long_is_not_read() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().to_str().unwrap();
        let long = format!("{GOOD}\n{}", "#".repeat(64 * 1024));
        fs::write(path, &long[..64 * 1024]).unwrap();
        let read = TokenFile::read(path).unwrap();
        fs::write(path, &long).unwrap();
        assert_eq!(read.read_again(), Err("it is too long".to_owned()));
        assert!(TokenFile::read(path).unwrap_err().contains("it is too long"));
    }

    #[test]
    fn random_hexadecimal_tokens_are_accepted() {
        for n in 0..10_000_u32 {
            let random = Sha256::digest(n.to_be_bytes());
            let token: String = random[..8].iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(check(&token), Ok(()), "{token}");
        }
    }
}
