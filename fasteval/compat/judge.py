"""`lmms_eval.llm_judge`: the classes that judge tasks fill in. Whatever server they name, the run's judge is asked."""

from __future__ import annotations

import base64
import io
from dataclasses import dataclass, field
from typing import Any

from PIL import Image

from fasteval.errors import JudgeError
from fasteval.judging import ask_judge
from fasteval.judging.verdicts import (
    binary_prompt,
    comparative_prompt,
    read_binary,
    read_comparative,
    read_rubric,
    rubric_prompt,
)

__all__ = ["JudgeServer", "Request", "Response", "ServerConfig", "ServerInterface", "get_server"]


@dataclass
class ServerConfig:
    """How the judge is asked; the fields are lmms-eval's. Which judge it is, and how insistently, the run says.

    Attributes:
        model_name: the judge that the task was written for; has no effect.
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
    """Asks the run's judge. One that fails raises `JudgeError`, and its document has no score whoever catches it."""

    def __init__(self, config: ServerConfig | None = None) -> None:
        """Keeps the configuration."""
        self.config = config or ServerConfig(model_name="gpt-4")

    def is_available(self) -> bool:
        """Returns True: whether there is a judge shows when it is asked."""
        return True

    def evaluate(self, request: Request) -> Response:
        """Returns the judge's words.

        Raises:
            JudgeError: there are none.
        """
        config = request.config or self.config
        messages, images = _plain(request.messages)
        if config.system_prompt and all(message["role"] != "system" for message in messages):
            messages.insert(0, {"role": "system", "content": config.system_prompt})
        options = {"temperature": config.temperature, "max_new_tokens": config.max_tokens}
        if config.top_p is not None:
            options["top_p"] = config.top_p
        judgement = ask_judge(messages, options, [*images, *map(_image, request.images or ())])
        tokens = {"prompt_tokens": judgement.prompt_tokens, "completion_tokens": judgement.output_tokens}
        return Response(judgement.text, config.model_name, usage=tokens)

    def evaluate_binary(
        self,
        question: str,
        answer: str,
        prediction: str,
        output_format: str = "0/1",
        custom_prompt: str | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Returns under `result` whether the answer is right: 1 or 0, or True or False for "yes/no"."""
        is_digit = output_format in ("0/1", "1/0")
        words = ("1", "0") if is_digit else ("Yes", "No")
        prompt = binary_prompt(question, answer, prediction, words)
        if custom_prompt:
            prompt = custom_prompt.format(
                question=question, answer=answer, pred=prediction, prediction=prediction, **kwargs
            )
        response = self._ask(prompt)
        is_right = read_binary(response.content, words)
        return self._result(prompt, response, result=int(is_right) if is_digit else is_right)

    def evaluate_comparative(
        self,
        question: str,
        response1: str,
        response2: str,
        context: str | None = None,
        score_range: tuple[int, int] = (1, 10),
        custom_prompt: str | None = None,
        images: list[Any] | None = None,
        evaluation_instruction: str | None = None,
        **kwargs: Any,
    ) -> dict[str, Any]:
        """Returns under `scores` those of both answers."""
        prompt = comparative_prompt(
            question,
            response1,
            response2,
            context=context,
            score_range=score_range,
            instruction=evaluation_instruction,
        )
        if custom_prompt:
            prompt = custom_prompt.format(
                question=question, response1=response1, response2=response2, context=context or "", **kwargs
            )
        response = self._ask(prompt, images)
        return self._result(prompt, response, scores=read_comparative(response.content))

    def evaluate_with_rubric(
        self,
        question: str,
        prediction: str,
        rubric: dict[str, Any],
        **kwargs: Any,  # noqa: ARG002 - theirs are not used either
    ) -> dict[str, Any]:
        """Returns under `scores` the judge's JSON object."""
        prompt = rubric_prompt(question, prediction, rubric)
        response = self._ask(prompt)
        return self._result(prompt, response, scores=read_rubric(response.content))

    def _ask(self, prompt: str, images: list[Any] | None = None) -> Response:
        return self.evaluate(Request(messages=[{"role": "user", "content": prompt}], images=images))

    def _result(self, prompt: str, response: Response, **result: Any) -> dict[str, Any]:
        shown = {"raw_response": response.content, "model": response.model_used, "prompt": prompt, "success": True}
        return result | shown


ServerInterface = JudgeServer


def get_server(server_name: str, config: ServerConfig | None = None) -> JudgeServer:  # noqa: ARG001 - theirs
    """Returns the run's judge, whichever provider `server_name` is."""
    return JudgeServer(config)


def _plain(messages: list[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[Image.Image]]:
    """Returns the messages with their texts, and the images that stood in them."""
    plain, images = [], []
    for message in messages:
        content = message["content"]
        parts: list[dict[str, Any]] = content
        if isinstance(content, str):
            parts = [{"type": "text", "text": content}]
        images += [_image(part["image_url"]["url"]) for part in parts if part["type"] == "image_url"]
        texts = [part["text"] for part in parts if part["type"] == "text"]
        plain.append({"role": message["role"], "content": "\n".join(texts)})
    return plain, images


def _image(image: Any) -> Image.Image:
    """Returns an image from a path, base64 (with or without `data:` before it), bytes, or as it is."""
    if isinstance(image, Image.Image):
        return image
    try:
        if isinstance(image, str) and not image.startswith("data:"):
            try:
                return Image.open(image)
            except OSError:  # not a file: base64, then
                image = f"data:,{image}"
        data = base64.b64decode(image.partition(",")[2]) if isinstance(image, str) else image
        return Image.open(io.BytesIO(data))
    except (OSError, ValueError, TypeError) as error:
        raise JudgeError(f"an image for the judge cannot be read: {error}") from error
