"""`lmms_eval.llm_judge`: the classes that judge tasks fill in. No judge is asked: the server refuses its use."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from fasteval.compat.missing import refuse

__all__ = ["JudgeServer", "Request", "Response", "ServerConfig", "ServerInterface", "get_server"]

_REASON = "models that judge answers cannot be asked by this version"


@dataclass
class ServerConfig:
    """Which judge is asked, and how; the fields are lmms-eval's.

    Attributes:
        model_name: the judge.
        temperature: of its sampling.
        max_tokens: length of its answers.
        top_p: of its sampling; None leaves it to the server.
        timeout: seconds for an answer.
        num_retries: attempts.
        retry_delay: seconds between them.
        max_concurrent: requests at a time.
        system_prompt: text of a system turn.
        response_format: "json" or "text".
        judge_type: "general", "binary", "score" or "comparative".
        output_format: of a binary judge, "0/1" or "yes/no".
        score_range: least and greatest score.
        evaluation_criteria: what the judge looks at.
    """

    model_name: str
    temperature: float = 0.0
    max_tokens: int = 1024
    top_p: float | None = None
    timeout: int = 60
    num_retries: int = 5
    retry_delay: float = 10
    max_concurrent: int = 10
    system_prompt: str | None = None
    response_format: str | None = None
    judge_type: str = "general"
    output_format: str | None = None
    score_range: tuple[float, float] | None = None
    evaluation_criteria: dict[str, Any] | None = None


@dataclass
class Request:
    """What a judge is asked; the fields are lmms-eval's.

    Attributes:
        messages: chat messages.
        images: images, paths or bytes.
        config: how the judge is asked.
        question: the question that was answered.
        answer: the right answer.
        prediction: the model's answer.
        context: anything else the judge needs to know.
        options: the question's options.
        response1: the first of two answers.
        response2: the second.
        custom_prompt: the judge's prompt.
        prompt_kwargs: what is filled into it.
    """

    messages: list[dict[str, Any]]
    images: list[Any] | None = None
    config: ServerConfig | None = None
    question: str | None = None
    answer: str | None = None
    prediction: str | None = None
    context: str | None = None
    options: list[str] | None = None
    response1: str | None = None
    response2: str | None = None
    custom_prompt: str | None = None
    prompt_kwargs: dict[str, Any] = field(default_factory=dict)


@dataclass
class Response:
    """What a judge answered; the fields are lmms-eval's.

    Attributes:
        content: its text.
        model_used: the judge.
        usage: numbers of tokens.
        raw_response: the server's answer.
        parsed_result: what was read from the text.
        success: whether there was an answer.
        error_message: why not.
    """

    content: str
    model_used: str
    usage: dict[str, int] | None = None
    raw_response: Any = None
    parsed_result: Any = None
    success: bool = True
    error_message: str | None = None


class JudgeServer:
    """A judge that can be set up and asked whether it is there; asking it for a judgement is refused."""

    def __init__(self, config: ServerConfig | None = None) -> None:
        """Keeps the configuration."""
        self.config = config or ServerConfig(model_name="gpt-4")

    def is_available(self) -> bool:
        """Returns False."""
        return False

    evaluate = staticmethod(refuse("a judge's evaluate", _REASON))
    evaluate_binary = staticmethod(refuse("a judge's evaluate_binary", _REASON))
    evaluate_comparative = staticmethod(refuse("a judge's evaluate_comparative", _REASON))
    evaluate_with_rubric = staticmethod(refuse("a judge's evaluate_with_rubric", _REASON))


ServerInterface = JudgeServer


def get_server(server_name: str, config: ServerConfig | None = None) -> JudgeServer:  # noqa: ARG001 - theirs
    """Returns a judge of the provider `server_name`."""
    return JudgeServer(config)
