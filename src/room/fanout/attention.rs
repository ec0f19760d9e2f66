//! The visibility of a client's window, as the client reports it.

/// Whether a client's frames are sent at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attention {
    /// At once: the state of a client that has said nothing.
    Visible,
    /// Gathered, and sent once per second.
    Hidden,
    /// The client is hidden but has spoken: at once for a moment, then gathered again.
    Spoke,
}
