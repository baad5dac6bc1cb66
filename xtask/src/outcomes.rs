//! What became of each test, and what is not the same on two sides.

use std::collections::{BTreeMap, BTreeSet};

/// What became of each test, by name: words with commas, one for each thing that was said about it.
pub type Outcomes = BTreeMap<String, String>;

/// `562 passed, 53 skipped`. A test with subtests counts as what its first one was.
pub fn counts(outcomes: &Outcomes) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for words in outcomes.values() {
        *counts.entry(words.split(", ").next().unwrap_or_default()).or_default() += 1;
    }
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.iter().map(|(word, count)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
}

/// By test, what became of it on each side.
pub fn differences(plain: &Outcomes, other: &Outcomes) -> BTreeMap<String, String> {
    let names: BTreeSet<&String> = plain.keys().chain(other.keys()).collect();
    let word = |outcomes: &Outcomes, name: &String| outcomes.get(name).map_or("not run".into(), String::clone);
    let pairs = names.into_iter().map(|name| (name, word(plain, name), word(other, name)));
    let short = |words: &str| words.chars().take(120).collect::<String>();
    pairs
        .filter(|(_, plain, other)| plain != other)
        .map(|(name, plain, other)| (name.clone(), format!("{}, with decal {}", short(&plain), short(&other))))
        .collect()
}

/// Tests that came out differently without decal, too; they are taken out of what differs.
pub fn by_itself(differing: &mut BTreeMap<String, String>, plain: &Outcomes, again: &Outcomes) -> BTreeSet<String> {
    let moody: BTreeSet<String> = differences(plain, again).into_keys().collect();
    differing.retain(|name, _| !moody.contains(name));
    moody
}

#[cfg(test)]
mod tests {
    use super::{Outcomes, by_itself, counts, differences};

    fn outcomes(list: &[(&str, &str)]) -> Outcomes {
        list.iter().map(|(name, word)| (name.to_string(), word.to_string())).collect()
    }

    #[test]
    fn what_differs() {
        let plain = outcomes(&[("a", "passed"), ("b", "failed"), ("c", "passed, failed")]);
        assert!(differences(&plain, &plain).is_empty());
        assert_eq!(counts(&plain), "2 passed, 1 failed");
        let mut found = differences(&plain, &outcomes(&[("a", "passed"), ("b", "passed"), ("d", "skipped")]));
        let words: Vec<(&str, &str)> = found.iter().map(|(name, words)| (name.as_str(), words.as_str())).collect();
        assert_eq!(
            words,
            [
                ("b", "failed, with decal passed"),
                ("c", "passed, failed, with decal not run"),
                ("d", "not run, with decal skipped")
            ]
        );
        let again = outcomes(&[("a", "passed"), ("b", "passed"), ("c", "passed, failed")]);
        assert_eq!(by_itself(&mut found, &plain, &again).into_iter().collect::<Vec<_>>(), ["b"]);
        assert_eq!(found.into_keys().collect::<Vec<_>>(), ["c", "d"]);
    }
}
