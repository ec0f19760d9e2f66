//! The image of an installation: a PNG, or an SVG that can do nothing but draw.

use std::sync::Arc;

use super::svg::{self, SvgError};

/// The largest image, in bytes.
const MAX_BYTES: usize = 100_000;
/// The beginning of a PNG, up to the width in its first chunk.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";

/// An image that pages may show.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logo {
    bytes: Arc<[u8]>,
    is_svg: bool,
}

/// Why a file cannot be the logo.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogoError {
    /// More than 100 kB.
    #[error("it has more than {MAX_BYTES} bytes")]
    TooLarge,
    /// Neither format.
    #[error("it is neither a PNG nor an SVG")]
    Format,
    /// The SVG has more than shapes and colours.
    #[error("its SVG {0}")]
    Svg(#[from] SvgError),
}

impl Logo {
    /// Checks an image.
    pub fn new(bytes: &[u8]) -> Result<Self, LogoError> {
        if bytes.len() > MAX_BYTES {
            return Err(LogoError::TooLarge);
        }
        if bytes.starts_with(PNG) {
            return Ok(Self { bytes: bytes.into(), is_svg: false });
        }
        let text = std::str::from_utf8(bytes).map_err(|_| LogoError::Format)?;
        if !text.contains("<svg") {
            return Err(LogoError::Format);
        }
        svg::check(text)?;
        Ok(Self { bytes: bytes.into(), is_svg: true })
    }

    /// The file.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The name of the file as it is served.
    pub fn file_name(&self) -> &'static str {
        if self.is_svg { "logo.svg" } else { "logo.png" }
    }

    /// Whether it is an SVG.
    pub fn is_svg(&self) -> bool {
        self.is_svg
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_icons_are_accepted() {
        assert!(Logo::new(include_bytes!("../../static/icon.svg")).unwrap().is_svg());
        assert_eq!(Logo::new(include_bytes!("../../static/icon.png")).unwrap().file_name(), "logo.png");
    }

    #[test]
    fn other_files_are_refused() {
        assert_eq!(Logo::new(b"GIF89a"), Err(LogoError::Format));
        assert_eq!(Logo::new(b"\xff\xd8\xff"), Err(LogoError::Format));
        assert_eq!(Logo::new(&[PNG, &[0; MAX_BYTES]].concat()), Err(LogoError::TooLarge));
        assert!(matches!(Logo::new(b"<svg><script/></svg>"), Err(LogoError::Svg(_))));
    }
}
