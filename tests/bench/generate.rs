//! A believable cluster of any size, the same every time: object `n` of `total`.

use std::collections::BTreeMap;

use kubesift::document::{Document, Fingerprint, Local, Metadata};
use kubesift::index::Entry;
use kubesift::object::{Key, Kind, Owner};

const SERVICES: [&str; 40] = [
    "checkout",
    "payment",
    "cart",
    "catalog",
    "search",
    "inventory",
    "shipping",
    "billing",
    "invoice",
    "auth",
    "session",
    "user",
    "profile",
    "notification",
    "email",
    "report",
    "audit",
    "gateway",
    "web",
    "mobile",
    "admin",
    "pricing",
    "promo",
    "recommendation",
    "review",
    "order",
    "fulfilment",
    "warehouse",
    "supplier",
    "fraud",
    "ledger",
    "postgres",
    "redis",
    "kafka",
    "prometheus",
    "grafana",
    "istio",
    "vault",
    "argo",
    "loki",
];
const PARTS: [&str; 12] = [
    "api",
    "worker",
    "frontend",
    "db",
    "cache",
    "scheduler",
    "gateway",
    "proxy",
    "exporter",
    "operator",
    "consumer",
    "migrator",
];
const STAGES: [&str; 4] = ["production", "staging", "test", "dev"];
const TEAMS: [&str; 9] =
    ["payments", "platform", "storefront", "logistics", "identity", "data", "sre", "growth", "finance"];

/// (share of 1000, kind, plural, group, version, short name, namespaced)
const KINDS: [(u64, &str, &str, &str, &str, &str, bool); 18] = [
    (560, "Pod", "pods", "", "v1", "po", true),
    (90, "ReplicaSet", "replicasets", "apps", "v1", "rs", true),
    (40, "Deployment", "deployments", "apps", "v1", "deploy", true),
    (10, "StatefulSet", "statefulsets", "apps", "v1", "sts", true),
    (45, "Service", "services", "", "v1", "svc", true),
    (70, "ConfigMap", "configmaps", "", "v1", "cm", true),
    (60, "Secret", "secrets", "", "v1", "", true),
    (25, "ServiceAccount", "serviceaccounts", "", "v1", "sa", true),
    (15, "Role", "roles", "rbac.authorization.k8s.io", "v1", "", true),
    (15, "RoleBinding", "rolebindings", "rbac.authorization.k8s.io", "v1", "", true),
    (5, "ClusterRole", "clusterroles", "rbac.authorization.k8s.io", "v1", "", false),
    (20, "Job", "jobs", "batch", "v1", "", true),
    (10, "Ingress", "ingresses", "networking.k8s.io", "v1", "ing", true),
    (10, "PersistentVolumeClaim", "persistentvolumeclaims", "", "v1", "pvc", true),
    (10, "PersistentVolume", "persistentvolumes", "", "v1", "pv", false),
    (5, "SQLClaim", "sqlclaims", "platform.example", "v1alpha1", "", true),
    (5, "Certificate", "certificates", "cert-manager.io", "v1", "cert", true),
    (5, "Application", "applications", "argoproj.io", "v1alpha1", "app", true),
];

/// The kinds that [`entry`] makes objects of.
pub(crate) fn kinds() -> Vec<Kind> {
    KINDS
        .iter()
        .map(|(_, kind, plural, group, version, short, namespaced)| Kind {
            group: (*group).into(),
            version: (*version).into(),
            kind: (*kind).into(),
            plural: (*plural).into(),
            singular: kind.to_lowercase(),
            short_names: Some(*short).filter(|s| !s.is_empty()).map(str::to_owned).into_iter().collect(),
            categories: vec!["all".into()],
            namespaced: *namespaced,
            watchable: true,
        })
        .collect()
}

/// Numbers that look random and are the same every time (splitmix64).
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// Small numbers are much more common than large ones, as in most things that people make.
    fn skewed(&mut self, n: u64) -> u64 {
        let a = self.below(n);
        self.below(a + 1)
    }

    fn hash(&mut self, len: usize) -> String {
        const LETTERS: &[u8] = b"bcdfghjklmnpqrstvwxz2456789"; // Kubernetes' own
        (0..len).map(|_| char::from(LETTERS[self.below(27) as usize])).collect()
    }

    fn uuid(&mut self) -> String {
        let hex = format!("{:016x}{:016x}", self.next(), self.next());
        format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
    }
}

/// What an object is an object of.
struct Draft {
    kind: usize,
    app_number: u64,
    stage: usize,
    dice: Dice,
}

fn draft(n: u64, total: u64) -> Draft {
    let mut dice = Dice(n.wrapping_mul(0x2545_f491_4f6c_dd1d));
    let mut share = dice.below(1000);
    let kind = KINDS.iter().position(|kind| share.checked_sub(kind.0).map(|rest| share = rest).is_none());
    // a service exists in some stages; bigger clusters have more services and more pods of each
    let app_number = dice.skewed(120 + total / 400);
    let stage = dice.skewed(4) as usize;
    Draft { kind: kind.unwrap_or(0), app_number, stage, dice }
}

/// The objects in the order in which a cluster's lists give them: by kind, namespace and, roughly, name.
pub(crate) fn in_list_order(total: u64) -> Vec<u64> {
    let mut all: Vec<u64> = (0..total).collect();
    all.sort_by_cached_key(|n| {
        let draft = draft(*n, total);
        (draft.kind as u8, (draft.app_number % 40) as u8, draft.stage as u8, draft.app_number as u32)
    });
    all
}

/// Object `n` of a cluster of `total`.
pub(crate) fn entry(n: u64, total: u64) -> Entry {
    let Draft { kind: at, app_number, stage, mut dice } = draft(n, total);
    let (kind, namespaced) = (&kinds_once()[at], KINDS[at].6);
    let service = SERVICES[(app_number % 40) as usize];
    let part = PARTS[(app_number / 40 % 12) as usize];
    let tenant = app_number / 480;
    let app = if tenant == 0 { format!("{service}-{part}") } else { format!("{service}-{part}-{tenant}") };
    let stage = STAGES[stage];
    let namespace = if namespaced { format!("{service}-{stage}") } else { "_cluster".to_owned() };
    let mut revision = Dice(app_number * 7 + dice.skewed(6));
    let template = revision.hash(10);

    let mut labels = BTreeMap::new();
    let mut annotations = BTreeMap::new();
    let mut put = |key: &str, value: String| labels.insert(key.to_owned(), value);
    put("app.kubernetes.io/name", app.clone());
    put("app.kubernetes.io/instance", format!("{app}-{stage}"));
    put("app.kubernetes.io/part-of", service.to_owned());
    put("team", TEAMS[(app_number % 9) as usize].to_owned());
    put("env", stage.to_owned());
    if dice.below(3) > 0 {
        put("app.kubernetes.io/managed-by", "Helm".to_owned());
        put("helm.sh/chart", format!("{service}-{}.{}.{}", app_number % 5, app_number % 11, dice.skewed(30)));
    }
    let mut owners = Vec::new();
    let mut owner = |kind: &str, api: &str, name: String, uid: String| {
        owners.push(Owner { api_version: api.into(), kind: kind.into(), name, uid, controller: true });
    };
    let name = match &*kind.kind {
        "Pod" if dice.below(10) == 0 => {
            owner("StatefulSet", "apps/v1", app.clone(), revision.uuid());
            let name = format!("{app}-{}", dice.skewed(40));
            put("statefulset.kubernetes.io/pod-name", name.clone());
            name
        }
        "Pod" => {
            put("pod-template-hash", template.clone());
            owner("ReplicaSet", "apps/v1", format!("{app}-{template}"), revision.uuid());
            annotations.insert(
                "checksum/config".to_owned(),
                format!("{:016x}{:016x}", revision.next(), revision.next()),
            );
            annotations.insert("prometheus.io/scrape".to_owned(), "true".to_owned());
            annotations.insert("prometheus.io/port".to_owned(), "8080".to_owned());
            format!("{app}-{template}-{}", dice.hash(5))
        }
        "ReplicaSet" => {
            put("pod-template-hash", template.clone());
            owner("Deployment", "apps/v1", app.clone(), revision.uuid());
            annotations.insert("deployment.kubernetes.io/revision".to_owned(), dice.skewed(90).to_string());
            format!("{app}-{template}")
        }
        "Job" => {
            let name = format!("{app}-backup-{}", 28_000_000 + dice.below(400_000));
            put("batch.kubernetes.io/job-name", name.clone());
            put("batch.kubernetes.io/controller-uid", dice.uuid());
            name
        }
        "ConfigMap" if dice.below(8) == 0 => "kube-root-ca.crt".to_owned(),
        "ConfigMap" => format!("{app}-config"),
        "Secret" if dice.below(3) == 0 => format!("sh.helm.release.v1.{app}.v{}", dice.skewed(40)),
        "Secret" => format!("{app}-credentials"),
        "ClusterRole" => format!("system:{service}:{part}-{}", dice.below(50)),
        "PersistentVolume" => format!("pvc-{}", dice.uuid()),
        "PersistentVolumeClaim" => format!("data-{app}-{}", dice.skewed(9)),
        "SQLClaim" => format!("x{}", dice.below(900)),
        _ => app.clone(),
    };
    let created = 1_700_000_000 + dice.below(75_000_000) as i64;
    if dice.below(12) == 0 {
        let time = jiff::Timestamp::from_second(created + 3600).map(|t| t.to_string()).unwrap_or_default();
        annotations.insert("kubectl.kubernetes.io/restartedAt".to_owned(), time);
    }
    if dice.below(5) == 0 {
        annotations.insert("meta.helm.sh/release-name".to_owned(), app.clone());
        annotations.insert("meta.helm.sh/release-namespace".to_owned(), namespace.clone());
    }
    if matches!(&*kind.kind, "Deployment" | "Service" | "Application") && dice.below(2) == 0 {
        let text =
            format!("The {part} of the {service} service, run by {}", TEAMS[(app_number % 9) as usize]);
        annotations.insert("example.com/description".to_owned(), text);
    }
    let local = Local {
        uid: dice.uuid(),
        generation: dice.skewed(20) as i64,
        created: Some(created),
        deleted: None,
        labels,
        annotations,
        owners,
        finalizers: Vec::new(),
    };
    let key = kind.key();
    let document = document(kind, name, namespace, local);
    Entry {
        key: Key::of(&document.id, &document.local.uid),
        kind: key,
        fingerprint: Fingerprint { content: dice.next(), annotations: dice.next() },
        version: Some(1000 + n),
        document,
    }
}

fn kinds_once() -> &'static [Kind] {
    static KINDS: std::sync::LazyLock<Vec<Kind>> = std::sync::LazyLock::new(kinds);
    &KINDS
}

/// As the mapping makes it.
fn document(kind: &Kind, name: String, namespace: String, local: Local) -> Document {
    let label_pairs: Vec<String> = local.labels.iter().map(|(k, v)| format!("{k}={v}")).collect();
    let metadata = Metadata {
        kind: kind.kind.clone(),
        api_version: kind.api_version(),
        api_group: kind.group.clone(),
        labels: label_pairs.join(","),
        created_at: local.created.and_then(|t| jiff::Timestamp::from_second(t).ok()).map(|t| t.to_string()),
        label_pairs,
        name,
        namespace,
    };
    let mut text = format!(
        "{} {} | namespace: {} | apiVersion: {} | labels: {}",
        metadata.kind, metadata.name, metadata.namespace, metadata.api_version, metadata.labels
    );
    if let Some(description) = local.annotations.get("example.com/description") {
        text.push_str(" | description: ");
        text.push_str(description);
    }
    let id = [&*metadata.namespace, &metadata.api_version, &metadata.kind, &metadata.name].join("/");
    Document { id, text, metadata, local }
}
