//! The HTTP part of the protocol: pages, API and health, on both engines.

mod api;
mod assets;
mod cross_site;
mod embed;
mod health;
mod languages;
mod looks;
mod names;
mod pages;
mod privacy;
mod sign_in;
