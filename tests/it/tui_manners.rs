//! How the terminal app treats its terminal: taken and given back, mouse, colours, size, and a log beside the screen.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use crate::support::Home;
use crate::support::binary::program;
use crate::support::terminal::Terminal;
use crate::tui::simulated;

const SIZE: (u16, u16) = (100, 30);
/// What takes the screen.
const ALTERNATE: &[u8] = b"\x1b[?1049h";
/// What the values in the simulated server's Secrets begin with, and that in base64.
const PLANTED: [&str; 2] = ["planted-secret-", "cGxhbnRlZC1zZWNyZXQt"];

/// The directory of the one index below a home.
fn index_dir(home: &Home) -> PathBuf {
    let entries = fs_err::read_dir(home.path().join("data/kubesift")).expect("a data directory").flatten();
    let mut dirs = entries.map(|entry| entry.path()).filter(|path| path.join("status.json").exists());
    dirs.next().expect("an index")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_that_fails_ends_the_app_with_an_error_and_its_settings_are_as_before() {
    let (_server, home) = simulated().await;
    // The keyboard is one terminal and the screen another one, which goes away.
    let screen = Terminal::run(&home, SIZE, &["sleep", "1000"]);
    let device = screen.device().await;
    let program = program();
    let words = ["sh", "-c", "exec \"$0\" checkout > \"$1\"", &*program.to_string_lossy(), &device];
    let keyboard = Terminal::run(&home, SIZE, &words);
    screen.wait_for("hits").await;
    assert!(screen.is_taken() && !keyboard.is_as_before(), "the keyboard is raw while the app runs");
    drop(screen);
    let shown = keyboard.ended(2).await;
    assert!(shown.contains("the terminal can't be used"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_before_the_start_is_said_and_the_screen_is_never_taken() {
    let nowhere = Home::new("/nonexistent/kubeconfig");
    let terminal = Terminal::open(&nowhere, SIZE, &[]);
    let shown = terminal.ended(2).await;
    assert!(shown.contains("error: ") && !terminal.received(ALTERNATE), "{shown}");

    let (_server, home) = simulated().await;
    let terminal = Terminal::open(&home, SIZE, &["--log-file", "/nonexistent/log"]);
    let shown = terminal.ended(2).await;
    assert!(shown.contains("the log can't be written") && shown.contains("/nonexistent/log"), "{shown}");
    assert!(!terminal.received(ALTERNATE), "{shown}");

    // A screen and no keyboard at all: neither stdin nor a controlling terminal.
    let program = program();
    let program = program.to_string_lossy();
    let terminal = Terminal::run(&home, SIZE, &["sh", "-c", "setsid -w \"$0\" < /dev/null", &program]);
    let shown = terminal.ended(2).await;
    assert!(shown.contains("the terminal can't be used") && !terminal.received(ALTERNATE), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_index_that_can_t_be_written_any_more_is_said_and_the_app_goes_on() {
    let (_server, home) = simulated().await;
    let mut terminal = Terminal::open(&home, SIZE, &["checkout"]);
    terminal.wait_for("● live").await;
    let files = index_dir(&home).join("tantivy");
    let aside = files.with_file_name("aside");
    fs_err::rename(&files, &aside).expect("renamed");
    fs_err::write(&files, "no directory").expect("a file");
    // The simulated cluster lives: soon there is something to write.
    terminal.wait_for("○ the index can't be written, data from").await;
    terminal.enter_list().await;
    terminal.press_for("K", "can't write to the index").await;
    let shown = terminal.back().await;
    assert!(shown.contains("hits"), "{shown}");
    fs_err::remove_file(&files).expect("removed");
    fs_err::rename(&aside, &files).expect("renamed");
    terminal.wait_for("● live").await;
    let shown = terminal.press_for("K", "⏎ objects").await;
    assert!(!shown.contains("can't write"), "what is over is said no more: {shown}");
    terminal.back().await;
    terminal.press("q");
    terminal.ended(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kubeconfig_that_breaks_after_the_start_refuses_the_switch_and_nothing_else() {
    let (_server, mut home) = simulated().await;
    let text = fs_err::read_to_string(home.kubeconfig()).expect("a kubeconfig");
    let other = "contexts:\n- name: elsewhere\n  context: { cluster: demo, user: demo }\n";
    let (own, second) = (home.path().join("one"), home.path().join("two"));
    fs_err::write(&own, &text).expect("a file");
    fs_err::write(&second, format!("apiVersion: v1\nkind: Config\n{other}")).expect("a file");
    home.use_kubeconfig(format!("{}:{}", own.display(), second.display()));
    let mut terminal = Terminal::open(&home, SIZE, &["checkout"]);
    terminal.wait_for("● live").await;
    terminal.enter_list().await;
    fs_err::write(&own, "{ no yaml").expect("a file");
    terminal.press_for(":ctx\r", "elsewhere").await;
    terminal.press("elsewhere\r");
    let shown = terminal.wait("why not", |text| text.contains("error: ") && text.contains("hits")).await;
    assert!(shown.contains("● live"), "the old cluster stays: {shown}");
    terminal.press("q");
    terminal.ended(0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shell_with_job_control_gets_the_terminal_and_gives_it_back() {
    let (_server, mut home) = simulated().await;
    home.set("PS1", "shell> ");
    let program = program();
    let command = format!("{} kind:deploy\n", program.display());
    let mut terminal = Terminal::run(&home, SIZE, &["bash", "--norc", "--noprofile", "-i"]);
    terminal.wait_for("shell> ").await;
    terminal.press_for(&command, "hits").await;
    terminal.enter_list().await;
    terminal.press_for("y", "kind: Deployment").await;
    terminal.press("\x1a");
    // The shell's line editor asks for pasted text in brackets; the mouse and the screen are its own again.
    let shell = |text: &str| text.contains("Stopped") && !terminal.is_taken() && !terminal.catches_mouse();
    terminal.wait("the shell's screen", shell).await;
    terminal.press("fg\n");
    let back = |text: &str| terminal.is_taken() && text.contains("kind: Deployment");
    terminal.wait("the app's screen", back).await;
    assert!(!terminal.catches_mouse(), "text can be selected again, as before");
    terminal.back().await;
    assert!(terminal.catches_mouse());
    terminal.press("q");
    let prompt = |text: &str| !terminal.is_taken() && text.trim_end().ends_with("shell>");
    terminal.wait("the shell's screen", prompt).await;
    terminal.press("exit\n");
    terminal.ended(0).await;
}

/// The line of the list that is selected, counted from the top of the screen.
fn selected(text: &str) -> Option<u16> {
    let at = text.lines().position(|line| line.chars().nth(1) == Some('▸'))?;
    u16::try_from(at).ok()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mouse_moves_selects_and_opens_and_is_left_to_the_terminal_in_views_of_text() {
    let (_server, home) = simulated().await;
    let mut terminal = Terminal::open(&home, SIZE, &["kind:configmap"]);
    terminal.wait("rows", |text| text.contains("● live") && selected(text) == Some(4)).await;
    assert!(terminal.catches_mouse());
    terminal.wheel_down();
    terminal.wait("three lines down", |text| selected(text) == Some(7)).await;
    terminal.wheel_up();
    terminal.wait("three lines up", |text| selected(text) == Some(4)).await;
    terminal.click((20, 6));
    let shown =
        terminal.wait("the line", |text| selected(text) == Some(6) && text.contains("/ search")).await;
    let name =
        shown.lines().nth(6).and_then(|line| line.split_whitespace().nth(3)).expect("a name").to_owned();
    terminal.click((20, 6));
    let shown = terminal.wait_for("Labels").await;
    assert!(shown.contains(name.trim_end_matches('…')), "{name}: {shown}");
    terminal.wait("the mouse to be released", |_| !terminal.catches_mouse()).await;
    terminal.back().await;
    terminal.wait("the mouse to be caught", |_| terminal.catches_mouse()).await;
    for (key, part) in [("?", "The query language"), ("K", "⏎ objects"), ("y", "kind: ConfigMap")] {
        terminal.press_for(key, part).await;
        terminal.wait("the mouse to be released", |_| !terminal.catches_mouse()).await;
        terminal.back().await;
        terminal.wait("the mouse to be caught", |_| terminal.catches_mouse()).await;
    }
    let first = |text: &str| text.lines().nth(4).map(|line| line.replace('▸', " "));
    let before = first(&terminal.text());
    let head = terminal.line(3).find("NAME ").expect("a heading");
    let at = (u16::try_from(head).expect("a column") + 1, 3);
    terminal.click(at);
    terminal.wait_for("sort:name").await;
    terminal.click(at);
    terminal.wait("the order turned round", |text| first(text) != before).await;
    terminal.click((10, 1));
    terminal.wait("the query line", |text| !text.contains("/ search")).await;
    terminal.press("\x03");
    terminal.ended(0).await;
}

/// The numbers of the colours in what a terminal received; panics where one is not of the sixteen.
fn colours(raw: &[u8]) -> BTreeSet<u16> {
    let text = String::from_utf8_lossy(raw);
    let mut found = BTreeSet::new();
    for part in text.split("\x1b[").skip(1) {
        let end = part.find(|c: char| !c.is_ascii_digit() && c != ';').unwrap_or(part.len());
        let (parameters, rest) = part.split_at(end);
        let mut numbers = parameters.split(';').map(|number| number.parse::<u16>().unwrap_or(0));
        while let Some(number) = numbers.next().filter(|_| rest.starts_with('m')) {
            match number {
                38 | 48 => {
                    assert_eq!(numbers.next(), Some(5), "not a colour of a palette: {parameters}");
                    found.extend(numbers.next());
                }
                30..=37 | 40..=47 => _ = found.insert(number % 10),
                90..=97 | 100..=107 => _ = found.insert(number % 10 + 8),
                _ => {}
            }
        }
    }
    assert!(found.iter().all(|colour| *colour < 16), "{found:?}");
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn the_theme_follows_the_environment_and_the_flag_is_stronger() {
    const CYAN: u16 = 6;
    const BLUE: u16 = 4;
    let (_server, home) = simulated().await;
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a [&'a str], Option<u16>);
    let cases: [Case<'_>; 8] = [
        (&[], &[], Some(CYAN)),
        (&[("COLORFGBG", "15;0")], &[], Some(CYAN)),
        (&[("COLORFGBG", "0;15")], &[], Some(BLUE)),
        (&[("NO_COLOR", "1")], &[], None),
        (&[("NO_COLOR", "1"), ("COLORFGBG", "0;15")], &[], None),
        (&[("NO_COLOR", "1")], &["--theme", "dark"], Some(CYAN)),
        (&[("NO_COLOR", "1"), ("COLORFGBG", "15;0")], &["--theme", "light"], Some(BLUE)),
        (&[("COLORFGBG", "0;15")], &["--theme", "plain"], None),
    ];
    for (variables, arguments, expected) in cases {
        let mut here = Home::new(home.kubeconfig());
        variables.iter().for_each(|(name, value)| here.set(name, *value));
        let mut terminal = Terminal::open(&here, SIZE, &[arguments, &["checkout"]].concat());
        terminal.wait_for("hits").await;
        terminal.enter_list().await;
        terminal.press_for("?", "The query language").await;
        terminal.press("\x03");
        terminal.ended(0).await;
        let found = colours(&terminal.raw());
        let accents = found.intersection(&BTreeSet::from([CYAN, BLUE])).copied().collect::<Vec<_>>();
        assert_eq!(
            accents,
            expected.into_iter().collect::<Vec<_>>(),
            "{variables:?} {arguments:?}: {found:?}"
        );
        assert!(expected.is_some() || found.is_empty(), "{variables:?} {arguments:?}: {found:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_view_has_the_sixteen_colours_alone() {
    let (_server, home) = simulated().await;
    let mut terminal = Terminal::open(&home, SIZE, &["kind:deploy"]);
    terminal.wait("rows with a status", |text| text.contains("● live") && text.contains("3/3")).await;
    terminal.enter_list().await;
    for (key, part) in [("y", "kind: Deployment"), ("t", "ReplicaSet/"), ("K", "⏎ objects")] {
        terminal.press_for(key, part).await;
        terminal.back().await;
    }
    terminal.press_for("l", "log").await;
    terminal.press("\x03");
    terminal.ended(0).await;
    assert!(colours(&terminal.raw()).len() >= 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_says_what_happened_and_no_secret_and_leaves_the_screen_alone() {
    let (server, home) = simulated().await;
    let log = home.path().join("log");
    let arguments = ["--log-file", &*log.to_string_lossy(), "-vv", "kind:secret"];
    let mut terminal = Terminal::open(&home, SIZE, &arguments);
    terminal.wait("rows", |text| text.contains("● live") && text.contains("Secret")).await;
    terminal.enter_list().await;
    terminal.press_for("y", "kind: Secret").await;
    let shown = terminal.press_for("x", PLANTED[0]).await;
    assert!(!shown.contains("INFO") && !shown.contains("DEBUG"), "{shown}");
    server.kill().await;
    terminal.wait_for("○ offline").await;
    terminal.press("\x03");
    terminal.ended(0).await;
    assert!(!terminal.received(b"kubesift started"), "the screen is not for the log");
    let mode = fs_err::metadata(&log).expect("a log").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let text = fs_err::read_to_string(&log).expect("a log");
    for part in ["kubesift started", "this process writes the index", "live: ", "offline: ", "stopped"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(PLANTED.iter().all(|value| !text.contains(value)), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_terminal_that_shrinks_and_grows_again_is_drawn_whole() {
    let (_server, home) = simulated().await;
    let mut terminal = Terminal::open(&home, SIZE, &["kind:deploy"]);
    terminal.wait("rows", |text| text.contains("● live") && text.contains("hits")).await;
    terminal.enter_list().await;
    let whole = |text: &str, rows: usize| {
        let lines: Vec<&str> = text.lines().collect();
        // The top line, the query, the head of the table, a selected row, the hints in the last line.
        lines.len() == rows
            && lines[0].contains("live")
            && lines[1].contains("› kind:deploy")
            && lines[3].contains("KIND")
            && selected(text) == Some(4)
            && lines[rows - 1].contains("/ search")
    };
    let shown = terminal.wait("the screen", |text| whole(text, 30)).await;
    let rows = |text: &str| {
        text.lines().filter(|line| line.contains(" deploy ") || line.contains(" Deployment ")).count()
    };
    terminal.resize((40, 10));
    let small = terminal.wait("a small screen", |text| whole(text, 10)).await;
    assert!(rows(&small) >= 4 && small.lines().all(|line| line.chars().count() <= 40), "{small}");
    terminal.press_for("y", "kind: Deployment").await;
    terminal.resize((200, 50));
    terminal
        .wait("a large screen", |text| text.lines().count() == 50 && text.contains("kind: Deployment"))
        .await;
    terminal.resize(SIZE);
    terminal.press("q");
    let again = terminal.wait("the first screen again", |text| whole(text, 30)).await;
    assert_eq!(rows(&shown), rows(&again));
    terminal.press("q");
    terminal.ended(0).await;
}
