//! Hand-made histories: each kind of violation is found, and a clean history passes.
