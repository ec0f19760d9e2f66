//! One line an event, whatever is in it, with the trace that it belongs to.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use opentelemetry::trace::SpanContext;
use tracing_subscriber::fmt::MakeWriter;

use super::spans;

const ESCAPE: char = '\u{1b}';

/// Writes each event as one line: characters that would break it, or command a terminal, are escaped. So nobody can
/// write lines of their own into the log by way of a header or a path.
pub(super) struct Lines<W> {
    writer: W,
    style: Style,
}

/// What a line is.
#[derive(Clone, Copy)]
pub(super) enum Style {
    /// Text. The formatter's own colours begin with an escape; it escapes those in values itself.
    Text { colour: bool },
    /// A JSON object.
    Json,
}

impl<W> Lines<W> {
    pub(super) fn new(writer: W, style: Style) -> Self {
        Self { writer, style }
    }
}

impl<'a, W: MakeWriter<'a>> MakeWriter<'a> for Lines<W> {
    type Writer = Line<W::Writer>;

    fn make_writer(&'a self) -> Self::Writer {
        Line { writer: self.writer.make_writer(), style: self.style }
    }

    fn make_writer_for(&'a self, meta: &tracing::Metadata<'_>) -> Self::Writer {
        Line { writer: self.writer.make_writer_for(meta), style: self.style }
    }
}

/// One event on its way: the formatter writes it whole.
pub(super) struct Line<W> {
    writer: W,
    style: Style,
}

impl<W: Write> Write for Line<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let line = text.strip_suffix('\n').unwrap_or(&text);
        let mut whole = match self.style {
            Style::Text { colour } => escaped(line, colour),
            // JSON has escaped it.
            Style::Json => line.to_owned(),
        };
        if let Some(span) = spans::current() {
            self.style.add(&mut whole, &span);
        }
        whole.push('\n');
        self.writer.write_all(whole.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Style {
    /// Adds the trace, under the names that OpenTelemetry gives them in logs.
    fn add(self, line: &mut String, span: &SpanContext) {
        let (trace, span) = (span.trace_id(), span.span_id());
        // A String takes everything.
        let _ = match self {
            Self::Text { .. } => write!(line, " trace_id={trace} span_id={span}"),
            Self::Json => {
                line.truncate(line.trim_end_matches('}').len());
                write!(line, r#","trace_id":"{trace}","span_id":"{span}"}}"#)
            }
        };
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
