use std::fs;

use super::*;
use crate::dev::personas::file::{Form, parse};

/// A working directory with these files.
fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(directory.path().join(name), text).unwrap();
    }
    directory
}

fn load(named: Option<&str>, directory: &tempfile::TempDir) -> Result<Personas, PersonasError> {
    Personas::load(named.map(Path::new), directory.path(), &built_in(), &PolicyRules::default())
}

fn refused(text: &str) -> String {
    parse(Form::Json, text).unwrap_err().to_string()
}

const ANN: &str = r#"{"personas": [{"email": "ann@example.com"}]}"#;

#[test]
fn absent_fields_follow_from_the_address() {
    let personas = parse(Form::Json, ANN).unwrap();
    let sub = subject_of("ann@example.com");
    assert_eq!(personas, [Persona { label: "ann@example.com".to_owned(), user: User::new(&sub, "ann@example.com") }]);
    let named = r#"{"personas": [{"email": "a@b", "name": "Ann", "sub": "s", "label": null, "groups": ["x"]}]}"#;
    let [persona] = &parse(Form::Json, named).unwrap()[..] else { panic!("one") };
    assert_eq!((persona.label.as_str(), persona.user.username.as_str()), ("Ann", "s"));
    assert!(persona.user.email_verified);
    assert_eq!(persona.user.groups, ["x"]);
}

#[test]
fn json_and_toml_give_the_same_personas() {
    let json = r#"{"_a": 1, "personas": [
        {"label": "One", "email": "a@example.com", "_b": 2, "email_verified": false, "groups": ["x", "y"]},
        {"email": "b@example.com", "username": "b", "given_name": "B", "family_name": "Bee"}]}"#;
    let toml = r#"
        _a = 1979-05-27
        [[personas]]
        label = "One"
        email = "a@example.com"
        _b = 2
        email_verified = false
        groups = ["x", "y"]
        [[personas]]
        email = "b@example.com"
        username = "b"
        given_name = "B"
        family_name = "Bee"
    "#;
    assert_eq!(parse(Form::Json, json).unwrap(), parse(Form::Toml, toml).unwrap());
}

#[test]
fn a_broken_file_is_refused_by_persona_and_remedy() {
    for (persona, expected) in [
        (r#"{"name": "x"}"#, "persona 2 has no email; write one"),
        (r#"{"email": ""}"#, "persona 2: email is not a text, not empty; write that or leave it out"),
        (r#"{"email": "x@y", "sub": 1}"#, "persona 2: sub is not a text, not empty; write that or leave it out"),
        (r#"{"email": "x@y", "label": ""}"#, "persona 2: label is not a text, not empty; write that or leave it out"),
        (r#"{"email": "x@y", "groups": "g"}"#, "persona 2: groups is not a list of texts; write that or leave it out"),
        (
            r#"{"email": "x@y", "email_verified": "true"}"#,
            "persona 2: email_verified is not true or false; write that or leave it out",
        ),
        (r#"{"email": "x@y", "emial": 1}"#, r#"persona 2: "emial" is not a field of a user; did you mean email?"#),
        (r#"{"email": "x@y", "lable": 1}"#, r#"persona 2: "lable" is not a field of a user; did you mean label?"#),
        (r#"{"email": "x@y", "admin": true}"#, r#"persona 2: "admin" is not a field of a user; remove it"#),
        (r#"{"email": "x@y", "email": "x@z"}"#, "persona 2: email stands twice; keep one"),
        (r#"{"email": "x@y", "label": "a", "label": "b"}"#, "persona 2: label stands twice; keep one"),
        (
            r#"{"email": "ANN@example.com"}"#,
            "persona 2 has the same sub as persona 1; give it another, or another email",
        ),
        (r#""x@y""#, "persona 2 is not an object; write its fields there, like \"email\": \"ann@example.com\""),
    ] {
        let text = format!(r#"{{"personas": [{{"email": "ann@example.com"}}, {persona}]}}"#);
        assert_eq!(refused(&text), expected);
    }
    for (text, expected) in [
        ("", "cannot be parsed: "),
        ("[]", "cannot be parsed: "),
        ("{", "cannot be parsed: "),
        ("{}", "has no persona"),
        (r#"{"personas": []}"#, "has no persona"),
        (r#"{"personas": {}}"#, "personas is not a list; write \"personas\": [{…}] in JSON"),
        (r#"{"personas": null}"#, "personas is not a list"),
        (r#"{"personas": [{"email": "a@b"}], "personas": [{"email": "c@d"}]}"#, "personas stands twice"),
        (r#"{"persona": []}"#, r#""persona" is not a key of the file; did you mean personas?"#),
        (r#"{"users": []}"#, r#""users" is not a key of the file; remove it"#),
    ] {
        assert!(refused(text).starts_with(expected), "{text}: {}", refused(text));
    }
    for text in ["personas = 1", "[personas]\nemail = 'a@b'", "[[personas]]\nemail = 'a@b'\nemail = 'c@d'", "", "x"] {
        parse(Form::Toml, text).unwrap_err();
    }
}

#[test]
fn a_file_of_the_working_directory_is_found() {
    let personas = load(None, &directory(&[("dev-personas.json", ANN)])).unwrap();
    assert_eq!((personas.iter().count(), personas.origin()), (1, "dev-personas.json"));
    assert_eq!(personas.get(0).unwrap().user.email, "ann@example.com");
    assert_eq!(personas.get(1), None);
    let toml = [("dev-personas.toml", "[[personas]]\nemail = 'bob@example.com'")];
    assert_eq!(load(None, &directory(&toml)).unwrap().origin(), "dev-personas.toml");
    assert_eq!(load(None, &directory(&[])).unwrap().origin(), "built in, fitted to the policy");
}

#[test]
fn a_named_file_comes_before_those_of_the_working_directory() {
    let files = [("dev-personas.json", "{"), ("mine.TOML", "[[personas]]\nemail = 'bob@example.com'")];
    let personas = load(Some("mine.TOML"), &directory(&files)).unwrap();
    assert_eq!((personas.get(0).unwrap().user.email.as_str(), personas.origin()), ("bob@example.com", "mine.TOML"));
}

#[test]
fn a_file_that_is_there_is_never_passed_over() {
    for name in ["dev-personas.json", "dev-personas.toml"] {
        let error = load(None, &directory(&[(name, "{")])).unwrap_err().to_string();
        assert!(error.contains(&format!("{name}: cannot be parsed")), "{error}");
        let gone = directory(&[]);
        std::os::unix::fs::symlink("nowhere", gone.path().join(name)).unwrap();
        assert!(load(None, &gone).unwrap_err().to_string().contains("cannot be read"));
        let folder = directory(&[]);
        fs::create_dir(folder.path().join(name)).unwrap();
        load(None, &folder).unwrap_err();
    }
    let both = directory(&[("dev-personas.json", ANN), ("dev-personas.toml", "[[personas]]\nemail = 'a@b'")]);
    let error = load(None, &both).unwrap_err().to_string();
    assert!(error.ends_with("dev-personas.json: stands beside dev-personas.toml; keep one of them"), "{error}");
    assert!(load(Some("none.json"), &directory(&[])).unwrap_err().to_string().contains("none.json: cannot be read"));
    let unnamed = load(Some("mine.yaml"), &directory(&[("mine.yaml", "")])).unwrap_err().to_string();
    assert!(
        unnamed.ends_with("mine.yaml: does not end in .json or .toml; name the file by what it holds"),
        "{unnamed}"
    );
    let binary = directory(&[]);
    fs::write(binary.path().join("dev-personas.json"), [0xff]).unwrap();
    assert!(load(None, &binary).unwrap_err().to_string().contains("is not UTF-8"));
}

#[test]
fn the_example_file_parses() {
    let personas = parse(Form::Json, include_str!("../../../../dev-personas.example.json")).unwrap();
    let labels: Vec<&str> = personas.iter().map(|persona| persona.label.as_str()).collect();
    assert_eq!(labels, ["Analyst", "Admin", "Outside, no groups", "E-mail not verified"]);
    assert!(!personas[3].user.email_verified);
}
