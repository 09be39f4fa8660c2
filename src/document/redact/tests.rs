use super::*;

// Spelled in pieces, so that no scanner takes this file for a leak.
macro_rules! made_of {
    ($($part:literal)+) => { concat!($($part),+) };
}

const HEX40: &str = "3f786850e387550fdab836ed7e6dc881de23001b";

/// Class, one text each that it must catch.
const POSITIVE: &[(&str, &[&str])] = &[
    (
        "AWS access key id",
        &[made_of!("AKI" "AIOSFODNN7EXAMPLE"), made_of!("key ASI" "AY34FZKBOKMUTVV7A in use")],
    ),
    (
        "GitHub token",
        &[
            made_of!("gh" "p_16C7e42F292c6912E7710c838347Ae178B4a"),
            made_of!("see github" "_pat_11AAAAAAA0aBcDeFgHiJkL_mNoPqRsT"),
        ],
    ),
    (
        "GitLab token",
        &[made_of!("gl" "pat-abcdefghij1234567890"), made_of!("gl" "agent-abcdefghij_1234567890")],
    ),
    (
        "Slack token",
        &[made_of!("xo" "xb-123456789012-1234567890123-abc"), made_of!("xa" "pp-1-A0B1C2D3-9876543210")],
    ),
    (
        "webhook address",
        &[
            made_of!("https://hooks.sl" "ack.com/services/T000/B000/XXXX"),
            made_of!("https://disc" "ord.com/api/webhooks/123/abc"),
        ],
    ),
    ("Stripe key", &[made_of!("sk" "_live_4eC39HqLyjWDarjtT1zdp7dc"), made_of!("wh" "sec_abcdefghijklmnop")]),
    (
        "Google API key",
        &[made_of!("AI" "zaSyA-1234567890abcdefghijklmnopqrstu"), made_of!("ya" "29.a0AfH6SMBx-abcdefghij")],
    ),
    (
        "OpenAI or Anthropic key",
        &[made_of!("sk" "-proj-abcdefghijklmnop_qrst"), made_of!("sk" "-ant-api03-abcdefghijklmnop")],
    ),
    (
        "package registry token",
        &[
            made_of!("np" "m_abcdefghijklmnopqrstuvwxyz0123456789"),
            made_of!("dc" "kr_pat_abcdefghijklmnopqrst-uvw"),
        ],
    ),
    (
        "service token",
        &[
            made_of!("hv" "s.CAESIJlWwxyzabcdefghij"),
            made_of!("S" "G.ngeVfQFYQlKU0ufo8x5d1A.TwL2iGABf9DHoTf-09kqeF8tAmbihYzrnopKc-1s5cr"),
            made_of!("gl" "sa_abcdefghijklmnopqrst_0123abcd"),
            made_of!("dap" "i0123456789abcdef0123456789abcdef"),
        ],
    ),
    (
        "JSON Web Token",
        &[made_of!("ey" "JhbGciOiJIUzI1NiJ9.ey" "JzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U")],
    ),
    (
        "PEM block, PuTTY key",
        &[
            made_of!("-----BEG" "IN RSA PRIVATE KEY-----\nMIIE"),
            made_of!("-----BEG" "IN OPENSSH PRIVATE KEY-----"),
            made_of!("PuTTY-User-" "Key-File-3: ssh-ed25519"),
        ],
    ),
    (
        "password hash",
        &[
            made_of!("admin:$2" "y$05$abcdefghijklmnopqrstuuABCDEFGHIJKLMNOPQRSTUVWXYZ01234"),
            made_of!("$apr" "1$ZjTqBB3f$IF9gdYAGlMrs2fuINjHsz."),
            made_of!("$argon2" "id$v=19$m=65536,t=2$c29tZXNhbHQ$abcdefgh"),
        ],
    ),
    (
        "URL with a password",
        &[
            "postgres://shop:hunter2@db.shop.svc:5432/shop",
            "mirror of https://:tokenvalue@git.example.org/x.git",
            "redis://:s3cr3t@cache:6379/0",
            "shop:hunter2@tcp(db:3306)/shop",
        ],
    ),
    (
        "signed URL",
        &[
            "https://x.blob.core.windows.net/c/b?sv=2022&sig=abcdefghijklmnopqrst%3D",
            "https://b.s3.amazonaws.com/k?X-Amz-Signature=0123456789abcdef0123456789abcdef",
        ],
    ),
    ("XML element", &["<server><password>hunter2</password></server>"]),
];

#[test]
fn every_class_compiles_and_has_examples_that_it_alone_catches() {
    let named: Vec<&str> = POSITIVE.iter().map(|(name, _)| *name).collect();
    let classes: Vec<&str> = CLASSES.iter().map(|class| class.name).collect();
    assert_eq!(named, classes, "one row of examples for every class, in the table's order");
    for ((name, examples), class) in POSITIVE.iter().zip(CLASSES) {
        let alone = classes::compile(class.pattern);
        for example in *examples {
            assert!(alone.is_match(example.as_bytes()), "{name} misses {example}");
            assert!(is_secret("note", example), "{name}: {example} survives");
        }
    }
}

#[test]
fn assignments_are_caught() {
    for value in [
        "password=hunter2",
        "pwd=x",
        "host=db;Password=hunter2;Port=1",
        "DB_PASSWORD = swordfish",
        "--api-key=abc",
        "run with --token abc123def",
        "token: 9f8e7d6c",
        "the secret: hunter2 (do not share)",
        "user: admin, password:swordfish",
        "login\npassword: swordfish\nbye",
        "apikey := \"abc\"",
        "x-api-key: abcdef",
        "Config {\"clientSecret\": \"abc def\", \"x\": 1}",
        "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=abc",
        "Endpoint=sb://x/;SharedAccessKeyName=n;SharedAccessKey=abc",
        "spring.datasource.password=abc",
        "https://example.org/hook?token=abc",
        "Authorization: Bearer abcdef0123456789",
        "basic YWRtaW46aHVudGVyMg==",
        "passphrase => 'correct horse'",
    ] {
        assert!(is_secret("note", value), "{value} survives");
    }
}

#[test]
fn documents_and_blobs_are_caught() {
    for value in [
        "{\"apiVersion\":\"v1\"}",
        " { \"a\": 1 }",
        "{a: 1, b: 2}",
        "[{\"name\":\"eth0\"}]",
        "[\"10.0.0.1\"]",
        "[1, 2]",
        "\"{\\\"a\\\": 1}\"",
        "{\"cut off\": [1, 2",
        "---\nfoo",
        "apiVersion: v1\nkind: Pod",
        "receivers:\n  - name: x",
        "log_level: debug\nport: 80",
        "# comment\nspec:\n  replicas: 1\n",
        "cGFzc3dvcmQ9aHVudGVyMg==",
        "H4sIAAAAAAAA/0zOsQ6CMBCA4Xe52YFWRWU1MXFwcjMuJ1ywCb0mdwUSwrsbDAPr9w//BH3gltQCCUT0HRg4",
        "TG9yZW0gaXBzdW0gZG9sb3Igc2l0IGFtZXQsIGNvbnNlY3Rl\ndHVyIGFkaXBpc2NpbmcgZWxpdC4=",
        made_of!("wJalrXUtnFEMI/K7MDENG" "/bPxRfiCYEXAMPLEKEY"),
        "see 7Kq2vXz9LmN4pRt8WsYb1Dfg for it",
        "Zm9vYmFy-aGVsbG8gd29ybGQx_c2VjcmV0IDEyMw9Kx",
    ] {
        assert!(is_secret("note", value), "{value} survives");
    }
}

#[test]
fn keys_that_say_secret_are_believed() {
    for (key, value) in [
        ("example.com/password", "1234"),
        ("example.com/db-password", "x"),
        ("example.com/api-key", "abcdefg"),
        ("vault.example/auth-token", "abcdefg"),
        ("token", "abcdefg"),
        ("example.com/accessKey", "abcdefg"),
    ] {
        assert!(is_secret(key, value), "{key}={value} survives");
    }
    for (key, value) in [
        ("nginx.ingress.kubernetes.io/auth-secret", "basic-auth"),
        ("example.com/rotate-password", "true"),
        ("example.com/password", ""),
        ("example.com/automount-token", "false"),
        ("example.com/tokens", "15"),
        ("example.com/secret-name", "tls-web"),
    ] {
        assert!(!is_secret(key, value), "{key}={value} is redacted");
    }
}

#[test]
fn ordinary_values_survive() {
    let sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let built = [
        HEX40.to_owned(),
        sha256.to_owned(),
        format!("sha256:{sha256}"),
        format!("registry.k8s.io/ingress-nginx/controller:v1.9.4@sha256:{sha256}"),
        format!("git@github.com:Example/Repo.git@{HEX40}"),
        format!("s3://Bucket-Name1/{HEX40}"),
        format!("main@sha1:{HEX40}"),
        "A".repeat(100),
        "0123456789".repeat(10),
    ];
    let values = [
        "",
        "7",
        "true",
        "2026-03-02T08:15:00Z",
        "2026-03-02T08:15:00.123456789+02:00",
        "20260302T081500Z",
        "Mon, 02 Mar 2026 08:15:00 GMT",
        "123e4567-e89b-12d3-a456-426614174000",
        "123E4567-E89B-12D3-A456-426614174000",
        "v0.0.0-20260721132016-d427ff9ee9ad",
        "v1.37.2+k3s1",
        "10.0.0.1/32,fd00::1/128",
        "00:1a:2b:3c:4d:5e",
        "checkout-7d9f8c6b5d-x2x4z",
        "ip-10-0-1-2.eu-west-1.compute.internal",
        "arn:aws:iam::123456789012:role/eksctl-my-cluster-NodeInstanceRole-1A2B3C4D5E6F7",
        "arn:aws:iam::123456789012:role/AWSServiceRoleForAmazonEKSNodegroupV2",
        "arn:aws:acm:eu-west-1:123456789012:certificate/123e4567-e89b-12d3-a456-426614174000",
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf",
        "/subscriptions/123e4567-e89b-12d3-a456-426614174000/resourceGroups/MC_rg-Prod1_aks_westeurope/providers/Microsoft.Compute/virtualMachineScaleSets/aks-nodepool1-12345678-vmss",
        "projects/MyProject1/locations/europe-west1/keyRings/MainRing/cryptoKeys/Key1",
        "checkout:apps/Deployment:shop/checkout",
        "https://grafana.example.org/d/abc123/checkout?orgId=1&var-ns=shop",
        "https://example.org:8443/path?email=a@b.example",
        "ssh://git@github.com/example/repo.git",
        "mailto:team@example.org",
        "oci://ghcr.io/example/charts/web:1.2.3",
        "rate(http_requests_total{job=\"web\"}[5m]) > 0.5",
        "{{ .Values.name }}",
        "[ERROR] it broke",
        "(a|b)",
        "* * * * *",
        "0 3 * * 1-5",
        "HorizontalPodAutoscalerVersion2DescriptionOfTheThing",
        "com.example.shop.checkout.CheckoutServiceImplementation2",
        "risk-assessment-of-the-platform-team-2026",
        "sk-learn-model-serving-pipeline-v2",
        "ghp_short",
        "Front door of the shop. Ask team-payments before you change it!",
        "Owner: payments\nSlack: #payments-oncall\nRunbook: https://wiki.example.org/checkout",
        "First paragraph.\n\n- one\n- two: three\n\nLast.",
        "Rotates the database password every night.",
        "The password: see the vault, and ask the owner.",
        "Tokens: 15 per user; token lifetime 15m.",
        "token: rotated weekly by the bot",
        "Needs a bearer authentication middleware and a basic configuration.",
        "Pass the --token flag to the agent.",
        "password=${DB_PASSWORD} token=$(TOKEN) secret=$SECRET pwd=<password>",
        "password=",
        "secretName=web-tls",
        "secretRef: web-tls and tokenReview",
        "issuer=letsencrypt, compass=north",
        "Kostet 5 € – für alle Fälle (東京)",
    ];
    for value in values.into_iter().chain(built.iter().map(String::as_str)) {
        assert!(!is_secret("note", value), "{value:?} is redacted");
    }
}

#[test]
fn any_text_is_judged_without_a_panic() {
    use proptest::prelude::*;
    proptest!(|(key in any::<String>(), value in any::<String>(), tail in "[ \\-{}\\[\\]:=\"'\npasword@/]{0,40}é?")| {
        is_secret(&key, &format!("{value}{tail}"));
        is_secret(&key, &tail);
    });
}
