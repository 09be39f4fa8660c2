//! The table of known secrets: what [`super::is_secret`] recognises by its spelling.

use std::sync::LazyLock;

use regex::bytes::{Regex, RegexBuilder};

/// One class of secrets with a spelling of its own.
pub(super) struct Class {
    /// Its name, for tests and the documentation.
    pub(super) name: &'static str,
    /// What it looks like: ASCII, no look-around, so that all classes are one automaton.
    pub(super) pattern: &'static str,
}

const fn class(name: &'static str, pattern: &'static str) -> Class {
    Class { name, pattern }
}

/// Values that match one of these are redacted whole. Besides: [`ASSIGNMENT`] and [`AUTHORIZATION`], which are
/// judged by what follows, secret-sounding annotation keys, JSON, YAML, base64 and random-looking text (`shape`).
pub(super) const CLASSES: &[Class] = &[
    class(
        "AWS access key id",
        r"\b(?:A3T[A-Z0-9]|AKIA|AGPA|AIDA|AROA|AIPA|ANPA|ANVA|ASIA|ABIA|ACCA)[A-Z2-7]{16}\b",
    ),
    class("GitHub token", r"\bgh[pousr]_[A-Za-z0-9]{20,}|\bgithub_pat_[A-Za-z0-9_]{20,}"),
    class("GitLab token", r"\bgl(?:pat|dt|rt|rtr|cbt|ptt|ft|imt|agent|soat|oas|ffct)-[A-Za-z0-9_-]{16,}"),
    class("Slack token", r"\bxox[a-z](?:\.xox[a-z])?-[A-Za-z0-9-]{10,}|\bxapp-\d-[A-Za-z0-9-]{10,}"),
    class(
        "webhook address",
        r"hooks\.slack\.com/(?:services|workflows|triggers)/\w|discord(?:app)?\.com/api/webhooks/\d|webhook\.office\.com/webhookb2/\w",
    ),
    class("Stripe key", r"\b(?:[srp]k_(?:live|test)|whsec)_[A-Za-z0-9]{10,}"),
    class(
        "Google API key",
        r"\bAIza[0-9A-Za-z_-]{35}|\bya29\.[0-9A-Za-z_-]{20,}|\bGOCSPX-[0-9A-Za-z_-]{20,}",
    ),
    class(
        "OpenAI or Anthropic key",
        r"\bsk-(?:proj|ant|or|svcacct|admin)-[A-Za-z0-9_-]{16,}|\bsk-[A-Za-z0-9]{32,}",
    ),
    class(
        "package registry token",
        r"\bnpm_[A-Za-z0-9]{30,}|\bpypi-[A-Za-z0-9_-]{40,}|\bdckr_[po]at_[A-Za-z0-9_-]{20,}",
    ),
    class(
        "service token",
        r"\bhv[sbr]\.[A-Za-z0-9_-]{20,}|\bSG\.[\w-]{16,}\.[\w-]{16,}|\bglsa_\w{20,}|\bglc_[A-Za-z0-9+/]{20,}|\bdo[opr]_v1_[a-f0-9]{40,}|\bshp(?:at|ca|pa|ss)_[a-fA-F0-9]{20,}|\blin_api_\w{20,}|\bATATT3\w{20,}|\bdapi[a-f0-9]{32}|\bhf_[A-Za-z0-9]{30,}|\bpul-[a-f0-9]{40}|\btskey-[a-z]+-\w{10,}|\bNRAK-[A-Z0-9]{20,}|\bsq0[a-z]{3}-[\w-]{20,}|\bxkeysib-[a-f0-9]{40,}|\bPMAK-[a-f0-9-]{40,}|\bdp\.(?:pt|st|ct)\.\w{20,}|\bAGE-SECRET-KEY-1[A-Z0-9]{20,}",
    ),
    class("JSON Web Token", r"\beyJ[A-Za-z0-9_-]{10,}"),
    class("PEM block, PuTTY key", r"-----BEGIN [A-Z0-9 ]+-----|PuTTY-User-Key-File-"),
    class("password hash", r"\$(?:2[abxy]|[156y]|apr1|argon2(?:id|i|d)|scrypt|pbkdf2(?:-sha\d+)?)\$\S{12,}"),
    class("URL with a password", r"://[^\s/?#@:]*:[^\s/?#@]+@|\b[^\s:@/]+:[^\s@/]+@(?:tcp|unix)\("),
    class("signed URL", r"(?i)[?&](?:sig|x-amz-signature|x-goog-signature|signature)=[A-Za-z0-9%+/_-]{16,}"),
    class("XML element", r"(?i)<(?:password|passwd|secret|token|apikey|accesskey)>[^<\s]+</"),
];

const SECRET_WORD: &str = r#"(?i:pass(?:word|wd|phrase|code)|\bpass|_pass|pwd|secret|token|credentials?|(?:api|access|private|encryption|signing|shared|account|auth|master|app|client|secret)[ _.-]?key(?:[_.-]?id)?)"#;

/// `password=`, `"apiKey": `, `--token `: what stands after it decides ([`super::is_assigned`]).
pub(super) static ASSIGNMENT: LazyLock<Regex> = LazyLock::new(|| {
    compile(&format!(r#"{SECRET_WORD}["'\]]?[ \t]*(?:=>|:=|==?|:)[ \t]*|--[\w-]*{SECRET_WORD}[ \t]+"#))
});

/// `Bearer `, `Basic `: the next word decides.
pub(super) static AUTHORIZATION: LazyLock<Regex> =
    LazyLock::new(|| compile(r"(?i)\b(?:bearer|basic|digest|negotiate)[ \t]+[A-Za-z0-9._~+/=-]{8,}"));

/// Every class of [`CLASSES`] in one automaton.
pub(super) static ANY_CLASS: LazyLock<Regex> = LazyLock::new(|| {
    let patterns: Vec<String> = CLASSES.iter().map(|class| format!("(?:{})", class.pattern)).collect();
    compile(&patterns.join("|"))
});

/// The above three in one: nearly every value ends here, after one pass.
pub(super) static ANYTHING: LazyLock<Regex> = LazyLock::new(|| {
    compile(&format!("{}|{}|{}", ANY_CLASS.as_str(), ASSIGNMENT.as_str(), AUTHORIZATION.as_str()))
});

/// An annotation key whose last word says that the value is a secret. `...-secret` is not one: there it is nearly
/// always the name of a Secret.
pub(super) static SECRET_KEY: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r"(?i)(?:password|passwd|passphrase|passcode|[_.-]token|/token|^token|(?:api|access|private|secret|auth)[_.-]?key|client[_.-]secret)$",
    )
});

#[expect(clippy::expect_used, reason = "constant patterns; the tests compile every one of them")]
pub(super) fn compile(pattern: &str) -> Regex {
    RegexBuilder::new(pattern).unicode(false).build().expect("a constant pattern")
}
