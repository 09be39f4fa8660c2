//! Credential plugins that ask on the terminal which the app has.

use std::os::unix::fs::PermissionsExt as _;

use kubesift::demo::{Action, Fault, Matcher, Server, ServerOptions, User, Verb};

use crate::support::terminal::Terminal;
use crate::support::{Home, process};

const SIZE: (u16, u16) = (100, 30);
/// Asks for a pass code, shows none of it, and gives the token for the right one.
const ASKS: &str = r#"#!/bin/sh
printf 'pass code: ' >&2
stty -echo 2>/dev/null
read -r code || { echo 'nobody is there' >&2; exit 4; }
stty echo 2>/dev/null
[ "$code" = sesame ] || { echo 'wrong pass code' >&2; exit 3; }
token=one; [ ! -e "$0.asked" ] || token=two; touch "$0.asked"
echo '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"'$token'"}}'
"#;

/// A simulated server, and a home whose kubeconfig names a plugin instead of the token.
async fn with_plugin(mode: &str, script: &str) -> (Server, Home) {
    let user = |token: &str| User {
        name: format!("user-{token}"),
        token: token.to_owned(),
        groups: vec!["system:masters".to_owned()],
    };
    let users = vec![user("one"), user("two")];
    let server = Server::start(ServerOptions { objects: 300, users, ..ServerOptions::default() }).await;
    let server = server.expect("the simulated server starts");
    let mut home = Home::new("/nonexistent/kubeconfig");
    let text = server.kubeconfig();
    let (head, _) = text.split_once("    token: ").expect("a token");
    let plugin = home.path().join("plugin");
    fs_err::write(&plugin, script).expect("a script");
    fs_err::set_permissions(&plugin, std::fs::Permissions::from_mode(0o700)).expect("a script");
    let exec = format!(
        "    exec:\n      apiVersion: client.authentication.k8s.io/v1\n      interactiveMode: {mode}\n      command: {}\n",
        plugin.display()
    );
    let kubeconfig = home.path().join("kubeconfig");
    fs_err::write(&kubeconfig, format!("{head}{exec}")).expect("a kubeconfig");
    home.use_kubeconfig(kubeconfig);
    (server, home)
}

/// The terminal belongs to the plugin, which asks.
async fn asked(terminal: &Terminal) {
    terminal.wait("the question on the shell's screen", |text| asks(terminal, text)).await;
    assert!(!terminal.is_changed(), "no mouse, no bracketed paste, a cursor");
}

fn asks(terminal: &Terminal, text: &str) -> bool {
    let last = text.trim_end().lines().last().unwrap_or_default();
    !terminal.is_taken() && last.starts_with("pass code:")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_asks_on_the_terminal_and_the_screen_is_whole_afterwards_also_when_it_asks_again() {
    let (server, home) = with_plugin("IfAvailable", ASKS).await;
    let mut terminal = Terminal::open(&home, SIZE, &["kind:deploy"]);
    asked(&terminal).await;
    assert!(terminal.text().contains("plugin' has the terminal"), "{}", terminal.text());
    terminal.press("sesame\n");
    let shown = terminal.wait("live", |text| text.contains("● live") && text.contains("hits")).await;
    assert!(terminal.is_taken() && !shown.contains("pass code") && !shown.contains("sesame"), "{shown}");
    // Keys go to the app again.
    terminal.enter_list().await;
    // The credential ends in the middle: the next request needs another one.
    server.inject(Fault::once(
        Matcher { contains: Some("fieldSelector".to_owned()), ..Matcher::verb(Verb::List) },
        Action::Status(401),
    ));
    terminal.press("y");
    asked(&terminal).await;
    terminal.press("sesame\n");
    let shown = terminal.wait_for("kind: Deployment").await;
    assert!(terminal.is_taken() && shown.contains("● live") && !shown.contains("pass code"), "{shown}");
    terminal.press("qq");
    terminal.ended(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_fails_says_why_and_asks_again_only_when_the_user_wants_it() {
    let (_server, home) = with_plugin("Always", ASKS).await;
    let mut terminal = Terminal::open(&home, SIZE, &[]);
    asked(&terminal).await;
    terminal.press("open\n");
    let shown = terminal.wait("why", |text| terminal.is_taken() && text.contains("wrong pass code")).await;
    assert!(shown.contains("ctrl-r tries again"), "{shown}");
    terminal.enter_list().await;
    terminal.press_for("K", "plugin' failed").await;
    terminal.back().await;
    terminal.press("\x12");
    asked(&terminal).await;
    terminal.press_for("sesame\n", "● live").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_c_ends_the_plugin_and_not_the_app() {
    let (_server, home) = with_plugin("IfAvailable", ASKS).await;
    let mut terminal = Terminal::open(&home, SIZE, &[]);
    asked(&terminal).await;
    terminal.press("\x03");
    let shown = terminal.wait("the screen", |text| terminal.is_taken() && text.contains("failed")).await;
    assert!(shown.contains("signal: 2"), "{shown}");
    terminal.press("\x03");
    // With echo, which the plugin had switched off.
    terminal.ended(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ctrl_z_stops_app_and_plugin_and_fg_goes_on_with_the_question() {
    let (_server, mut home) = with_plugin("IfAvailable", ASKS).await;
    home.set("PS1", "shell> ");
    let mut terminal = Terminal::run(&home, SIZE, &["bash", "--norc", "--noprofile", "-i"]);
    terminal.wait_for("shell> ").await;
    terminal.press(&format!("{}\n", crate::support::binary::program().display()));
    asked(&terminal).await;
    terminal.press_for("\x1a", "Stopped").await;
    terminal.press_for("echo the-shell-$((40 + 2))\n", "the-shell-42").await;
    terminal.press("fg\n");
    // The plugin goes on waiting: what is typed from here on is for it.
    terminal.wait("the job to be in front", |text| text.trim_end().ends_with("kubesift")).await;
    terminal.press("sesame\n");
    terminal.wait("live", |text| terminal.is_taken() && text.contains("● live")).await;
    terminal.press("\x03");
    let prompt = |text: &str| !terminal.is_taken() && text.trim_end().ends_with("shell>");
    terminal.wait("the shell", prompt).await;
    terminal.press("exit 0\n");
    terminal.ended(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_ends_the_app_while_a_plugin_asks() {
    let (_server, home) = with_plugin("IfAvailable", ASKS).await;
    let terminal = Terminal::open(&home, SIZE, &[]);
    asked(&terminal).await;
    process::signal(terminal.id().await, "TERM");
    // With echo, although the plugin was killed before it could switch it on again.
    terminal.ended(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_plugin_that_never_asks_says_is_not_written_over_the_screen() {
    let script = "#!/bin/sh\necho 'please log in with the other tool' >&2\nexit 1\n";
    let (_server, home) = with_plugin("Never", script).await;
    let terminal = Terminal::open(&home, SIZE, &[]);
    let shown = terminal.wait_for("please log in with the other tool").await;
    let lines: Vec<_> = shown.lines().filter(|line| line.contains("please log in")).collect();
    assert!(lines.iter().all(|line| line.contains("failed")), "{shown}");
    assert!(terminal.is_taken());
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_share_their_terminal_with_a_plugin_as_kubectl_does() {
    let (_server, home) = with_plugin("IfAvailable", ASKS).await;
    let mut terminal = Terminal::open(&home, SIZE, &["search", "kind:deploy", "--count"]);
    terminal.wait("the question", |text| text.contains("pass code:")).await;
    terminal.press("sesame\n");
    terminal.ended(0).await;
    // Without a terminal nobody can be asked; what the plugin says is passed on.
    let (_server, home) = with_plugin("IfAvailable", ASKS).await;
    let output = home.run(&["search", "kind:deploy", "--count"]).await;
    assert_eq!(output.code, 3, "{output:?}");
    assert!(output.stderr.contains("pass code: nobody is there"), "{}", output.stderr);
    let (_server, home) = with_plugin("Always", ASKS).await;
    let output = home.run(&["search", "kind:deploy", "--count"]).await;
    assert!(output.code == 3 && output.stderr.contains("needs a terminal"), "{output:?}");
}
