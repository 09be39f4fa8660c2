//! Quoting for commands that a person copies into a shell.

use std::borrow::Cow;

use super::sanitise::is_hidden;

/// One word for a POSIX-like shell (sh, bash, zsh): as it is, or in single quotes.
///
/// Text with control or invisible characters is written as `$'...'` with octal escapes (bash, zsh, ksh), so that
/// pasting it can neither steer the terminal nor run a second line.
pub fn shell_quote(text: &str) -> Cow<'_, str> {
    let safe = |b: u8| b.is_ascii_alphanumeric() || b"_@%+=:,./-".contains(&b);
    // zsh expands a leading `=`.
    if !text.is_empty() && !text.starts_with('=') && text.bytes().all(safe) {
        return Cow::Borrowed(text);
    }
    if text.chars().any(is_hidden) {
        return Cow::Owned(escaped(text));
    }
    Cow::Owned(format!("'{}'", text.replace('\'', r"'\''")))
}

fn escaped(text: &str) -> String {
    let mut out = String::from("$'");
    for c in text.chars() {
        match c {
            '\'' | '\\' => out.extend(['\\', c]),
            _ if is_hidden(c) => {
                c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| out.push_str(&format!("\\{byte:03o}")))
            }
            _ => out.push(c),
        }
    }
    out.push('\'');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::process::Command;

    #[test]
    fn words_that_no_shell_touches_stay_bare() {
        for text in ["web-0", "deploy/web", "app.kubernetes.io/name=web", "a@b:c,d%e+f"] {
            assert_eq!(shell_quote(text), text);
        }
    }

    #[test]
    fn everything_else_is_quoted() {
        assert_eq!(shell_quote(""), "''");
        assert_eq!(shell_quote("=ls"), "'=ls'");
        assert_eq!(shell_quote("a b; rm -rf ~ $(x) `y` !z"), "'a b; rm -rf ~ $(x) `y` !z'");
        assert_eq!(shell_quote("it's"), r"'it'\''s'");
        assert_eq!(shell_quote("a\nb\x1b[201~'\\"), r"$'a\012b\033[201~\'\\'");
        assert_eq!(shell_quote("\u{202e}x"), r"$'\342\200\256x'");
    }

    #[test]
    fn bash_reads_back_the_same_text() {
        let mut all: Vec<String> =
            (1..=0x2fff).filter_map(char::from_u32).map(|c| format!("a{c}'b")).collect();
        all.push("\u{1}12'\\n$x".to_owned());
        let script =
            all.iter().fold(String::new(), |sum, text| sum + "printf '%s\\0' " + &shell_quote(text) + "\n");
        let Ok(output) = Command::new("bash").env("LC_ALL", "C.UTF-8").arg("-c").arg(script).output() else {
            eprintln!("skipped: no bash");
            return;
        };
        let back = String::from_utf8(output.stdout).unwrap();
        assert!(back.split_terminator('\0').eq(all.iter().map(String::as_str)));
    }

    proptest! {
        #[test]
        fn a_quoted_word_holds_nothing_hidden(text in any::<String>()) {
            prop_assert!(!shell_quote(&text).chars().any(is_hidden));
        }
    }
}
