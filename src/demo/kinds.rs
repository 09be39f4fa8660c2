//! The built-in kinds, as kube-apiserver 1.37 lists them.

use super::Profile;
use super::catalog::{Origin, Served};
use crate::object::Kind;

/// `group version[,older] plural Kind scope short-names categories since verbs subresources`; `-` is empty, scope is
/// `N` or `C`, verbs are `*` (all), `n` (no deletecollection), `r` (get, list), `c` (create).
const TABLE: &str = "
- v1 bindings Binding N - - 0 c -
- v1 componentstatuses ComponentStatus C cs - 0 r -
- v1 configmaps ConfigMap N cm - 0 * -
- v1 endpoints Endpoints N ep - 0 * -
- v1 events Event N ev - 0 * -
- v1 limitranges LimitRange N limits - 0 * -
- v1 namespaces Namespace C ns - 0 n finalize,status
- v1 nodes Node C no - 0 * proxy,status
- v1 persistentvolumeclaims PersistentVolumeClaim N pvc - 0 * status
- v1 persistentvolumes PersistentVolume C pv - 0 * status
- v1 pods Pod N po all 0 * attach,binding,eviction,exec,log,portforward,proxy,status
- v1 podtemplates PodTemplate N - - 0 * -
- v1 replicationcontrollers ReplicationController N rc all 0 * scale,status
- v1 resourcequotas ResourceQuota N quota - 0 * status
- v1 secrets Secret N - - 0 * -
- v1 serviceaccounts ServiceAccount N sa - 0 * token
- v1 services Service N svc all 0 * proxy,status
apiregistration.k8s.io v1 apiservices APIService C - api-extensions 0 * status
apps v1 controllerrevisions ControllerRevision N - - 0 * -
apps v1 daemonsets DaemonSet N ds all 0 * status
apps v1 deployments Deployment N deploy all 0 * scale,status
apps v1 replicasets ReplicaSet N rs all 0 * scale,status
apps v1 statefulsets StatefulSet N sts all 0 * scale,status
events.k8s.io v1 events Event N ev - 0 * -
authentication.k8s.io v1 selfsubjectreviews SelfSubjectReview C - - 28 c -
authentication.k8s.io v1 tokenreviews TokenReview C - - 0 c -
authorization.k8s.io v1 localsubjectaccessreviews LocalSubjectAccessReview N - - 0 c -
authorization.k8s.io v1 selfsubjectaccessreviews SelfSubjectAccessReview C - - 0 c -
authorization.k8s.io v1 selfsubjectrulesreviews SelfSubjectRulesReview C - - 0 c -
authorization.k8s.io v1 subjectaccessreviews SubjectAccessReview C - - 0 c -
autoscaling v2,v1 horizontalpodautoscalers HorizontalPodAutoscaler N hpa all 0 * status
batch v1 cronjobs CronJob N cj all 0 * status
batch v1 jobs Job N - all 0 * status
certificates.k8s.io v1 certificatesigningrequests CertificateSigningRequest C csr - 0 * approval,status
certificates.k8s.io v1 clustertrustbundles ClusterTrustBundle C - - 37 * -
networking.k8s.io v1 ingressclasses IngressClass C - - 0 * -
networking.k8s.io v1 ingresses Ingress N ing - 0 * status
networking.k8s.io v1 ipaddresses IPAddress C ip - 33 * -
networking.k8s.io v1 networkpolicies NetworkPolicy N netpol - 0 * -
networking.k8s.io v1 servicecidrs ServiceCIDR C - - 33 * status
policy v1 poddisruptionbudgets PodDisruptionBudget N pdb - 0 * status
rbac.authorization.k8s.io v1 clusterrolebindings ClusterRoleBinding C - - 0 * -
rbac.authorization.k8s.io v1 clusterroles ClusterRole C - - 0 * -
rbac.authorization.k8s.io v1 rolebindings RoleBinding N - - 0 * -
rbac.authorization.k8s.io v1 roles Role N - - 0 * -
storage.k8s.io v1 csidrivers CSIDriver C - - 0 * -
storage.k8s.io v1 csinodes CSINode C - - 0 * -
storage.k8s.io v1 csistoragecapacities CSIStorageCapacity N - - 0 * -
storage.k8s.io v1 storageclasses StorageClass C sc - 0 * -
storage.k8s.io v1 volumeattachments VolumeAttachment C - - 0 * status
storage.k8s.io v1 volumeattributesclasses VolumeAttributesClass C vac - 34 * -
admissionregistration.k8s.io v1 mutatingwebhookconfigurations MutatingWebhookConfiguration C - api-extensions 0 * -
admissionregistration.k8s.io v1 validatingadmissionpolicies ValidatingAdmissionPolicy C - api-extensions 30 * status
admissionregistration.k8s.io v1 validatingadmissionpolicybindings ValidatingAdmissionPolicyBinding C - api-extensions 30 * -
admissionregistration.k8s.io v1 validatingwebhookconfigurations ValidatingWebhookConfiguration C - api-extensions 0 * -
apiextensions.k8s.io v1 customresourcedefinitions CustomResourceDefinition C crd,crds api-extensions 0 * status
scheduling.k8s.io v1 priorityclasses PriorityClass C pc - 0 * -
coordination.k8s.io v1 leases Lease N - - 0 * -
node.k8s.io v1 runtimeclasses RuntimeClass C - - 0 * -
discovery.k8s.io v1 endpointslices EndpointSlice N - - 0 * -
resource.k8s.io v1 deviceclasses DeviceClass C - - 34 * -
resource.k8s.io v1 resourceclaims ResourceClaim N - - 34 * status
resource.k8s.io v1 resourceclaimtemplates ResourceClaimTemplate N - - 34 * -
resource.k8s.io v1 resourceslices ResourceSlice C - - 34 * -
flowcontrol.apiserver.k8s.io v1 flowschemas FlowSchema C - - 29 * status
flowcontrol.apiserver.k8s.io v1 prioritylevelconfigurations PriorityLevelConfiguration C - - 29 * status
storagemigration.k8s.io v1 storageversionmigrations StorageVersionMigration C - - 37 * status
";

/// What a kind of its own can do: everything.
pub(super) const ALL_VERBS: &[&str] =
    &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];

/// The built-in kinds that a server of this version has.
pub(super) fn built_in(profile: Profile) -> Vec<Served> {
    TABLE.lines().filter_map(|line| served(line, profile.minor())).collect()
}

fn served(line: &str, minor: u32) -> Option<Served> {
    let mut words = line.split_whitespace().map(|word| if word == "-" { "" } else { word });
    let mut word = || words.next();
    let (group, versions, plural, kind, scope) = (word()?, word()?, word()?, word()?, word()?);
    let (short_names, categories, since, verbs, subresources) = (word()?, word()?, word()?, word()?, word()?);
    if since.parse().unwrap_or(0) > minor {
        return None;
    }
    let verbs: &[&str] = match verbs {
        "c" => &ALL_VERBS[..1],
        "r" => &["get", "list"],
        "n" => &["create", "delete", "get", "list", "patch", "update", "watch"],
        _ => ALL_VERBS,
    };
    let versions = list(versions);
    let kind = Kind {
        group: group.to_owned(),
        version: versions.first()?.clone(),
        kind: kind.to_owned(),
        plural: plural.to_owned(),
        singular: kind.to_lowercase(),
        short_names: list(short_names),
        categories: list(categories),
        namespaced: scope == "N",
        watchable: verbs.contains(&"watch"),
    };
    let verbs = verbs.iter().map(|&verb| verb.to_owned()).collect();
    Some(Served { verbs, subresources: list(subresources), ..Served::new(kind, versions, Origin::BuiltIn) })
}

fn list(words: &str) -> Vec<String> {
    words.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_is_a_kind_and_old_servers_have_fewer() {
        let lines = TABLE.lines().filter(|line| !line.is_empty()).count();
        let newest = built_in(Profile::V1_37);
        assert_eq!(newest.len(), lines);
        assert!(built_in(Profile::V1_27).len() < lines);
        let hpa = newest.iter().find(|served| served.kind.kind == "HorizontalPodAutoscaler").unwrap();
        assert_eq!(
            (hpa.kind.version.as_str(), hpa.versions.as_slice()),
            ("v2", ["v2".to_owned(), "v1".to_owned()].as_slice())
        );
    }
}
