//! Which SVG is harmless: elements, attributes and values of a list, and nothing else. A file that has more is refused, not
//! changed: a sanitizer that misses one construct would serve it.

const ELEMENTS: [&str; 16] = [
    "svg",
    "g",
    "path",
    "rect",
    "circle",
    "ellipse",
    "line",
    "polyline",
    "polygon",
    "defs",
    "linearGradient",
    "radialGradient",
    "stop",
    "clipPath",
    "title",
    "desc",
];
const ATTRIBUTES: [&str; 55] = [
    "xmlns",
    "version",
    "viewBox",
    "preserveAspectRatio",
    "width",
    "height",
    "x",
    "y",
    "x1",
    "y1",
    "x2",
    "y2",
    "cx",
    "cy",
    "r",
    "rx",
    "ry",
    "fx",
    "fy",
    "d",
    "points",
    "id",
    "class",
    "transform",
    "fill",
    "fill-opacity",
    "fill-rule",
    "clip-rule",
    "clip-path",
    "stroke",
    "stroke-width",
    "stroke-linecap",
    "stroke-linejoin",
    "stroke-miterlimit",
    "stroke-opacity",
    "stroke-dasharray",
    "stroke-dashoffset",
    "opacity",
    "color",
    "display",
    "visibility",
    "gradientUnits",
    "gradientTransform",
    "spreadMethod",
    "offset",
    "stop-color",
    "stop-opacity",
    "clipPathUnits",
    "vector-effect",
    "shape-rendering",
    "role",
    "aria-label",
    "aria-hidden",
    "focusable",
    "xml:space",
];

/// A part of an SVG that is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SvgError {
    /// An element that is not on the list.
    #[error("has the element {0:?}: shapes, groups, gradients and clip paths are allowed")]
    Element(String),
    /// An attribute that is not on the list.
    #[error(
        "has the attribute {0:?}: attributes that place and colour shapes are allowed, style sheets and links are not"
    )]
    Attribute(String),
    /// A reference to something outside of the file.
    #[error("has a reference in {0:?}: only url(#…) within the file is allowed")]
    Reference(String),
    /// Entities, a document type, processing instructions, CDATA; or no XML at all.
    #[error("is not plain XML of elements, attributes and comments")]
    Syntax,
}

/// Checks a file.
///
/// # Errors
/// The first thing that is not allowed.
pub fn check(text: &str) -> Result<(), SvgError> {
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    if let Some(declared) = rest.strip_prefix("<?xml ") {
        let (declaration, after) = declared.split_once("?>").ok_or(SvgError::Syntax)?;
        // In another encoding the same bytes could be other elements.
        if declaration.contains("encoding") && !declaration.to_ascii_lowercase().contains("utf-8") {
            return Err(SvgError::Syntax);
        }
        rest = after;
    }
    if text.contains('&') || text.chars().any(|c| c.is_control() && !c.is_ascii_whitespace()) {
        return Err(SvgError::Syntax);
    }
    while let Some((_, tag)) = rest.split_once('<') {
        rest = match tag.strip_prefix("!--") {
            Some(comment) => comment.split_once("-->").ok_or(SvgError::Syntax)?.1,
            None => check_tag(tag)?,
        };
    }
    Ok(())
}

/// Checks a tag after its `<`. Returns what follows it.
fn check_tag(tag: &str) -> Result<&str, SvgError> {
    let (is_end, tag) = tag.strip_prefix('/').map_or((false, tag), |tag| (true, tag));
    let (name, mut rest) = tag.split_at(name_length(tag));
    if name.is_empty() {
        return Err(SvgError::Syntax);
    }
    if !ELEMENTS.contains(&name) {
        return Err(SvgError::Element(name.to_owned()));
    }
    loop {
        let trimmed = rest.trim_start();
        if let Some(after) = trimmed.strip_prefix('>').or(trimmed.strip_prefix("/>").filter(|_| !is_end)) {
            return Ok(after);
        }
        // Attributes have white space between them.
        if is_end || trimmed.len() == rest.len() {
            return Err(SvgError::Syntax);
        }
        rest = check_attribute(trimmed)?;
    }
}

/// Checks an attribute. Returns what follows it.
fn check_attribute(text: &str) -> Result<&str, SvgError> {
    let (name, rest) = text.split_at(name_length(text));
    let rest = rest.trim_start().strip_prefix('=').ok_or(SvgError::Syntax)?.trim_start();
    let quote = rest.chars().next().filter(|c| ['"', '\''].contains(c)).ok_or(SvgError::Syntax)?;
    let (value, after) = rest[1..].split_once(quote).ok_or(SvgError::Syntax)?;
    if !ATTRIBUTES.contains(&name) {
        return Err(SvgError::Attribute(name.to_owned()));
    }
    let is_namespace = name == "xmlns" && value == "http://www.w3.org/2000/svg";
    if !is_namespace && !is_local(value) {
        return Err(SvgError::Reference(name.to_owned()));
    }
    if value.contains('<') { Err(SvgError::Syntax) } else { Ok(after) }
}

/// Whether a value refers to nothing outside of the file.
fn is_local(value: &str) -> bool {
    let value = value.to_ascii_lowercase();
    let parts: Vec<&str> = value.split("url(").collect();
    let is_own = |part: &&str| part.trim_start_matches(['"', '\'']).starts_with('#');
    // A backslash could spell any function of CSS.
    parts[1..].iter().all(is_own) && !value.contains("://") && !value.contains(['\\', ':', '@'])
}

fn name_length(text: &str) -> usize {
    text.find(|c: char| !c.is_ascii_alphanumeric() && !"-_:.".contains(c)).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn drawings_are_accepted() {
        for text in [
            include_str!("../../static/icon.svg"),
            r#"<?xml version="1.0" encoding="UTF-8"?><!-- made by hand --><svg xmlns="http://www.w3.org/2000/svg"/>"#,
            r##"<svg><defs><linearGradient id="a"><stop offset="0" stop-color="#fff"/></linearGradient></defs>
               <path fill='url(#a)' d="M0 0h1"/></svg>"##,
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for text in [
            "<svg><script>alert(1)</script></svg>",
            "<svg onload='alert(1)'/>",
            "<svg><a href='javascript:alert(1)'/></svg>",
            "<svg><use href='#a'/></svg>",
            "<svg><image href='https://example.org/x.png'/></svg>",
            "<svg><foreignObject/></svg>",
            "<svg><style>* { fill: red }</style></svg>",
            "<svg style='background: url(https://example.org)'/>",
            "<svg fill='url(https://example.org/x)'/>",
            "<svg fill='URL( //example.org/x)'/>",
            "<svg fill='u\\72l(//example.org)'/>",
            "<svg fill='javascript:alert(1)'/>",
            "<svg><animate attributeName='href'/></svg>",
            "<svg><set/></svg>",
            "<!DOCTYPE svg [<!ENTITY x 'y'>]><svg/>",
            "<svg>&x;</svg>",
            "<svg><![CDATA[<script/>]]></svg>",
            "<?xml-stylesheet href='x'?><svg/>",
            "<?xml version='1.0' encoding='UTF-7'?><svg/>",
            "<svg xmlns:x='http://www.w3.org/1999/xhtml'/>",
            "<svg xmlns='http://www.w3.org/1999/xhtml'/>",
            "<svg width=1/>",
            "<svg width='1'onload='alert(1)'/>",
            "<svg title",
            "<SCRIPT/>",
            "< svg/>",
            "<svg/\u{0}>",
        ] {
            assert!(check(text).is_err(), "{text}");
        }
    }
}
