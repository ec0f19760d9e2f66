//! The rows of the report, each with what it promises.

mod steady;

use crate::{options::Options, process::Failure, report::Line};

/// Something to measure.
pub struct Row {
    pub name: &'static str,
    pub measure: fn(&Options) -> Result<Vec<Line>, Failure>,
}

/// In the order in which they are measured.
pub const ALL: &[Row] = &[Row { name: "calm", measure: steady::calm }, Row { name: "crowd", measure: steady::crowd }];
