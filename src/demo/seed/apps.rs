//! Applications and everything that belongs to one: workload, Pods, service, configuration, rights, custom resources.

use super::builder::{Builder, pairs};
use super::platform::namespace;
use super::world::{App, Domain, Role, TENANT_APPS};
use crate::demo::DemoError;
use crate::object::{Object, Owner};

/// An application in a namespace.
pub(super) struct Workload<'a> {
    pub(super) namespace: &'a str,
    pub(super) name: &'a str,
    pub(super) team: &'a str,
    pub(super) environment: &'a str,
    pub(super) description: &'a str,
    pub(super) replicas: usize,
}

impl Workload<'_> {
    fn object(&self, builder: &mut Builder<'_>, name: &str, days: usize) -> Object {
        let mut object = builder.object(self.namespace, name, days);
        object.labels.extend(pairs([
            ("app", self.name),
            ("app.kubernetes.io/name", self.name),
            (
                "app.kubernetes.io/part-of",
                self.namespace.rsplit_once('-').map_or(self.namespace, |(part, _)| part),
            ),
            ("app.kubernetes.io/managed-by", "argocd"),
            ("env", self.environment),
            ("team", self.team),
        ]));
        object
    }

    // The object that people look at: described, and applied from a file.
    fn described(&self, builder: &mut Builder<'_>, kind: &str) -> Object {
        let mut object = self.object(builder, self.name, 400);
        object.generation = 1 + i64::try_from(builder.random.below(12)).unwrap_or_default();
        if !self.description.is_empty() {
            object.annotations.extend(pairs([("description", self.description)]));
        }
        let applied = format!("{{\"kind\":\"{kind}\",\"metadata\":{{\"name\":\"{}\"}}}}\n", self.name);
        object.annotations.extend(pairs([
            ("example.org/runbook", format!("https://runbooks.example.org/{}", self.name).as_str()),
            ("kubectl.kubernetes.io/last-applied-configuration", &applied),
        ]));
        object
    }
}

/// A team's applications in one environment.
pub(super) fn domain(builder: &mut Builder<'_>, domain: &Domain, environment: &str) -> Result<(), DemoError> {
    let space = format!("{}-{environment}", domain.name);
    if builder.is_full() {
        return Ok(());
    }
    namespace(builder, &space, domain.team, environment)?;
    team_objects(builder, &space, domain.team, environment)?;
    for app in domain.apps {
        let replicas = if environment == "prod" { 2 + builder.random.below(3) } else { 1 };
        let workload = Workload {
            namespace: &space,
            name: app.name,
            team: domain.team,
            environment,
            description: app.description,
            replicas,
        };
        application(builder, &workload, app)?;
    }
    Ok(())
}

/// One more team, for larger clusters: few applications with many Pods.
pub(super) fn tenant(builder: &mut Builder<'_>, index: usize) -> Result<(), DemoError> {
    let environment = *builder.random.pick(&["prod", "prod", "staging"]);
    let (team, space) = (format!("team-{index:03}"), format!("tenant-{index:03}-{environment}"));
    namespace(builder, &space, &team, environment)?;
    team_objects(builder, &space, &team, environment)?;
    for _ in 0..4 {
        let name = builder.random.pick(TENANT_APPS);
        let app =
            App { name, role: *builder.random.pick(&[Role::Api, Role::Worker, Role::Web]), description: "" };
        let replicas = 6 + builder.random.below(30);
        let workload =
            Workload { namespace: &space, name, team: &team, environment, description: "", replicas };
        application(builder, &workload, &app)?;
    }
    Ok(())
}

// What a namespace has once: limits and who may do what.
fn team_objects(
    builder: &mut Builder<'_>,
    space: &str,
    team: &str,
    environment: &str,
) -> Result<(), DemoError> {
    let own = Workload { namespace: space, name: team, team, environment, description: "", replicas: 0 };
    for (kind, name) in [
        ("serviceaccounts", "default".to_owned()),
        ("configmaps", "kube-root-ca.crt".to_owned()),
        ("resourcequotas", "team-quota".to_owned()),
        ("networkpolicies.networking.k8s.io", "default-deny".to_owned()),
        ("roles.rbac.authorization.k8s.io", format!("{team}:deployer")),
        ("rolebindings.rbac.authorization.k8s.io", format!("{team}:deployer")),
    ] {
        let object = own.object(builder, &name, 500);
        builder.put(kind, object)?;
    }
    Ok(())
}

fn application(builder: &mut Builder<'_>, workload: &Workload<'_>, app: &App) -> Result<(), DemoError> {
    configuration(builder, workload)?;
    match app.role {
        Role::Web => {
            deployment(builder, workload)?;
            service(builder, workload)?;
            for kind in [
                "ingresses.networking.k8s.io",
                "certificates.cert-manager.io",
                "virtualservices.networking.istio.io",
            ] {
                let object = workload.object(builder, workload.name, 300);
                builder.put(kind, object)?;
            }
            scaling(builder, workload)
        }
        Role::Api => {
            deployment(builder, workload)?;
            service(builder, workload)?;
            scaling(builder, workload)
        }
        Role::Worker => deployment(builder, workload),
        Role::Batch => cron_job(builder, workload),
        Role::Database => database(builder, workload),
        Role::Claimed => claim(builder, workload),
    }
}

fn configuration(builder: &mut Builder<'_>, workload: &Workload<'_>) -> Result<(), DemoError> {
    let name = workload.name;
    let account = workload.object(builder, name, 400);
    builder.put("serviceaccounts", account)?;
    let settings = workload.object(builder, &format!("{name}-config"), 200);
    builder.put("configmaps", settings)?;
    let mut secret = workload.object(builder, &format!("{name}-credentials"), 200);
    secret.annotations.extend(pairs([("example.org/rotated-by", "vault-agent")]));
    builder.put("secrets", secret)?;
    let mut application = workload.object(builder, name, 400);
    application
        .annotations
        .extend(pairs([("example.org/repository", "https://git.example.org/shop/deploy")]));
    builder.put("applications.argoproj.io", application).map(|_| ())
}

/// A Deployment with its ReplicaSets (the last one and the one before) and Pods.
pub(super) fn deployment(builder: &mut Builder<'_>, workload: &Workload<'_>) -> Result<(), DemoError> {
    let mut object = workload.described(builder, "Deployment");
    let revision = object.generation;
    object.annotations.extend(pairs([("deployment.kubernetes.io/revision", revision.to_string().as_str())]));
    let owner = builder.put("deployments.apps", object)?;
    let hash = builder.random.suffix(10);
    if revision > 1 {
        let before = builder.random.suffix(10);
        replica_set(builder, workload, &owner, &before, revision - 1)?;
    }
    let owner = replica_set(builder, workload, &owner, &hash, revision)?;
    for index in 0..workload.replicas {
        let name = format!("{}-{hash}-{}", workload.name, builder.random.suffix(5));
        let mut pod = pod(builder, workload, &name, &owner);
        pod.labels.extend(pairs([("pod-template-hash", hash.as_str())]));
        // Now and then one is being deleted.
        if index == 0 && builder.random.below(12) == 0 {
            pod.deleted = Some(builder.epoch - 20);
        }
        builder.put("pods", pod)?;
    }
    Ok(())
}

fn replica_set(
    builder: &mut Builder<'_>,
    workload: &Workload<'_>,
    owner: &Owner,
    hash: &str,
    revision: i64,
) -> Result<Owner, DemoError> {
    let mut object = workload.object(builder, &format!("{}-{hash}", workload.name), 60);
    object.labels.extend(pairs([("pod-template-hash", hash)]));
    object.annotations.extend(pairs([("deployment.kubernetes.io/revision", revision.to_string().as_str())]));
    object.owners.push(owner.clone());
    builder.put("replicasets.apps", object)
}

fn pod(builder: &mut Builder<'_>, workload: &Workload<'_>, name: &str, owner: &Owner) -> Object {
    let mut pod = workload.object(builder, name, 20);
    pod.generation = 0;
    pod.annotations.extend(pairs([("prometheus.io/scrape", "true"), ("prometheus.io/port", "8080")]));
    pod.owners.push(owner.clone());
    pod
}

/// A DaemonSet with its Pods.
pub(super) fn daemon_set(builder: &mut Builder<'_>, workload: &Workload<'_>) -> Result<(), DemoError> {
    let object = workload.described(builder, "DaemonSet");
    let owner = builder.put("daemonsets.apps", object)?;
    for _ in 0..workload.replicas {
        let name = format!("{}-{}", workload.name, builder.random.suffix(5));
        let pod = pod(builder, workload, &name, &owner);
        builder.put("pods", pod)?;
    }
    Ok(())
}

/// A Service with its EndpointSlice and its ServiceMonitor.
pub(super) fn service(builder: &mut Builder<'_>, workload: &Workload<'_>) -> Result<(), DemoError> {
    let object = workload.object(builder, workload.name, 400);
    let owner = builder.put("services", object)?;
    let mut slice = workload.object(builder, &format!("{}-{}", workload.name, builder_suffix(workload)), 30);
    slice.labels.extend(pairs([("kubernetes.io/service-name", workload.name)]));
    slice.owners.push(owner);
    builder.put("endpointslices.discovery.k8s.io", slice)?;
    let monitor = workload.object(builder, workload.name, 300);
    builder.put("servicemonitors.monitoring.coreos.com", monitor).map(|_| ())
}

// Stable for a workload, so that nothing else shifts when it changes.
fn builder_suffix(workload: &Workload<'_>) -> String {
    super::Random::new(workload.namespace.len() as u64 ^ (workload.name.len() as u64) << 8).suffix(5)
}

fn scaling(builder: &mut Builder<'_>, workload: &Workload<'_>) -> Result<(), DemoError> {
    for kind in ["horizontalpodautoscalers.autoscaling", "poddisruptionbudgets.policy"] {
        let object = workload.object(builder, workload.name, 300);
        builder.put(kind, object)?;
    }
    Ok(())
}

fn cron_job(builder: &mut Builder<'_>, workload: &Workload<'_>) -> Result<(), DemoError> {
    let object = workload.described(builder, "CronJob");
    let owner = builder.put("cronjobs.batch", object)?;
    for run in 0..3 {
        let name = format!("{}-{}", workload.name, 29_400_000 + run * 1440);
        let mut job = workload.object(builder, &name, 3);
        job.owners.push(owner.clone());
        let owner = builder.put("jobs.batch", job)?;
        let name = format!("{name}-{}", builder.random.suffix(5));
        let pod = pod(builder, workload, &name, &owner);
        builder.put("pods", pod)?;
    }
    Ok(())
}

fn database(builder: &mut Builder<'_>, workload: &Workload<'_>) -> Result<(), DemoError> {
    let object = workload.described(builder, "StatefulSet");
    let owner = builder.put("statefulsets.apps", object)?;
    service(builder, workload)?;
    for index in 0..workload.replicas {
        let name = format!("{}-{index}", workload.name);
        let mut pod = pod(builder, workload, &name, &owner);
        pod.labels.extend(pairs([("statefulset.kubernetes.io/pod-name", name.as_str())]));
        builder.put("pods", pod)?;
        let mut claim = workload.object(builder, &format!("data-{name}"), 400);
        claim.finalizers.push("kubernetes.io/pvc-protection".to_owned());
        builder.put("persistentvolumeclaims", claim)?;
        let volume = format!("pvc-{}", builder.random.uid());
        let mut volume = builder.object("", &volume, 400);
        volume.finalizers.push("kubernetes.io/pv-protection".to_owned());
        builder.put("persistentvolumes", volume)?;
    }
    let mut alerts = workload.object(builder, &format!("{}-alerts", workload.name), 300);
    alerts.labels.extend(pairs([("severity", "page")]));
    builder.put("prometheusrules.monitoring.coreos.com", alerts).map(|_| ())
}

// A database that somebody else runs: found by what it is, not by its name.
fn claim(builder: &mut Builder<'_>, workload: &Workload<'_>) -> Result<(), DemoError> {
    let mut object = workload.described(builder, "SqlClaim");
    object.labels.extend(pairs([("engine", "postgres"), ("size", "medium")]));
    object.finalizers.push("platform.example.org/database".to_owned());
    builder.put("sqlclaims.platform.example.org", object)?;
    let queue = workload.object(builder, &format!("{}-outbox", workload.name), 300);
    builder.put("queueclaims.platform.example.org", queue)?;
    let mut flag = workload.object(builder, &format!("{}-read-replica", workload.name), 90);
    flag.annotations.extend(pairs([("flags.example.org/description", "Reads go to the replica")]));
    builder.put("featureflags.flags.example.org", flag).map(|_| ())
}
