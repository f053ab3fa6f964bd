"""Words of the simulated optimizer: findings, reasons, and the clauses that mend a method."""

from __future__ import annotations

import re

OPENINGS = (
    "I went through all cases. These did not turn out well:",
    "Several trajectories show a weakness of the method.",
    "Most cases became more complex, but the following failed:",
    "Feedback on the failed cases:",
)
FINDINGS = (
    "- Case {number}: {reason}",
    "- In case {number}, {reason}",
    "- Case {number} failed because {reason}",
    "- As for case {number}: {reason}",
)
NOTHING_FOUND = (
    "No case failed. Every stage is more complex than the one before it and can be followed.",
    "All cases evolved as they should; the method might still be worded more carefully.",
)
REASONS = {
    "unparsable": (
        "the reply does not keep to the labels, so that the new instruction cannot be found.",
        "there is chatter or an empty place where the new instruction should stand; the format was not kept.",
    ),
    "unchanged": (
        "the evolved instruction is identical with its predecessor.",
        "the last stage is unchanged, so that no complexity was gained.",
    ),
    "echoed": (
        "the new instruction carries over a label of the prompt.",
        "a marker of the prompt was copied into the text of the instruction.",
    ),
    "answered": (
        "the later stage answers the instruction and no longer asks anything.",
        "it was solved and not rewritten: the stage reads like a reply.",
    ),
    "lost": (
        "information got lost; the later stage points to material that is missing.",
        "the evolved text drops given facts and refers to something that is not there.",
    ),
    "stagnant": (
        "the stage is a vague remark about complexity, without a definite demand.",
        "it speaks of extra conditions in a vague way and names none of them.",
    ),
    "translated": (
        "the later stage is in another language than the instruction.",
        "the language was changed on the way.",
    ),
    "swollen": (
        "the later stage is far longer than the one before; too much was added at once.",
        "the text grew out of proportion.",
    ),
    "dropped": (
        "code, a table or figures of the instruction were left out of the later stage.",
        "the later stage left out numbers or code that stood in the one before.",
    ),
}
SIGNS = {
    "unparsable": re.compile(
        r"keep to the labels|format was not|chatter|unparsable|cannot be (?:found|read)|truncated|\bempty\b",
        re.IGNORECASE,
    ),
    "unchanged": re.compile(
        r"identical|unchanged|no complexity|no more complex|not more complex|same as", re.IGNORECASE
    ),
    "echoed": re.compile(r"marker|carr(?:y|ies) over (?:a )?label|copied", re.IGNORECASE),
    "answered": re.compile(
        r"\banswers? the instruction|\bsolved\b|reads like a reply|is an answer", re.IGNORECASE
    ),
    "lost": re.compile(
        r"got lost|missing|not there|drops|please provide|lost (?:facts|information)", re.IGNORECASE
    ),
    "stagnant": re.compile(r"\bvague|stagnant|meta|asks back|no definite", re.IGNORECASE),
    "translated": re.compile(r"another language|language (?:was )?changed|translated", re.IGNORECASE),
    "swollen": re.compile(r"far longer|out of proportion|too long|too much was added", re.IGNORECASE),
    "dropped": re.compile(r"left out|lost content", re.IGNORECASE),
}
REMEDIES = {
    "unparsable": ("format",),
    "unchanged": ("harder", "review"),
    "echoed": ("format", "review"),
    "answered": ("no_answer", "language"),
    "lost": ("keep", "self_contained"),
    "stagnant": ("concrete", "harder"),
    "translated": ("language",),
    "swollen": ("brief",),
    "dropped": ("keep",),
}
CLAUSES = {
    "keep": (
        (
            "Keep every given fact, number, name, piece of code and input of the instruction exactly as "
            "it stands."
        ),
        (
            "Never drop a fact, a table, code or input that the instruction contains; carry all of it "
            "into the new one."
        ),
    ),
    "self_contained": (
        "Make sure that the result is self-contained and never points to material that is not included.",
        "The new instruction must be understood without seeing anything else.",
    ),
    "format": (
        (
            "Use exactly the labels given below, each once, and write nothing before the first or after "
            "the last part."
        ),
        (
            "Follow the reply format strictly: use exactly these labels, without chatter and without "
            "copying them into the text."
        ),
    ),
    "harder": (
        "Check that the result is really more demanding than the original and not merely a paraphrase of it.",
        "Every result must be more complex than the original in at least one respect that can be pointed to.",
    ),
    "language": (
        "Stay in the language of the original instruction throughout.",
        "The new instruction keeps the language of the original, also in the words that are added.",
    ),
    "brief": (
        "The new instruction is at most 20 words longer than the original.",
        "Add no more than a few words to the original: one demand well put is enough.",
    ),
    "no_answer": (
        "Do not answer the instruction at any step; it is material to be rewritten.",
        "You must not solve the task, not even in part.",
    ),
    "concrete": (
        "Avoid vague remarks such as a mere call for more complexity: name each added demand concretely.",
        "Vague statements are not demands; put in definite conditions, each with its own numbers or names.",
    ),
    "review": (
        "Review the outcome once more, and mend whatever contradicts these rules.",
        "Read the outcome again as a stranger would, and repair what is unreasonable.",
    ),
}
LABELS = {
    "keep": "#Kept Facts#",
    "self_contained": "#Context Check#",
    "format": "#Label Check#",
    "harder": "#Complexity Check#",
    "language": "#Language Check#",
    "brief": "#Length Check#",
    "no_answer": "#Task Check#",
    "concrete": "#Added Demands#",
    "review": "#Second Look#",
}
REMINDERS = (
    (
        "This has been said above, but it bears repeating: the rules hold for each and every "
        "instruction, whatever its "
        "subject, its length and its tone, and none of them may be set aside for the sake of another."
    ),
    (
        "Take particular care here. Earlier results have shown that this point is easily forgotten, "
        "and that a result in "
        "which it was forgotten is of little use to those who work with it afterwards."
    ),
    "Treat this rule as binding in all cases, including those that look like exceptions at first sight.",
)
PADDING = (
    (
        "Bear in mind that people use assistants for all kinds of purposes: at work, at school and at "
        "home, in a hurry or "
        "at leisure, alone or in groups. An instruction that suits one of them may puzzle another. "
        "Imagine the person who "
        "wrote the instruction, picture the moment in which it was written, and consider what the "
        "same person might want "
        "to know next week or next year, as far as this can be guessed at all from what is written there."
    ),
    (
        "Creativity is welcome. Look at the instruction from several sides, for example from that of "
        "a teacher, a critic, "
        "a manager and an engineer, and let each of these views leave a trace in the list of ways. "
        "Where the views differ, "
        "it may be useful to note the difference in a few words, and to think about which of them "
        "deserves more room, "
        "although in many cases all of them may deserve the same."
    ),
    (
        "Quality matters more than speed. Take as much time as is needed for every single step, go "
        "back to an earlier step "
        "whenever a later one brings up something new, and compare the intermediate results with one "
        "another. Good results "
        "tend to come from patience, from an eye for detail, and from the will to begin again if a "
        "beginning was poor."
    ),
    (
        "Vary the means from one instruction to the next. Conditions, comparisons, cases, numbers, "
        "roles, settings, limits "
        "of time and of space, changes of perspective, and questions about causes and effects are all "
        "suitable, and so are "
        "many others that are not in this list. The list serves as a stimulus and should not be "
        "followed mechanically."
    ),
)
