"""text: streams words one by one, with the RunPod SDK as it comes from `pip install runpod`.

Input is exactly one of
    {"text": "any words"}     the words of the text, split at white space
    {"words": 20}             that many words of sample text, 1 to 100000
and optionally {"delay_ms": 50}, the pause before each word, 0 to 60000.

Each word is one element of /stream; the result is the list of all words.
"""

import asyncio

import runpod

SAMPLE = (
    "the mill takes what the river brings and grinds it while the town sleeps "
    "so that every morning there is flour and nobody asks how the water found the wheel"
).split()

WORDS_MAX = 100_000
DELAY_MS_MAX = 60_000
FIELDS = ("text", "words", "delay_ms")


def whole_number(data, name, least, most):
    value = data[name]
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise ValueError(f"{name} is {value!r:.60}: use a whole number from {least} to {most}")
    return value


def read_words(data):
    if not isinstance(data, dict):
        raise ValueError('input is not an object: use {"text": "..."} or {"words": 20}')
    for name in data:
        if name not in FIELDS:
            raise ValueError(f"{name!r:.60} is not a known field: use {', '.join(FIELDS)}")
    if ("text" in data) == ("words" in data):
        raise ValueError("give exactly one of text and words")
    if "words" in data:
        count = whole_number(data, "words", 1, WORDS_MAX)
        return [SAMPLE[i % len(SAMPLE)] for i in range(count)]
    if not isinstance(data["text"], str):
        raise ValueError(f"text is {data['text']!r:.60}: use a string")
    words = data["text"].split()
    if len(words) > WORDS_MAX:
        raise ValueError(f"text has {len(words)} words: use at most {WORDS_MAX}")
    return words


async def handler(job):
    """Asynchronous, so that the SDK can cancel it between two words."""
    data = job["input"]
    words = read_words(data)
    delay_ms = whole_number(data, "delay_ms", 0, DELAY_MS_MAX) if "delay_ms" in data else 0
    for word in words:
        await asyncio.sleep(delay_ms / 1000)
        yield word


if __name__ == "__main__":
    runpod.serverless.start({"handler": handler, "return_aggregate_stream": True})
