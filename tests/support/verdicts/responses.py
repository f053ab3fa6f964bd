"""Responses, written by hand, with the verdict of each set of rules; all differ in kind or wording."""

from __future__ import annotations

from typing import NamedTuple

STAGNANT = "stagnant complexity"
SURE = "insufficient qualification"
LOST = "loss of key information"
SORRY = "sorry"
NOTHING = "stop words only"


class Response(NamedTuple):
    """A response; its failure by the rules auto_evol, and by the rules wizardlm."""

    text: str
    auto_evol: str | None = None
    wizardlm: str | None = None


LONG = "The harbour froze in January and stayed so until the first week of March. "

RESPONSES = [
    # Begins by agreeing, ends by asking.
    Response("Understood. Which topic?", STAGNANT),
    Response("understood, shall I go on?", STAGNANT),
    Response("UNDERSTOOD! May I begin with the first chapter?", STAGNANT),
    Response("Understood: a report in three parts.\n\nShall each part have its own summary?", STAGNANT),
    Response("Thank you! What is next?", STAGNANT),
    Response("THANK YOU. Anything else?", STAGNANT),
    Response("Thank\nyou for the details, is there a deadline?", STAGNANT),
    Response("What would you like me to write about?", STAGNANT),
    Response("What?", STAGNANT, NOTHING),
    Response("What's the budget?", STAGNANT),
    Response("What is 2+2? It is 4, or did you mean 2*2?", STAGNANT),
    Response("That is correct, is there more?", STAGNANT),
    Response("That   is\tcorrect. Would you like a proof?", STAGNANT),
    Response("Great! Which language do you want?", STAGNANT),
    Response("Great,\nI can do this.\n\nWhich one shall it be?", STAGNANT),
    Response("Great – a sonnet.\n- in English?\n- in Italian?", STAGNANT),
    Response("  Great! Ready to start?  \n", STAGNANT),
    Response("Great! Shall we?\t", STAGNANT),
    Response('"Great! Shall we begin?"', STAGNANT),
    Response("**Great!** Shall we begin?", STAGNANT),
    Response("**Great! Shall we continue?**", STAGNANT),
    Response("> Great! Where were we?", STAGNANT),
    Response("## Great\n\nHow long should it be?", STAGNANT),
    Response("`Great, which port?`", STAGNANT),
    Response("「Great! Which verse?」", STAGNANT),
    Response("Great！要从哪里开始？", STAGNANT),
    Response("\u00a0What colour?\u00a0", STAGNANT),
    # Begins with "Sure", ends by asking.
    Response("Sure, which file do you mean?", SURE),
    Response("sure! Could you tell me more?", SURE),
    Response("SURE — HOW MANY ROWS?", SURE),
    Response("Sure?", SURE),
    Response("Sure.\n\nWhat should the story be about?\n", SURE),
    Response("Sure thing! Here is one: is it long enough?", SURE),
    Response("“Sure, which one?”", SURE),
    Response("*Sure*, but for whom?", SURE),
    Response("Sure, 哪一个？", SURE),
    Response("_Sure, when?_", SURE),
    # Asks for what is not there, anywhere.
    Response("Please provide the text.", LOST),
    Response("I can summarise it, but please provide the article first.", LOST),
    Response("There is no table here.\nPLEASE PROVIDE one.", LOST),
    Response("No code is given; please\nprovide it.", LOST),
    Response("Understood. Please provide the list.", LOST),
    Response("To grade the essay I need it. Could you please provide it?", LOST),
    Response("¡Claro! Please provide el texto.", LOST),
    Response("(please  provide a sample)", LOST),
    Response("1. Read the brief.\n2. If it is missing, please provide a link.", LOST),
    Response(LONG * 9 + "\n\nPlease provide the name of the harbour.", LOST),
    # Looks like one of these.
    Response("Can you make sure it works?"),
    Response("What a day."),
    Response("What a day!\nThe rain had stopped."),
    Response("Whatever you like?"),
    Response("Whatsoever it be, is it true?"),
    Response("Greater than which?"),
    Response("Greatly so?"),
    Response("Greatness: what is it?"),
    Response("Surely not?"),
    Response("Surety bonds, or cash?"),
    Response("Understood."),
    Response("Understood? It was hardly even read."),
    Response("Understand this: who pays?"),
    Response("Thank you."),
    Response("Thank yourself?"),
    Response("Thanks, what else?"),
    Response("Great rivers: the Nile, the Amazon."),
    Response("Great question? No, a poor one."),
    Response("Sure, here it is: 42."),
    Response("Sure? Yes, I am sure."),
    Response("That is correct."),
    Response("That is incorrect, is it not?"),
    Response("That's correct, isn't it?"),
    Response("The answer is: what?"),
    Response("He asked: great, is it not?"),
    Response("I understood. Did you?"),
    Response("Is that all?", None, NOTHING),
    Response("Please, provide for your family."),
    Response("Please do provide more light for the plants."),
    Response("The staff provided, pleased to help."),
    Response("Was ist das?"),
    Response("Qué bien, ¿empezamos?"),
    Response("当然，哪一个？"),
    Response("請提供資料。"),
    Response("Конечно, какой файл?"),
    Response("```python\nprint('What?')\n```\nRun it twice."),
    # Short, with "sorry" in it.
    Response("I'm sorry, but I can't help with that.", None, SORRY),
    Response("SORRY. No.", None, SORRY),
    Response("Sorry, which one?", None, SORRY),
    Response("The sorry state of the roads was the mayor's first concern.", None, SORRY),
    Response("As a model I cannot see images.\n\nI am so sorry!", None, SORRY),
    Response("对不起 (sorry)，我不能这样做。" + "这样的请求不合适。" * 8, None, SORRY),
    Response("Sorry? " + "word " * 78, None, SORRY),
    Response("What a pity, sorry?", STAGNANT, SORRY),
    Response("Sorry: " + "word " * 79),
    Response(LONG * 8 + "The captain was sorry."),
    Response("She felt sorrow, not regret."),
    Response("这样" * 80 + "sorry"),
    # Nothing but stop words and punctuation.
    Response("", None, NOTHING),
    Response("?", None, NOTHING),
    Response("...", None, NOTHING),
    Response("\n---\n***\n", None, NOTHING),
    Response("```\n```", None, NOTHING),
    Response("。！？", None, NOTHING),
    Response("It is what it is.", None, NOTHING),
    Response("And then?", None, NOTHING),
    Response("We'll be there, won't we? I can't.", None, None),
    Response("They're the same as those that you've had!", None, NOTHING),
    Response("Yes."),
    Response("No."),
    Response("42"),
    Response("It is so hot."),
    Response("👍"),
    Response("+"),
    Response("的。"),
    Response("は、それです。"),
    Response("a | b\n--|--\n1 | 2"),
]
