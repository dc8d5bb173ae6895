def load():
    docs = [{"first": "The cup", "second": "The ball", "end": "rolled.", "answer": 1}]
    return {"validation": docs}


def doc_to_text(doc):
    return doc["answer"]


def doc_to_choice(doc):
    return [doc["first"], doc["second"]]
