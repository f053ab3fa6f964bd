"""A child in another language than its parent's, and all that only looks like one."""

from __future__ import annotations

import pytest

from evobuild.text import language

SEA = {
    "English": "Write a short poem about the sea in winter, and explain its last line.",
    "Spanish": "Escribe un poema breve sobre el mar en invierno y explica su último verso.",
    "French": "Écris un court poème sur la mer en hiver, et explique son dernier vers.",
    "German": "Schreibe ein kurzes Gedicht über das Meer im Winter und erkläre die letzte Zeile.",
    "Turkish": "Kışın deniz hakkında kısa bir şiir yaz ve son dizesini açıkla.",
    "Russian": "Напиши короткое стихотворение о море зимой и объясни его последнюю строку.",
    "Arabic": "اكتب قصيدة قصيرة عن البحر في الشتاء واشرح السطر الأخير منها.",
    "Hindi": "सर्दियों में समुद्र पर एक छोटी कविता लिखो और उसकी आखिरी पंक्ति समझाओ।",
    "Chinese": "写一首关于冬天大海的短诗，并解释最后一行。",
    "Japanese": "冬の海について短い詩を書き、最後の行を説明してください。",
}
PUMP = {
    "English": "How does a heat pump work?",
    "Spanish": "¿Cómo funciona una bomba de calor?",
    "French": "Comment fonctionne une pompe à chaleur ?",
    "German": "Wie funktioniert eine Wärmepumpe?",
    "Turkish": "Isı pompası nasıl çalışır?",
    "Russian": "Как работает тепловой насос?",
    "Arabic": "كيف تعمل المضخة الحرارية؟",
    "Hindi": "हीट पंप कैसे काम करता है?",
    "Chinese": "热泵是如何工作的？",
    "Japanese": "ヒートポンプはどのように働きますか。",
}


@pytest.mark.parametrize("parent", PUMP)
def test_a_child_in_another_language_has_changed_it(parent):
    for child, text in SEA.items():
        expected = None if child == parent else (parent, child)
        assert language.detect_language_change(PUMP[parent], text) == expected


@pytest.mark.parametrize(
    ("parent", "child"),
    [
        ("继续", "Continue the story with a twist."),
        ("Name three rivers.", "列出三条河流，并说明它们流经的国家。"),
        ("Nombra tres ríos.", "Name three rivers in Africa and where each of them rises."),
        ("Name a river.", "Name a river. 请说明它的长度，并列出它流经的三个国家。"),
        ("Explain what `x += 1` does.", "Explica qué hace `x += 1` y da tres ejemplos de su uso."),
    ],
    ids=["short parent", "Chinese", "English", "added", "code"],
)
def test_short_parents_and_additions_are_told_too(parent, child):
    assert language.detect_language_change(parent, child)


@pytest.mark.parametrize(
    ("parent", "child"),
    [
        ("Write a poem.", "Write a poem, and translate it into French."),
        (SEA["English"], SEA["English"] + ' "Je ne sais pas pourquoi il est parti ce matin."'),
        ("Write a poem.", "Translate into English: Je ne sais pas pourquoi il est parti."),
        (
            "Translate into English: Ik vind het leuk om te leren.",
            "Translate it into English, keep the tone, and name two other readings of it.",
        ),
        ("Write a poem.", "Roma?"),
        ("Write a poem.", "Machu Picchu"),
        ("6 + 3 = ?", "Explain which sum this is, and why."),
        ("Convert 58 Fahrenheit.", "Convert 58 Fahrenheit to Celsius."),
        ("Convert 58 Fahrenheit to Celsius.", "Delete an article from the sentence."),
        (SEA["German"], SEA["German"] + "\n\n~~~\nuse only the words of this list\n~~~"),
        (SEA["Spanish"], SEA["Spanish"] + "\nSELECT title, author FROM the_poems WHERE what = 'sea'"),
        (SEA["English"], SEA["English"] + " 北京。"),
        (SEA["Spanish"], SEA["Spanish"] + " Usa rimas."),
        ("Classification. Is a zebra a mammal?", "Suggest a charity organization for animal welfare."),
        ("1 + 1", "2 + 2"),
        ("Name a river.", "Name a river. Why this one?"),
        ("", ""),
    ],
)
def test_a_task_about_languages_a_short_text_and_code_change_none(parent, child):
    assert language.detect_language_change(parent, child) is None


def test_half_a_character_is_no_obstacle():
    assert language.detect_language_change(SEA["English"], f"{SEA['Spanish']} \ud800") == (
        "English",
        "Spanish",
    )


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (SEA["English"], "en"),
        (SEA["Spanish"], "es"),
        (SEA["German"], "de"),
        ("2 + 2 = ?", None),
        ("Roma?", None),
        ("", None),
    ],
)
def test_the_language_of_a_text_is_told_where_it_tells(text, code):
    assert language.detect_language(text) == code
