//! The audit of trust: proofs are made where this list says and nowhere else.

use std::{collections::BTreeMap, fs, path::Path};

#[test]
fn proofs_are_made_in_the_known_places_only() {
    let mut found = BTreeMap::new();
    count(Path::new(env!("CARGO_MANIFEST_DIR")).join("src").as_path(), &mut found);
    let expected = [
        ("authenticator/mod.rs", 1), // both tokens verified and bound, or the mock user of dev mode
        ("authoriser/mod.rs", 1),    // the policy said yes
        ("commands/healthcheck/unverified.rs", 1), // any certificate, for a health check of this very process
        ("ingress/route.rs", 1),     // the path is in the table
        ("token/alb.rs", 1),         // every check of an ALB token passed
        ("token/cognito.rs", 1),     // every check of an access token passed
    ];
    assert_eq!(found, expected.map(|(file, calls)| (file.to_owned(), calls)).into());
}

/// Calls of a proof's constructor in each file below `folder`, unit tests and comments left out.
fn count(folder: &Path, found: &mut BTreeMap<String, usize>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            count(&path, found);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let calls =
            text.lines().filter(|line| !line.trim_start().starts_with("//") && line.contains("::assertion(")).count();
        if calls > 0 {
            let name = path.strip_prefix(Path::new(env!("CARGO_MANIFEST_DIR")).join("src")).unwrap();
            found.insert(name.display().to_string(), calls);
        }
    }
}

#[test]
fn every_test_the_threat_model_names_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let model = fs::read_to_string(root.join("docs/threat-model.md")).unwrap();
    let named: Vec<(&str, &str)> = model.split('`').filter_map(|quoted| quoted.split_once("::")).collect();
    let missing: Vec<String> = named
        .iter()
        .filter(|(place, test)| {
            let file = if place.contains('/') { root.join(place) } else { root.join(format!("tests/it/{place}.rs")) };
            !fs::read_to_string(file)
                .is_ok_and(|text| text.contains(&format!("fn {test}(")) || text.contains(&format!("\ndef {test}(")))
        })
        .map(|(place, test)| format!("{place}::{test}"))
        .collect();
    assert!(named.len() > 50, "only {} tests are named", named.len());
    assert_eq!(missing, ["file::test"], "the first is how names are written, the others do not exist");
}

#[test]
fn every_class_of_bypass_has_its_line_with_a_guard_and_a_test() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let model = fs::read_to_string(root.join("docs/threat-model.md")).unwrap();
    let rows: Vec<Vec<&str>> = model
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .map(|line| line.split(" | ").collect())
        .collect();
    let without: Vec<String> = (1..=32)
        .map(|class| format!("6.{class}"))
        .filter(|class| {
            let mut own = rows.iter().filter(|row| row[0] == class);
            !own.any(|row| row.len() == 4 && !row[2].is_empty() && row[3].contains("::"))
        })
        .collect();
    assert_eq!(without, Vec::<String>::new());
}
