//! A page of a file that says what the file is and of which image: two lines of text, and zeros.
//!
//! ```text
//! title, such as "prelift layer 1" │ "image sha256:" and 64 digits │ zeros
//! ```

/// Its size in bytes.
pub const SIZE: u64 = 4096;

const IMAGE: &str = "image sha256:";

/// The label with this title, of the image with this SHA-256.
pub fn of(title: &str, image: &[u8; 32]) -> Vec<u8> {
    let mut label = format!("{title}\n{IMAGE}{}\n", hexadecimal(image)).into_bytes();
    label.resize(SIZE as usize, 0);
    label
}

/// The image that a label with this title names, if it is one.
pub fn image_of(title: &str, label: &[u8]) -> Option<String> {
    let line = label.strip_prefix(title.as_bytes())?.strip_prefix(b"\n")?.strip_prefix(IMAGE.as_bytes())?;
    let (digits, rest) = line.split_at_checked(64)?;
    let whole = rest.split_first().is_some_and(|(first, zeros)| *first == b'\n' && zeros.iter().all(|&byte| byte == 0));
    let digits = str::from_utf8(digits).ok()?;
    (whole && digits.bytes().all(|digit| digit.is_ascii_hexdigit())).then(|| digits.to_owned())
}

/// Its lines, for messages.
pub fn text(label: &[u8]) -> String {
    const MOST: usize = 100;
    String::from_utf8_lossy(&label[..label.len().min(MOST)]).trim_end_matches('\0').to_owned()
}

/// A digest's digits.
pub fn hexadecimal(digest: &[u8; 32]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The digest that has these digits.
pub fn digest(digits: &str) -> Option<[u8; 32]> {
    let pairs = digits.as_bytes().chunks_exact(2).map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok());
    let digest = pairs.collect::<Option<Vec<u8>>>()?.try_into().ok()?;
    (digits.len() == 64).then_some(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_names_its_image() {
        let image: [u8; 32] = std::array::from_fn(|at| 0xf0 ^ at as u8);
        let label = of("title 1", &image);
        assert_eq!((label.len() as u64, text(&label).lines().next()), (SIZE, Some("title 1")));
        assert_eq!(image_of("title 1", &label).as_deref().and_then(digest), Some(image));
        assert_eq!(image_of("title 2", &label), None);
        let mut more = label.clone();
        more[4095] = 1;
        assert_eq!(image_of("title 1", &more), None);
        for digits in ["", "00", &"0".repeat(63), &"g".repeat(64), &"0".repeat(66)] {
            assert_eq!(digest(digits), None, "{digits}");
        }
    }
}
