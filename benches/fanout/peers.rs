//! Other people's ways to do the same, built and measured on request.

use std::{path::PathBuf, process::Command};

use crate::{generator::dialect::Dialect, process::Failure, stage::Kind};

/// A workspace of its own, so that what peers depend on is no dependency of the project.
const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/Cargo.toml");
const BUILT: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/fanout-peers");
const PEERS: [(&str, Dialect); 2] = [("axum-broadcast", Dialect::Plain), ("socketioxide-redis", Dialect::SocketIo)];

/// Builds them, and answers what they are called and how they are measured.
pub fn build() -> Result<Vec<(&'static str, Kind)>, Failure> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--release", "--locked", "--manifest-path", MANIFEST, "--target-dir", BUILT]);
    if !cargo.status()?.success() {
        return Err("the peers cannot be built".into());
    }
    let kind =
        |(name, dialect)| (name, Kind::Peer { program: PathBuf::from(BUILT).join("release").join(name), dialect });
    Ok(PEERS.map(kind).into())
}
