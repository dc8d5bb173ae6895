"""A program: tasks with pictures, dialogs, clips and sounds on tiny checkpoints of several architectures, on real vLLM.

`python -m tests.architectures FOLDER OUTPUT`: makes the checkpoints in FOLDER, runs each task on each checkpoint that
takes its media, and writes what came of it to OUTPUT as JSON. All in one process: vLLM is imported once.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.plain_scoring import restart_in_host_environment

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from fasteval.api.prompt import Prompt
    from fasteval.api.request import Completion, EngineRequest
    from fasteval.models.engine import Capabilities

TASKS = Path(__file__).parent / "data" / "media_tasks"
OF_PICTURES = ("media_shots", "media_choices", "media_messages", "media_rounds")
OF_OTHERS = {"video": "media_clips", "audio": "media_sounds"}
FRAMES = 4


class LocalEngine:
    """vLLM in this process, as an engine."""

    is_ready = True

    def __init__(self, checkpoint: Path) -> None:
        """Loads the checkpoint."""
        from fasteval.media import FrameChoice
        from fasteval.models.checkpoint.chat_template import ChatTemplate
        from fasteval.models.engine_config import EngineConfig
        from fasteval.models.host.engine import HostEngine
        from fasteval.models.host.media_decoder import MediaDecoder
        from fasteval.models.vllm.backend import VLLMBackend

        template = ChatTemplate.of_checkpoint(checkpoint)
        assert template is not None
        arguments = {"max_num_seqs": 8, "kv_cache_memory_bytes": 32 << 20}
        config = EngineConfig("vllm", checkpoint, arguments, "float32", max_model_len=2048, frames=FrameChoice(FRAMES))
        self._front = HostEngine(config, render=template.render)  # never started: it converts requests
        self._decoder, self._backend = MediaDecoder(threads=1), VLLMBackend(config)
        self._refused: list[Completion] = []
        #: The most requests that were in hand together, and the texts of all.
        self.most, self.texts = 0, list[str]()

    def fingerprint(self) -> str:
        return "local"

    def identity(self) -> dict[str, Any]:
        return {}

    def capabilities(self) -> Capabilities:
        return self._front.capabilities()

    def render(self, prompt: Prompt) -> str:
        return self._front.render(prompt)

    def start(self) -> None:
        pass

    def submit(self, requests: Sequence[EngineRequest]) -> None:
        from fasteval.api.request import Completion
        from fasteval.errors import RequestError

        for request in requests:
            asked = self._front._convert(request)
            self.texts.append(asked.text)
            try:
                decoded = self._decoder.decode(asked.media)
                self._refused += self._backend.add([asked], decoded)
            except RequestError as error:
                self._refused.append(Completion(asked.row, error=str(error)))
        self.most = max(self.most, self._backend.unfinished)

    def poll(self, timeout: float) -> list[Completion]:
        refused, self._refused = self._refused, []
        return refused + self._backend.step()

    def cancel(self, rows: Iterable[int]) -> None:
        pass

    def counters(self) -> dict[str, float]:
        decoded = {f"{kind}s_decoded": float(count) for kind, count in self._decoder.decoded.items()}
        return self._backend.counters() | decoded

    def reset_caches(self) -> None:
        self._backend.reset_caches()

    def close(self) -> None:
        pass

    def shut_down(self) -> None:
        self._decoder.close()
        self._backend.close()


def run(engine: Any, task: str) -> dict[str, Any]:
    """Returns what a run over a task gave: errors, answers, prompts, and what was counted."""
    import fasteval

    engine.most, engine.texts = 0, []
    before = engine.counters()
    results = fasteval.evaluate(engine, task, include_path=[str(TASKS)], no_cache=True, bootstrap_iters=0)
    documents = results.tasks[task].documents
    grown = {name: value - before.get(name, 0.0) for name, value in engine.counters().items()}
    return {
        "errors": [document.error for document in documents],
        "answers": [document.samples[0].resps for document in documents],
        "texts": engine.texts,
        "most": engine.most,
        "counters": grown,
    }


def main(folder: Path, output: Path) -> None:
    """Writes the results."""
    from fasteval.models.checkpoint.modalities import checkpoint_media
    from fasteval.models.torchvision_repair import repair_torchvision

    repair_torchvision()
    from tests.checkpoints import copy_demo
    from tests.media_files import video
    from tests.tiny_checkpoints import MAKERS

    os.environ["FASTEVAL_TEST_CLIPS"] = str(folder)
    for number in range(2):
        (folder / f"{number}.mp4").write_bytes(video(12 + number, size=(56, 56)))
    found: dict[str, Any] = {}
    for name, make in {"Qwen2VLForConditionalGeneration": copy_demo, **MAKERS}.items():
        checkpoint = make(folder / name)
        takes = checkpoint_media(checkpoint)
        engine = LocalEngine(checkpoint)
        tasks = [*(OF_PICTURES if "image" in takes else ()), *(OF_OTHERS[kind] for kind in OF_OTHERS if kind in takes)]
        found[name] = {"loaded_kinds": sorted(engine._backend._media.kinds), "known_kinds": sorted(takes)}
        found[name] |= {task: run(engine, task) for task in tasks}
        engine.shut_down()
    output.write_text(json.dumps(found))


if __name__ == "__main__":
    restart_in_host_environment()
    main(Path(sys.argv[1]), Path(sys.argv[2]))
