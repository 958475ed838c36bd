//! The exchanges as one HTML file: pictures and tables, no script, nothing from elsewhere.
//!
//! The policy in it allows one thing, the rules of style that stand in it, by their hash: were
//! markup of a peer's ever to come through, a browser would still run and load nothing.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};

use super::super::merge::{Exchange, Exchanges, Tree};
use super::super::record::{Outcome, Record};
use super::footer::footer;
use super::page::Page;
use super::svg::{self, escaped};
use super::words::{self, WIDTH_MAX, duration, moment};

/// The rules of style of the page, beside those of its pictures.
const STYLE: &str = "\
:root{color-scheme:light dark;--g:#fff;--i:#1c2330;--f:#5d6675;--l:#d5dae3;--b:#f4f6f9;\
--good:#14733c;--bad:#b3261e;--gap:#8a5a00}\
@media(prefers-color-scheme:dark){:root{--g:#14171d;--i:#e4e8ef;--f:#98a2b3;--l:#343b48;--b:#1b2029;\
--good:#5fd38d;--bad:#ff8a80;--gap:#f2b84b}}\
*{box-sizing:border-box}body{margin:0 auto;max-width:90rem;padding:1rem;background:var(--g);\
color:var(--i);font:15px/1.5 ui-sans-serif,system-ui,sans-serif}\
h1{font-size:1.3rem;margin:.5rem 0}h2{font-size:1rem;margin:0;overflow-wrap:anywhere}\
p{margin:.2rem 0;color:var(--f)}section{margin:1.2rem 0;border:1px solid var(--l);border-radius:10px;\
overflow:hidden}header{padding:.7rem 1rem;background:var(--b);border-bottom:1px solid var(--l)}\
.wide{overflow-x:auto}.wide:focus-visible{outline:2px solid currentColor;outline-offset:-2px}\
svg{display:block}table{border-collapse:collapse;width:100%;font-size:13px}\
th,td{padding:.35rem .7rem;text-align:left;border-top:1px solid var(--l);white-space:nowrap}\
th{color:var(--f);font-weight:600}td.n{text-align:right;font-variant-numeric:tabular-nums}\
td.id{font-family:ui-monospace,monospace;font-size:12px}\
.good{color:var(--good)}.bad{color:var(--bad)}.gap{color:var(--gap);font-weight:600}";

const HEADINGS: [&str; 13] = [
    "asks", "method", "code", "took", "work", "way", "events", "sent", "received", "deadline",
    "span", "key", "missing",
];

/// Writes all traces as one self-contained page.
#[must_use]
pub fn html(exchanges: &Exchanges) -> String {
    let style = format!("{STYLE}{}", svg::STYLE);
    let hash = STANDARD.encode(Sha256::digest(style.as_bytes()));
    let sections: String = exchanges.trees.iter().map(section).collect();
    let mut notes = Page::default();
    footer(exchanges, WIDTH_MAX, &mut notes);
    let notes = notes.to_string();
    let notes: String = notes
        .lines()
        .filter(|line| !line.is_empty())
        .map(|line| format!("<p>{}</p>\n", escaped(line)))
        .collect();
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; \
         style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"referrer\" content=\"no-referrer\">\n\
         <title>who asked whom for what</title>\n<style>{style}</style>\n</head>\n<body>\n<main>\n\
         <h1>Who asked whom for what</h1>\n{notes}{sections}</main>\n</body>\n</html>\n"
    )
}

fn section(tree: &Tree) -> String {
    let (from_us, to_us) = tree.span_us();
    let took = duration(to_us.abs_diff(from_us));
    let headings: String = HEADINGS.iter().map(|name| format!("<th>{name}</th>")).collect();
    let rows: String = tree.exchanges.iter().map(row).collect();
    format!(
        "<section>\n<header><h2>trace {}</h2><p>{}, {took}</p></header>\n\
         <div class=\"wide\" tabindex=\"0\">\n{}</div>\n\
         <div class=\"wide\" tabindex=\"0\"><table>\n<thead><tr>{headings}</tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table></div>\n</section>\n",
        tree.trace_id,
        escaped(&moment(from_us)),
        svg::picture(tree),
    )
}

fn row(exchange: &Exchange) -> String {
    let record = exchange.ends.first();
    let (asked, answered) = (exchange.ends.asked(), exchange.ends.answered());
    let took = |end: Option<&Record>| end.map_or_else(none, |end| duration(end.duration_us));
    let way = match (asked, answered) {
        (Some(asked), Some(answered))
            if exchange.ends.response_seen() && !exchange.ends.is_subscription() =>
        {
            duration(asked.duration_us.saturating_sub(answered.duration_us))
        }
        _ => none(),
    };
    let bytes = |end: fn(&Record) -> u64| format!("{} B", end(record));
    let gaps: Vec<_> = exchange.gaps.iter().map(|gap| gap.as_str()).collect();
    let class = if exchange.code() == Outcome::Ok { "good" } else { "bad" };
    let cells = [
        ("", format!("{} → {}", exchange.asker(), exchange.answerer())),
        ("", words::request(exchange)),
        (class, exchange.code().to_string()),
        ("n", took(asked)),
        ("n", took(answered)),
        ("n", way),
        ("n", exchange.ends.events().map_or_else(none, |events| events.to_string())),
        ("n", bytes(|end| end.sent_bytes)),
        ("n", bytes(|end| end.received_bytes)),
        ("n", duration(record.deadline_ms.saturating_mul(1_000))),
        ("id", record.span_id.to_string()),
        ("id", record.key.map_or_else(none, |key| key.to_string())),
        ("gap", gaps.join(", ")),
    ];
    let cell = |(class, text): &(&str, String)| {
        format!("<td class=\"{class}\">{}</td>", escaped(text)).replace(" class=\"\"", "")
    };
    format!("<tr>{}</tr>\n", cells.iter().map(cell).collect::<String>())
}

fn none() -> String {
    "–".to_owned()
}
