//! How an installation looks: its name, greeting, logo, colour and languages; its rules and whom to write to. No I/O: settings read files, pages use this.

mod accent;
mod colour;
mod contact;
mod logo;
mod svg;

pub use self::{
    accent::{Accent, AccentError},
    colour::{Colour, NotAColour},
    contact::{Contact, NotAContact},
    logo::{Logo, LogoError},
};

/// The languages of the pages, by their tags. The first is the default.
pub const LANGUAGES: [&str; 2] = ["id", "en"];

/// How an installation looks.
#[derive(Clone, Debug)]
pub struct Brand {
    /// The name of the room.
    pub title: String,
    /// A line at sign-in, in place of the page's own.
    pub welcome: Option<String>,
    /// An image in place of the page's own.
    pub logo: Option<Logo>,
    /// A colour in place of the page's own.
    pub accent: Option<Accent>,
    /// The languages on offer, of [`LANGUAGES`]; the first is for readers who prefer none of them.
    pub languages: Vec<&'static str>,
    /// Whom people write to.
    pub contact: Option<Contact>,
    /// The rules of the room, as plain text.
    pub rules: Option<String>,
}

impl Default for Brand {
    fn default() -> Self {
        Self {
            title: "ruang".to_owned(),
            welcome: None,
            logo: None,
            accent: None,
            languages: LANGUAGES.to_vec(),
            contact: None,
            rules: None,
        }
    }
}
