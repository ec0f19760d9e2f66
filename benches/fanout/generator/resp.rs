//! Enough of RESP to find the end of a reply.

/// Returns the length of the first value, if complete.
pub fn first_value(bytes: &[u8]) -> Option<usize> {
    let line = bytes.windows(2).position(|pair| pair == b"\r\n")? + 2;
    let count = || std::str::from_utf8(&bytes[1..line - 2]).ok()?.parse::<i64>().ok();
    let parts = match bytes[0] {
        b'$' | b'=' | b'!' => {
            let text = usize::try_from(count()?).map_or(0, |length| length + 2);
            return (bytes.len() >= line + text).then_some(line + text);
        }
        b'*' | b'~' | b'>' => count()?,
        b'%' => count()? * 2,
        _ => 0,
    };
    let mut end = line;
    for _ in 0..parts {
        end += first_value(&bytes[end..])?;
    }
    Some(end)
}
