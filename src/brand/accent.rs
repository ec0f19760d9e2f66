//! The colour of buttons, links and own messages: its shades for the light and the dark theme, each of which holds WCAG AA.

use super::Colour;

/// WCAG AA for text.
const AA: f64 = 4.5;
/// The steps of a search for a shade, from the colour to black or white.
const STEPS: u32 = 200;

/// The grounds of the style sheet's themes on which the accent is drawn: static/page.css.
const LIGHT_GROUNDS: [Colour; 2] = [Colour::new(0xf4, 0xf6, 0xf5), Colour::WHITE];
const DARK_GROUNDS: [Colour; 3] =
    [Colour::new(0x0f, 0x15, 0x14), Colour::new(0x15, 0x1d, 0x1b), Colour::new(0x1d, 0x27, 0x25)];

/// A colour, and its shades for both themes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accent {
    light: Shades,
    dark: Shades,
}

/// The variables of the style sheet that follow the accent, in one theme.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Shades {
    accent: Colour,
    strong: Colour,
    on_accent: Colour,
    own: Colour,
    own_ink: Colour,
    own_quiet: Colour,
}

/// The error of a colour on which white text cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a darker colour: white text on it has a contrast below 4.5 (WCAG AA); the nearest that holds it is {nearest}")]
pub struct AccentError {
    /// The nearest colour that can be used.
    pub nearest: Colour,
}

impl Accent {
    /// Computes the shades of a colour. The light theme shows the colour itself.
    ///
    /// # Errors
    /// [`AccentError`] if white text on the colour, or the colour on the page, cannot be read.
    pub fn new(colour: Colour) -> Result<Self, AccentError> {
        let nearest = shade(colour, Colour::BLACK, |shade| holds(shade, &LIGHT_GROUNDS));
        if nearest != colour {
            return Err(AccentError { nearest });
        }
        Ok(Self { light: Shades::light(colour), dark: Shades::dark(colour) })
    }

    /// The colour itself.
    pub fn colour(&self) -> Colour {
        self.light.accent
    }

    /// Returns the style sheet that sets the variables.
    pub fn style_sheet(&self) -> String {
        format!(
            ":root {{ {} }}\n@media (prefers-color-scheme: dark) {{ :root {{ {} }} }}\n",
            self.light.variables(),
            self.dark.variables()
        )
    }
}

impl Shades {
    fn light(accent: Colour) -> Self {
        let own = Colour::WHITE.mixed(accent, 0.15);
        let grounds = [LIGHT_GROUNDS[0], LIGHT_GROUNDS[1], own];
        let ink = accent.mixed(Colour::BLACK, 0.7);
        Self {
            accent,
            strong: shade(accent.mixed(Colour::BLACK, 0.2), Colour::BLACK, |shade| holds(shade, &grounds)),
            on_accent: Colour::WHITE,
            own,
            own_ink: shade(ink, Colour::BLACK, |shade| holds(shade, &[own])),
            own_quiet: shade(ink.mixed(own, 0.3), Colour::BLACK, |shade| holds(shade, &[own])),
        }
    }

    fn dark(colour: Colour) -> Self {
        let accent = shade(colour, Colour::WHITE, |shade| holds(shade, &DARK_GROUNDS));
        let own = DARK_GROUNDS[1].mixed(accent, 0.28);
        let [ground, surface, raised] = DARK_GROUNDS;
        let ink = Colour::WHITE.mixed(accent, 0.1);
        Self {
            accent,
            strong: shade(accent.mixed(Colour::WHITE, 0.2), Colour::WHITE, |shade| {
                holds(shade, &[ground, surface, raised, own])
            }),
            on_accent: shade(colour.mixed(Colour::BLACK, 0.85), Colour::BLACK, |shade| holds(shade, &[accent])),
            own,
            own_ink: shade(ink, Colour::WHITE, |shade| holds(shade, &[own])),
            own_quiet: shade(ink.mixed(own, 0.3), Colour::WHITE, |shade| holds(shade, &[own])),
        }
    }

    fn variables(&self) -> String {
        let Self { accent, strong, on_accent, own, own_ink, own_quiet } = self;
        format!(
            "--accent: {accent}; --accent-strong: {strong}; --on-accent: {on_accent}; --own: {own}; \
             --own-ink: {own_ink}; --own-quiet: {own_quiet};"
        )
    }
}

fn holds(colour: Colour, grounds: &[Colour]) -> bool {
    grounds.iter().all(|ground| colour.contrast(*ground) >= AA)
}

/// The first colour on the way to black or white that meets a condition.
fn shade(colour: Colour, end: Colour, is_good: impl Fn(Colour) -> bool) -> Colour {
    let steps = (0..=STEPS).map(|step| colour.mixed(end, f64::from(step) / f64::from(STEPS)));
    steps.into_iter().find(|shade| is_good(*shade)).unwrap_or(end)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Every pair of colours that the style sheet draws on each other.
        #[test]
        fn every_accent_or_its_nearest_holds_aa_in_both_themes(red: u8, green: u8, blue: u8) {
            let colour = Colour::new(red, green, blue);
            let accent = Accent::new(colour).or_else(|error| Accent::new(error.nearest)).expect("the nearest can");
            for (shades, grounds) in [(accent.light, &LIGHT_GROUNDS[..]), (accent.dark, &DARK_GROUNDS[..])] {
                prop_assert!(holds(shades.accent, grounds), "{shades:?}");
                prop_assert!(holds(shades.strong, grounds) && holds(shades.strong, &[shades.own]), "{shades:?}");
                prop_assert!(holds(shades.on_accent, &[shades.accent, shades.strong]), "{shades:?}");
                prop_assert!(holds(shades.own, &[shades.own_ink, shades.own_quiet]), "{shades:?}");
            }
        }
    }

    #[test]
    fn colour_that_is_too_light_names_the_nearest() {
        let error = Accent::new("#ffd400".parse().unwrap()).unwrap_err();
        assert!(Accent::new(error.nearest).is_ok());
        assert!(error.to_string().ends_with(&error.nearest.to_string()), "{error}");
    }

    #[test]
    fn light_theme_shows_the_colour_itself() {
        let accent = Accent::new("#7c3aed".parse().unwrap()).unwrap();
        assert!(accent.style_sheet().starts_with(":root { --accent: #7c3aed; "), "{}", accent.style_sheet());
    }

    #[test]
    fn grounds_are_those_of_the_style_sheet() {
        let sheet = include_str!("../../static/page.css");
        let (light, dark) = sheet.split_once("@media (prefers-color-scheme: dark)").unwrap();
        for (part, names, grounds) in [
            (light, &["ground", "surface"][..], &LIGHT_GROUNDS[..]),
            (dark, &["ground", "surface", "raised"], &DARK_GROUNDS),
        ] {
            for (name, ground) in names.iter().zip(grounds) {
                assert!(part.contains(&format!("--{name}: {ground};")), "{name}");
            }
        }
    }
}
