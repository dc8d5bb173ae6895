def load(size: int = 6):
    def docs(start):
        return [{"a": a, "b": 1, "sum": str(a + 1), "note": "n"} for a in range(start, start + size)]

    return {"test": docs(0), "train": docs(100)}
