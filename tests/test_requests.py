"""Request tables: what goes in comes out, in order, whatever happens to single documents."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fasteval.api.prompt import Prompt, user_message
from fasteval.api.request import Kind
from fasteval.api.task import DocumentRequest, MediaIdentity, PromptOptions, Task
from fasteval.errors import CacheError, UsageError
from fasteval.requests import DocumentFailure, RequestTable, compile_requests, effective_limit, shard
from fasteval.requests.compile import TableBuilder
from fasteval.requests.digest import row_digest

texts = st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20)
prompts = st.one_of(
    st.builds(lambda text: Prompt(text=text), texts),
    st.builds(lambda text, visuals: Prompt(messages=[user_message(text, with_visuals=visuals)]), texts, st.booleans()),
)
generations = st.builds(
    lambda slot, prompt, kwargs: DocumentRequest(Kind.GENERATE_UNTIL, slot, prompt, generation_kwargs=kwargs),
    st.integers(0, 5),
    prompts,
    st.dictionaries(st.sampled_from(["until", "max_new_tokens", "temperature"]), st.integers(0, 3), max_size=2),
)
loglikelihoods = st.builds(
    lambda slot, prompt, continuation: DocumentRequest(Kind.LOGLIKELIHOOD, slot, prompt, continuation),
    st.integers(0, 5),
    prompts,
    st.one_of(texts, st.just("long " * 20)),
)
identities = st.builds(
    lambda key, sources: MediaIdentity(key, tuple(sources)),
    st.sampled_from([b"", b"k" * 16, b"l" * 16]),
    st.lists(st.binary(min_size=16, max_size=16), max_size=3),
)
documents = st.lists(st.tuples(st.lists(st.one_of(generations, loglikelihoods), max_size=3), identities), max_size=4)


def build(name: str, docs: list[tuple[list[DocumentRequest], MediaIdentity]]) -> RequestTable:
    """Returns the table of one task."""
    builder = TableBuilder(name)
    for doc_id, (requests, identity) in enumerate(docs):
        builder.add_document(doc_id, requests, identity)
    return builder.build()


def contents(table: RequestTable) -> list[tuple[Any, ...]]:
    """Returns all that a table says of its rows, free of how it numbers texts, tasks and kwargs."""
    return [
        (
            table.task_names[table.task[row]],
            table.row(row)[1:],
            table.digest[row].tobytes(),
            table.media_values[table.media_offsets[row] : table.media_offsets[row + 1]].tolist(),
            int(table.after[row]),
        )
        for row in range(len(table))
    ]


def one(prompt: str | Prompt = "Why?", **changes: Any) -> DocumentRequest:
    """Returns a request of some kind."""
    asked = Prompt(text=prompt) if isinstance(prompt, str) else prompt
    return replace(DocumentRequest(Kind.GENERATE_UNTIL, 0, asked, generation_kwargs={}), **changes)


# Tables.


@given(documents)
def test_a_table_gives_back_the_requests_that_it_was_built_of(
    docs: list[tuple[list[DocumentRequest], MediaIdentity]],
) -> None:
    table = build("mme", docs)
    expected = [
        (doc_id, request.slot, request.kind, request.prompt, request.continuation, request.generation_kwargs or {})
        for doc_id, (requests, _) in enumerate(docs)
        for request in requests
    ]
    assert expected == [table.row(row)[1:] for row in range(len(table))]


@settings(max_examples=40)
@given(documents, st.text(max_size=10))
def test_save_and_load_round_trip(docs: list[tuple[list[DocumentRequest], MediaIdentity]], reason: str) -> None:
    builder = TableBuilder("mme")
    for doc_id, (requests, identity) in enumerate(docs):
        builder.add_document(doc_id, requests, identity)
    builder.fail(99, reason)
    table = builder.build()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "deeper" / "table.safetensors"
        table.save(path)
        loaded = RequestTable.load(path)
        assert contents(table) == contents(loaded)
        assert table.failures == loaded.failures
        assert [path] == list(path.parent.iterdir())


@given(st.lists(documents, max_size=3))
def test_concatenation_keeps_every_row_in_order(
    tasks: list[list[tuple[list[DocumentRequest], MediaIdentity]]],
) -> None:
    tables = [build(f"task {number % 2}", docs) for number, docs in enumerate(tasks)]
    whole = RequestTable.concatenate(tables)
    assert [row for table in tables for row in contents(table)] == contents(whole)


def test_concatenation_numbers_equal_generation_kwargs_once() -> None:
    tables = [
        build(name, [([one(generation_kwargs=kwargs)], MediaIdentity())])
        for name, kwargs in (("a", {"n": 1, "until": ["."]}), ("b", {"until": ["."], "n": 1}), ("c", {"n": 2}))
    ]
    whole = RequestTable.concatenate(tables)
    assert [0, 0, 1] == whole.generation.tolist()
    assert len(whole.generation_kwargs) == 2


def test_concatenation_moves_the_rows_that_others_wait_for() -> None:
    table = build("a", [([one("first"), one("second")], MediaIdentity())])
    table.after[1] = 0
    assert [-1, 0, -1, 2] == RequestTable.concatenate([table, table]).after.tolist()


def test_concatenation_keeps_failures_with_their_tasks() -> None:
    builder = TableBuilder("b")
    builder.fail(3, "no prompt")
    whole = RequestTable.concatenate([build("a", [([one()], MediaIdentity())]), RequestTable.empty(), builder.build()])
    assert [DocumentFailure(1, 3, "no prompt")] == whole.failures
    assert ["a", "b"] == whole.task_names


def test_choices_of_a_question_share_one_prompt_text() -> None:
    prompt = Prompt(text="a long question")
    choices = [DocumentRequest(Kind.LOGLIKELIHOOD, slot, prompt, text) for slot, text in enumerate("AB")]
    table = build("a", [(choices, MediaIdentity()), (choices, MediaIdentity())])
    assert len(set(table.prompt[:2].tolist())) == 1
    assert table.continuation[:2].tolist() == table.continuation[2:].tolist()


def test_broken_unicode_of_plain_prompts_survives(tmp_path: Path) -> None:
    table = build("a", [([one("half \ud800 pair", continuation="\udfff")], MediaIdentity())])
    table.save(tmp_path / "t")
    row = RequestTable.load(tmp_path / "t").row(0)
    assert row.prompt.text == "half \ud800 pair"
    assert row.continuation == "\udfff"


def test_a_loaded_table_is_a_view_of_the_file(tmp_path: Path) -> None:
    build("a", [([one()], MediaIdentity())]).save(tmp_path / "t")
    loaded = RequestTable.load(tmp_path / "t")
    base: Any = loaded.doc
    while isinstance(base, np.ndarray) and base.base is not None:
        base = base.base
    assert "mmap" in type(base).__name__


def test_torch_tensors_share_memory_with_the_table_and_never_write_to_its_file(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    build("a", [([one()], MediaIdentity())]).save(tmp_path / "t")
    loaded = RequestTable.load(tmp_path / "t")
    tensors = loaded.torch()
    assert all(list(getattr(loaded, name).shape) == list(tensor.shape) for name, tensor in tensors.items())
    tensors["doc"][0] = 42
    assert loaded.doc[0] == 42
    assert RequestTable.load(tmp_path / "t").doc[0] == 0


@given(st.data())
@settings(max_examples=60)
def test_a_damaged_file_is_a_cache_error_or_still_a_table(data: st.DataObject) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "t"
        build("a", [([one()], MediaIdentity())]).save(path)
        damaged = bytearray(path.read_bytes())
        position = data.draw(st.integers(0, len(damaged) - 1))
        if data.draw(st.booleans()):
            del damaged[position:]
        else:
            damaged[position] = data.draw(st.integers(0, 255))
        path.write_bytes(damaged)
        try:
            RequestTable.load(path)
        except CacheError as error:
            assert "delete it" in str(error)  # noqa: PT017 - both outcomes are right


# Compiling.


class Quiz:
    """As much of a task as the compiler asks for; document 1 has no question, and document 2 breaks half-way."""

    name = "quiz"
    docs: tuple[dict[str, str], ...] = ({"question": "1 + 1?"}, {}, {"question": "bad \ud800"}, {"question": "2 + 2?"})

    def document_requests(self, doc_id: int, doc: dict[str, str], options: PromptOptions) -> list[DocumentRequest]:
        """Returns two choices, the second as messages, which cannot hold broken text."""
        question = doc["question"]
        return [
            one(question),
            one(slot=1, prompt=Prompt(messages=[user_message(question, with_visuals=False)])),
        ]

    def prompt_media_identity(self, doc_id: int, doc: dict[str, str], options: PromptOptions) -> MediaIdentity:
        """Returns none."""
        return MediaIdentity()


def test_a_document_that_makes_no_prompt_costs_a_failure_and_leaves_no_rows() -> None:
    table = compile_requests(cast("Task", Quiz()), range(4), PromptOptions())
    assert [0, 0, 3, 3] == table.doc.tolist()
    assert [1, 2] == [failure.doc_id for failure in table.failures]
    assert table.failures[0].reason == "KeyError: 'question'"


def test_a_table_of_failures_only_can_be_saved(tmp_path: Path) -> None:
    table = compile_requests(cast("Task", Quiz()), [1, 2], PromptOptions())
    table.save(tmp_path / "t")
    assert table.failures == RequestTable.load(tmp_path / "t").failures


def test_a_failure_that_quotes_broken_text_can_be_saved(tmp_path: Path) -> None:
    broken = SimpleNamespace(
        name="broken", docs=({},), document_requests=lambda *_: [][int("\ud800")], prompt_media_identity=lambda *_: None
    )
    table = compile_requests(cast("Task", broken), [0], PromptOptions())
    table.save(tmp_path / "t")
    assert len(RequestTable.load(tmp_path / "t").failures) == 1


# Digests.

parts = st.fixed_dictionaries(
    {
        "kind": st.sampled_from([Kind.GENERATE_UNTIL, Kind.LOGLIKELIHOOD, Kind.LOGLIKELIHOOD_ROLLING]),
        "is_chat": st.booleans(),
        "prompt": st.binary(max_size=6),
        "continuation": st.none() | st.binary(max_size=6),
        "media": st.sampled_from([b"", b"k" * 16, b"l" * 16]),
    }
)


@given(parts, parts)
def test_digests_are_equal_exactly_where_all_parts_are(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert (first == second) == (row_digest(**first) == row_digest(**second))


def test_bytes_that_move_from_one_part_to_the_next_change_the_digest() -> None:
    moved = {
        row_digest(Kind.LOGLIKELIHOOD, is_chat=False, prompt=prompt, continuation=continuation, media=b"")
        for prompt, continuation in ((b"ab", b""), (b"b", b"a"), (b"", b"ab"), (b"ab", None))
    }
    assert len(moved) == 4


def test_later_rounds_of_a_dialog_are_asked_as_plain_generation() -> None:
    rest: dict[str, Any] = {"is_chat": True, "prompt": b"p", "continuation": None, "media": b""}
    assert row_digest(Kind.GENERATE_UNTIL, **rest) == row_digest(Kind.GENERATE_UNTIL_MULTI_ROUND, **rest)


def test_digests_know_neither_task_nor_document_nor_slot() -> None:
    first = build("a", [([one("same")], MediaIdentity())])
    second = build("b", [([one("other")], MediaIdentity()), ([one("same", slot=3)], MediaIdentity())])
    assert first.digest[0].tobytes() == second.digest[1].tobytes()


def test_media_are_part_of_the_digest_of_messages_and_not_of_plain_prompts() -> None:
    chat = one(prompt=Prompt(messages=[user_message("What?", with_visuals=True)]))
    for request, count in ((chat, 2), (one("What?"), 1)):
        table = build("a", [([request], MediaIdentity(key)) for key in (b"k" * 16, b"l" * 16)])
        assert count == len({row.tobytes() for row in table.digest})


# Limits and shards.


@pytest.mark.parametrize(
    ("limit", "count", "expected"),
    [
        (None, 10, None),
        (0, 10, None),
        (3, 10, 3),
        (8.0, 10, 8),
        (0.5, 9, 5),
        (0.07, 100, 7),  # 7.000000000000001 in floating point
        (0.07, 101, 8),
        (0.001, 10, 1),
    ],
)
def test_limits_below_one_are_shares_rounded_up(limit: float | None, count: int, expected: int | None) -> None:
    assert expected == effective_limit(limit, count)


@pytest.mark.parametrize("limit", [-1, -0.1, float("inf"), float("nan")])
def test_limits_that_mean_nothing_are_refused(limit: float) -> None:
    with pytest.raises(UsageError, match="--limit must be a number from 0 up"):
        effective_limit(limit, 10)


@given(
    st.integers(0, 40), st.none() | st.integers(0, 50) | st.floats(0.01, 0.99), st.integers(0, 50), st.integers(1, 5)
)
def test_shards_are_disjoint_and_cover_what_one_rank_sees(
    count: int, limit: float | None, offset: int, world_size: int
) -> None:
    alone = shard(count, limit=limit, offset=offset)
    shards = [
        list(shard(count, limit=limit, offset=offset, rank=rank, world_size=world_size)) for rank in range(world_size)
    ]
    assert list(alone) == sorted(doc for part in shards for doc in part)
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


def test_offset_and_limit_come_before_sharding() -> None:
    assert [3, 5] == list(shard(10, limit=4, offset=2, rank=1, world_size=2))


@pytest.mark.parametrize(("rank", "world_size"), [(2, 2), (-1, 2), (0, 0)])
def test_a_rank_that_does_not_exist_is_refused(rank: int, world_size: int) -> None:
    with pytest.raises(UsageError, match="does not exist"):
        shard(10, rank=rank, world_size=world_size)


def test_a_negative_offset_is_refused() -> None:
    with pytest.raises(UsageError, match="--offset"):
        shard(10, offset=-1)
