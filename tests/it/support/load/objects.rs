//! The objects of the benchmark's cluster.

use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use super::{CRDS, NAMESPACES, Planned};

const TEAMS: [&str; 8] =
    ["payments", "identity", "search", "catalog", "logistics", "growth", "platform", "data"];
const STAGES: [&str; 5] = ["dev", "test", "stage", "prod", "canary"];
const APPS: [&str; 14] = [
    "checkout",
    "cart",
    "billing",
    "ledger",
    "login",
    "profile",
    "indexer",
    "ranker",
    "stock",
    "shipping",
    "mailer",
    "gateway",
    "exporter",
    "scheduler",
];
const PARTS: [&str; 7] = ["api", "worker", "web", "db", "cache", "cron", "proxy"];

/// Group of the custom resources of the mixed load.
const MIXED_GROUP: &str = "mixed.kubesift.test";
/// Group of the 1,200 CRDs.
const BULK_GROUP: &str = "bulk.kubesift.test";

pub(super) fn namespace(number: usize) -> Planned {
    let (team, stage) = namespace_words(number);
    let body = json!({
        "apiVersion": "v1", "kind": "Namespace",
        "metadata": { "name": namespace_name(number), "labels": { "team": team, "env": stage } },
    });
    Planned { path: "/api/v1/namespaces".into(), body, manager: "terraform", status: None }
}

pub(super) fn mixed_crd(number: usize) -> Planned {
    crd(MIXED_GROUP, &format!("Claim{}", letters(number)))
}

pub(super) fn mixed_crd_path(number: usize) -> String {
    format!("/apis/{MIXED_GROUP}/v1/claim{}s", letters(number))
}

pub(super) fn bulk_crd(number: usize) -> Planned {
    crd(BULK_GROUP, &format!("Bulk{}", letters(number)))
}

pub(super) fn bulk_crd_path(number: usize) -> String {
    format!("/apis/{BULK_GROUP}/v1/bulk{}s", letters(number))
}

/// An object of a [`bulk_crd`] whose objects live at `path`.
pub(super) fn bulk_object(path: &str, name: &str) -> Planned {
    let (api_version, plural) = path.trim_start_matches("/apis/").rsplit_once('/').expect("a collection");
    let letters = plural.strip_prefix("bulk").and_then(|rest| rest.strip_suffix('s')).expect("a bulk kind");
    let body = json!({
        "apiVersion": api_version, "kind": format!("Bulk{letters}"),
        "metadata": { "name": name, "namespace": "default" },
    });
    Planned {
        path: format!("/apis/{api_version}/namespaces/default/{plural}"),
        body,
        manager: "crossplane",
        status: None,
    }
}

/// The share of each kind in a thousand objects; Pods are the rest.
const SHARES: [(usize, Make); 9] = [
    (60, deployment),
    (80, replica_set),
    (45, service),
    (55, config_map),
    (30, secret),
    (20, service_account),
    (12, role),
    (12, role_binding),
    (26, custom),
];

type Make = fn(&mut StdRng, usize) -> Planned;

/// `total` objects in an order that spreads the kinds.
pub(super) fn mixed(total: usize, seed: u64) -> Vec<Planned> {
    let mut random = StdRng::seed_from_u64(seed);
    (0..total)
        .map(|number| {
            let mut dice = random.random_range(0..1000);
            for (share, make) in SHARES {
                if dice < share {
                    return make(&mut random, number);
                }
                dice -= share;
            }
            pod(&mut random, number)
        })
        .collect()
}

/// What every object of an application has in common.
struct App {
    namespace: String,
    app: &'static str,
    part: &'static str,
    team: &'static str,
    stage: &'static str,
    hash: String,
}

impl App {
    fn pick(random: &mut StdRng) -> Self {
        let number = random.random_range(0..NAMESPACES);
        let (team, stage) = namespace_words(number);
        Self {
            namespace: namespace_name(number),
            app: APPS.choose(random).expect("some"),
            part: PARTS.choose(random).expect("some"),
            team,
            stage,
            hash: format!("{:09x}", random.random_range(0..1u64 << 36)),
        }
    }

    fn name(&self) -> String {
        format!("{}-{}", self.app, self.part)
    }

    fn labels(&self) -> Value {
        json!({
            "app.kubernetes.io/name": self.app,
            "app.kubernetes.io/component": self.part,
            "app.kubernetes.io/part-of": "shop",
            "app.kubernetes.io/managed-by": "Helm",
            "helm.sh/chart": format!("{}-4.2.1", self.app),
            "team": self.team,
            "env": self.stage,
            "pod-template-hash": self.hash,
        })
    }

    fn metadata(&self, name: &str) -> Value {
        json!({
            "name": name,
            "namespace": self.namespace,
            "labels": self.labels(),
            "annotations": {
                "meta.helm.sh/release-name": self.app,
                "meta.helm.sh/release-namespace": self.namespace,
                "owner.example/contact": format!("{}@example.test", self.team),
                "description": format!("{} {} of the {} team", self.app, self.part, self.team),
            },
        })
    }

    fn namespaced(&self, collection: &str) -> String {
        let (root, plural) = collection.rsplit_once('/').expect("group/plural");
        format!("{root}/namespaces/{}/{plural}", self.namespace)
    }

    fn template(&self) -> Value {
        json!({ "metadata": { "labels": self.labels() }, "spec": self.pod_spec() })
    }

    fn pod_spec(&self) -> Value {
        let container = |name: &str, port: u16| {
            json!({
                "name": name,
                "image": format!("images.example.test/{}/{name}:4.2.1", self.team),
                "imagePullPolicy": "IfNotPresent",
                "ports": [{ "name": "http", "containerPort": port }],
                "env": [
                    { "name": "APP", "value": self.app },
                    { "name": "LOG_LEVEL", "value": "info" },
                    { "name": "POD_NAME", "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } },
                    { "name": "PASSWORD", "valueFrom": { "secretKeyRef": { "name": self.app, "key": "password" } } },
                ],
                "resources": {
                    "requests": { "cpu": "100m", "memory": "128Mi" },
                    "limits": { "memory": "256Mi" },
                },
                "livenessProbe": { "httpGet": { "path": "/live", "port": "http" }, "periodSeconds": 10 },
                "readinessProbe": { "httpGet": { "path": "/ready", "port": "http" }, "periodSeconds": 5 },
                "volumeMounts": [{ "name": "config", "mountPath": "/etc/app", "readOnly": true }],
                "securityContext": { "runAsNonRoot": true, "allowPrivilegeEscalation": false },
            })
        };
        json!({
            "containers": [container("app", 8080), container("sidecar", 9090)],
            "volumes": [{ "name": "config", "configMap": { "name": self.app } }],
            "tolerations": [{ "key": "spot", "operator": "Exists", "effect": "NoSchedule" }],
            "affinity": { "podAntiAffinity": { "preferredDuringSchedulingIgnoredDuringExecution": [{
                "weight": 100,
                "podAffinityTerm": {
                    "topologyKey": "kubernetes.io/hostname",
                    "labelSelector": { "matchLabels": { "app.kubernetes.io/name": self.app } },
                },
            }] } },
            "terminationGracePeriodSeconds": 30,
        })
    }
}

fn pod(random: &mut StdRng, number: usize) -> Planned {
    let app = App::pick(random);
    let owner = format!("{}-{}", app.name(), app.hash);
    let mut metadata = app.metadata(&format!("{owner}-{number:05x}"));
    metadata["ownerReferences"] = json!([{
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "name": owner,
        "uid": format!("00000000-0000-4000-8000-{number:012x}"), "controller": true,
    }]);
    let mut spec = app.pod_spec();
    spec["nodeName"] = json!(format!("node-{}", number % 60));
    let condition =
        |kind: &str| json!({ "type": kind, "status": "True", "lastTransitionTime": "2026-03-02T08:15:00Z" });
    let conditions = ["PodScheduled", "PodReadyToStartContainers", "Initialized", "ContainersReady", "Ready"]
        .map(condition);
    let container = |name: &str| {
        json!({
            "name": name, "image": "app:4.2.1", "imageID": "sha256:0", "ready": true, "restartCount": 0,
            "containerID": format!("containerd://{number:064x}"),
            "state": { "running": { "startedAt": "2026-03-02T08:15:00Z" } },
        })
    };
    let address = format!("10.{}.{}.{}", number >> 16, (number >> 8) & 255, number & 255);
    let status = json!({
        "phase": "Running",
        "podIP": address, "podIPs": [{ "ip": address }],
        "hostIP": "10.1.2.3", "hostIPs": [{ "ip": "10.1.2.3" }],
        "startTime": "2026-03-02T08:15:00Z",
        "conditions": conditions,
        "containerStatuses": [container("app"), container("sidecar")],
    });
    let body = json!({ "apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec });
    Planned {
        path: app.namespaced("/api/v1/pods"),
        body,
        manager: "kube-controller-manager",
        status: Some(("kubelet", status)),
    }
}

fn deployment(random: &mut StdRng, number: usize) -> Planned {
    let app = App::pick(random);
    let name = format!("{}-{number}", app.name());
    let body = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": app.metadata(&name),
        "spec": { "replicas": 3, "selector": { "matchLabels": app.labels() }, "template": app.template() },
    });
    let status = json!({ "observedGeneration": 1, "replicas": 3, "readyReplicas": 3, "updatedReplicas": 3 });
    let status = Some(("kube-controller-manager", status));
    Planned { path: app.namespaced("/apis/apps/v1/deployments"), body, manager: "helm", status }
}

fn replica_set(random: &mut StdRng, number: usize) -> Planned {
    let app = App::pick(random);
    let name = format!("{}-{number}-{}", app.name(), app.hash);
    let body = json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": app.metadata(&name),
        "spec": { "replicas": 3, "selector": { "matchLabels": app.labels() }, "template": app.template() },
    });
    let path = app.namespaced("/apis/apps/v1/replicasets");
    Planned { path, body, manager: "kube-controller-manager", status: None }
}

fn service(random: &mut StdRng, number: usize) -> Planned {
    let app = App::pick(random);
    let name = format!("{}-{number}", app.name());
    let body = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": app.metadata(&name),
        "spec": {
            "clusterIP": "None",
            "selector": { "app.kubernetes.io/name": app.app },
            "ports": [{ "name": "http", "port": 80, "targetPort": 8080 }],
        },
    });
    Planned { path: app.namespaced("/api/v1/services"), body, manager: "helm", status: None }
}

fn config_map(random: &mut StdRng, number: usize) -> Planned {
    let app = App::pick(random);
    let name = format!("{}-config-{number}", app.app);
    let data = json!({ "settings.yaml": "level: info\n", "flags": "a,b,c" });
    let body =
        json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": app.metadata(&name), "data": data });
    Planned {
        path: app.namespaced("/api/v1/configmaps"),
        body,
        manager: "kubectl-client-side-apply",
        status: None,
    }
}

fn secret(random: &mut StdRng, number: usize) -> Planned {
    let app = App::pick(random);
    let name = format!("{}-secret-{number}", app.app);
    let data = json!({ "password": "cGFzc3dvcmQ=" });
    let body = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": app.metadata(&name), "data": data });
    Planned { path: app.namespaced("/api/v1/secrets"), body, manager: "external-secrets", status: None }
}

fn service_account(random: &mut StdRng, number: usize) -> Planned {
    let app = App::pick(random);
    let metadata = app.metadata(&format!("{}-{number}", app.name()));
    let body = json!({ "apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata });
    Planned { path: app.namespaced("/api/v1/serviceaccounts"), body, manager: "helm", status: None }
}

const RBAC: &str = "rbac.authorization.k8s.io";

fn role(random: &mut StdRng, number: usize) -> Planned {
    let app = App::pick(random);
    let body = json!({
        "apiVersion": format!("{RBAC}/v1"), "kind": "Role",
        "metadata": app.metadata(&format!("{}-{number}", app.name())),
        "rules": [{ "apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"] }],
    });
    Planned { path: app.namespaced(&format!("/apis/{RBAC}/v1/roles")), body, manager: "helm", status: None }
}

fn role_binding(random: &mut StdRng, number: usize) -> Planned {
    let app = App::pick(random);
    let name = format!("{}-{number}", app.name());
    let body = json!({
        "apiVersion": format!("{RBAC}/v1"), "kind": "RoleBinding", "metadata": app.metadata(&name),
        "roleRef": { "apiGroup": RBAC, "kind": "Role", "name": name },
        "subjects": [{ "kind": "ServiceAccount", "name": name, "namespace": app.namespace }],
    });
    Planned {
        path: app.namespaced(&format!("/apis/{RBAC}/v1/rolebindings")),
        body,
        manager: "helm",
        status: None,
    }
}

fn custom(random: &mut StdRng, number: usize) -> Planned {
    let app = App::pick(random);
    let crd = random.random_range(0..CRDS);
    let body = json!({
        "apiVersion": format!("{MIXED_GROUP}/v1"), "kind": format!("Claim{}", letters(crd)),
        "metadata": app.metadata(&format!("{}-{number}", app.name())),
        "spec": { "size": "small", "engine": "postgres", "backups": { "keep": 7 } },
    });
    Planned { path: app.namespaced(&mixed_crd_path(crd)), body, manager: "crossplane", status: None }
}

/// A CRD for a namespaced kind with free contents; plural, singular and short name follow from the kind's name.
fn crd(group: &str, kind: &str) -> Planned {
    let singular = kind.to_lowercase();
    let plural = format!("{singular}s");
    let body = json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("{plural}.{group}") },
        "spec": {
            "group": group, "scope": "Namespaced",
            "names": { "plural": plural, "singular": singular, "kind": kind, "categories": ["claims"] },
            "versions": [{
                "name": "v1", "served": true, "storage": true,
                "schema": { "openAPIV3Schema": {
                    "type": "object", "x-kubernetes-preserve-unknown-fields": true,
                    "description": format!("{kind} asks for a managed thing."),
                } },
            }],
        },
    });
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions".into();
    Planned { path, body, manager: "crossplane", status: None }
}

fn namespace_words(number: usize) -> (&'static str, &'static str) {
    (TEAMS[number % TEAMS.len()], STAGES[number / TEAMS.len() % STAGES.len()])
}

fn namespace_name(number: usize) -> String {
    let (team, stage) = namespace_words(number);
    format!("{team}-{stage}")
}

/// A number as three letters: kind names hold no digits at places that matter to plurals.
fn letters(number: usize) -> String {
    let letter = |value: usize| char::from(b'a' + u8::try_from(value % 26).expect("below 26"));
    [letter(number / 676), letter(number / 26), letter(number)].iter().collect()
}
