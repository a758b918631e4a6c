//! The JSON of `check`, against the schema that the guide has.
//!
//! The validator knows the words that the schema uses, and fails on any other one. That a wrong
//! report is refused is a test of its own.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::common::command;
use crate::images;

/// The guide's page.
fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/check-in-ci.md");
    fs::read_to_string(path).unwrap()
}

/// The blocks of JSON in the page: an example, and the schema.
fn example_and_schema() -> [Value; 2] {
    let page = page();
    let blocks = page.split("```json\n").skip(1);
    let blocks: Vec<Value> = blocks
        .map(|block| serde_json::from_str(block.split("```").next().unwrap()).unwrap())
        .collect();
    blocks.try_into().unwrap()
}

/// What a value breaks of a schema, with where it stands.
///
/// Stricter than the schema in one point: a field that the page does not know is an error, as the
/// page is to describe all of them.
fn broken(value: &Value, schema: &Value, at: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (word, rule) in schema.as_object().unwrap() {
        let holds = match word.as_str() {
            "$schema" | "title" => true,
            "const" => value == rule,
            "enum" => rule.as_array().unwrap().contains(value),
            "minItems" => value.as_array().unwrap().len() as u64 >= rule.as_u64().unwrap(),
            "type" => match rule {
                Value::Array(types) => types.iter().any(|one| is_a(value, one)),
                one => is_a(value, one),
            },
            "required" => rule
                .as_array()
                .unwrap()
                .iter()
                .all(|name| value.get(name.as_str().unwrap()).is_some()),
            "properties" => {
                for (name, value) in value.as_object().into_iter().flatten() {
                    match rule.get(name) {
                        Some(rule) => found.extend(broken(value, rule, &format!("{at}/{name}"))),
                        None => found.push(format!("{at}/{name}: the page does not know it")),
                    }
                }
                true
            }
            "items" => {
                for (index, item) in value.as_array().into_iter().flatten().enumerate() {
                    found.extend(broken(item, rule, &format!("{at}/{index}")));
                }
                true
            }
            other => panic!("the schema has `{other}`, which this test does not know"),
        };
        if !holds {
            found.push(format!("{at}: not as `{word}` says: {value}"));
        }
    }
    found
}

fn is_a(value: &Value, name: &Value) -> bool {
    match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("the schema has the type `{other}`, which this test does not know"),
    }
}

/// What `check` writes and its status.
fn report(arguments: &[&str]) -> (Option<i32>, Vec<u8>) {
    let assert = command(images())
        .arg("check")
        .args(arguments)
        .args(["--format", "json"])
        .assert();
    let output = assert.get_output();
    (output.status.code(), output.stdout.clone())
}

#[test]
fn real_reports_are_as_the_page_says() {
    let [example, schema] = example_and_schema();
    assert_eq!(broken(&example, &schema, ""), [""; 0]);
    let text = images().join("text.so");
    fs::write(&text, "not a module").unwrap();
    for (modules, status) in [
        (&["fits.so"][..], 0),
        (&["fits.so", "fits.so"], 0),
        (&["sync.so"], 1),
        (&["host"], 1),
        (&["fits.so", "sync.so", "host"], 1),
        (&["text.so"], 2),
        (&["missing.so", "fits.so", "sync.so"], 2),
    ] {
        let (code, output) = report(&[&["host"], modules].concat());
        assert_eq!(code, Some(status), "{modules:?}");
        let report: Value = serde_json::from_slice(&output).unwrap();
        assert_eq!(broken(&report, &schema, ""), [""; 0], "{report:#}");
        assert_eq!(report["fits"], status == 0);
        let worst = report["modules"].as_array().unwrap().iter().map(|module| {
            let status = module["status"].as_str().unwrap();
            let has_reason = module["reason"].is_string();
            assert_eq!(has_reason, status != "fits", "{module:#}");
            ["fits", "refused", "unreadable"]
                .iter()
                .position(|word| *word == status)
                .unwrap()
        });
        assert_eq!(worst.max(), Some(status as usize));
    }
    // Without a host, or without a module, there is no report.
    for arguments in [&["fits.so", "host"][..], &["missing", "fits.so"], &["host"]] {
        assert_eq!(report(arguments), (Some(2), Vec::new()), "{arguments:?}");
    }
    fs::remove_file(text).unwrap();
}

/// The table names each field of the schema, and no other.
#[test]
fn the_table_has_every_field() {
    fn names<'a>(schema: &'a Value, all: &mut Vec<&'a str>) {
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            all.push(name);
            names(schema, all);
            names(&schema["items"], all);
        }
    }
    let [_, schema] = example_and_schema();
    let mut of_schema = Vec::new();
    names(&schema, &mut of_schema);
    let page = page();
    let table = page.split("| field | what it says |\n").nth(1).unwrap();
    let rows = table
        .lines()
        .skip(1)
        .take_while(|line| line.starts_with('|'));
    let first = rows.map(|row| row.split('|').nth(1).unwrap());
    let mut of_table: Vec<&str> = first
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .collect();
    for names in [&mut of_schema, &mut of_table] {
        names.sort_unstable();
        names.dedup();
    }
    assert_eq!(of_schema, of_table);
}

#[test]
fn a_wrong_report_is_refused() {
    let [example, schema] = example_and_schema();
    for (at, value) in [
        ("/schema", json!(2)),
        ("/fits", json!("false")),
        ("/modules", json!([])),
        ("/modules/0", json!({ "file": "a.so" })),
        ("/modules/0/status", json!("perhaps")),
        ("/modules/0/reason", json!(7)),
        ("/modules/0/differences", json!([{}])),
        ("/modules/0/differences/0/fix", json!(null)),
        ("", json!({ "schema": 1, "host": "host", "modules": [] })),
    ] {
        let mut wrong = example.clone();
        *wrong.pointer_mut(at).unwrap() = value;
        assert_ne!(broken(&wrong, &schema, ""), [""; 0], "{at}");
    }
    let mut more = example.clone();
    more["modules"][0]["more"] = json!(1);
    assert_eq!(
        broken(&more, &schema, ""),
        ["/modules/0/more: the page does not know it"]
    );
}
