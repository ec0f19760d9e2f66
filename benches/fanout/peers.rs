//! Other programs for comparison, built and measured on request.

use std::{path::PathBuf, process::Command};

use crate::{generator::dialect::Dialect, process::Failure, setup::ServerKind};

/// A separate workspace, so that the peers' dependencies are not the project's.
const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/peers/Cargo.toml");
const BUILT: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/fanout-peers");
const PEERS: [(&str, Dialect); 2] = [("axum-broadcast", Dialect::Plain), ("socketioxide-redis", Dialect::SocketIo)];

/// Builds the peers; returns their names and kinds.
pub fn build() -> Result<Vec<(&'static str, ServerKind)>, Failure> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--release", "--locked", "--manifest-path", MANIFEST, "--target-dir", BUILT]);
    if !cargo.status()?.success() {
        return Err("the peers cannot be built".into());
    }
    let kind = |(name, dialect)| {
        (name, ServerKind::Peer { program: PathBuf::from(BUILT).join("release").join(name), dialect })
    };
    Ok(PEERS.map(kind).into())
}
