//! Where an index is looked for when its access can't be loaded: by what identifies it, not by a context's name.

use super::*;

const AUTHORITY: &str = "server: \"https://one.example\", certificate-authority: ca.crt";

fn remembered(access: &Access, place: &Option<Place>) -> bool {
    place.as_ref().is_some_and(|place| access.places.contains(place))
}

#[test]
fn a_missing_authority_leads_to_the_same_place_and_another_server_or_user_does_not() {
    let home = Home::new();
    home.write("ca.crt", &authority("a").1);
    let options = home.simple(AUTHORITY, "token: t");
    let access = Access::load(&options).unwrap();
    fs_err::remove_file(home.path("ca.crt")).unwrap();
    assert!(Access::load(&options).is_err());
    assert!(remembered(&access, &last_place(&options)));

    let other = Home::new();
    for (cluster, user) in [
        ("server: \"https://two.example\", certificate-authority: gone.crt", "token: t"),
        (AUTHORITY, "token: t"), // the same words, but another file
        ("server: \"https://one.example\", certificate-authority: gone.crt", "token: t, as: somebody"),
        ("server: \"https://one.example\", certificate-authority: gone.crt", "username: me"),
    ] {
        let options = other.simple(cluster, user);
        assert!(Access::load(&options).is_err());
        let place = last_place(&options);
        assert!(place.is_some() && !remembered(&access, &place), "{cluster} {user}");
    }
}

#[test]
fn two_users_of_one_name_with_certificates_in_the_file_have_two_places() {
    let home = Home::new();
    let (issuer, _) = authority("users");
    let place = |name: &str| {
        let certificate = encoding::to_base64(certificate(&issuer, name).as_bytes());
        last_place(&home.simple(CLUSTER, &format!("client-certificate-data: {certificate}"))).unwrap()
    };
    assert_eq!(place("jane"), place("jane"), "a renewed certificate");
    assert_ne!(place("jane"), place("joe"));
}

#[test]
fn a_kubeconfig_that_can_not_be_read_leads_to_what_its_own_context_was() {
    let home = Home::new();
    let mut options = home.simple(CLUSTER, "token: t");
    options.context = Some("dev".into());
    let access = Access::load(&options).unwrap();
    for broken in ["{", "users: [{name: a}, {name: a}]"] {
        home.write("config", broken);
        assert!(remembered(&access, &last_place(&options)), "{broken}");
    }
    fs_err::remove_file(home.path("config")).unwrap();
    assert!(remembered(&access, &last_place(&options)));
    let other = AccessOptions { context: Some("prod".into()), ..options.clone() };
    assert!(!remembered(&access, &last_place(&other)));
    // Another file with a context of this name says nothing about this one.
    let mut elsewhere = home.options(&home.write("elsewhere", "{"));
    elsewhere.context = Some("dev".into());
    assert!(!remembered(&access, &last_place(&elsewhere)));
    // What can be read decides, and nothing else: here the context is gone, or means something else.
    home.write("config", "contexts: []");
    assert_eq!(last_place(&options), None);
    home.write("config", "contexts: [{name: dev, context: {cluster: c}}]\nclusters: [{name: c}]");
    assert_eq!(last_place(&options), None);
}
