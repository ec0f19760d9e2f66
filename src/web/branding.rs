//! The look of this installation, for all pages of the process: set once, when the site is made.

use std::sync::OnceLock;

use flate2::Compression;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{assets::Asset, gzip::gzip, locale::Locale, texts::Texts};
use crate::brand::{Brand, Contact};

static BRANDING: OnceLock<Branding> = OnceLock::new();

/// The look of this installation, and the files that it adds to the embedded ones.
pub struct Branding {
    brand: Brand,
    /// The files, in place of embedded ones with the same name.
    pub files: Vec<Asset>,
    /// A hash over the files; empty without any.
    pub hash: String,
}

/// Sets the look. It stays for the life of the process: pages are compressed with it.
pub fn install(brand: Brand) {
    BRANDING.get_or_init(|| Branding::new(brand));
}

/// The look of this installation.
pub fn branding() -> &'static Branding {
    BRANDING.get_or_init(|| Branding::new(Brand::default()))
}

impl Branding {
    fn new(brand: Brand) -> Self {
        let mut branding = Self { brand, files: vec![], hash: String::new() };
        branding.files = branding.files();
        if !branding.files.is_empty() {
            let hash = branding.files.iter().fold(Sha256::new(), |hash, file| {
                hash.chain_update((file.plain.len() as u64).to_be_bytes()).chain_update(file.plain)
            });
            // The title is part of the pages' version, as templates are.
            let hash = hash.chain_update(&branding.brand.title).finalize();
            branding.hash = hash[..4].iter().map(|byte| format!("{byte:02x}")).collect();
        }
        branding
    }

    /// The name of the room.
    pub fn title(&self) -> &str {
        &self.brand.title
    }

    /// The line at sign-in.
    pub fn welcome(&self) -> Option<&str> {
        self.brand.welcome.as_deref()
    }

    /// The file of the image, and its type.
    pub fn icon(&self) -> (&'static str, &'static str) {
        match &self.brand.logo {
            Some(logo) if !logo.is_svg() => (logo.file_name(), "image/png"),
            Some(logo) => (logo.file_name(), "image/svg+xml"),
            None => ("icon.svg", "image/svg+xml"),
        }
    }

    /// The file of the image as a PNG, if there is one.
    pub fn touch_icon(&self) -> Option<&'static str> {
        match &self.brand.logo {
            Some(logo) => (!logo.is_svg()).then_some(logo.file_name()),
            None => self.brand.accent.is_none().then_some("icon.png"),
        }
    }

    /// Whether there is a style sheet of the accent.
    pub fn has_style_sheet(&self) -> bool {
        self.brand.accent.is_some()
    }

    /// The tags of the languages on offer; the first is the default.
    pub fn languages(&self) -> &[&'static str] {
        &self.brand.languages
    }

    /// Whom people write to.
    pub fn contact(&self) -> Option<&Contact> {
        self.brand.contact.as_ref()
    }

    /// The rules of the room.
    pub fn rules(&self) -> Option<&str> {
        self.brand.rules.as_deref()
    }

    fn files(&self) -> Vec<Asset> {
        let Brand { title, logo, accent, languages, .. } = &self.brand;
        let mut files = vec![];
        if let Some(accent) = accent {
            files.push(asset("brand.css", accent.style_sheet().into_bytes()));
            let own = include_str!("../../static/icon.svg").replace("#0f766e", &accent.colour().to_string());
            files.push(asset("icon.svg", own.into_bytes()));
        }
        if let Some(logo) = logo {
            files.push(asset(logo.file_name(), logo.bytes().to_vec()));
        }
        let default = Brand::default();
        if *title != default.title || *languages != default.languages || !files.is_empty() {
            files.push(asset("ruang.webmanifest", self.manifest()));
        }
        files
    }

    fn manifest(&self) -> Vec<u8> {
        let locale = Locale::fallback_of(self.languages());
        let (icon, kind) = self.icon();
        let mut icons =
            vec![json!({ "src": icon, "sizes": if kind == "image/png" { "192x192" } else { "any" }, "type": kind })];
        if self.brand.logo.is_none()
            && let Some(png) = self.touch_icon()
        {
            icons.push(json!({ "src": png, "sizes": "512x512", "type": "image/png", "purpose": "any maskable" }));
        }
        let theme = self.brand.accent.map_or("#0f766e".to_owned(), |accent| accent.colour().to_string());
        let manifest = json!({
            "name": self.title(), "short_name": self.title(), "description": Texts::of(locale).about, "lang": locale.tag(),
            "start_url": "../../chat", "scope": "../../", "display": "standalone", "background_color": "#f4f6f5",
            "theme_color": theme, "icons": icons,
        });
        // Strings always serialise.
        serde_json::to_vec(&manifest).unwrap_or_default()
    }
}

/// A file that lives as long as the process.
fn asset(name: &'static str, bytes: Vec<u8>) -> Asset {
    let gzip = if name.ends_with(".png") { vec![] } else { gzip(&bytes, Compression::best()).unwrap_or_default() };
    Asset { name, plain: bytes.leak(), br: &[], gzip: gzip.leak() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::brand::{Accent, Logo};

    fn named(branding: &Branding, name: &str) -> String {
        let file = branding.files.iter().find(|file| file.name == name).expect("a file");
        String::from_utf8(file.plain.to_vec()).unwrap()
    }

    #[test]
    fn default_look_adds_no_file() {
        let branding = Branding::new(Brand::default());
        assert!(branding.files.is_empty() && branding.hash.is_empty());
        assert_eq!((branding.icon().0, branding.touch_icon()), ("icon.svg", Some("icon.png")));
    }

    #[test]
    fn manifest_has_title_language_and_colour() {
        let accent = Accent::new("#7c3aed".parse().unwrap()).ok();
        let brand = Brand { title: "Kelas \"7B\"".into(), accent, languages: vec!["en"], ..Brand::default() };
        let branding = Branding::new(brand);
        let manifest: serde_json::Value = serde_json::from_str(&named(&branding, "ruang.webmanifest")).unwrap();
        assert_eq!((&manifest["name"], &manifest["lang"]), (&json!("Kelas \"7B\""), &json!("en")));
        assert_eq!(manifest["theme_color"], "#7c3aed");
        assert!(named(&branding, "icon.svg").contains("#7c3aed") && named(&branding, "brand.css").contains("#7c3aed"));
    }

    #[test]
    fn another_look_has_another_hash() {
        let hash = |title: &str| Branding::new(Brand { title: title.into(), ..Brand::default() }).hash;
        assert_ne!(hash("a"), hash("b"));
        let logo = Logo::new(include_bytes!("../../static/icon.svg")).ok();
        assert_ne!(Branding::new(Brand { logo, ..Brand::default() }).hash, "");
    }
}
