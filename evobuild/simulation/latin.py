"""Phrases of the simulated engine of Spanish, French, German and Portuguese."""

from __future__ import annotations

from evobuild.simulation.bank import Bank

BANKS: dict[str, Bank] = {
    "es": Bank(
        " ",
        (
            "No pases de {k}00 palabras.",
            "Da al menos {k} ejemplos concretos y justifica cada uno.",
            "Ordena los puntos de mayor a menor importancia.",
            "Analiza también una excepción y su causa.",
            "Fija primero los criterios y llega después a la conclusión paso a paso.",
            "Compara dos maneras de hacerlo en una tabla.",
            "Describe qué cambiaría dentro de {k} años.",
            "Al final revisa la conclusión y señala su punto más débil.",
        ),
        "Básate en los datos de la tabla adjunta.",
        "Haz la tarea más compleja y ten en cuenta todos los aspectos.",
        (
            "Explica {t} a un principiante y dale {k} consejos.",
            "Prepara un plan de un mes, en {k} pasos, sobre {t}.",
        ),
        (
            "la restauración de relojes",
            "el diseño de relojes de sol",
            "la cartografía de cuevas",
            "el teatro de títeres",
            "el anillamiento de aves",
        ),
        (
            "Primero conviene aclarar el objetivo.",
            "Después se atiende cada requisito por orden.",
            "Así es fácil comprobar y corregir.",
            "Por último se revisa el resultado.",
        ),
        "¿Podrías enviarme los datos que faltan?",
    ),
    "fr": Bank(
        " ",
        (
            "Ne dépasse pas {k}00 mots.",
            "Donne au moins {k} exemples concrets et justifie chacun.",
            "Classe les points du plus important au moins important.",
            "Analyse aussi une exception et sa cause.",
            "Fixe d'abord les critères, puis arrive pas à pas à la conclusion.",
            "Compare deux façons de faire dans un tableau.",
            "Décris ce qui changerait dans {k} ans.",
            "Vérifie enfin la conclusion et indique son point le plus faible.",
        ),
        "Appuie-toi sur les chiffres du tableau ci-joint.",
        "Rends la tâche plus complexe et tiens compte de tous les aspects.",
        (
            "Explique à un débutant {t}, avec {k} conseils.",
            "Prépare un plan d'un mois, en {k} étapes, sur {t}.",
        ),
        (
            "la restauration d'horloges",
            "la conception de cadrans solaires",
            "la cartographie des grottes",
            "la reliure",
            "le baguage des oiseaux",
        ),
        (
            "Il faut d'abord préciser le but.",
            "Ensuite, on traite chaque exigence dans l'ordre.",
            "Cela se vérifie et se corrige aisément.",
            "Enfin, on relit le résultat.",
        ),
        "Pourriez-vous m'envoyer les données manquantes ?",
    ),
    "de": Bank(
        " ",
        (
            "Bleibe unter {k}00 Wörtern.",
            "Nenne mindestens {k} konkrete Beispiele und begründe jedes.",
            "Ordne die Punkte nach ihrer Wichtigkeit.",
            "Untersuche auch eine Ausnahme und ihre Ursache.",
            "Lege zuerst die Maßstäbe fest und schließe dann Schritt für Schritt.",
            "Vergleiche zwei Wege in einer Tabelle.",
            "Beschreibe, was sich in {k} Jahren ändern würde.",
            "Prüfe zuletzt den Schluss und nenne seine schwächste Stelle.",
        ),
        "Stütze dich auf die Zahlen in der beigefügten Tabelle.",
        "Mache die Aufgabe anspruchsvoller und berücksichtige alle Gesichtspunkte.",
        (
            "Erkläre einem Anfänger das Thema „{t}“ und gib {k} Ratschläge.",
            "Entwirf einen Monatsplan in {k} Schritten zum Thema „{t}“.",
        ),
        (
            "alte Uhren instand setzen",
            "Sonnenuhren entwerfen",
            "Höhlen vermessen",
            "Bücher binden",
            "Vögel beringen",
            "Puppentheater",
        ),
        (
            "Zuerst sind Ziel und Bedingungen zu klären.",
            "Danach kommt jede Forderung der Reihe nach.",
            "So lässt sich alles leicht prüfen.",
            "Zuletzt wird das Ergebnis nachgesehen.",
        ),
        "Können Sie mir die fehlenden Angaben schicken?",
    ),
    "pt": Bank(
        " ",
        (
            "Não passe de {k}00 palavras.",
            "Dê pelo menos {k} exemplos concretos e justifique cada um.",
            "Ordene os pontos do mais ao menos importante.",
            "Analise também uma exceção e a sua causa.",
            "Defina primeiro os critérios e chegue depois à conclusão passo a passo.",
            "Compare duas maneiras numa tabela.",
            "Descreva o que mudaria dentro de {k} anos.",
            "No fim, verifique a conclusão e aponte o seu ponto mais fraco.",
        ),
        "Baseie-se nos dados da tabela em anexo.",
        "Torne a tarefa mais complexa e leve em conta todos os aspectos.",
        (
            "Explique a um iniciante {t}, com {k} conselhos.",
            "Prepare um plano de um mês, em {k} passos, sobre {t}.",
        ),
        (
            "o restauro de relógios",
            "o desenho de relógios de sol",
            "o mapeamento de grutas",
            "o teatro de fantoches",
            "a anilhagem de aves",
        ),
        (
            "Primeiro convém esclarecer o objetivo.",
            "Depois trata-se cada requisito pela ordem.",
            "Assim é fácil conferir e corrigir.",
            "Por fim, revê-se o resultado.",
        ),
        "Poderia enviar-me os dados que faltam?",
    ),
}
