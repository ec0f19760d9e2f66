//! A histogram of durations with an error of at most three per cent.

/// Buckets for each power of two.
const FINE: u32 = 32;
const FINE_BITS: u32 = FINE.trailing_zeros();

/// Counts of nanoseconds.
pub struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; (64 * FINE) as usize], total: 0 }
    }
}

impl Histogram {
    pub fn record(&mut self, nanoseconds: u64) {
        self.counts[bucket(nanoseconds)] += 1;
        self.total += 1;
    }

    /// Returns the quantile of this share in milliseconds; zero without durations.
    pub fn quantile(&self, share: f64) -> f64 {
        let mut left = (self.total as f64 * share).ceil() as u64;
        for (bucket, count) in self.counts.iter().enumerate() {
            if *count > 0 && *count >= left {
                return upper(bucket as u32) / 1e6;
            }
            left -= count;
        }
        0.0
    }
}

fn bucket(value: u64) -> usize {
    let power = (value | u64::from(FINE)).ilog2();
    let fine = (value >> (power - FINE_BITS)) as u32 & (FINE - 1);
    let row = if value < u64::from(FINE) { 0 } else { power - FINE_BITS + 1 };
    (row * FINE + fine) as usize
}

fn upper(bucket: u32) -> f64 {
    let (row, fine) = (bucket / FINE, bucket % FINE);
    if row == 0 { f64::from(fine) } else { f64::from(FINE + fine + 1) * 2f64.powi(row as i32 - 1) }
}
