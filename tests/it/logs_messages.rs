//! Whoever meets a line of the log finds it in docs/logs.md, with its keys: the tables there and the program's source say the
//! same. And what alerts tell people to look for is there to be found.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// A kind of line: its level and its keys.
#[derive(Debug, PartialEq, Eq)]
struct Kind {
    level: String,
    keys: BTreeSet<String>,
}

fn read(path: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap()
}

/// The text of every source file of the program.
fn sources(directory: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(fs::read_to_string(path).unwrap());
        }
    }
}

/// What stands between the parentheses of a macro, parted at its commas. `text` begins behind the first of them.
fn arguments(text: &str) -> Vec<String> {
    let (mut parts, mut depth, mut quoted, mut escaped) = (vec![String::new()], 0, false, false);
    for character in text.chars() {
        match character {
            '"' if !escaped => quoted = !quoted,
            '(' | '[' | '{' if !quoted => depth += 1,
            ')' | ']' | '}' if !quoted && depth == 0 => return parts,
            ')' | ']' | '}' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        escaped = character == '\\' && !escaped;
        parts.last_mut().unwrap().push(character);
    }
    panic!("a macro without an end: {text}")
}

/// A literal as it reads: a line that ends in `\` goes on at the next word.
fn message(literal: &str) -> String {
    let inner = literal.trim().strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).expect(literal);
    inner.split("\\\n").map(str::trim_start).collect()
}

/// Every line above `DEBUG` that the source can write, by its message. Two tables of the documentation have their own tests.
fn written() -> BTreeMap<String, Kind> {
    let mut files = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut files);
    let mut lines = BTreeMap::new();
    for (text, level) in files.iter().flat_map(|text| ["error", "warn", "info"].map(|level| (text, level))) {
        let call = format!("{level}!(");
        for (at, _) in
            text.match_indices(&call).filter(|(at, _)| !text[..*at].ends_with(|it: char| it.is_alphanumeric()))
        {
            let mut arguments = arguments(&text[at + call.len()..]);
            arguments.retain(|argument| !argument.trim().is_empty());
            let message = message(&arguments.pop().unwrap());
            let keys = arguments.iter().map(|argument| argument.split(" = ").next().unwrap().trim());
            let keys = keys.filter(|key| !key.starts_with("target:")).map(|key| key.trim_start_matches('%').to_owned());
            let kind = Kind { level: level.to_uppercase(), keys: keys.collect() };
            assert!(lines.insert(message.clone(), kind).is_none(), "two places write {message:?}");
        }
    }
    for own in ["request", "decision"] {
        assert!(lines.remove(own).is_some());
    }
    lines
}

/// The words in backticks of a cell.
fn words(cell: &str) -> Vec<String> {
    cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The rows of the tables under a heading of docs/logs.md, as cells.
fn rows(heading: &str) -> Vec<Vec<String>> {
    let text = read("docs/logs.md");
    let (_, section) = text.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| row.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect()).collect()
}

const AUDITS: &str = "What changes who may come in";
const OTHERS: &str = "Every other line, and what to do";

/// What the documentation says of them, by the message as it stands there.
fn documented() -> BTreeMap<String, Kind> {
    let mut lines = BTreeMap::new();
    for row in [rows(AUDITS), rows(OTHERS)].concat() {
        let [message, level, keys, meaning] = &row[..] else { continue };
        assert!(meaning.len() > 10, "{message} says nothing");
        let kind = Kind { level: words(level).concat(), keys: words(keys).into_iter().collect() };
        let message = words(message).concat();
        assert!(lines.insert(message.clone(), kind).is_none(), "{message:?} stands there twice");
    }
    lines
}

#[test]
fn every_line_of_the_program_is_in_the_documentation_and_no_other() {
    let (mut written, documented) = (written(), documented());
    assert!(written.len() > 40, "the source was read: {}", written.len());
    for (message, expected) in documented {
        let found = match message.strip_suffix('…') {
            None => written.remove_entry(&message),
            Some(beginning) => {
                let found: Vec<String> = written.keys().filter(|it| it.starts_with(beginning)).cloned().collect();
                assert_eq!(found.len(), 1, "lines that begin with {beginning:?}");
                written.remove_entry(&found[0])
            }
        };
        let (_, kind) = found.unwrap_or_else(|| panic!("nothing writes {message:?}"));
        assert_eq!(kind, expected, "{message}");
    }
    assert!(written.is_empty(), "docs/logs.md does not know {written:#?}");
}

#[test]
fn every_key_of_these_lines_is_explained_and_no_other() {
    let used: BTreeSet<String> = documented().into_values().flat_map(|kind| kind.keys).collect();
    let rows = rows(OTHERS).into_iter().filter(|row| row.len() == 2);
    let explained: Vec<String> = rows.flat_map(|row| words(&row[0])).collect();
    assert_eq!(explained.iter().cloned().collect::<BTreeSet<_>>(), used);
    assert!(explained.is_sorted(), "{explained:?}");
    assert_eq!(explained.len(), used.len(), "one is there twice");
}

#[test]
fn what_an_alert_says_to_look_for_is_there() {
    let rules = read("config/prometheus/rules.yml").split_whitespace().collect::<Vec<_>>().join(" ");
    let runbooks = rules.split("runbook:").skip(1).map(|rest| rest.split("- alert:").next().unwrap());
    let (messages, dashboard, headings) = (written(), read("config/grafana/dashboard.json"), read("docs/logs.md"));
    let mut found = 0;
    for quoted in runbooks.flat_map(|runbook| runbook.split('"').skip(1).step_by(2)) {
        let is_message = messages.contains_key(quoted);
        let is_elsewhere =
            dashboard.contains(&format!("\"title\": \"{quoted}\"")) || headings.contains(&format!("\n## {quoted}\n"));
        assert!(is_message || is_elsewhere, "{quoted:?} is no line of the log, panel or heading");
        found += usize::from(is_message);
    }
    assert!(found >= 5, "runbooks name lines of the log: {found}");
}
