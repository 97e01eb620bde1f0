//! The name that was probably meant.

/// The candidate nearest to `name`, where one is near enough to be a misspelling of it.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let allowed = name.chars().count().div_ceil(3).min(4);
    candidates
        .into_iter()
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance in characters.
fn distance(left: &str, right: &str) -> usize {
    let mut row: Vec<usize> = (0..=right.chars().count()).collect();
    for (count, from) in left.chars().enumerate() {
        let mut last = count + 1;
        let mut next = vec![last];
        for ([diagonal, above], to) in row.array_windows().zip(right.chars()) {
            last = (above + 1).min(last + 1).min(diagonal + usize::from(from != to));
            next.push(last);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_edits() {
        for (left, right, edits) in [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("arn", "arns", 1)] {
            assert_eq!((distance(left, right), distance(right, left)), (edits, edits), "{left} {right}");
        }
    }

    #[test]
    fn only_a_near_name_is_suggested() {
        let names = ["server.listen", "server.admin_listen", "alb.arns"];
        assert_eq!(nearest("server.lsten", names), Some("server.listen"));
        assert_eq!(nearest("alb.arn", names), Some("alb.arns"));
        assert_eq!(nearest("colour", names), None);
    }
}
