"""Where the simulated evolver finds brand-new English instructions: tasks, topics and circumstances "
"by domain."""

from __future__ import annotations

from evobuild.simulation.dice import Dice

_CHAT_TASKS = (
    "Explain to {reader} how {topic} works {angle}.",
    "Write a short guide to {topic} for {reader} {angle}.",
    "Draft a letter in which {reader} asks for advice on {topic} {angle}.",
    "Compare two approaches to {topic} {angle}, as you would describe them to {reader}.",
    "Describe the most common mistakes in {topic}, and how {reader} can avoid them {angle}.",
    "Compose a dialogue between two people who disagree about {topic} {angle}, understandable for {reader}.",
    "Outline a workshop on {topic} for {reader} {angle}.",
    "Give {reader} five questions to ask before taking up {topic} {angle}.",
    "Summarise the history of {topic} for {reader}, with a view to what changes {angle}.",
    "Plan a first month of {topic} for {reader} {angle}.",
    "Invent a short fable about {topic} that teaches {reader} something {angle}.",
    "Argue for and against {topic} {angle}, so that {reader} can decide.",
)
_CHAT_TOPICS = (
    "restoring old church organs",
    "keeping native bees",
    "reading tide tables",
    "tuning a hammered dulcimer",
    "mapping caves",
    "binding books by hand",
    "growing lichens for dyes",
    "repairing mechanical clocks",
    "translating sea shanties",
    "foraging for edible seaweed",
    "designing sundials",
    "cataloguing dialect words",
    "judging at dog agility trials",
    "making cheese from sheep's milk",
    "conserving old herbarium sheets",
    "sailing a replica longship",
    "deciphering parish registers",
    "building dry-stone walls",
    "studying owl pellets",
    "organising a puppet festival",
    "weaving with birch bark",
    "running a volunteer weather station",
    "naming newly found asteroids",
    "teaching sign language to hearing children",
    "composing carillon music",
    "recording oral histories",
    "breeding heritage potatoes",
    "preparing fossils",
    "moderating a town meeting",
    "navigating by the stars",
    "carving wooden type for printing",
    "caring for retired racehorses",
    "reviving a nearly lost folk dance",
    "measuring light pollution",
    "curating a museum of everyday tools",
    "writing crossword clues",
    "charting glacier retreat",
    "brewing kvass",
    "rescuing hedgehogs",
    "setting up a seed library",
)
_CHAT_READERS = (
    "a curious beginner",
    "a group of pensioners",
    "a school class of twelve-year-olds",
    "a busy parent",
    "a local councillor",
    "a newcomer from abroad",
    "a sceptical friend",
    "an amateur with some practice",
    "a student of history",
    "a small charity",
)
_CHAT_ANGLES = (
    "on a very small budget",
    "in the middle of winter",
    "without any special equipment",
    "in a crowded city",
    "when time is short",
    "with a team of three volunteers",
    "where experts are hard to reach",
    "in a dry climate",
    "on a remote island",
    "while sharing a single room",
    "after a first failure",
    "for the space of one year",
)
_CODE_TASKS = (
    "Write a {language} function that {action} {data}, and {condition}.",
    "Implement a small {language} class that {action} {data}, and {condition}.",
    "Design a {language} module that {action} {data}; {condition}.",
    "Create a {language} command-line program that {action} {data}, and {condition}.",
)
_CODE_LANGUAGES = (
    "Python",
    "Python",
    "Python",
    "JavaScript",
    "Rust",
    "Go",
    "Java",
    "C++",
    "Kotlin",
    "TypeScript",
)
_CODE_ACTIONS = (
    "merges",
    "finds the longest gap in",
    "detects cycles in",
    "compresses",
    "computes a rolling median over",
    "validates the checksums of",
    "samples evenly from",
    "groups near-duplicates in",
    "renders a text histogram of",
    "finds the first conflict in",
    "interleaves",
    "rotates and signs",
    "replays",
    "computes the difference between two versions of",
    "assigns priorities to",
    "splits into balanced parts",
)
_CODE_DATA = (
    "chess openings in algebraic notation",
    "railway timetables with connections",
    "readings of a tide gauge",
    "MIDI note events",
    "crossword grids",
    "genealogical records",
    "polygon outlines of islands",
    "seat reservations of a ferry",
    "knitting patterns",
    "bell-ringing sequences",
    "star catalogue entries",
    "elevator requests",
    "recipe ingredient lists with units",
    "greenhouse sensor packets",
    "bird-ringing observations",
    "subtitle files",
    "auction bids",
    "hexagonal board positions",
    "tax brackets of several countries",
    "museum loan contracts",
    "drone flight paths",
    "undo histories of a text editor",
)
_CODE_CONDITIONS = (
    "rejects malformed entries with a clear message",
    "works in a single pass",
    "returns the result in a stable order",
    "keeps at most a thousand entries in memory",
    "treats missing values separately",
    "reports progress through a callback",
    "can be interrupted and resumed",
    "comes with three tests",
    "uses no third-party package",
    "documents its complexity",
    "handles time zones correctly",
    "never changes its input",
)
_MATH_TASKS = (
    (
        "A {place} opens with {a} {thing}. Each week it gains {b} and gives away {c}. How many {thing} "
        "are there after {d} weeks?"
    ),
    (
        "{name} sorts {a} {thing} into boxes of {b}. Every box costs {c} cents, and {d} {thing} are broken. "
        "How much do the boxes for the rest cost?"
    ),
    (
        "A {place} sells {thing} at {b} dollars apiece and makes {c} dollars of profit on each one. "
        "If {a} are sold and {d} percent of the profit is donated, how much profit remains?"
    ),
    (
        "{name} walks {b} kilometres per hour to a {place} that is {a} kilometres away, rests for {c} "
        "minutes, and comes "
        "back {d} percent faster. How long does the whole trip take?"
    ),
    (
        "In a {place}, {b} out of every {a} {thing} are blue. If {c} are drawn without looking, "
        "what is the probability that at least one of them is blue?"
    ),
    (
        "{name} and a friend share {a} {thing} in the ratio {b} to {c}. Then {name} passes on {d} of them. "
        "How many does each of the two hold?"
    ),
    (
        "A tank at a {place} holds {a} litres. One pipe adds {b} litres per minute and a leak loses {c}. "
        "After how many minutes is it full if it starts with {d} litres?"
    ),
    (
        "The number of {thing} in a {place} grows by {b} percent a year. It starts at {a}. "
        "In which year does it first pass {a} plus {d}?"
    ),
)
_MATH_PLACES = (
    "lighthouse museum",
    "salt mill",
    "seed library",
    "glass workshop",
    "puppet theatre",
    "ferry office",
    "aviary",
)
_MATH_THINGS = (
    "tickets",
    "lanterns",
    "marbles",
    "postcards",
    "shells",
    "spools",
    "tiles",
    "whistles",
    "coins",
    "kites",
)
_MATH_NAMES = ("Ines", "Tomasz", "Adaeze", "Yuki", "Ravi", "Leila", "Bjorn", "Mariana", "Kofi", "Zehra")


def new_instruction(domain: str, dice: Dice) -> str:
    """Make up an instruction of the domain, 'code', 'math' or 'chat', that leans on nothing else."""
    if domain == "code":
        return dice.pick(_CODE_TASKS).format(
            language=dice.pick(_CODE_LANGUAGES),
            action=dice.pick(_CODE_ACTIONS),
            data=dice.pick(_CODE_DATA),
            condition=dice.pick(_CODE_CONDITIONS),
        )
    if domain == "math":
        return dice.pick(_MATH_TASKS).format(
            place=dice.pick(_MATH_PLACES),
            thing=dice.pick(_MATH_THINGS),
            name=dice.pick(_MATH_NAMES),
            a=60 + dice.below(400),
            b=7 + dice.below(12),
            c=2 + dice.below(5),
            d=5 + dice.below(30),
        )
    return dice.pick(_CHAT_TASKS).format(
        topic=dice.pick(_CHAT_TOPICS),
        reader=dice.pick(_CHAT_READERS),
        angle=dice.pick(_CHAT_ANGLES),
    )
