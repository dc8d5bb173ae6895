"""Templates of unknown origin: they see the document and nothing else, they end, and they cannot fill the memory."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import jinja2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasteval.api.prompt import Prompt, user_message
from fasteval.errors import CheckpointError, DocumentError, RequestError
from fasteval.models.checkpoint.chat_template import ChatTemplate
from fasteval.safety.sizes import MAX_LENGTH
from fasteval.safety.templates import LimitedEnvironment
from fasteval.tasks.templates import check_template, render_template

DOC = {"q": "hello", "image": object()}
LOOP = "{% for i in range(60) %}"

ENDLESS = {
    "loops in loops": "{% for a in range(100000) %}{% for b in range(100000) %}{% endfor %}{% endfor %}",
    "output in loops": "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}",
    "lazy loops": "{% for a in range(99999)|map('int') %}{{ range(99999)|map('int')|list }}{% endfor %}",
    "a search in a loop": "{% set l = range(9999)|list %}{% for a in range(9999) %}{{ 'x' in l }}{% endfor %}",
    "filters in a loop": "{% for a in range(9999) %}{{ range(99999)|sum }}{% endfor %}",
    "a macro that calls itself": "{% macro f(n) %}{{ f(n) }}{% endmacro %}{{ f(3) }}",
    "a macro that branches": "{% macro f(n) %}{% if n %}{{ f(n-1) }}{{ f(n-1) }}{% endif %}{% endmacro %}{{ f(60) }}",
    "a recursive loop": "{% for a in [[1] * 999] recursive %}{{ loop([[1] * 999]) }}{% endfor %}",
    "a huge range": "{{ range(10 ** 9)|list }}",
}
HUGE = {
    "a product": "{{ 'a' * 10 ** 10 }}",
    "a product of lists": "{{ [1] * 10 ** 10 }}",
    "a power": "{{ 10 ** (10 ** 8) }}",
    "powers of powers": "{% set ns = namespace(x=9) %}" + LOOP + "{% set ns.x = ns.x * ns.x %}{% endfor %}",
    "a sum that doubles": "{% set ns = namespace(x='a') %}" + LOOP + "{% set ns.x = ns.x + ns.x %}{% endfor %}",
    "a concatenation": "{% set ns = namespace(x='a') %}" + LOOP + "{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
    "a replacement": "{% set ns = namespace(x='a') %}" + LOOP + "{% set ns.x = ns.x.replace('a', 'aa') %}{% endfor %}",
    "a filter": "{% set ns = namespace(x='a') %}" + LOOP + "{% set ns.x = ns.x|replace('a', 'aa') %}{% endfor %}",
    "a block": "{% set ns = namespace(x='a') %}" + LOOP + "{% set ns.x %}{{ ns.x }}{{ ns.x }}{% endset %}{% endfor %}",
    "a width": "{{ 'a'.ljust(10 ** 10) }}",
    "a width in a filter": "{{ 'a'|center(10 ** 10) }}",
    "a width in a format": "{{ '%9999999999d' % 1 }}",
    "a width from an argument": "{{ '%*d' % (9999999999, 1) }}",
    "a width in braces": "{{ '{:>9999999999}'.format(1) }}",
    "a width in braces in braces": "{{ '{:{}}'.format(1, 9999999999) }}",
    "a format filter": "{{ '%9999999999d'|format(1) }}",
    "a join": "{{ ('x' * 9999999).join(['a'] * 9999) }}",
    "a join filter": "{{ (['x' * 9999999] * 9999)|join }}",
    "a join of attributes": "{{ ([{'k': 'x' * 9999999}] * 9999)|join(attribute='k') }}",
    "bytes": "{{ (1).to_bytes(10 ** 10, 'big') }}",
    "tabs": "{{ ('\\t' * 999999).expandtabs(99999) }}",
    "an indentation": "{{ ('\\n' * 999999)|indent(99999) }}",
    "filler text": "{{ lipsum(n=10 ** 9) }}",
    "a search and replace": "{{ ('a' * 999999).translate({97: 'a' * 999999}) }}",
}
ESCAPES = {
    "a class": "{{ ''.__class__.__mro__ }}",
    "an item": "{{ q['__class__'] }}",
    "a filter": "{{ q|attr('__class__') }}",
    "a format": "{{ '{0.__class__}'.format(q) }}",
    "a name made of parts": "{% set u = '_' * 2 %}{{ q[u ~ 'class' ~ u] }}",
    "a global": "{{ cycler.__init__.__globals__.os }}",
    "a namespace": "{{ namespace.__init__.__globals__ }}",
    "the template": "{{ self.__init__.__globals__ }}",
    "an object of the document": "{{ image.__class__.__subclasses__() }}",
    "a change of the document": "{{ [1].append(2) }}",
    "an import": "{% import 'os' as os %}",
    "an include": "{% include '/etc/passwd' %}",
}
TOO_COMPLICATED = {
    "brackets": "{{ " + "(" * 9999 + "1" + ")" * 9999 + " }}",
    "signs": "{{ " + "-" * 99999 + "1 }}",
    "loops": "{% for a in [1] %}" * 99 + "{% endfor %}" * 99,
}


@pytest.fixture
def bounded_memory() -> Any:
    """Lets this process have 2 GB more than it has."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    now = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (now + (2 << 30), hard))
    yield
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@pytest.mark.parametrize("source", [*ENDLESS.values(), *HUGE.values()], ids=[*ENDLESS, *HUGE])
@pytest.mark.usefixtures("bounded_memory")
def test_a_template_that_would_not_end_or_fit_costs_its_document(source: str) -> None:
    with pytest.raises(DocumentError, match="template"):
        render_template(source, DOC)


@pytest.mark.parametrize("source", ESCAPES.values(), ids=ESCAPES)
def test_a_template_does_not_get_out_of_the_sandbox(source: str) -> None:
    with pytest.raises(DocumentError):
        render_template(source, DOC)


@pytest.mark.parametrize("source", TOO_COMPLICATED.values(), ids=TOO_COMPLICATED)
def test_a_template_that_python_cannot_compile_is_no_template(source: str) -> None:
    assert "too complicated" in str(check_template(source))


def test_the_text_of_a_document_is_never_a_template() -> None:
    assert "{{ 7 * 7 }}" == render_template("{{ q }}", {"q": "{{ 7 * 7 }}"})


@pytest.mark.parametrize(
    "source", [ENDLESS["loops in loops"], ENDLESS["a macro that calls itself"], HUGE["a product"], ESCAPES["a class"]]
)
def test_a_checkpoints_chat_template_has_the_same_limits(source: str) -> None:
    text = "{% for m in messages %}{{ m.content }}{% endfor %}{% if messages|length > 1 %}" + source + "{% endif %}"
    template = ChatTemplate(text, {})
    assert "hi" == template.render(prompt("hi"))
    with pytest.raises(RequestError, match="chat template"):
        template.render(prompt("hi", "again"))


@pytest.mark.parametrize("source", ["{{ range(10 ** 9) }}", "{{ 1 / 0 }}", "{{ [][3].x }}", "{{ 'a' + 1 }}"])
def test_a_chat_template_that_fails_costs_the_request(source: str) -> None:
    with pytest.raises(RequestError, match="chat template"):
        ChatTemplate(source, {}).render(prompt("hi"))


@pytest.mark.parametrize(
    "config",
    [b'{"chat_template": 3}', b'{"chat_template": [1]}', b'{"chat_template": [{"name": "default"}]}', b"[]", b"{"]
    + [source.encode().join([b'{"chat_template": "', b'"}']) for source in ("{% if %}", "{{ " + "(" * 9999)]
    + [b'{"chat_template": "x", "bos_token": {}}'],
)
def test_a_broken_chat_template_is_an_error_of_the_checkpoint(tmp_path: Path, config: bytes) -> None:
    (tmp_path / "tokenizer_config.json").write_bytes(config)
    with pytest.raises(CheckpointError):
        ChatTemplate.of_checkpoint(tmp_path)


def prompt(*texts: str) -> Prompt:
    return Prompt(messages=[user_message(text, with_visuals=False) for text in texts])


# What templates are for goes on working.

PLAIN = jinja2.Environment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
LIMITED = LimitedEnvironment(undefined=jinja2.StrictUndefined, keep_trailing_newline=True)
HONEST = [
    "{{ q }}\n{% for c in choices %}{{ loop.index }}/{{ loop.length }}. {{ c }}{{ '' if loop.last }}{% endfor %}",
    "{{ choices|join(', ') }} {{ q ~ 1 ~ none }} {{ choices|map('upper')|join }}",
    "{{ pairs|join('; ', attribute='k') }} {{ pairs|map(attribute='k')|list }}",
    "{% for p in pairs if p.k in choices %}{{ p.k }}{% else %}none{% endfor %}",
    "{{ ', '.join(choices) }} {{ q.replace('h', 'j') }} {{ q|replace('h', 'j') }} {{ q|center(20) }}",
    "{{ '%s has %05.2f' % (q, 2.5) }} {{ '{:>8}|{{}}'.format(q) }} {{ '%s'|format(q) }}",
    "{% macro f(x, n) %}{{ x }}{% if n %}{{ f(x, n - 1) }}{% endif %}{% endmacro %}{{ f(q, 3) }}",
    "{% for k, v in pairs[0].items() recursive %}{{ k }}{{ v }}{% endfor %}{{ 2 ** 10 + 3 * 4 % 5 }}",
    "{{ q is string and 'ell' in q and q not in choices }} {{ (choices + [q])|length }} {{ choices * 2 }}",
    "{{ pairs|tojson }} {{ q|indent(4) }} {{ q|truncate(3) }} {{ 3.14159|round(2) }} {{ '\\n'.join(choices)|indent }}",
    "{% set ns = namespace(n=0) %}{% for c in choices %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}",
    "{% for row in choices|batch(2, '-') %}{{ row }}{% endfor %}{% for c in choices|slice(2) %}{{ c }}{% endfor %}",
    "{% macro f() %}{{ caller(q) }}{% endmacro %}{% call(y) f() %}{{ y }}{% endcall %}",
    "{% filter upper %}{{ q }}{% endfilter %}{% set x %}{{ q }}!{% endset %}{{ x }}",
]


@pytest.mark.parametrize("source", HONEST)
@given(q=st.text(), choices=st.lists(st.text(), min_size=1, max_size=5))
def test_within_the_limits_a_template_gives_what_jinja_gives(source: str, q: str, choices: list[str]) -> None:
    variables = {"q": q, "choices": choices, "pairs": [{"k": choice} for choice in choices]}
    assert outcome(PLAIN.from_string(source).render, variables) == outcome(
        lambda given: LIMITED.render_limited(LIMITED.compile_limited(source), given), variables
    )


def outcome(render: Any, variables: dict[str, Any]) -> str:
    try:
        return str(render(variables))
    except jinja2.TemplateError as error:
        return type(error).__name__


def test_a_long_document_fits() -> None:
    doc = {"context": "word " * 400_000, "items": list(range(20_000))}
    source = "{{ context|trim }}{{ context|replace('word', 'w') }}{% for i in items %}{{ i in items[:9] }}{% endfor %}"
    assert len(render_template(source, doc)) > 2_000_000
    assert MAX_LENGTH > 2_000_000
