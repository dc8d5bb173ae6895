"""Documents with pictures, clips and sounds; the clips' files are named by the environment."""

import os

import numpy as np
from PIL import Image

ROUNDS = 3


def picture(shade):
    return Image.new("RGB", (56, 56), (shade, 255 - shade, 90))


def load():
    docs = [{"question": f"what is {n}?", "answer": "yes", "picture": picture(40 * n), "number": n} for n in range(6)]
    return {"train": docs[:2], "test": docs[2:]}


def clips():
    folder = os.environ["FASTEVAL_TEST_CLIPS"]
    return {"test": [{"question": f"{n}?", "answer": "yes", "clip": f"{folder}/{n % 2}.mp4"} for n in range(3)]}


def sounds():
    waves = [np.sin(np.arange(8000) * (0.05 + 0.02 * n)).astype(np.float32) for n in range(3)]
    return {
        "test": [
            {"question": f"{n}?", "answer": "yes", "sound": {"array": wave, "sampling_rate": 8000}}
            for n, wave in enumerate(waves)
        ]
    }


def talk(doc, round_idx=0, previous_output=None, previous_round_info=None):
    """Asks three times, each time with a picture of the round's own, and says what was answered before."""
    if round_idx == 0:
        return f"first {doc['question']}"
    if round_idx == ROUNDS:
        return None, None, True, previous_output, None
    shown = [picture(10 * doc["number"] + 80 * round_idx)]
    return shown, f"{previous_output[-1]} and round {round_idx}?", False, previous_output, None


def messages(doc):
    parts = [{"type": "image", "url": doc["picture"]}, {"type": "text", "text": "before "}]
    content = [*parts, {"type": "image", "url": picture(7)}, {"type": "text", "text": doc["question"]}]
    return [{"role": "system", "content": "Be brief."}, {"role": "user", "content": content}]


def visual(doc):
    return [doc["picture"].convert("RGB")]
