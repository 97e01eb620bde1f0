//! The metrics, their types and labels are those of docs/metrics.md: dashboards and alerts stand on them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use crate::support::door::Door;

/// A family of metrics: its type and the names of its labels.
type Families = BTreeMap<String, (String, BTreeSet<String>)>;

fn documentation() -> String {
    fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/metrics.md")).unwrap()
}

fn quoted(cell: &str) -> BTreeSet<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The rows of the table of metrics: name, type, labels, what.
fn documented_families() -> Families {
    let rows = documentation();
    let rows = rows.lines().filter_map(|line| {
        let cells: Vec<&str> = line.strip_prefix("| `")?.split(" | ").collect();
        let [name, kind, labels, _what] = cells[..] else { return None };
        let name = name.trim_end_matches('`');
        let name = if name.starts_with("process_") { name.to_owned() } else { format!("cognito_auth_proxy_{name}") };
        Some((name, (kind.to_owned(), quoted(labels))))
    });
    rows.collect()
}

/// The rows of the table of labels: name, values.
fn documented_values() -> BTreeMap<String, BTreeSet<String>> {
    let rows = documentation();
    let rows = rows.lines().filter_map(|line| {
        let (name, values) = line.strip_prefix("| label `")?.split_once("` | ")?;
        Some((name.to_owned(), quoted(values)))
    });
    rows.collect()
}

/// The labels of a sample.
fn labels(sample: &str) -> Vec<(&str, &str)> {
    let within = sample.split_once('{').and_then(|(_, rest)| rest.split_once('}')).map_or("", |(labels, _)| labels);
    within
        .split_terminator(',')
        .map(|pair| pair.split_once('=').map(|(k, v)| (k, v.trim_matches('"'))).unwrap())
        .collect()
}

fn shown_families(text: &str) -> Families {
    let mut families = Families::new();
    for line in text.lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|rest| rest.split_once(' ')) {
            families.insert(name.to_owned(), (kind.to_owned(), BTreeSet::new()));
        } else if !line.starts_with('#') {
            let name = line.split(['{', ' ']).next().unwrap();
            let suffixes = ["_bucket", "_count", "_sum"];
            let base =
                suffixes.iter().find_map(|suffix| name.strip_suffix(suffix)).filter(|it| families.contains_key(*it));
            let (_, known) = families.get_mut(base.unwrap_or(name)).unwrap_or_else(|| panic!("no family: {line}"));
            known.extend(labels(line).into_iter().map(|(label, _)| label.to_owned()).filter(|label| label != "le"));
        }
    }
    families
}

/// Asserts that `text` shows nothing that the documentation does not name, label values included.
pub(crate) fn assert_is_documented(text: &str) {
    let values = documented_values();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        for (label, value) in labels(line) {
            let free = ["le", "version", "commit"].contains(&label);
            assert!(free || values[label].contains(value), "{label}={value} is not documented: {line}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_exposition_has_exactly_the_metrics_types_and_labels_of_the_documentation() {
    let door = Door::new().await;
    door.admits("somebody, so that keys were fetched", &door.proxy.tokens().fields()).await;
    let text = door.proxy.ask_admin("/metrics").await.text();
    assert_eq!(shown_families(&text), documented_families());
    assert_is_documented(&text);
}

#[test]
fn every_reason_of_the_readme_is_a_value_of_the_label() {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).unwrap();
    let rows = readme.lines().filter(|line| line.starts_with("| 4") || line.starts_with("| 5"));
    let codes: BTreeSet<String> = rows.flat_map(quoted).collect();
    let reasons: BTreeSet<String> =
        cognito_auth_proxy::rejection::Reason::ALL.iter().map(|reason| reason.name().to_owned()).collect();
    assert_eq!(codes, reasons);
}

#[test]
fn every_metric_is_on_the_dashboard() {
    let dashboard = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config/grafana/dashboard.json")).unwrap();
    let asked: Vec<&str> = dashboard.lines().filter(|line| line.trim_start().starts_with("\"expr\": ")).collect();
    let is_word = |character: char| character.is_alphanumeric() || character == '_';
    let shown: BTreeSet<&str> = asked.iter().flat_map(|line| line.split(|it| !is_word(it))).collect();
    for (name, (kind, _)) in documented_families() {
        let series = if kind == "histogram" { format!("{name}_bucket") } else { name };
        assert!(shown.contains(series.as_str()), "no panel shows {series}");
    }
}
