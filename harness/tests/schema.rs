//! What `--format json` prints is what `docs/schema/` says.

mod support;

use serde_json::{Map, Value};
use std::path::Path;
use support::Lab;

fn schema(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../docs/schema")
        .join(name);
    let text = std::fs::read_to_string(&path).expect("a schema");
    serde_json::from_str(&text).expect("JSON")
}

/// The keywords that the schemas use; any other one fails, so that none is passed over.
const KEYWORDS: [&str; 13] = [
    "$schema",
    "$defs",
    "$ref",
    "title",
    "description",
    "type",
    "enum",
    "anyOf",
    "required",
    "properties",
    "additionalProperties",
    "items",
    "const",
];

/// What is wrong with `value` by `schema`, one line each. Keys that the schema does not name
/// are wrong here: a key that is printed is a key that is published.
fn faults(value: &Value, schema: &Value, root: &Value, at: &str) -> Vec<String> {
    let Value::Object(rules) = schema else {
        return vec![format!("{at}: the schema is no object")];
    };
    for keyword in rules.keys() {
        assert!(
            KEYWORDS.contains(&keyword.as_str()),
            "{at}: `{keyword}` is not checked"
        );
    }
    if let Some(Value::String(reference)) = rules.get("$ref") {
        let found = root.pointer(reference.trim_start_matches('#'));
        return faults(value, found.expect("a definition"), root, at);
    }
    let mut found = Vec::new();
    if let Some(Value::Array(options)) = rules.get("anyOf") {
        let fits = |option: &Value| faults(value, option, root, at).is_empty();
        if !options.iter().any(fits) {
            found.push(format!("{at}: {value} fits none of the forms"));
        }
    }
    if let Some(Value::Array(words)) = rules.get("enum")
        && !words.contains(value)
    {
        found.push(format!("{at}: {value} is none of {words:?}"));
    }
    let types: Vec<&str> = match rules.get("type") {
        Some(Value::String(one)) => vec![one],
        Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !types.is_empty() && !types.iter().any(|name| is_of(value, name)) {
        found.push(format!("{at}: {value} is not of {types:?}"));
    }
    if let (Value::Object(object), Some(Value::Object(known))) = (value, rules.get("properties")) {
        found.extend(object_faults(object, known, rules, root, at));
    }
    if let (Value::Array(items), Some(rule)) = (value, rules.get("items")) {
        for (index, item) in items.iter().enumerate() {
            found.extend(faults(item, rule, root, &format!("{at}[{index}]")));
        }
    }
    found
}

fn object_faults(
    object: &Map<String, Value>,
    known: &Map<String, Value>,
    rules: &Map<String, Value>,
    root: &Value,
    at: &str,
) -> Vec<String> {
    let mut found = Vec::new();
    let required = rules.get("required").and_then(Value::as_array);
    for key in required.into_iter().flatten().filter_map(Value::as_str) {
        if !object.contains_key(key) {
            found.push(format!("{at}: `{key}` is missing"));
        }
    }
    for (key, value) in object {
        match known.get(key) {
            Some(rule) => found.extend(faults(value, rule, root, &format!("{at}.{key}"))),
            None => found.push(format!("{at}: `{key}` is not published")),
        }
    }
    found
}

fn is_of(value: &Value, name: &str) -> bool {
    match name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("`{other}` is no type of JSON"),
    }
}

fn check(lines: &str, name: &str) {
    let schema = schema(name);
    assert!(!lines.is_empty());
    for line in lines.lines() {
        let value: Value = serde_json::from_str(line).expect("a JSON object per line");
        let faults = faults(&value, &schema, &schema, "$");
        assert!(faults.is_empty(), "{name}: {faults:#?}\n{line}");
    }
}

#[test]
fn the_json_of_run_and_judge_is_as_published() {
    let lab = Lab::new();
    let arguments = [
        "run",
        "shape::{flat,steady-leak}",
        "--duration",
        "2s",
        "--format",
        "json",
    ];
    let called = lab.call(&arguments);
    check(&called.stdout, "run.schema.json");
    let run = lab.newest_run().expect("a run").display().to_string();
    check(
        &lab.call(&["judge", &run, "--format", "json"]).stdout,
        "judge.schema.json",
    );
    let rows = (0..40).map(|s| format!("{s},{}\n", 5_000_000 + s % 3));
    let table = format!("elapsed_s,memory\n{}", rows.collect::<String>());
    std::fs::write(lab.path().join("a.csv"), table).expect("a table");
    let judged = lab.call(&["judge", "a.csv", "--format", "json", "--explain"]);
    check(&judged.stdout, "judge.schema.json");
}

#[test]
fn a_key_that_is_missing_unknown_or_of_another_type_is_found() {
    let schema = schema("judge.schema.json");
    let faults = |text: &str| {
        faults(
            &serde_json::from_str(text).expect("JSON"),
            &schema,
            &schema,
            "$",
        )
    };
    let all = faults(r#"{"file": 3, "verdict": "perhaps", "novel": true}"#).join("\n");
    for part in [
        "`metric` is missing",
        "3 is not of",
        "\"perhaps\" is none",
        "`novel` is not published",
    ] {
        assert!(all.contains(part), "no `{part}` in:\n{all}");
    }
}
