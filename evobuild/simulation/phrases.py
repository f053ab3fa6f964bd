"""Requirements that the simulated evolver adds to English instructions, by operation and domain.

{w} stands for a content word of the parent, {k} for a small number.
"""

from __future__ import annotations

ADDITIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "constraints": {
        "chat": (
            "Keep the whole answer under {k}0 words and do not use the same adjective twice.",
            "Give exactly {k} points, each of which opens with a different verb.",
            "Avoid technical terms, and define the one term that you cannot do without.",
            "Mention at least one aspect of the {w} that people usually pass over.",
            "Use only examples that most readers will not have met before.",
            "End with a single sentence that a ten-year-old could repeat in their own words.",
            "Close with a table of at least {k} rows that sums up the result.",
            "Leave out whatever the reader could guess without any help.",
            "Order everything by its importance, and begin with the weightiest part.",
            "Use neither questions nor exclamations, and no sentence of more than {k}0 words.",
        ),
        "code": (
            "Use only the standard library, and keep every function under {k}5 lines.",
            "The solution must run in linear time and must not change its arguments.",
            "Raise a clear error for an empty or malformed input, and name the offending part of the {w}.",
            "Add type hints everywhere, and at least {k} unit tests that cover the edge cases.",
            "It has to cope with inputs of {k} million entries without loading them all into memory.",
            "Do not use recursion, and explain in a comment why the loop always ends.",
            "Make sure that the result does not depend on the order of the input.",
            "The public interface must stay unchanged, so that existing callers keep working.",
        ),
        "math": (
            "Give the result both as an exact fraction and rounded to {k} decimal places.",
            "Use no calculator step that involves a number greater than {k}00.",
            "Write down every quantity together with its unit, and check the units at the end.",
            "Solve it without introducing more than one unknown.",
            "Assume in addition a loss of {k} percent of the {w} before the end.",
            "State the result as a range if the first number is only known to within {k} percent.",
            "Justify each line of the calculation with one short remark.",
            "Show the solution in two different ways and confirm that they agree.",
        ),
    },
    "deepening": {
        "chat": (
            "Go on to discuss what would change if one central condition were turned into its opposite.",
            "Examine the strongest objection to your answer, and say under which conditions it holds.",
            "Trace the causes behind this, and separate those that can be influenced from those that cannot.",
            "Also consider what the {w} may mean for people who have no say in it.",
            "Point out {k} exceptions in which the usual view fails, and explain why.",
            "Compare the effects in the first days with those after {k} years.",
            "Say which part of it is disputed, and why well-informed people disagree about it.",
            "Set out how this was seen {k}0 years ago, and what has changed since.",
            "Discuss which assumptions about the {w} are cultural and which hold everywhere.",
        ),
        "code": (
            ("Discuss the time and memory complexity, and what becomes of both for {k}0 times as much data."),
            "Explain which failure modes appear when two threads call it at the same time.",
            "Analyse how the design would have to change if the data arrived as an endless stream.",
            "Compare your approach with one alternative, and say at which size of input the balance tips.",
            (
                "Describe what happens with duplicate, missing and malformed entries, and why that is the "
                "right choice."
            ),
            "Explain which invariants hold after each pass, and how a test could check them.",
            "Point out the security risks when an untrusted user supplies the {w}.",
            "Show how one would find the cause if the result were wrong for only one input in {k} thousand.",
        ),
        "math": (
            "Then find out for which starting values the result would be exactly {k} times as large.",
            "Afterwards work out how sensitive the result is to an error of one unit in each given number.",
            "Extend the question to {k} such periods in a row, and describe the pattern that appears.",
            "Also derive a general formula in which the {w} is a variable.",
            "Examine for which values the problem has no sensible solution, and explain why.",
            "Then determine the smallest change of a single number that would double the result.",
            "Work backwards from your result to check whether another starting point could also lead to it.",
            "Generalise the argument to the case in which the rate itself grows by {k} percent each time.",
        ),
    },
    "concretizing": {
        "chat": (
            "Use one concrete case from beginning to end, and name its place, its date and the people in it.",
            "Write for a reader who has only {k} minutes and reads it on a phone.",
            "Assume that the reader has just arrived from abroad and knows the subject only by hearsay.",
            "Tie what you say about the {w} to one concrete place and one moment of the day.",
            "Put in at least {k} numbers, dates or names where a general word would do.",
            "Suit it to a group of {k} pupils who will read it aloud in turns.",
            "Refer to a small harbour town, and let that show in at least {k} details.",
            "In place of the {w} in general, speak of one specific kind, and say why you chose it.",
            "Address it to a retired engineer who likes precise terms and clear limits.",
        ),
        "code": (
            (
                "Work with a log file in which each line holds a timestamp, a user id and a duration in "
                "milliseconds."
            ),
            "Demonstrate it on a list of {k} library loans with title, borrower and due date.",
            "Target Python 3.11 on a small server with {k} GB of memory and no network access.",
            "Use a parking garage with {k} floors as the data model, and name the classes after it.",
            "Let the {w} hold temperature readings that arrive every {k} minutes, some of them missing.",
            "Show the exact output for one short sample input that you define in the code itself.",
            "Expose it as a command-line tool with a flag for the input path and one for verbose output.",
            "Store the result in an SQLite table with a primary key and an index on the date column.",
        ),
        "math": (
            "Assume that this takes place over {k} weeks, and that the second week counts double.",
            "Let one third of the {w} be handled in the morning, and the rest at a cost of {k} dollars each.",
            "Suppose a further {k} people join halfway, and share everything equally from then on.",
            (
                "Take a price of {k}.50 dollars per unit into account, with a discount of one fifth from "
                "the tenth unit on."
            ),
            "Split the total between a household of {k} and its neighbours in the ratio 2 to 3.",
            "Suppose that on every third day only half of the usual amount is reached.",
            "Convert the final amount into minutes per person for a group of {k}.",
            "Include a fixed fee of {k} dollars that is paid once at the beginning.",
        ),
    },
    "reasoning": {
        "chat": (
            (
                "First name the criteria, then weigh them against each other, and only then draw your "
                "conclusion."
            ),
            "Reason step by step from what is known about the {w} to what follows, and mark each inference.",
            (
                "Before you settle on an answer, rule out {k} plausible alternatives and say why each of "
                "them falls short."
            ),
            (
                "Show how the second point follows from the first, and how the last would fall if the "
                "first were wrong."
            ),
            (
                "Derive the recommendation from at least {k} observations, and state how certain each of "
                "them is."
            ),
            "Explain the chain of cause and effect in order, and find its weakest link.",
            "Decide between two opposing goals, and justify the trade-off with regard to the {w}.",
            "Infer what must be true for both sides of the argument to be reasonable.",
        ),
        "code": (
            "Reason step by step about why the result is correct before you write the first line.",
            (
                "First derive the edge cases from the specification, then show how the code handles each "
                "of them."
            ),
            (
                "Walk through the program by hand for an input with {k} entries, and give the state after "
                "every step."
            ),
            "Justify the choice of data structure by comparing the cost of each operation on the {w}.",
            "Prove that the loop ends, and that no entry is visited more than {k} times.",
            (
                "Split the task into {k} sub-problems, solve them separately, and show how the parts fit "
                "together."
            ),
            "Find the bottleneck first, explain how you found it, and only then improve it.",
            (
                "State what has to hold before and after each function, and deduce from that that the "
                "whole is right."
            ),
        ),
        "math": (
            "Set out the reasoning in at least {k} numbered steps, each of which uses the one before.",
            "First estimate the result, then calculate it, and explain the difference between the two.",
            (
                "Find the intermediate quantity that is not given directly, and show how it follows from "
                "the {w}."
            ),
            (
                "Decide which of the given numbers are not needed, and prove that the result does not "
                "depend on them."
            ),
            "Compare what would happen in the best and in the worst case, and deduce the range of outcomes.",
            "Check the result by solving the problem once more in the opposite direction.",
            "Deduce from the result how many further rounds it takes until the total passes {k}000.",
            "Explain why the most obvious shortcut leads to a wrong result here.",
        ),
    },
}

DATA = (
    "Work from the data in the input, and say which of its entries stands apart.",
    "Take every entry of the input into account, and leave out the one that cannot be right.",
    "Derive the {w} from the input line by line, and note where two of its entries disagree.",
    "Use the input as the only source on the {w}, and name what it leaves open.",
    "Sort the entries of the input by their weight for the {w}, and explain the first {k}.",
)
"""What complicate_input adds to the instruction itself."""

LEADS = ("", "", "", "", "", "", "", "", "Also: ", "In addition: ", "One more condition: ", "Beyond that: ")

LOST = (
    "Base every step on the figures in the attached table.",
    "Use the values from the spreadsheet mentioned above.",
    "Follow the conditions listed in the enclosed document.",
    "Refer to the diagram shown above for the missing details.",
)
STAGNANT = (
    "Make the task on the {w} more demanding, and take all relevant aspects into consideration.",
    "Think about the {w} on a higher level, and raise the complexity of the discussion as appropriate.",
    "The matter of the {w} should be treated in a more advanced manner with additional complexity.",
)
UNQUALIFIED = (
    "Can you handle a more complicated version of the task on the {w} with a few extra conditions?",
    "Can you work on a similar but harder problem about the {w} under certain additional circumstances?",
    "Could you treat the case of the {w} in which some further requirements have to be met?",
)
ANSWERED = (
    (
        "Here is the answer: the {w} depends above all on the circumstances. There are three points to note. "
        "The first is the purpose, the second the means, and the third the time it takes."
    ),
    "The answer is as follows. With regard to the {w}, start small, measure what changes, and adjust.",
)
CHATTER = (
    "Sure, I have made the instruction harder for you:\n\n{text}\n\nLet me know if I should go further.",
    "I changed the wording so that it asks for more:\n\n{text}\n\nThe change adds one more requirement.",
    "I'm sorry, but I cannot rewrite this instruction, because it is not clear what you want.",
)
ECHOES = (
    "#Rewritten Prompt#: {text}",
    "#Given Prompt#\n{text}",
    "{text} #Rewritten Instruction#",
    "#Created Prompt#: {text}",
)

WAYS = (
    "Add a constraint on the form of the answer.",
    "Ask for the causes and the exceptions.",
    "Put a concrete case in the place of the general one.",
    "Require several steps that build on each other.",
    "Ask for a comparison of two approaches.",
    "Add a check of the result.",
    "Limit the means that may be used.",
    "Ask for the assumptions to be stated.",
)
WAYS_OF_SUBJECT = (
    "Let the {w} fail once.",
    "Compare the {w} with its opposite.",
    "Double the {w} and ask what follows.",
    "Hide the {w} behind a condition.",
)
PLANS = (
    "Combine ways {a} and {b}: keep the task on the {w} as it is, and append what they ask for.",
    "Use way {a} first, because it fits the {w}, and let way {b} follow from it.",
    "Leave the given text untouched; apply way {b}, then way {a}, in one or two sentences.",
)
CHECKS = (
    "All given facts are still there, and nothing refers to a text that is missing.",
    "The wording on the {w} is clear, and the task can be done as it stands.",
    "The language is the same, and the change asks for something definite.",
)
