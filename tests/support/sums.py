"""A benchmark of sums in two turns, and the model that tests have answer it."""

from __future__ import annotations

from evobuild.core.chat import Sampling
from evobuild.core.uri import ChatModel
from evobuild.evaluation.benchmark import Benchmark, Check, Item, ModelRequest, Scored, Settings, user_chat

MODEL = ChatModel("openai", "tiny")


class Sums(Benchmark[Settings]):
    """Asks for a sum, then for its double; wants both."""

    count = 4

    def read_items(self):
        return [Item(f"i{number}", "sums", {"wanted": number * 2}) for number in range(self.count)]

    def next_requests(self, item, replies):
        if len(replies) == 2:
            return ()
        turn = ("once", "twice")[len(replies)]
        return (ModelRequest(user_chat(f"{item.id} {turn}"), Sampling()),)

    def score_items(self, answers, tools):
        for answer in answers:
            for part, (ask, reply) in enumerate(zip(answer.asks, answer.replies, strict=True), 1):
                right = float(reply.text == str(answer.item.content["wanted"] * part))
                check = (Check("right", right),)
                yield Scored(answer.item, ask.messages[-1].content, reply.text, right, check, part)
