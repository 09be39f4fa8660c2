use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::document::{Local, Metadata};
use crate::object::Owner;

/// An object in the few words that these tests need.
struct Case {
    kind: &'static str,
    name: &'static str,
    owner: Option<(&'static str, &'static str)>,
    labels: &'static [(&'static str, &'static str)],
}

fn of(kind: &'static str, name: &'static str) -> Case {
    Case { kind, name, owner: None, labels: &[] }
}

impl Case {
    fn by(self, kind: &'static str, name: &'static str) -> Self {
        Self { owner: Some((kind, name)), ..self }
    }

    fn labelled(self, labels: &'static [(&'static str, &'static str)]) -> Self {
        Self { labels, ..self }
    }

    fn document(&self) -> Document {
        let owner = self.owner.map(|(kind, name)| Owner {
            kind: kind.to_owned(),
            name: name.to_owned(),
            controller: true,
            ..Owner::default()
        });
        document(self.kind, self.name, owner, self.labels.iter().copied())
    }

    fn form(&self) -> String {
        form(&self.document()).text().to_owned()
    }
}

fn document<'a>(
    kind: &str,
    name: &str,
    owner: Option<Owner>,
    labels: impl Iterator<Item = (&'a str, &'a str)>,
) -> Document {
    let labels: BTreeMap<String, String> = labels.map(|(k, v)| (k.to_owned(), v.to_owned())).collect();
    let (kind, name) = (kind.to_owned(), name.to_owned());
    Document {
        id: String::new(),
        text: "never looked at".to_owned(),
        metadata: Metadata { kind, name, ..Metadata::default() },
        local: Local { labels, owners: owner.into_iter().collect(), ..Local::default() },
    }
}

#[test]
fn what_controllers_put_into_names_is_taken_out() {
    let cut = "a-deployment-with-a-name-so-long-that-kubernetes-cuts-it-somewhere-7d9f8b6c5d";
    let cases = [
        (of("ReplicaSet", "web-7d9f8b6c5d").by("Deployment", "web"), "Replica Set web"),
        (of("ReplicaSet", "web-bcdfghjkl").by("Deployment", "web"), "Replica Set web"),
        (of("ReplicaSet", "web-7d9f8b6c5d"), "Replica Set web"),
        (of("Pod", "web-7d9f8b6c5d-x7k2p").by("ReplicaSet", "web-7d9f8b6c5d"), "Pod web"),
        (of("Pod", "web-7d9f8b6c5d-bqxzw").by("ReplicaSet", "web-7d9f8b6c5d"), "Pod web"),
        (
            of("Pod", "web-bcdfghjkl-bqxzw")
                .by("ReplicaSet", "web-bcdfghjkl")
                .labelled(&[("pod-template-hash", "bcdfghjkl")]),
            "Pod web",
        ),
        (of("Pod", "proxy-bqxzw").by("DaemonSet", "proxy"), "Pod proxy"),
        (of("Pod", "web-0").by("StatefulSet", "web"), "Pod web"),
        (of("Pod", "postgres-12-17").by("StatefulSet", "postgres-12"), "Pod postgres 12"),
        (of("PersistentVolumeClaim", "data-web-0"), "Persistent Volume Claim data web"),
        (of("Job", "backup-29381760").by("CronJob", "backup"), "Job backup"),
        (of("Job", "backup-1752000000"), "Job backup"),
        (of("Pod", "backup-29381760-x7k2p").by("Job", "backup-29381760"), "Pod backup"),
        (of("Pod", "shards-3-x7k2p").by("Job", "shards"), "Pod shards"),
        (of("ControllerRevision", "web-6b8c9d7f5").by("StatefulSet", "web"), "Controller Revision web"),
        (
            of("ControllerRevision", "web-bcdfghjkl").labelled(&[("controller-revision-hash", "bcdfghjkl")]),
            "Controller Revision web",
        ),
        (of("EndpointSlice", "shop-x7k2p").by("Service", "shop"), "Endpoint Slice shop"),
        (of("CertificateRequest", "tls-1").by("Certificate", "tls"), "Certificate Request tls"),
        (of("Secret", "sh.helm.release.v1.shop.v12"), "Secret helm release shop"),
        (of("Secret", "default-token-bqxzw"), "Secret default token"),
        (of("ConfigMap", "settings-7gc4kbk6ck"), "Config Map settings"),
        (of("PersistentVolume", "pvc-2c1b3f0e-7a5d-4a59-9d1e-0b1c2d3e4f50"), "Persistent Volume pvc"),
        (of("Workflow", "nightly-20260131"), "Workflow nightly"),
        (of("Workflow", "nightly-2026-01-31-report"), "Workflow nightly report"),
        (of("Deployment", "preview-9f8c2d1"), "Deployment preview"),
        (of("Node", "ip-10-0-1-23.eu-west-1.compute.internal"), "Node ip eu west compute internal"),
        (of("Node", "gke-prod-pool-1-1a2b3c4d-x7k2p"), "Node gke prod pool"),
        (of("Node", "worker17"), "Node worker"),
        (
            of("Pod", Box::leak(format!("{}x7k2p", &cut[..58]).into_boxed_str())).by("ReplicaSet", cut),
            "Pod a deployment with a name so long that kubernetes cuts it s",
        ),
    ];
    for (case, wanted) in cases {
        assert_eq!(case.form(), wanted, "{} {}", case.kind, case.name);
    }
}

#[test]
fn what_only_looks_generated_stays() {
    let kept = [
        ("web-5", "web 5"),
        ("postgres-12", "postgres 12"),
        ("sha256", "sha256"),
        ("verify-sha256", "verify sha256"),
        ("api-v2", "api v2"),
        ("ssh-ed25519", "ssh ed25519"),
        ("frontend-https", "frontend https"),
        ("gateway-http2", "gateway http2"),
        ("app-php82", "app php82"),
        ("resolver-dns64", "resolver dns64"),
        ("cafe-facade", "cafe facade"),
        ("deadbeef", "deadbeef"),
        ("kube-root-ca.crt", "kube root ca crt"),
        ("build-x86-64", "build x86 64"),
        ("mirror-2024", "mirror 2024"),
        ("release-1.29.3", "release 1 29 3"),
        ("system:controller:job-controller", "system controller job controller"),
    ];
    for (name, wanted) in kept {
        assert_eq!(of("Service", name).form(), format!("Service {wanted}"));
    }
    // An owner's name in front does not make the rest of it generated.
    assert_eq!(of("Service", "shop-metrics").by("Shop", "shop").form(), "Service shop metrics");
    assert_eq!(of("Service", "shop-https").by("Shop", "shop").form(), "Service shop https");
    // Whose Pod it is, is not known.
    assert_eq!(of("Pod", "web-5").form(), "Pod web 5");
}

#[test]
fn a_form_has_kind_name_labels_and_description() {
    let case = of("StatefulSet", "orders-db").labelled(&[
        ("app.kubernetes.io/name", "postgresql"),
        ("app.kubernetes.io/component", "database"),
        ("app", "orders-db"),
        ("team", "payments"),
        ("tier", "backend"),
    ]);
    let mut document = case.document();
    let described = [
        ("description", "All orders\nof the shop, since 2024-01-01T00:00:00Z"),
        ("example.org/description", "Ask  payments"),
        ("other.example/description", REDACTED),
        ("runbook", "https://runbooks.example.org/orders"),
    ];
    document.local.annotations = described.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    assert_eq!(
        form(&document).text(),
        "Stateful Set orders db, postgresql database backend. All orders of the shop, since. Ask payments"
    );
    assert_eq!(document.text, "never looked at");
}

#[test]
fn a_custom_resource_says_what_its_group_is_about() {
    let mut document = of("Cluster", "main").document();
    document.metadata.api_group = "postgresql.cnpg.io".to_owned();
    assert_eq!(form(&document).text(), "Cluster postgresql cnpg main");
    document.metadata.api_group = "networking.k8s.io".to_owned();
    assert_eq!(form(&document).text(), "Cluster main");
}

#[test]
fn kinds_are_split_at_capitals() {
    for (kind, wanted) in [
        ("HTTPRoute", "HTTP Route"),
        ("PodDisruptionBudget", "Pod Disruption Budget"),
        ("ClusterIP", "Cluster IP"),
        ("IPAddress", "IP Address"),
        ("APIService", "API Service"),
        ("CRDs", "CRDs"),
        ("SQLClaim", "SQL Claim"),
    ] {
        assert_eq!(of(kind, "").form(), wanted);
    }
}

#[test]
fn replicas_share_a_form_and_applications_do_not() {
    let pod = |name, owner| form(&of("Pod", name).by("ReplicaSet", owner).document()).hash();
    assert_eq!(pod("web-7d9f8b6c5d-x7k2p", "web-7d9f8b6c5d"), pod("web-68bdc5f7c9-zzk4q", "web-68bdc5f7c9"));
    assert_ne!(pod("web-7d9f8b6c5d-x7k2p", "web-7d9f8b6c5d"), pod("api-7d9f8b6c5d-x7k2p", "api-7d9f8b6c5d"));
}

#[test]
fn a_hash_never_changes() {
    // It names vectors on disk: another value here makes every stored vector useless.
    assert_eq!(Form::new("Pod web").hash(), FormHash(0x117609e86faf52f016b398437581b2b5));
}

#[test]
fn a_name_that_is_all_generated_leaves_the_kind() {
    assert_eq!(of("Volume", "2c1b3f0e-7a5d-4a59-9d1e-0b1c2d3e4f50").form(), "Volume");
    assert_eq!(of("", "2c1b3f0e-7a5d-4a59-9d1e-0b1c2d3e4f50").form(), "2c1b3f0e 7a5d 4a59 9d1e 0b1c2d3e4f50");
}

/// Names as they occur: words, versions, suffixes, hashes, and anything at all.
fn names() -> impl Strategy<Value = String> {
    let segment = prop_oneof![
        "[a-z]{1,8}",
        "[a-z]{2,5}[0-9]{1,3}",
        "[0-9]{1,10}",
        "[bcdfghjklmnpqrstvwxz2456789]{5,10}",
        "[0-9a-f]{7,12}",
        Just("2c1b3f0e-7a5d-4a59-9d1e-0b1c2d3e4f50".to_owned()),
        Just("2026-01-31".to_owned()),
    ];
    let realistic = (prop::collection::vec(segment, 1..6), "[-.:_/]").prop_map(|(all, by)| all.join(&by));
    prop_oneof![4 => realistic, 1 => any::<String>(), 1 => "sh\\.helm\\.release\\.v1\\.[a-z]{1,5}(\\.v[0-9]{1,3})?"]
}

fn kinds() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "Pod",
            "ReplicaSet",
            "Job",
            "Secret",
            "Node",
            "PersistentVolumeClaim",
            "Service",
            "ControllerRevision"
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ]
}

fn owners() -> impl Strategy<Value = Option<Owner>> {
    let kind = prop::sample::select(vec!["ReplicaSet", "StatefulSet", "Job", "CronJob", "Shop"]);
    prop::option::of((kind, names()).prop_map(|(kind, name)| Owner {
        kind: kind.to_owned(),
        name,
        controller: true,
        ..Owner::default()
    }))
}

proptest! {
    #[test]
    fn stripping_a_second_time_changes_nothing(kind in kinds(), name in names(), owner in owners(), hash in names()) {
        let local = Local {
            owners: owner.into_iter().collect(),
            labels: [("pod-template-hash".to_owned(), hash)].into(),
            ..Local::default()
        };
        let once = name::stripped(&kind, &name, &local);
        prop_assert_eq!(&name::stripped(&kind, &once, &local), &once);
        let value = segment::stripped(&name);
        prop_assert_eq!(&segment::stripped(&value), &value);
    }

    #[test]
    fn a_name_leaves_a_form_and_no_string_breaks_it(
        kind in kinds(), name in names(), owner in owners(), label in any::<String>(), prose in any::<String>(),
    ) {
        let labels = [("app", label.as_str()), ("pod-template-hash", name.as_str())];
        let mut document = document(&kind, &name, owner, labels.into_iter());
        document.local.annotations.insert("description".to_owned(), prose);
        let first = form(&document);
        let says = |text: &str| text.chars().any(char::is_alphanumeric);
        prop_assert!(!first.text().is_empty() || !(says(&kind) || says(&name)), "{:?}", first);
        prop_assert!(first.text().len() <= LONGEST);
        prop_assert_eq!(first, form(&document));
    }

    #[test]
    fn owned_objects_share_the_form_of_their_siblings(
        app in "[a-z]{2,8}(-[a-z]{2,8}){0,2}", hash in "[bcdfghjklmnpqrstvwxz2456789]{8,10}",
        one in "[bcdfghjklmnpqrstvwxz2456789]{5}", other in "[bcdfghjklmnpqrstvwxz2456789]{5}",
    ) {
        let set = format!("{app}-{hash}");
        let pod = |suffix: &str| {
            let owner = Owner { kind: "ReplicaSet".to_owned(), name: set.clone(), controller: true, ..Owner::default() };
            let labels = [("pod-template-hash", hash.as_str())];
            form(&document("Pod", &format!("{set}-{suffix}"), Some(owner), labels.into_iter()))
        };
        prop_assert_eq!(pod(&one), pod(&other));
        prop_assert!(!pod(&one).text().contains(&hash));
    }
}
