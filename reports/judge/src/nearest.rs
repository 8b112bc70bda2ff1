//! The name that was meant, for messages: whatever takes names offers the nearest one that it
//! knows.

/// The nearest of `known` to a name that is not among them, if one is near (half of its letters
/// or fewer are others, by the distance of Damerau 1964) or begins with it.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |candidate: &str| match candidate.starts_with(name) && !name.is_empty() {
        true => 0,
        false => strsim::damerau_levenshtein(name, candidate),
    };
    known
        .into_iter()
        .map(|candidate| (distance(candidate), candidate))
        .min()
        .filter(|(distance, candidate)| *distance <= candidate.len().max(3) / 2)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn the_nearest_name_is_offered_only_if_it_is_near() {
        let known = ["alts-timeout", "shape", "tokio-channel"];
        assert_eq!(nearest("alt-timeout", known), Some("alts-timeout"));
        assert_eq!(nearest("alts", known), Some("alts-timeout"));
        assert_eq!(nearest("zebra", known), None);
    }
}
