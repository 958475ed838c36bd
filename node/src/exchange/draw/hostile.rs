//! Thirty texts that attack whatever shows them: each is shown as it was sent, and does nothing.

use super::super::merge::{Exchanges, merge};
use super::super::record::{MethodText, Record};
use super::sample;
use super::svg::escaped;
use super::{graph, html, sequence, svg, timeline};

/// What peers may send where a method's name belongs.
const TEXTS: [&str; 30] = [
    "<script>alert(1)</script>",
    "</text></svg><script>alert(1)</script>",
    "</style><script>alert(1)</script>",
    "</title><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "\"><script>alert(1)</script>",
    "' onmouseover='alert(1)",
    "\" onfocus=\"alert(1)\" autofocus=\"",
    "<a href=\"javascript:alert(1)\">x</a>",
    "<iframe srcdoc=\"<script>alert(1)</script>\">",
    "<foreignObject><body onload=alert(1)>",
    "<!--<script>alert(1)//-->",
    "--><script>alert(1)</script>",
    "]]><script>alert(1)</script>",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml-stylesheet href=\"evil.xsl\"?>",
    "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#x3c;script&#x3e;alert(1)",
    "<meta http-equiv=refresh content=0;url=//evil>",
    "<base href=//evil>",
    "<style>*{display:none}</style>",
    "<use href=\"data:image/svg+xml,<svg/>\">",
    "<form action=//evil><button>",
    "\u{1b}[2J\u{1b}]0;title\u{7}",
    "a\nb\r\n12:00:00 \u{2192} hub people.create ok",
    "\u{202e}gnp.exe\u{2066}",
    "\u{2028}\u{2029}\u{85}\0\u{7f}\u{e0001}",
    "%%{init:{\"securityLevel\":\"loose\"}}%%;#",
];

fn asked_for(text: &str) -> (Exchanges, String) {
    let method = MethodText::foreign(text);
    let shown = method.to_string();
    let records = sample::exchanges().trees.remove(0).exchanges.into_iter();
    let first: Record = records.map(|one| one.ends.first().clone()).next().unwrap();
    (merge(vec![Record { method, ..first }]), shown)
}

/// The tags of a page or a picture: all that stands between `<` and `>`, positions left out.
fn tags(markup: &str) -> Vec<String> {
    let starts = markup.split('<').skip(1);
    let tag = |part: &str| part.split('>').next().unwrap_or_default().replace(is_digit, "");
    starts.map(tag).filter(|tag| !tag.is_empty()).collect()
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit()
}

#[test]
fn each_is_shown_literally_in_text_svg_and_html() {
    for text in TEXTS {
        let (exchanges, shown) = asked_for(text);
        assert!(shown.is_ascii() && !shown.contains('\n'), "{shown:?}");
        for page in [sequence(&exchanges, 200), timeline(&exchanges, 200)] {
            assert!(page.to_string().contains(&shown), "{shown}\n{page}");
        }
        for markup in [svg(&exchanges), html(&exchanges)] {
            assert!(markup.contains(&escaped(&shown)), "{shown}\n{markup}");
        }
    }
}

#[test]
fn none_of_them_adds_a_tag_or_a_line_to_what_a_harmless_name_makes() {
    let (harmless, _) = asked_for("x y");
    for text in TEXTS {
        let (exchanges, shown) = asked_for(text);
        for draw in [svg, html] {
            assert_eq!(tags(&draw(&exchanges)), tags(&draw(&harmless)), "{shown}");
            assert_eq!(draw(&exchanges).lines().count(), draw(&harmless).lines().count());
            assert!(!draw(&exchanges).chars().any(|c| c != '\n' && c.is_control()), "{shown}");
        }
        let stats = |exchanges| super::super::stats(exchanges, &super::super::Filter::default());
        let lines = |exchanges| graph(&stats(exchanges), 200).to_string().lines().count();
        assert_eq!(lines(&exchanges), lines(&harmless), "{shown}");
    }
}

#[test]
fn a_page_allows_no_script_and_nothing_from_elsewhere() {
    let page = html(&sample::exchanges());
    assert!(page.contains("content=\"default-src 'none'; style-src 'sha256-"), "{page}");
    for forbidden in ["<script", "javascript:", " style=", "src=", "href=", "url(", "@import"] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
    let svg = svg(&sample::exchanges());
    assert!(svg.contains("prefers-color-scheme:dark") && svg.contains("class=\"cross\""));
    for shown in ["! sent, never received", "✗ deadline_exceeded", "answered, response lost"] {
        assert!(svg.contains(shown) && page.contains(shown), "{shown}");
    }
}
