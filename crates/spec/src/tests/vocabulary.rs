//! The words of JSON Schema that the published schemas use: the walk knows each of them, or an editor would refuse what it accepts.

use std::collections::BTreeSet;

use insta::assert_snapshot;
use serde_json::Value as Json;

use super::said;

/// The keys of a schema and of the schemas in it.
fn words<'s>(schema: &'s Json, words: &mut BTreeSet<&'s str>) {
    for (word, value) in schema.as_object().into_iter().flatten() {
        if matches!(word.as_str(), "default" | "const" | "enum" | "examples") || word.starts_with("x-") {
            words.extend((!word.starts_with("x-")).then_some(word.as_str()));
            continue;
        }
        words.insert(word);
        match word.as_str() {
            "properties" | "$defs" => {
                value.as_object().into_iter().flatten().for_each(|(_, inner)| self::words(inner, words));
            }
            "oneOf" | "anyOf" | "allOf" => {
                value.as_array().into_iter().flatten().for_each(|one| self::words(one, words))
            }
            _ => self::words(value, words),
        }
    }
}

#[test]
fn the_schema_uses_what_the_walk_knows() {
    let schemas = [crate::schema(), crate::policy::SCHEMA, crate::policy::plan::schema()]
        .map(|text| serde_json::from_str::<Json>(text).unwrap());
    let mut found = BTreeSet::new();
    schemas.iter().for_each(|schema| words(schema, &mut found));
    // What is only read by people or by editors says nothing that could be missed.
    let told = ["$schema", "$id", "$defs", "title", "description", "default", "examples"];
    let found: Vec<_> = found.into_iter().filter(|word| !told.contains(word)).collect();
    assert_snapshot!(found.join(" "), @"$ref additionalProperties allOf anyOf const else enum format if items maxItems maxProperties maximum minItems minProperties minimum oneOf pattern properties propertyNames required then type");
}

/// Words of a document that nothing is said of, neither where they stand nor where they lead.
fn mute(all: &Json, schema: &Json, place: &str, found: &mut Vec<String>) {
    for (word, value) in
        schema.as_object().into_iter().flatten().filter(|(word, _)| !word.starts_with("x-") && *word != "if")
    {
        for (name, property) in value.as_object().into_iter().flatten().filter(|_| word == "properties") {
            let leads = property["$ref"].as_str().and_then(|to| all.pointer(to.trim_start_matches('#')));
            let says = [Some(property), leads].into_iter().flatten().any(|one| one["description"].is_string());
            found.extend((!says).then(|| format!("{place}.{name}")));
        }
        mute(all, value, if place.is_empty() { word } else { place }, found);
    }
    for one in schema.as_array().into_iter().flatten() {
        mute(all, one, place, found);
    }
}

/// Editors show it beside the word.
#[test]
fn every_word_says_what_it_is_for() {
    let mut found = Vec::new();
    for text in [crate::schema(), crate::policy::SCHEMA, crate::policy::plan::schema()] {
        let schema: Json = serde_json::from_str(text).unwrap();
        mute(&schema, &schema, "", &mut found);
    }
    assert_snapshot!(found.join(" "), @"");
}

#[test]
fn a_ladder_has_an_end() {
    let rungs = "{ on: [any], output: x }, ".repeat(33);
    assert_snapshot!(said(&format!("tasks: {{ a: {{ uses: chat, with: {{ prompt: hi }}, catch: [{rungs}] }} }}")), @"
    3:56 out_of_range: `catch` has 33 entries; it may have 32
        help: rungs of the fallback ladder, tried in order once the attempts are spent
    ");
}
