//! JSON Schema as far as our OpenAPI document uses it. A keyword that is not known here is an error: what is written
//! in the document is checked, or it may not be written.

use serde_json::Value;

/// Every place where `value` is not as `schema` says, as `PATH: WHAT`. `root` is the document that `$ref` points into.
pub fn violations(root: &Value, schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    check(root, schema, value, "$", &mut found);
    found
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    let Some(keywords) = schema.as_object() else {
        found.push(format!("{at}: {schema} is no schema"));
        return;
    };
    for (keyword, wanted) in keywords {
        match keyword.as_str() {
            "description" | "example" => {}
            "$ref" => match resolve(root, wanted) {
                Some(schema) => check(root, schema, value, at, found),
                None => found.push(format!("{at}: {wanted} points nowhere")),
            },
            "oneOf" => {
                let fit = |schema: &&Value| violations(root, schema, value).is_empty();
                let fits = list(wanted).filter(fit).count();
                if fits != 1 {
                    found.push(format!("{at}: {value} is as {fits} of the {wanted} say"));
                }
            }
            "type" => {
                let several = wanted.as_array().map(|names| names.iter().collect());
                let names: Vec<&Value> = several.unwrap_or_else(|| vec![wanted]);
                if !names.iter().any(|name| is(value, name)) {
                    found.push(format!("{at}: {value} is no {wanted}"));
                }
            }
            "const" if value == wanted => {}
            "enum" if list(wanted).any(|one| one == value) => {}
            "const" | "enum" => found.push(format!("{at}: {value} is not {wanted}")),
            "minimum" if value.is_null() || value.as_f64() >= wanted.as_f64() => {}
            "maximum" if value.is_null() || value.as_f64() <= wanted.as_f64() => {}
            "maxItems" if list(value).count() as u64 <= wanted.as_u64().unwrap_or(u64::MAX) => {}
            "minimum" | "maximum" | "maxItems" => {
                found.push(format!("{at}: {value} is beyond the {keyword} of {wanted}"));
            }
            "required" => {
                let missing = list(wanted).filter_map(Value::as_str);
                let missing = missing.filter(|name| value.get(name).is_none());
                found.extend(missing.map(|name| format!("{at}: there is no {name}")));
            }
            "items" => {
                for (index, item) in list(value).enumerate() {
                    check(root, wanted, item, &format!("{at}[{index}]"), found);
                }
            }
            "properties" | "additionalProperties" => {}
            unknown => found.push(format!("{at}: nobody checks {unknown}")),
        }
    }
    properties(root, schema, value, at, found);
}

fn properties(root: &Value, schema: &Value, value: &Value, at: &str, found: &mut Vec<String>) {
    for (name, value) in value.as_object().into_iter().flatten() {
        let at = format!("{at}.{name}");
        let known = schema.get("properties").and_then(|known| known.get(name));
        match known.or_else(|| schema.get("additionalProperties")) {
            Some(Value::Bool(false)) => found.push(format!("{at}: the document does not know it")),
            Some(Value::Bool(true)) | None => {}
            Some(schema) => check(root, schema, value, &at, found),
        }
    }
}

fn resolve<'a>(root: &'a Value, reference: &Value) -> Option<&'a Value> {
    root.pointer(reference.as_str()?.strip_prefix('#')?)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn is(value: &Value, name: &Value) -> bool {
    match name.as_str() {
        Some("null") => value.is_null(),
        Some("boolean") => value.is_boolean(),
        Some("integer") => value.is_i64() || value.is_u64(),
        Some("number") => value.is_number(),
        Some("string") => value.is_string(),
        Some("array") => value.is_array(),
        Some("object") => value.is_object(),
        Some(_) | None => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn against(value: &Value) -> Vec<String> {
        let root = json!({ "schemas": { "Name": { "type": "string" } } });
        let schema = json!({
            "type": "object",
            "required": ["name", "count"],
            "properties": {
                "name": { "oneOf": [{ "$ref": "#/schemas/Name" }, { "type": "null" }] },
                "count": { "type": ["integer", "null"], "minimum": 0 },
                "list": { "type": "array", "items": { "enum": ["a", "b"] } },
            },
            "additionalProperties": false,
        });
        violations(&root, &schema, value)
    }

    #[test]
    fn what_is_as_it_should_be_passes() {
        for value in [
            json!({ "name": "x", "count": 0 }),
            json!({ "name": null, "count": 7, "list": [] }),
            json!({ "name": null, "count": 7, "list": ["a", "b"] }),
        ] {
            assert_eq!(against(&value), Vec::<String>::new());
        }
    }

    #[test]
    fn every_violation_is_told_with_its_place() {
        let found = against(&json!({ "name": 7, "list": ["a", "c"], "more": 1 }));
        let places: Vec<&str> = found.iter().filter_map(|f| f.split(": ").next()).collect();
        assert_eq!(places, ["$", "$.list[1]", "$.more", "$.name"], "{found:?}");
        let root = json!({});
        assert_eq!(
            violations(&root, &json!({ "pattern": "." }), &json!(1)).len(),
            1
        );
        assert_eq!(
            violations(&root, &json!({ "$ref": "#/x" }), &json!(1)).len(),
            1
        );
        assert_eq!(
            violations(&root, &json!({ "minimum": 2 }), &json!(1)).len(),
            1
        );
    }
}
