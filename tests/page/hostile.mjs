// Words that are markup, script, terminal commands or forged lines to who does not take them as text.

export const HOSTILE = {
  /** They fit a person's name: up to 64 visible characters. */
  names: [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "\"><script>pwned=1</script>",
    "'><img src=x onerror=pwned=1>",
    "javascript:alert(1)",
    "<iframe srcdoc='<script>alert(1)</script>'>",
    "<a href=javascript:alert(1)>click</a>",
    "{{constructor.constructor('alert(1)')()}}",
    "${alert(1)}",
    "<style>*{display:none}</style>",
    "</textarea><script>alert(1)</script>",
    "<!--<script>alert(1)//-->",
    "<math><mtext><script>alert(1)</script>",
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "\\u003cscript\\u003ealert(1)",
    "\\x1b[2J\\x1b[H forged",
    "ok 200 \\n forged line",
    "%3Cscript%3Ealert(1)%3C/script%3E",
    "a' OR '1'='1",
  ],
  /** They fit a message, which may have line feeds. */
  texts: [
    "one\ntwo <script>alert(1)</script>",
    "<details open ontoggle=alert(1)>",
    "<object data=javascript:alert(1)>",
    "<base href=//evil.example>",
    "<meta http-equiv=refresh content=0;url=//evil.example>",
    "<form action=//evil.example><button>ok</button></form>",
    "<link rel=stylesheet href=//evil.example/x.css>",
    "<video><source onerror=alert(1)>",
    "data:text/html,<script>alert(1)</script>",
    "\\u202Egnp.exe\nforged: a line",
    "<x onclick=alert(1)>press</x>",
    "INFO hub request people.delete ok\nINFO forged",
  ],
};
