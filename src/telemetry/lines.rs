//! One line an event, whatever is in it.

use std::io::{self, Write};

use tracing_subscriber::fmt::MakeWriter;

const ESCAPE: char = '\u{1b}';

/// Writes each event as one line: characters that would break it, or command a terminal, are escaped. So nobody can
/// write lines of their own into the log by way of a header or a path.
pub(super) struct Lines<W> {
    writer: W,
    /// The formatter's own colours begin with an escape; it escapes those in values itself.
    colour: bool,
}

impl<W> Lines<W> {
    pub(super) fn new(writer: W, colour: bool) -> Self {
        Self { writer, colour }
    }
}

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Lines<W> {
    type Writer = Line<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Line { writer: self.writer.make_writer(), colour: self.colour }
    }

    fn make_writer_for(&'a self, meta: &tracing::Metadata<'_>) -> Self::Writer {
        Line { writer: self.writer.make_writer_for(meta), colour: self.colour }
    }
}

/// One event on its way: the formatter writes it whole.
pub(super) struct Line<W> {
    writer: W,
    colour: bool,
}

impl<W: Write> Write for Line<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let mut clean = escaped(line, self.colour);
        clean.push('\n');
        self.writer.write_all(clean.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

fn escaped(line: &str, colour: bool) -> String {
    let mut clean = String::with_capacity(line.len() + 1);
    for c in line.chars() {
        if commands(c) && !(colour && c == ESCAPE) {
            clean.extend(c.escape_default());
        } else {
            clean.push(c);
        }
    }
    clean
}

/// Controls, line separators, and those that turn the direction of what follows.
fn commands(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn what_breaks_lines_or_commands_terminals_is_escaped() {
        assert_eq!(
            escaped("a\nb\r\tc\u{1b}[2J\u{85}\u{2028}\u{202e}d", false),
            "a\\nb\\r\\tc\\u{1b}[2J\\u{85}\\u{2028}\\u{202e}d"
        );
        assert_eq!(escaped("halo, Øyvind 🙂", false), "halo, Øyvind 🙂");
        assert_eq!(escaped("\u{1b}[32mINFO\u{1b}[0m\n", true), "\u{1b}[32mINFO\u{1b}[0m\\n");
    }
}
