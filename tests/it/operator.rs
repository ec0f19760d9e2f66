//! Moderation, on the page and through the API, on every instance.

mod addresses;
mod api;
mod bad_input;
mod erasure;
mod everywhere;
mod export;
mod moderators;
mod pages;
mod reports;
mod rules;
mod wave;
