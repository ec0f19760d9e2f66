//! Options of the command line.

use std::path::PathBuf;

use clap::Args;

use crate::{
    rows::{ALL, PEERS, Row},
    setup::ServerKind,
};

/// Options of the command line.
#[derive(Args, Clone, Debug)]
pub struct Options {
    /// Rows to measure; all but peers without it
    #[arg(long, value_delimiter = ',', value_parser = clap::builder::PossibleValuesParser::new(ALL.iter().map(|row| row.name)))]
    pub rows: Vec<String>,
    /// Build and measure peers as well
    #[arg(long)]
    pub peers: bool,
    /// Number of clients in every row, instead of the row's own
    #[arg(long)]
    pub clients: Option<usize>,
    /// One short round: to test the benchmark, not for figures
    #[arg(long)]
    pub quick: bool,
    /// Number of rounds of floor and ruang in turn; the medians count
    #[arg(long, default_value_t = 3)]
    pub rounds: usize,
    /// Seconds of each measurement
    #[arg(long, default_value_t = 10.0)]
    pub seconds: f64,
    /// Another program than the one just built, to compare
    #[arg(long, default_value = env!("CARGO_BIN_EXE_ruang"))]
    pub ruang: PathBuf,
    /// A directory for the report
    #[arg(long, default_value = concat!(env!("CARGO_TARGET_TMPDIR"), "/fanout"))]
    pub out: PathBuf,
}

impl Options {
    pub fn rows(&self) -> Vec<&'static Row> {
        let named = |row: &Row| self.rows.iter().any(|name| name == row.name);
        let unnamed = |row: &Row| self.rows.is_empty() && row.name != PEERS;
        ALL.iter().filter(|row| named(row) || unnamed(row) || (self.peers && row.name == PEERS)).collect()
    }

    /// Returns the number of clients of a row with this default.
    pub fn clients(&self, clients: usize) -> usize {
        self.clients.unwrap_or(clients)
    }

    pub fn rounds(&self) -> usize {
        if self.quick { 1 } else { self.rounds }
    }

    pub fn seconds(&self) -> f64 {
        if self.quick { 3.0 } else { self.seconds }
    }

    /// Returns this many instances of the measured program.
    pub fn ruang(&self, instances: usize) -> ServerKind {
        ServerKind::Ruang { instances, program: self.ruang.clone(), settings: Vec::new() }
    }
}
