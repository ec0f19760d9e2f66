//! The options of a `<select>`.

use std::borrow::Cow;

/// An `<option>`.
pub(super) struct SelectOption {
    pub(super) value: Cow<'static, str>,
    pub(super) label: String,
    pub(super) selected: bool,
}
