"""`ModelSource`: what `--model` and `--model_args` mean, settled before anything heavy is imported."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from fasteval.api.model import LMM
from fasteval.errors import UnknownNameError, UsageError
from fasteval.models.named import NAMED, SYNONYMS, NamedModel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from fasteval.models.checkpoint.chat_template import ChatTemplate
    from fasteval.models.engine import Engine
    from fasteval.models.engine_config import EngineConfig
    from fasteval.models.host.process import Launch
    from fasteval.models.tokens import RequestTokenizer
    from fasteval.models.user import InstanceOf

__all__ = ["ModelSource", "resolve_model", "resolve_tokenizer"]


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A model that was found and is not loaded yet.

    Attributes:
        name: what results are filed under: the checkpoint, or the class.
        prompt_profile: the entry of `lmms_eval_specific_kwargs` that belongs to the model.
        chat_template: text of the template that renders chat prompts, where the front process knows it.
        open: builds the engine; `instance_of(row)` and the documents of the tasks serve models that somebody wrote.
        fingerprint: gives the engine's fingerprint without building it; None where nobody can tell it so.
        host: builds an engine, unsupervised, whose host is started by what it is given; None where there is no host.
        gpus: how many GPUs one engine takes, where it takes any.
        is_borrowed: whether engines only borrow the model: `open` gives further ones around the same object.
        for_requests: gives the source for a run of so many requests, where their number decides how the engine is
            prepared; None where it does not.
    """

    name: str
    prompt_profile: str
    open: Callable[[InstanceOf, Mapping[str, Any]], Engine]
    chat_template: str | None = None
    fingerprint: Callable[[], str] | None = None
    host: Callable[[Launch], Engine] | None = None
    gpus: int = 1
    is_borrowed: bool = False
    for_requests: Callable[[int], ModelSource] | None = None


def resolve_model(
    model: str | LMM | Engine,
    model_args: Mapping[str, Any],
    *,
    cache_folder: Path,
    seed: int = 0,
    trust_remote_code: bool = False,
    heartbeat_timeout: float = 300.0,
    deterministic: bool = False,
) -> ModelSource:
    """Returns the source of a model: a name, `path/to/file.py:Class`, a registered class, or an object.

    Args:
        model: what is asked for.
        model_args: its arguments.
        cache_folder: where the engine keeps what it learns about a checkpoint.
        seed: the engine's, unless the arguments have one.
        trust_remote_code: let a checkpoint bring its own code.
        heartbeat_timeout: seconds without a sign of life until the engine counts as hung.
        deterministic: answers must not depend on what else is in the engine.

    Raises:
        UnknownNameError: no model has the name.
        CheckpointError: the checkpoint is not there.
        UsageError: the arguments do not fit.
    """
    named = NAMED.get(SYNONYMS.get(model, model)) if isinstance(model, str) else None
    if named is not None and named.backend == "replay":
        return _replay(dict(model_args))
    if named is not None and named.backend == "openai":
        return _remote(dict(model_args))
    if named is not None:
        arguments = {"trust_remote_code": True} if trust_remote_code else {}
        return _checkpoint(
            named, arguments | dict(model_args), cache_folder, heartbeat_timeout, seed=seed, deterministic=deterministic
        )
    if deterministic:
        raise UsageError(
            "--deterministic is for checkpoints that fasteval runs itself: what other code batches, it cannot know"
        )
    if isinstance(model, str):
        return _written(_model_class(model), model, dict(model_args))
    if model_args:
        raise UsageError("model_args go with a model's name, not with a model object")
    if isinstance(model, LMM):
        return _of_object(model, type(model).__name__)
    return ModelSource(type(model).__name__, "default", lambda _instance_of, _documents: model, is_borrowed=True)


def resolve_tokenizer(name: str) -> tuple[RequestTokenizer, str]:
    """Returns what renders and tokenizes for a checkpoint, and the prompt profile of a model that has a name.

    Args:
        name: a folder, a name on the Hub, or a model's name; weights are neither needed nor downloaded.

    Raises:
        UsageError: the model's name stands for no checkpoint.
        CheckpointError: there is no tokenizer.
    """
    from fasteval.models.checkpoint.find import find_checkpoint
    from fasteval.models.tokens import RequestTokenizer

    named = NAMED.get(SYNONYMS.get(name, name))
    if named is None:
        return RequestTokenizer(find_checkpoint(name, weights=False)), "default"
    if named.checkpoint is None:
        raise UsageError(f"'{name}' stands for no checkpoint of its own: name the one whose tokenizer is meant")
    return RequestTokenizer(find_checkpoint(named.checkpoint, weights=False)), named.prompt_profile


def _model_class(reference: str) -> type[LMM]:
    from fasteval.api.registry import MODELS
    from fasteval.models.user import load_model_class

    if ".py:" in reference:
        return load_model_class(reference)
    if reference in MODELS:
        return MODELS.get(reference)
    raise UnknownNameError("model", reference, [*NAMED, *SYNONYMS, *MODELS.names()], "see `fasteval models`")


def _written(cls: type[LMM], reference: str, model_args: dict[str, Any]) -> ModelSource:
    """Returns the source of a class that is built only when the tasks are known to be sound."""

    @cache
    def model() -> LMM:
        try:
            return cls(**model_args)
        except TypeError as error:
            raise UsageError(f"--model_args do not fit {cls.__name__}: {error}") from error

    def build(instance_of: InstanceOf, documents: Mapping[str, Any]) -> Engine:
        return _of_object(model(), cls.__name__).open(instance_of, documents)

    return ModelSource(reference.rpartition("/")[2].replace(".py:", "__"), "default", build, is_borrowed=True)


def _of_object(model: LMM, name: str) -> ModelSource:
    def build(instance_of: InstanceOf, documents: Mapping[str, Any]) -> Engine:
        from fasteval.models.user import LMMEngine

        model.task_dict.update(documents)
        return LMMEngine(model, instance_of, batch_size=int(getattr(model, "batch_size", 64) or 64))

    return ModelSource(name, "default", build, is_borrowed=True)


def _checkpoint(
    model: NamedModel,
    model_args: dict[str, Any],
    cache_folder: Path,
    heartbeat_timeout: float,
    *,
    seed: int,
    deterministic: bool,
) -> ModelSource:
    """Returns the source of a checkpoint: its folder is found, its arguments are sound, and nothing is loaded."""
    from fasteval.models.checkpoint.chat_template import ChatTemplate
    from fasteval.models.checkpoint.find import find_checkpoint
    from fasteval.models.vllm.arguments import takes_compile

    pretrained = model_args.pop("pretrained", None) or model_args.pop("model", None) or model.checkpoint
    if pretrained is None:
        raise UsageError(f"--model {model.name} needs --model_args pretrained=<Hub name or folder>")
    _check_values(model_args)
    revision = model_args.pop("revision", None)
    folder = find_checkpoint(str(pretrained), revision=None if revision is None else str(revision))
    override = _chat_template(model_args.pop("chat_template", None))
    template = ChatTemplate.of_checkpoint(folder, override)
    length_decides = model.backend == "vllm" and takes_compile(model_args)
    config = _engine_config(model.backend, folder, model_args, seed=seed, rendering=override or "")
    hosted = _Hosted(
        str(pretrained),
        model.prompt_profile,
        template,
        replace(config, deterministic=deterministic),
        cache_folder,
        heartbeat_timeout,
    )
    return replace(hosted.source(), for_requests=hosted.for_requests if length_decides else None)


@dataclass(frozen=True, slots=True)
class _Hosted:
    """A checkpoint that is run in a host process."""

    name: str
    prompt_profile: str
    template: ChatTemplate | None
    config: EngineConfig
    cache_folder: Path
    heartbeat_timeout: float

    def source(self) -> ModelSource:
        sizes = [self.config.arguments.get(f"{kind}_parallel_size") or 1 for kind in ("tensor", "pipeline")]
        return ModelSource(
            self.name,
            self.prompt_profile,
            self.open,
            chat_template=None if self.template is None else self.template.source,
            fingerprint=self.fingerprint,
            host=self.host,
            gpus=math.prod(_whole_number("parallel size", size) for size in sizes),
        )

    def for_requests(self, requests: int) -> ModelSource:
        from fasteval.models.vllm.arguments import with_compilation

        arguments = with_compilation(self.config.arguments, requests)
        return replace(self, config=replace(self.config, arguments=arguments)).source()

    def open(self, _instance_of: InstanceOf, _documents: Mapping[str, Any]) -> Engine:
        from fasteval.models.host.process import HostProcess
        from fasteval.models.supervised import SupervisedEngine

        return SupervisedEngine(self.host(HostProcess))

    def host(self, launch: Launch) -> Engine:
        from fasteval.models.checkpoint.chat_template import render_prompt
        from fasteval.models.host.engine import HostEngine

        return HostEngine(
            self.config,
            render=partial(render_prompt, self.template),
            cache_folder=self.cache_folder,
            heartbeat_timeout=self.heartbeat_timeout,
            launch=launch,
        )

    def fingerprint(self) -> str:
        from fasteval.models.checkpoint.fingerprint import engine_fingerprint

        return engine_fingerprint(self.config, self.cache_folder)


def _check_values(model_args: dict[str, Any]) -> None:
    """Refuses what cannot be told to another process."""
    for name, value in model_args.items():
        try:
            orjson.dumps({name: value})
        except TypeError as error:
            raise UsageError(f"--model_args {name}: the value cannot be passed on ({error})") from None


def _chat_template(given: Any) -> str | None:
    """Returns the template that the user gave: its text, or the content of the file that it names."""
    if given is None:
        return None
    if not isinstance(given, str):
        raise UsageError(f"--model_args chat_template={given!r} is neither a file nor a template")
    try:
        return Path(given).read_text("utf-8") if Path(given).is_file() else given
    except UnicodeDecodeError:
        raise UsageError(f"--model_args chat_template={given}: the file is no text in UTF-8") from None
    except OSError:  # a template's text makes a poor file name
        return given


def _whole_number(name: str, value: Any) -> int:
    try:
        number = int(value)
    except (TypeError, ValueError, OverflowError):
        raise UsageError(f"--model_args {name}={value!r} is not a whole number") from None
    if not -(2**63) <= number < 2**63:
        raise UsageError(f"--model_args {name}={value!r} is out of range")
    return number


def _engine_config(
    backend: str, folder: Path, model_args: dict[str, Any], *, seed: int, rendering: str
) -> EngineConfig:
    from fasteval.models.engine_config import EngineConfig
    from fasteval.models.vllm.arguments import take_frames, translate_arguments

    arguments = translate_arguments(model_args) if backend == "vllm" else dict(model_args)
    max_model_len = arguments.pop("max_model_len", None)
    frames = take_frames(arguments)
    return EngineConfig(
        backend=backend,
        checkpoint=folder,
        dtype=str(arguments.pop("dtype", "auto")),
        seed=_whole_number("seed", arguments.pop("seed", seed)),
        max_model_len=None if max_model_len is None else _whole_number("max_model_len", max_model_len),
        arguments=arguments,
        rendering=rendering,
        frames=frames,
    )


def _replay(model_args: dict[str, Any]) -> ModelSource:
    import xxhash

    from fasteval.models.replay import ReplayEngine, answers_from_file

    answers = model_args.pop("answers", None)
    if answers is None or model_args:
        raise UsageError("--model replay takes --model_args answers=<JSON lines file>, and nothing else")
    answer = answers_from_file(str(answers))
    fingerprint = f"replay {xxhash.xxh3_128_hexdigest(Path(str(answers)).read_bytes())}"
    return ModelSource(
        "replay",
        "default",
        lambda _i, _d: ReplayEngine(answer, fingerprint=fingerprint),
        fingerprint=lambda: fingerprint,
    )


def _remote(model_args: dict[str, Any]) -> ModelSource:
    from fasteval.models.remote.settings import remote_settings

    settings = remote_settings(model_args)

    def build(_instance_of: InstanceOf, _documents: Mapping[str, Any]) -> Engine:
        from fasteval.models.remote.engine import RemoteEngine

        return RemoteEngine(settings)

    known = None if settings.revision is None else settings.fingerprint
    return ModelSource(settings.model, "default", build, fingerprint=known)
