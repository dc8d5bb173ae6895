"""Texts that attack whoever shows them: terminals, rich's markup, templates, XML and HTML pages."""

from __future__ import annotations

__all__ = ["HOSTILE", "STEERING"]

#: What must never reach a terminal, whatever it is a part of.
STEERING = (
    "\x1b]",
    "\x1b[66;66H",
    "\x1b[2J",
    "\x1bP",
    "\x1bc",
    "\x9b",
    "\x07",
    "\x08",
    "\x00",
    "\u202e",
    "\u2066",
    "\u200b",
)

HOSTILE = {
    "the window's title": "\x1b]0;PWNED\x07",
    "the clipboard": "\x1b]52;c;cm0gLXJmIC8=\x07",
    "a link that lies": "\x1b]8;;https://evil.example\x1b\\click\x1b]8;;\x1b\\",
    "the cursor": "\x1b[66;66H\x1b[2J\x1b[8m",
    "a reset": "\x1bc",
    "a device control string": "\x1bP+q544e\x1b\\",
    "8-bit control sequences": "\x9b66;66H\x9d0;PWNED\x9c",
    "an overwritten line": "fasteval: error\rfasteval: all is well\x08\x08",
    "text from right to left": "\u202egnp.exe\u2066\u2069",
    "invisible text": "a\u200bb\ufeffc\u00ad",
    "rich's markup": "[bold red]x[/bold red][link=https://evil.example]y[/link][/]",
    "an unclosed tag of rich's": "[/nothing] [@click=app.bell]z",
    "a script": "<script>alert(1)</script>",
    "the end of a script": "</script><script>alert(2)</script>",
    "a comment in a script": "<!--<script>",
    "an event handler": '"><img src=x onerror=alert(3)><svg onload=alert(4)>',
    "a handler without quotes": "' autofocus onfocus=alert(5) x='",
    "a data URL": "<iframe src='data:text/html,<script>alert(6)</script>'></iframe>",
    "a link with a script": "<a href='javascript:alert(7)'>x</a> [x](javascript:alert(8))",
    "a style": "<style>*{display:none}</style><link rel=stylesheet href=//evil.example>",
    "a form": "<form action=//evil.example><input type=submit style='position:fixed;inset:0'></form>",
    "a base": "<base href=//evil.example><meta http-equiv=refresh content='0;url=//evil.example'>",
    "template syntax": "{{ 7 * 7 }} {% for x in ().__class__ %} ${7*7} #{7*7} <%= 7*7 %>",
    "the end of CDATA": "]]><x/><![CDATA[",
    "an entity": "&lt;script&gt;alert(9)&lt;/script&gt; &xxe; <!DOCTYPE x [<!ENTITY xxe SYSTEM 'file:///etc/passwd'>]>",
    "what XML cannot hold": "\x00\x01\x0b\ufffe\uffff",
    "half a surrogate pair": "\ud800 and \udfff",
    "a formula": '=HYPERLINK("https://evil.example","x")',
    "a table's bar": "| a | b |\n|---|---|\n```",
    "a path": "../../../../etc/passwd",
    "a very long word": "A" * 2_000,
}
