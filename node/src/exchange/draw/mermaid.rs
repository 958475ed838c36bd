//! The sequence diagram as Mermaid text, for web pages and Markdown.

use std::collections::HashMap;
use std::fmt::Write;

use bothways_protocol::NodeName;

use super::super::merge::Exchanges;
use super::marks::{Kind, Mark, Reach, Shape, marks};
use super::words::{duration, moment};

/// Writes one Mermaid `sequenceDiagram` of all traces, each under a note that names it.
#[must_use]
pub fn mermaid(exchanges: &Exchanges) -> String {
    let mut participants = Participants::default();
    let mut body = String::new();
    for tree in &exchanges.trees {
        let marks = marks(tree);
        let mut touched: Vec<usize> =
            marks.iter().flat_map(|mark| participants.numbers(mark)).collect();
        touched.sort_unstable();
        let (from_us, to_us) = tree.span_us();
        if let [first, .., last] = touched.as_slice() {
            let about = format!("trace {}, {}", tree.trace_id, moment(from_us));
            let took = duration(to_us.abs_diff(from_us));
            line(&mut body, &format!("Note over n{first},n{last}"), &format!("{about}, {took}"));
        }
        for mark in &marks {
            line(&mut body, &head(mark, &mut participants), &mark.text);
        }
    }
    format!("sequenceDiagram\n{}{body}", participants.declared())
}

fn head(mark: &Mark<'_>, participants: &mut Participants) -> String {
    let [first, second] = participants.numbers(mark);
    match mark.shape {
        Shape::Note { .. } => format!("Note right of n{first}"),
        Shape::Arrow { kind, reach, .. } => {
            let line = if kind != Kind::Response && reach != Reach::OneSided { "-" } else { "--" };
            let tip = if reach == Reach::Lost { "x" } else { ">>" };
            format!("n{first}{line}{tip}n{second}")
        }
    }
}

fn line(body: &mut String, head: &str, text: &str) {
    *body += "    ";
    *body += head;
    *body += ": ";
    text.chars().for_each(|c| escape(c, body));
    *body += "\n";
}

/// Letters, digits and a few signs stand for themselves; all else is Mermaid's entity code, for
/// `#`, `;` and `%%` end a text, and `<` begins markup.
pub(super) fn escape(c: char, text: &mut String) {
    if c.is_ascii_alphanumeric() || " ._-,()".contains(c) {
        text.push(c);
    } else {
        // Writing to a String does not fail.
        let _ = write!(text, "#{};", u32::from(c));
    }
}

/// The nodes by number: `end` and other words of Mermaid's are names that a node may have.
#[derive(Default)]
struct Participants {
    names: Vec<NodeName>,
    numbers: HashMap<NodeName, usize>,
}

impl Participants {
    /// The numbers of the two ends of an arrow, or twice that of a note's node.
    fn numbers(&mut self, mark: &Mark<'_>) -> [usize; 2] {
        let ends = match mark.shape {
            Shape::Arrow { from, to, .. } => [from, to],
            Shape::Note { at } => [at, at],
        };
        ends.map(|name| {
            *self.numbers.entry(name.clone()).or_insert_with(|| {
                self.names.push(name.clone());
                self.names.len() - 1
            })
        })
    }

    fn declared(&self) -> String {
        let names = self.names.iter().enumerate();
        names.map(|(number, name)| format!("    participant n{number} as {name}\n")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    const EXPECTED: &str = r#"sequenceDiagram
    participant n0 as cli
    participant n1 as hub
    participant n2 as phone
    participant n3 as desk
    participant n4 as ghost
    Note over n0,n4: trace abababababababababababababababab, 2025-11-24 15#58;59#58;59.999 UTC, 62.3 ms
    n0->>n1: people.create
    n1->>n2: messages.deliver
    n2-->>n1: ok 7.0 ms
    n1-xn2: orders.place
    Note right of n1: #10007; deadline_exceeded 10.0 ms
    Note right of n1: #33; sent, never received
    n1->>n2: orders.place (attempt 2)
    n2-->>n1: ok 3.9 ms
    n1->>n3: people.get
    n3-->>n1: not_found 5.0 ms
    Note right of n1: #33; answered by a node whose record is missing
    n1->>n1: people.list
    n1-->>n1: ok 1.0 ms
    n1-->>n0: ok 40.0 ms
    n2->>n1: people.update
    n1--xn2: ok
    Note right of n2: #10007; deadline_exceeded 10.0 ms
    Note right of n2: #33; answered, response lost
    n4-->>n1: #34;#92;u#123;1b#125;#91;2J#60;b#62;#59;#37;#37;#34;
    n1-->>n4: unimplemented 300 #181;s
    Note right of n1: #33; received from a node whose record is missing
"#;

    #[test]
    fn a_diagram_declares_each_node_and_draws_each_message() {
        assert_eq!(mermaid(&sample::exchanges()), EXPECTED);
    }

    #[test]
    fn nothing_that_a_peer_sends_ends_a_text_or_begins_another() {
        let text = mermaid(&sample::hostile());
        assert_eq!(text.lines().count(), 1 + 2 + 4, "{text}");
        for sign in ["<", "\u{1b}", "%%", "\\"] {
            assert!(!text.contains(sign), "{text}");
        }
    }
}
