//! Words that would forge a line or drive a terminal are shown as they are, everywhere.

use bothways_tests::{Lab, Network, Program, Running};
use serde_json::Value;

/// Moves the cursor (in two ways), breaks lines, and turns around what follows.
const EVIL: &str = "x\u{1b}[2J\u{9b}2J\r\nforged\u{2028}\u{202e}\u{e0001}\u{7f}y";

fn program(network: &Network) -> Program {
    let program = Program::of(network);
    ["hub", "cli"].iter().for_each(|name| program.keep(&network.identity(name)));
    program
}

async fn call(program: &Program, at: &str, more: &[&str]) -> bothways_tests::Said {
    program.run_as("cli", "call", &[&[at], more].concat()).await
}

/// Whether nothing in it does more than to stand there.
fn plain(text: &str) -> bool {
    text.chars().all(|c| c == '\n' || bothways::protocol::is_visible(c))
}

#[tokio::test]
async fn what_a_peer_answers_is_shown_as_it_is_in_both_formats() {
    let (network, lab) = (Network::new(), Lab::new());
    let program = program(&network);
    let hub = network.node("hub").listening().answering(lab.routes()).start().await;
    let at = format!("hub@{}", hub.listening().next().unwrap());
    let params = format!("text:={}", serde_json::to_string(EVIL).unwrap());
    let shown = call(&program, &at, &["lab.echo", &params]).await;
    assert!(plain(&shown.data) && shown.data.lines().count() == 1, "{shown:?}");
    assert!(shown.data.contains(r"\u{1b}[2J\u{9b}2J\r\nforged\u{2028}\u{202e}"), "{shown:?}");
    let shown = call(&program, &at, &["lab.echo", &params, "-o", "json"]).await;
    assert!(plain(&shown.data) && shown.data.lines().count() == 1, "{shown:?}");
    assert_eq!(serde_json::from_str::<String>(&shown.data).unwrap(), EVIL);
}

#[tokio::test]
async fn a_message_of_many_lines_is_one_line_wherever_it_is_listed_or_watched() {
    let network = Network::new();
    let program = program(&network);
    let hub = program.start("hub", &[]).await;
    let at = format!("hub@{}", hub.address);
    let forged = "{\"level\":\"ERROR\",\"message\":\"forged\"}";
    let text =
        format!("text:={}", serde_json::to_string(&format!("hello\n{forged}\nbye")).unwrap());
    let sent = call(&program, &at, &["messages.send", "to=cli", &text]).await;
    assert_eq!(sent.code, Some(0), "{sent:?}");
    let listed = call(&program, &at, &["messages.list"]).await;
    let table = listed.data.lines().filter(|line| line.contains("forged")).count();
    assert!(table == 1 && listed.data.contains(r"hello\n{"), "{listed:?}");
    let topic = [at.as_str(), "messages.*", "--from", "all", "--count", "1"];
    for format in ["table", "json"] {
        let watched = [&topic[..], &["-o", format]].concat();
        let watched = program.run_as("cli", "watch", &watched).await;
        assert_eq!((watched.data.lines().count(), watched.code), (1, Some(0)), "{watched:?}");
    }
    assert_log_is_sound(hub).await;
}

#[tokio::test]
async fn a_refused_word_is_named_as_it_is_and_breaks_no_line() {
    let network = Network::new();
    let program = program(&network);
    let hub = program.start("hub", &[]).await;
    let at = format!("hub@{}", hub.address);
    let evil = serde_json::to_string(EVIL).unwrap();
    let lines = format!("lines:=[{{\"item\":{evil},\"count\":1}}]");
    let (to, text) = (format!("to:={evil}"), format!("text:={evil}"));
    let asked: [&[&str]; 4] = [
        &["orders.place", &lines],
        &["orders.list", &format!("customer:={evil}")],
        &["messages.send", &to, "text=hello"],
        &["messages.send", "to=cli", &text],
    ];
    for more in asked {
        for format in ["table", "json"] {
            let refused = call(&program, &at, &[more, &["-o", format]].concat()).await;
            assert_eq!((refused.code, refused.data.as_str()), (Some(1), ""), "{refused:?}");
            assert!(plain(&refused.messages), "{refused:?}");
            assert!(
                !refused.messages.lines().any(|line| line.starts_with("forged")),
                "{refused:?}"
            );
        }
    }
    assert_log_is_sound(hub).await;
}

/// Each line of the log is an object of JSON, and none is forged.
async fn assert_log_is_sound(hub: Running) {
    hub.terminate();
    for line in hub.rest_of_log().await {
        assert!(plain(&line), "{line:?}");
        let read: Value = serde_json::from_str(&line).unwrap();
        assert!(read.is_object() && read["message"] != "forged", "{line}");
    }
}
