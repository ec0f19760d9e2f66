//! Gzip bodies assembled from fragments, so that the parts that responses share are compressed once.
//!
//! A fragment is compressed on its own and ends on a byte boundary (RFC 1951, an empty stored block), so that a sequence of
//! them is one deflate stream. Checksums are combined, too.

use std::io::{self, Write};

use axum::body::Bytes;
use flate2::{
    Compression, Crc,
    write::{DeflateEncoder, GzEncoder},
};

/// The header of a gzip file without name and time (RFC 1952).
const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];
/// The last block of a deflate stream, empty.
const LAST_BLOCK: [u8; 2] = [3, 0];
/// The largest stored block of a deflate stream.
const STORED_BLOCK: usize = 65_535;

/// A part of a body, plain and compressed.
#[derive(Debug)]
pub struct Fragment {
    plain: Bytes,
    deflated: Bytes,
    crc: Crc,
}

impl Fragment {
    /// Compresses a part that many bodies share.
    pub fn compress(plain: impl Into<Bytes>, level: Compression) -> Self {
        let plain = plain.into();
        // Writing to memory cannot fail.
        let deflated = deflate(&plain, level).unwrap_or_default();
        Self::new(plain, deflated)
    }

    /// A short part of one body, not compressed.
    pub fn store(plain: impl Into<Bytes>) -> Self {
        let plain = plain.into();
        let mut deflated = Vec::with_capacity(plain.len() + 5);
        for block in plain.chunks(STORED_BLOCK) {
            let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
            deflated.push(0);
            deflated.extend(length.to_le_bytes());
            deflated.extend((!length).to_le_bytes());
            deflated.extend(block);
        }
        Self::new(plain, deflated)
    }

    fn new(plain: Bytes, deflated: Vec<u8>) -> Self {
        let mut crc = Crc::new();
        crc.update(&plain);
        Self { plain, deflated: deflated.into(), crc }
    }
}

/// Returns the body made of `fragments`, plain.
pub fn join_plain(fragments: &[&Fragment]) -> Bytes {
    let mut body = Vec::with_capacity(fragments.iter().map(|fragment| fragment.plain.len()).sum());
    fragments.iter().for_each(|fragment| body.extend(&fragment.plain));
    body.into()
}

/// Returns the body made of `fragments` as a gzip file.
pub fn join_gzip(fragments: &[&Fragment]) -> Bytes {
    let length: usize = fragments.iter().map(|fragment| fragment.deflated.len()).sum();
    let mut body = Vec::with_capacity(HEADER.len() + length + LAST_BLOCK.len() + 8);
    let mut crc = Crc::new();
    body.extend(HEADER);
    for fragment in fragments {
        body.extend(&fragment.deflated);
        crc.combine(&fragment.crc);
    }
    body.extend(LAST_BLOCK);
    body.extend(crc.sum().to_le_bytes());
    body.extend(crc.amount().to_le_bytes());
    body.into()
}

/// Compresses a whole body.
///
/// # Errors
/// None: writing to memory cannot fail.
pub fn gzip(plain: &[u8], level: Compression) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(plain.len() / 4), level);
    encoder.write_all(plain)?;
    encoder.finish()
}

fn deflate(plain: &[u8], level: Compression) -> io::Result<Vec<u8>> {
    let mut encoder = DeflateEncoder::new(Vec::with_capacity(plain.len() / 4), level);
    encoder.write_all(plain)?;
    encoder.flush()?;
    Ok(std::mem::take(encoder.get_mut()))
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    fn gunzip(bytes: &[u8]) -> String {
        let mut text = String::new();
        GzDecoder::new(bytes).read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn fragments_make_one_body_plain_and_compressed() {
        let (head, tail) = ("<ol>".repeat(3000), "</ol>".repeat(2000));
        let long = "long".repeat(40_000);
        let fragments = [
            Fragment::compress(head.clone(), Compression::best()),
            Fragment::store("sari & adi"),
            Fragment::compress("", Compression::fast()),
            Fragment::store(""),
            Fragment::store(long.clone()),
            Fragment::compress(tail.clone(), Compression::fast()),
        ];
        let expected = [&head, "sari & adi", &long, &tail].concat();
        let fragments: Vec<_> = fragments.iter().collect();
        assert_eq!(join_plain(&fragments), expected);
        assert_eq!(gunzip(&join_gzip(&fragments)), expected);
    }

    #[test]
    fn body_without_fragments_is_empty() {
        assert_eq!(gunzip(&join_gzip(&[])), "");
    }

    #[test]
    fn whole_body_is_compressed() {
        let text = "halo ".repeat(1000);
        let compressed = gzip(text.as_bytes(), Compression::fast()).unwrap();
        assert!(compressed.len() < text.len() / 10);
        assert_eq!(gunzip(&compressed), text);
    }
}
