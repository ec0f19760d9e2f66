//! The file of programs: lines of `name:token`. No error repeats a token.

use super::{small_file, token_strength::check_strength};
use crate::{name::Name, session::Bots};

/// The largest number of programs.
const MAX_BOTS: usize = 100;

/// Reads the programs of a file. Empty lines and lines that begin with `#` are comments.
pub(super) fn bots_file(path: &str) -> Result<Bots, String> {
    let accepted = |why: String| format!("a readable file with lines of name:token ({why})");
    let text = small_file::read(path).map_err(accepted)?;
    let bots = small_file::lines(&text)
        .map(|(number, line)| bot(line).map_err(|why| accepted(format!("line {number}: {why}"))));
    let bots = bots.collect::<Result<Vec<_>, _>>()?;
    if bots.is_empty() {
        return Err(accepted("it has none".into()));
    }
    if bots.len() > MAX_BOTS {
        return Err(accepted(format!("it has more than {MAX_BOTS}")));
    }
    Bots::new(bots).map_err(|error| accepted(error.to_string()))
}

/// Parses a line. A name may have a colon, a token has none.
fn bot(line: &str) -> Result<(Name, &str), String> {
    let (name, token) = line.rsplit_once(':').ok_or("it has no colon")?;
    let name = Name::parse(name).map_err(|error| error.to_string())?;
    let token = token.trim();
    if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err("a token consists of visible ASCII characters".into());
    }
    check_strength(token)?;
    Ok((name, token))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(text: &str) -> Result<Bots, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        bots_file(file.path().to_str().unwrap())
    }

    #[test]
    fn names_may_have_spaces_and_colons() {
        let bots = file("# programs\n\nCI: build:Zq7mW2xk9TfLbV4dRn8sHc3Y\nCuaca:pX5vK1jGt6ByQ0eZuA9wMh2N\n").unwrap();
        assert_eq!(bots.names(), ["CI: build", "Cuaca"]);
    }

    #[test]
    fn refusals_name_the_line_and_never_the_token() {
        for (text, why) in [
            ("", "it has none"),
            ("CI", "line 1: it has no colon"),
            ("#\nCI:hunter2hunter2hunter2", "line 2: the token is too easy to guess"),
            (":Zq7mW2xk9TfLbV4dRn8sHc3Y", "line 1: a name must not be empty"),
            ("CI:Zq7mW2xk9TfLbV4dRn8sHc3Y\nci:pX5vK1jGt6ByQ0eZuA9wMh2N", "two lines have the same name"),
            ("CI:Zq7mW2xk9TfLbV4dRn8sHc3Y\nBot:Zq7mW2xk9TfLbV4dRn8sHc3Y", "two lines have the same token"),
        ] {
            let error = file(text).unwrap_err();
            assert!(error.contains(why), "{error}");
            assert!(!error.contains("hunter2") && !error.contains("Zq7m"), "{error}");
        }
    }
}
