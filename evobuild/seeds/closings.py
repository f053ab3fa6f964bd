"""Detect turns that ask for nothing: thanks, greetings, agreement, and "go on". They cannot be evolved.

A turn is one if it is made of such phrases from end to end, whatever its case and signs: "Ok, thanks a lot!"
is, "Thanks! Now in French" is not. Phrases are of the languages that chats are most often in.
"""

from __future__ import annotations

from evobuild.text.words import split_marked_words

MOST_CHARACTERS = 160
"""Of a turn; a longer one says something."""

_PHRASES_TEXT = """
thanks, thank you, many thanks, thank u, thx, ty, tysm, thanks a lot, thanks a bunch, thanks a million,
thanks so much, thank you so much, thank you very much, thanks again, thank you again, thanks in advance,
cheers, much appreciated, i appreciate it, i appreciate your help, for your help, for the help,
for your time, for that, for this, for everything, for the information, for the info, for your answer,
for the answer, for the explanation, for explaining, hi, hello, hey, hello there, hi there, hey there,
greetings, good morning, good afternoon, good evening, good day, good night, how are you,
how are you doing, how are you today, how is it going, what's up, nice to meet you, bye, goodbye, bye bye,
see you, see you later, see ya, take care, have a nice day, have a great day, have a good day, you too,
ok, okay, k, okey, alright, all right, sure, of course, yes, yes please, yep, yeah, yup, no, nope,
no thanks, no thank you, please, cool, nice, great, good, very good, good job, great job, nice job,
well done, perfect, awesome, amazing, excellent, wonderful, fantastic, brilliant, lovely, fine,
sounds good, looks good, got it, i see, i understand, understood, makes sense, that makes sense,
that helps, that was helpful, this is helpful, that's helpful, very helpful, that is great, that's great,
that's perfect, this is great, this is perfect, it works, it worked, that works, that worked,
you are welcome, you're welcome, you are awesome, you're awesome, you rock, lol, haha, wow, hmm, continue,
please continue, continue please, go on, please go on, go ahead, keep going, carry on, more, more please,
proceed, next, next please, that's all, that is all, nothing else, that will be all, chatgpt, my friend,
danke, dankeschön, vielen dank, danke schön, danke sehr, herzlichen dank, danke dir, hallo, guten tag,
guten morgen, guten abend, tschüss, auf wiedersehen, ja, nein, ja bitte, bitte, gut, super, prima,
sehr gut, alles klar, verstanden, weiter, mach weiter, bitte weiter, weiter bitte, für deine hilfe,
für ihre hilfe, für die hilfe, merci, merci beaucoup, merci bien, bonjour, salut, bonsoir, au revoir, oui,
non, d'accord, parfait, très bien, continuez, continue s'il te plaît, s'il vous plaît, s'il te plaît,
pour votre aide, pour ton aide, gracias, muchas gracias, mil gracias, hola, buenos días, buenas tardes,
buenas noches, adiós, sí, si, vale, perfecto, genial, muy bien, continúa, sigue, por favor, por tu ayuda,
por su ayuda, grazie, grazie mille, ciao, buongiorno, buonasera, arrivederci, sì, perfetto, va bene, bene,
continua, per favore, obrigado, obrigada, muito obrigado, muito obrigada, olá, oi, bom dia, boa tarde,
boa noite, tchau, sim, não, perfeito, dank je, dank je wel, bedankt, hoi, tot ziens, prima dank, dziękuję,
dzięki, cześć, dzień dobry, tak, nie, спасибо, большое спасибо, спасибо большое, благодарю, привет,
здравствуйте, добрый день, пока, да, нет, хорошо, ок, понятно, отлично, продолжай, продолжайте, дальше,
дякую, привіт, teşekkürler, teşekkür ederim, merhaba, evet, hayır, شكرا, شكرا لك, مرحبا, السلام عليكم,
نعم, لا, धन्यवाद, नमस्ते, हाँ, नहीं, 谢谢, 谢谢你, 谢谢您, 多谢, 非常感谢, 感谢, 你好, 您好, 再见, 好的,
好, 是的, 不, 不是, 对, 可以, 明白了, 继续, 请继续, ありがとう, ありがとうございます,
ありがとうございました, どうも, こんにちは, おはよう, こんばんは, はい, いいえ, 続けて, 続けてください,
わかりました, 了解, 감사합니다, 고마워요, 고맙습니다, 고마워, 안녕하세요, 안녕, 네, 아니요, 계속,
계속해줘, 알겠습니다
"""


def _words(text: str) -> tuple[str, ...]:
    return tuple(split_marked_words(text.casefold().replace("’", "'")))


_PHRASES = frozenset(_words(phrase) for phrase in _PHRASES_TEXT.split(","))
_LONGEST = max(map(len, _PHRASES))


def asks_for_nothing(turn: str) -> bool:
    """Whether a turn only thanks, greets, agrees or says to go on. Instances: "Thanks!", "Ok, go on.".

    A turn of punctuation alone is not one: it may be a question.
    """
    if len(turn) > MOST_CHARACTERS:
        return False
    words = _words(turn)
    # Ends of the phrases that the first words may be cut into.
    ends = {0}
    for end in range(1, len(words) + 1):
        starts = range(max(0, end - _LONGEST), end)
        if any(start in ends and words[start:end] in _PHRASES for start in starts):
            ends.add(end)
    return bool(words) and len(words) in ends
