//! Texts that are too long for where they go: they are cut, and say so.

/// Of a text of so many bytes, of which this is the beginning: that beginning, and where there is more than `bytes_max`, no more than that
/// of it, with a note.
#[must_use]
pub fn cut(mut begun: String, bytes: usize, bytes_max: usize) -> String {
    if bytes > bytes_max {
        begun.truncate(begun.floor_char_boundary(bytes_max));
        begun.push_str(&format!("\n[cut: the first {bytes_max} of {bytes} bytes]"));
    }
    begun
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn what_is_cut_says_so() {
        let cases = [("abc", 3, 3), ("abc", 3, 2), ("ab", 9, 2), ("é", 2, 1), ("", 0, 0)];
        let said = cases.map(|(begun, bytes, bytes_max)| cut(begun.to_owned(), bytes, bytes_max).replace('\n', "/"));
        assert_eq!(
            said,
            [
                "abc",
                "ab/[cut: the first 2 of 3 bytes]",
                "ab/[cut: the first 2 of 9 bytes]",
                "/[cut: the first 1 of 2 bytes]",
                ""
            ]
        );
    }
}
