//! Writes each event of the log as one line, with its trace id.

use std::{
    fmt::Write as _,
    io::{self, Write},
};

use opentelemetry::trace::SpanContext;
use tracing_subscriber::fmt::MakeWriter;

use super::spans;

const ESCAPE: char = '\u{1b}';

/// Writes each event as one line: line breaks and control characters are escaped, so that a header or a path cannot
/// forge lines or control a terminal.
pub(super) struct Lines<W> {
    writer: W,
    style: Style,
}

/// The format of a line.
#[derive(Clone, Copy)]
pub(super) enum Style {
    /// Text. With `colour`, escape characters are the formatter's own; it escapes those in values itself.
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

/// The writer of one event. The formatter writes it in one call.
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
            // JSON is escaped already.
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
    /// Adds the ids of trace and span, under OpenTelemetry's names for logs.
    fn add(self, line: &mut String, span: &SpanContext) {
        let (trace, span) = (span.trace_id(), span.span_id());
        // Writing to a String cannot fail.
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
        if is_unsafe(c) && !(colour && c == ESCAPE) {
            clean.extend(c.escape_default());
        } else {
            clean.push(c);
        }
    }
    clean
}

/// Whether a character is a control, a line separator or a bidi control.
fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn line_breaks_and_control_characters_are_escaped() {
        assert_eq!(
            escaped("a\nb\r\tc\u{1b}[2J\u{85}\u{2028}\u{202e}d", false),
            "a\\nb\\r\\tc\\u{1b}[2J\\u{85}\\u{2028}\\u{202e}d"
        );
        assert_eq!(escaped("halo, Øyvind 🙂", false), "halo, Øyvind 🙂");
        assert_eq!(escaped("\u{1b}[32mINFO\u{1b}[0m\n", true), "\u{1b}[32mINFO\u{1b}[0m\\n");
    }
}
