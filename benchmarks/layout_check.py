"""Whether the files of `--layout lm-eval` and `--layout lmms-eval` load in those projects' own readers.

`python -m benchmarks.layout_check` makes an environment for each of them with pip (`--environments DIR` keeps them),
evaluates with fasteval and lets their code read what it wrote:

- lm-eval: `make_table`, the names' readers, the metadata card, `EvaluationTracker`, and `datasets` on the samples; and
  an evaluation of the same tasks by lm-eval itself has the same keys, hashes and scores.
- lmms-eval: the reader behind `--baseline` finds each document's score, and the results beside the samples.

Exit code 1 if one of them does not.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.peers import PEERS, make_environment

READERS = Path(__file__).parent / "layout_readers"
LMMS_EVAL, LM_EVAL = PEERS
#: What the baseline reader imports; the whole of lmms-eval would bring torch and half a hundred packages more.
LMMS_EVAL_READER_NEEDS = ("loguru", "numpy")
DEMO_TASKS = ("easy_vqa", "easy_vqa_choices", "easy_vqa_mme")

MODEL = """
import fasteval


class Same(fasteval.LMM):
    def generate_until(self, requests):
        return ["Paris" for _ in requests]

    def loglikelihood(self, requests):
        return [(-float(len(request.args[1])), False) for request in requests]
"""
CAPITALS = """
task: capitals
dataset_path: json
dataset_kwargs: {{data_files: {{test: "{folder}/capitals.jsonl"}}}}
test_split: test
output_type: generate_until
doc_to_text: "Question: What is the capital of {{{{country}}}}?\\nAnswer:"
doc_to_target: capital
generation_kwargs: {{until: ["\\n"], max_gen_toks: 8}}
metric_list: [{{metric: exact_match, aggregation: mean, higher_is_better: true}}]
metadata: {{version: 1.0}}
"""
RIVERS = """
task: {task}
dataset_path: json
dataset_kwargs: {{data_files: {{test: "{folder}/rivers.jsonl"}}}}
test_split: test
output_type: multiple_choice
doc_to_text: "The {{{{river}}}} flows into"
doc_to_choice: seas
doc_to_target: sea
metric_list: [{{metric: acc, aggregation: mean, higher_is_better: true}}]
metadata: {{version: 1.0}}
"""
GROUP = """
group: geography
task: [rivers, streams]
aggregate_metric_list: [{metric: acc, aggregation: mean, weight_by_size: true}]
metadata: {version: 1.0}
"""


def main() -> int:
    """Runs both checks; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--environments", type=Path, help="folder for the environments (default: a temporary one)")
    parser.add_argument("--limit", type=int, default=60, help="documents a task of the demo's run")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        environments = options.environments or work / "environments"
        problems = check_lm_eval(work, environments, options.limit) + check_lmms_eval(work, environments, options.limit)
    for problem in problems:
        print(f"PROBLEM {problem}")
    return 1 if problems else 0


def check_lm_eval(work: Path, environments: Path, limit: int) -> list[str]:
    """Returns what lm-eval's readers do not read, and where our files differ from lm-eval's own."""
    python = make_environment(environments / LM_EVAL.name, [LM_EVAL.requirement])
    problems: list[str] = []
    for name, folder in {"demo": _run_demo("lm-eval", work, limit), "text": _run_text("lm-eval", work)}.items():
        found = _read(python, "lm_eval_reader.py", folder)
        print(f"{LM_EVAL.requirement}, {name}: {found['results_file']}\n{found['table']}\n{found['groups_table']}")
        tasks = list(DEMO_TASKS) if name == "demo" else ["capitals", "rivers", "streams"]
        problems += [f"{name}: read tasks {found['tasks']}, wrote {tasks}"] if found["tasks"] != sorted(tasks) else []
        problems += [f"{name}: {task} is not in the table" for task in tasks if task not in found["table"]]
        problems += [f"{name}: {task} is not in the card" for task in tasks if task not in found["card"]]
        problems += [f"{name}: {task} has {rows} rows" for task, rows in found["rows"].items() if rows == 0]
    command = [str(python), str(READERS / "lm_eval_run.py"), f"{work}/tasks", "capitals,geography", f"{work}/theirs"]
    subprocess.run(command, check=True, stdout=sys.stderr)
    return problems + _differences(work / "theirs", work / "text-lm-eval")


def _differences(theirs: Path, ours: Path) -> list[str]:
    """Returns where our results and samples of the same evaluation differ from lm-eval's."""
    problems: list[str] = []
    their_results, our_results = _results(theirs), _results(ours)
    missing = their_results.keys() - our_results.keys()
    # Facts of the machine and of a tokenizer in this process, which nothing reads.
    missing -= {"pretty_env_info", "lm_eval_version", "upper_git_hash", "eot_token_id", "max_length"}
    missing -= {key for key in missing if key.startswith("tokenizer_")}
    problems += [f"results have no {key}" for key in sorted(missing)]
    for task, entry in their_results["results"].items():
        for key, value in entry.items():
            our_value = our_results["results"].get(task, {}).get(key)
            if "_stderr" not in key and our_value != value:
                problems.append(f"results of {task}: {key} is {our_value}, lm-eval has {value}")
    for task in their_results["configs"]:
        for their_line, our_line in zip(_samples(theirs, task), _samples(ours, task), strict=True):
            differing = [key for key, value in their_line.items() if our_line.get(key) != value and key != "arguments"]
            problems += [f"{task}: {key} is {our_line.get(key)}, lm-eval has {their_line[key]}" for key in differing]
            if their_line["arguments"].keys() != our_line["arguments"].keys():
                problems.append(f"{task}: other arguments: {our_line['arguments']}, {their_line['arguments']}")
    print(f"compared with lm-eval's own files: {len(problems)} differences")
    return problems


def check_lmms_eval(work: Path, environments: Path, limit: int) -> list[str]:
    """Returns what lmms-eval's baseline reader does not read."""
    python = make_environment(environments / LMMS_EVAL.name, LMMS_EVAL_READER_NEEDS)
    command = [str(python), "-m", "pip", "install", "--quiet", "--no-deps", LMMS_EVAL.requirement]
    subprocess.run(command, check=True, stdout=sys.stderr)
    folder = _run_demo("lmms-eval", work, limit)
    found = _read(python, "lmms_eval_reader.py", folder)
    problems: list[str] = []
    for task in DEMO_TASKS:
        scores = found[task]["scores"]
        mean = sum(scores.values()) / max(len(scores), 1)
        print(f"{LMMS_EVAL.requirement}, --baseline {found[task]['name']}: {len(scores)} scores, mean {mean:.4f}")
        problems += [f"{task}: {len(scores)} of {limit} scores"] if len(scores) != limit else []
        problems += [f"{task}: no results beside the samples"] if task not in found[task]["results"] else []
    return problems


def _run_demo(layout: str, work: Path, limit: int) -> Path:
    """Evaluates the demo model on vLLM; the second layout's answers come from the first one's cache."""
    output = work / f"demo-{layout}"
    _fasteval(
        "--model", "demo", "--tasks", ",".join(DEMO_TASKS), "--limit", str(limit), "--bootstrap_iters", "100",
        "--use_cache", str(work / "cache"), "--layout", layout, "--output_path", str(output),
    )  # fmt: skip
    return output


def _run_text(layout: str, work: Path) -> Path:
    """Evaluates small text tasks with a model that always says the same."""
    folder = work / "tasks"
    folder.mkdir(exist_ok=True)
    capitals = [{"country": "France", "capital": "Paris"}, {"country": "Österreich", "capital": "Wien"}]
    rivers = [
        {"river": "Elbe", "seas": ["North Sea", "Baltic"], "sea": 0},
        {"river": "Po", "seas": ["Aral Sea", "Adriatic"], "sea": 1},
    ]
    for name, docs in (("capitals", capitals), ("rivers", rivers)):
        lines = "".join(json.dumps(doc, ensure_ascii=False) + "\n" for doc in docs)
        (folder / f"{name}.jsonl").write_text(lines, "utf-8")
    (folder / "capitals.yaml").write_text(CAPITALS.format(folder=folder), "utf-8")
    for task in ("rivers", "streams"):
        (folder / f"{task}.yaml").write_text(RIVERS.format(folder=folder, task=task), "utf-8")
    (folder / "geography.yaml").write_text(GROUP, "utf-8")
    (work / "same.py").write_text(MODEL, "utf-8")
    output = work / f"text-{layout}"
    _fasteval(
        "--model", f"{work}/same.py:Same", "--tasks", "capitals,geography", "--include_path", str(folder),
        "--bootstrap_iters", "0", "--layout", layout, "--output_path", str(output),
    )  # fmt: skip
    return output


def _fasteval(*words: str) -> None:
    subprocess.run([sys.executable, "-m", "fasteval", *words], check=True, stdout=sys.stderr)


def _read(python: Path, reader: str, folder: Path) -> Any:
    """Returns what a reader found in a folder of results."""
    run = subprocess.run([str(python), str(READERS / reader), str(folder)], check=True, capture_output=True, text=True)
    return json.loads(run.stdout.splitlines()[-1])


def _results(folder: Path) -> Any:
    (path,) = folder.glob("*/results_*.json")
    return json.loads(path.read_text("utf-8"))


def _samples(folder: Path, task: str) -> list[dict[str, Any]]:
    (path,) = folder.glob(f"*/samples_{task}_*.jsonl")
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


if __name__ == "__main__":
    raise SystemExit(main())
