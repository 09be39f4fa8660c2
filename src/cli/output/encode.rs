//! JSON and YAML that decode to exactly what went in, and are harmless on a terminal all the same: hidden
//! characters are written as escapes.

use std::borrow::Cow;
use std::fmt::Write;
use std::io;

use serde::Serialize;

use crate::text;

pub(super) fn json<T: Serialize + ?Sized>(value: &T) -> io::Result<String> {
    let json = serde_json::to_string_pretty(value)?;
    Ok(escape_hidden(&json).into_owned())
}

pub(super) fn json_line<T: Serialize + ?Sized>(value: &T) -> io::Result<String> {
    let json = serde_json::to_string(value)?;
    Ok(escape_hidden(&json).into_owned())
}

pub(super) fn yaml<T: Serialize + ?Sized>(value: &T) -> io::Result<String> {
    let options = serde_saphyr::ser_options! { prefer_block_scalars: false };
    let yaml = serde_saphyr::to_string_with_options(&value, options).map_err(io::Error::other)?;
    // What YAML leaves unescaped can't be escaped afterwards (the scalar may be plain). JSON is YAML too.
    if text::sanitise_lines(&yaml) == yaml { Ok(yaml) } else { json(value) }
}

// Outside of strings JSON is plain ASCII, and newlines inside are escaped already: whatever is hidden stands in a
// string, where an escape means the same.
fn escape_hidden(json: &str) -> Cow<'_, str> {
    if matches!(text::sanitise_lines(json), Cow::Borrowed(_)) {
        return Cow::Borrowed(json);
    }
    let mut out = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        let mut buffer = [0; 4];
        if c == '\n' || matches!(text::sanitise(c.encode_utf8(&mut buffer)), Cow::Borrowed(_)) {
            out.push(c);
            continue;
        }
        for unit in c.encode_utf16(&mut [0; 2]) {
            // Writing to a String can't fail.
            _ = write!(out, "\\u{unit:04x}");
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    const HOSTILE: &str = "a\x1b[2J\u{9b}31m\u{202e}b\u{7f}\u{e0041}\u{2028}\n\"é東";

    #[test]
    fn hidden_characters_become_escapes() {
        assert_eq!(
            json_line(HOSTILE).unwrap(),
            "\"a\\u001b[2J\\u009b31m\\u202eb\\u007f\\udb40\\udc41\\u2028\\n\\\"é東\""
        );
    }

    #[test]
    fn yaml_reads_like_yaml() {
        let value = serde_json::json!([{"id": "shop/v1/Pod/a", "labels": "app=web,on=true", "score": 1.5, "empty": ""}]);
        insta::assert_snapshot!(yaml(&value).unwrap(), @r#"
        - empty: ""
          id: shop/v1/Pod/a
          labels: app=web,on=true
          score: 1.5
        "#);
    }

    proptest! {
        #[test]
        fn every_form_decodes_to_what_went_in_and_hides_nothing(text in any::<String>(), noise in "[\u{1}-\u{a0}\u{2000}-\u{2070}:#'\" \n-]{0,12}") {
            let value = serde_json::json!({"key": [text + &noise, noise]});
            for shown in [json(&value).unwrap(), json_line(&value).unwrap()] {
                prop_assert_eq!(serde_json::from_str::<Value>(&shown).unwrap(), value.clone());
                prop_assert_eq!(text::sanitise_lines(&shown), shown.as_str());
            }
            let shown = yaml(&value).unwrap();
            prop_assert_eq!(serde_saphyr::from_str::<Value>(&shown).unwrap(), value);
            prop_assert_eq!(text::sanitise_lines(&shown), shown.as_str());
        }
    }
}
