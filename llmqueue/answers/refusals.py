"""Recognising a refusal in plain prose: a model that says no as a model.

What a persona declines in character is none; a reply that helps in spite of a "cannot" is
none either. So a sentence that declines is not enough: it has to be one of the models'
own formulas, or to come with the reasons that models give. What that finds is measured on
a labelled list of the tests; docs/outcomes.md has the figures and the command.
"""

import re
from dataclasses import dataclass

# Models decline in a few sentences. What is longer says more than no.
MOST_CHARS = 900
# A refusal comes at once.
_FIRST_SENTENCES = 3
_SENTENCE_CHARS = 300
# So many weak reasons, with a formal verb as one of them, tell as much as a strong one.
_ENOUGH_WEAK = 2

_QUOTED = re.compile(r"\"[^\"]*\"|“[^”]*”|„[^“”]*[“”]|«[^»]*»")
_SENTENCE_END = re.compile(r"[.!?:;\n]+")
# A list or code: it gives something.
_GIVES = re.compile(r"^(?:[-*] |\d+[.)] |```|    \S)", re.MULTILINE)


@dataclass(frozen=True)
class _Language:
    """How models decline in one language, in lower case.

    `formulas`: refusals by themselves. `declines`: refusals with a reason; the group
    `formal` is matched by verbs that models use more than people. `strong`: a reason by
    itself; `weak`: one of several. `goes_on`: after it, the same sentence helps all the same.
    """

    formulas: re.Pattern[str]
    declines: re.Pattern[str]
    strong: re.Pattern[str]
    weak: tuple[re.Pattern[str], ...]
    goes_on: re.Pattern[str]


def _any(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{it})" for it in patterns))


def _each(*patterns: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(it) for it in patterns)


_CANNOT = (
    r"\bi(?: am|'m)?(?: afraid i)?(?: really| just| simply)?"
    r" (?:can't|cannot|can not|cannot and will not|can not and will not|won't|will not"
    r"|won't be able to|will not be able to|unable to|not able to|not allowed to"
    r"|not permitted to|not going to|don't feel comfortable|do not feel comfortable"
    r"|not comfortable)"
)
_FORMAL = (
    r"(?:assist|comply|fulfill?|satisfy|support|engage|provide|create|generate|produce"
    r"|reproduce|depict|identify|imitate|offer|promote|help identify|role-play|participate"
    r"|take part|take a side|writing|helping|continuing)"
)
_PLAIN = (
    r"(?:help|continue|discuss|answer|respond|share|write|give|describe|explain|tell|talk"
    r"|do|speak|complete)"
)
_KIND = (
    r"(?:request|question|topic|subject|discussion|conversation|role-?play|storyline"
    r"|scene|(?:kind|type|sort) of (?:content|material|request|information))"
)
_THIS = rf"(?:that|this|it|(?:that|this|your) (?:\w+ )?{_KIND})"
_OF_KIND = rf"(?:that|this|your) (?:\w+ )?{_KIND}"

_ENGLISH = _Language(
    formulas=_any(
        rf"{_CANNOT} (?:help|assist|engage|helping)(?: you)?(?: in| with| on)? {_THIS}$",
        rf"{_CANNOT} (?:continue|continuing)(?: with)? {_THIS}$",
        rf"{_CANNOT} comply\b(?: with (?:that|this|your)\b.*)?$",
        rf"{_CANNOT} (?:fulfill?|satisfy|complete) {_OF_KIND}\b",
        rf"{_CANNOT} (?:answer|discuss|respond to|generate|writing|write) {_OF_KIND}\b",
        r"\bi(?: must|'ll have to| have to| need to| will have to)"
        rf" (?:respectfully )?(?:decline|pass on|refuse) {_OF_KIND}\b",
        r"\bi'm going to have to decline (?:this|that)",
        r"\b(?:request|this|it|that) (?:violates|goes against|is against)"
        r" (?:my|our|the) (?:\w+ )?(?:polic|guideline|programming)",
        r"\bmy (?:\w+ )?guidelines (?:do not|don't|prevent|forbid)",
        r"\bsomething (?:that )?i(?: can't| can| cannot|'m able to|'m not able to)"
        r" (?:help|assist)(?: you)? with$",
        r"\bsomething i'm comfortable helping with$",
        r"\bit would(?: not be appropriate|n't be appropriate| be inappropriate) for me to",
        r"\bi(?:'m| am) (?:programmed|designed) to decline",
        r"\bnot within my programming\b",
        r"\bi do(?: not|n't) have the ability to (?:help|assist)",
    ),
    declines=_any(
        rf"{_CANNOT} (?:(?P<formal>{_FORMAL})|{_PLAIN})\b",
        r"\b(?:and|so) (?:i )?(?:can't|cannot|won't|will not|must) (?:\w+ )?"
        rf"(?:{_FORMAL}|{_PLAIN}|decline|go)\b",
        r"\bi(?: must|'ll have to| have to| need to| will have to)"
        r" (?:respectfully )?(?:decline|pass)\b",
        r"\bi(?:'d rather| would rather| would prefer| prefer)"
        r" not (?:to )?(?:write|discuss|continue)",
        r"\bi (?:don't|do not) (?:think i should write|provide|have personal)",
        r"\b(?:isn't|is not|not) something i(?: can|'m able to| am able to)\b",
        r"\bwill not give any\b",
    ),
    strong=_any(
        r"\bas an? (?:ai|large language model|language model)\b",
        r"\b(?:an|just an) ai\b",
        r"\b(?:guidelines?|polic(?:y|ies)|my programming)\b",
        r"\b(?:sexual(?:ises|izes)?|explicit|hateful|illegal|harmful) (?:a child|content"
        r"|material|activit\w+|substances?)\b",
        r"\bcontent that\b|\b(?:that|this) kind of (?:content|information|material)\b",
        r"\bcould (?:cause|be used|harm|hurt)|\bmay be used to\b",
        r"\bprotected group\b|\bprotected by copyright\b",
        r"\b(?:the|this|your) request (?:asks|is|involves|goes)\b",
        r"\bbreak character\b|\bout of character\b|\booc\b|\bout of the role\b",
        r"\bprivate information\b|\bcopyrighted\b",
        r"\bthis conversation\b.*\bstill learning\b",
    ),
    weak=_each(
        r"\b(?:sorry|apologi[sz]e|unfortunately)\b",
        r"\b(?:illegal|crime|harm\w*|violence|explosives|weapons?|malware|phishing"
        r"|self-harm|hateful|sexual\w*|harass\w*|stalk\w*|demean\w*|deceiv\w*|minor)\b",
        r"\b(?:request|content|role-play|storyline|depict)\b",
        r"\b(?:privacy|copyright|copyrighted|cheating|evading|opinions|beliefs|legal)\b",
        r"\b(?:anything|something) else\b|\bchange the subject\b|\banother question\b",
        r"\b(?:i can|i could|i'd be happy to|i would be happy to|i'd gladly|i'd be glad to)"
        r" (?:explain|offer|help|describe|suggest)",
        r"\bplease (?:consult|reach out|seek|talk to)|\bprofessional\b",
        r"\b(?:while|that) i (?:understand|appreciate)\b|^i understand\b",
        r"\beven (?:hypothetically|in a fictional|for a demonstration)",
        r"\b(?:real|living) (?:person|politicians?|people)\b|\bin reality\b",
        r"\b(?:instructions|a working recipe|methods|guidance|advice|steps)"
        r" (?:for|on|that|of)\b",
    ),
    goes_on=re.compile(
        r"\bbut (?!i\b|i'd|i'm|i'll|if you|feel free|please|let me|perhaps|we\b|you can)"
    ),
)

_GERMAN = _Language(
    formulas=_any(
        r"\b(?:dabei|damit) (?:kann|darf) ich (?:dir |ihnen |euch )?(?:leider )?nicht"
        r" (?:weiter)?helfen$",
        r"\bich kann (?:dir |ihnen |euch )?(?:dabei|damit) (?:leider )?nicht"
        r" (?:weiter)?helfen$",
        r"\b(?:bei|mit) (?:dieser|deiner|ihrer) (?:anfrage|bitte)\b.*\bnicht"
        r" (?:weiter)?helfen$",
        r"\b(?:diese|deine|ihre) (?:anfrage|bitte|frage)\b.*\b(?:nicht"
        r" (?:beantworten|erfüllen|bearbeiten)|nicht zu bearbeiten|zu bearbeiten|ablehnen)",
        r"\bverstößt gegen (?:meine|unsere) (?:\w+ )?(?:richtlinien|vorgaben|regeln)",
        r"\bich (?:kann|darf|werde) (?:dir |ihnen |euch )?(?:dazu )?keine"
        r" (?:anleitung\w*|inhalte|informationen dazu|auskunft)\b",
        r"\bdazu darf ich keine\b",
        r"\bdas kann ich leider nicht beantworten$",
        r"\bnicht in der lage, (?:dir|ihnen|euch) (?:dabei|damit)",
        r"\bnicht angemessen, wenn ich mich\b",
        r"\b(?:dieses|das) rollenspiel nicht (?:fortsetzen|weiter)",
    ),
    declines=_any(
        r"\bich (?:kann|darf|werde) (?:\w+ ){0,4}(?:nicht|kein\w*)\b",
        r"\b(?:kann|darf) ich (?:\w+ ){0,4}(?:nicht|kein\w*)\b",
        r"\bund (?:kann|darf|werde) (?:\w+ ){0,2}(?:nicht|kein\w*)\b",
        r"\bnicht wohl dabei\b",
    ),
    strong=_any(
        r"\bals ki(?:-\w+)? (?:kann|darf|werde)\b",
        r"\b(?:bin|nur) (?:nur )?eine? ki\b|\bein ki-\w+",
        r"\bsprachmodell\b",
        r"\b(?:meine\w*|unsere\w*) richtlinien\b",
        r"\bherabwürdigt\b|\bgewalt verherrlich",
    ),
    weak=_each(
        r"\b(?:leid|leider|entschuldigung)\b",
        r"\b(?:schaden|schadet|waffen|gewalt|beleidigen|illegal\w*|straf\w*|eindring\w*)\b",
        r"\b(?:anfrage|inhalte|anleitung\w*|informationen|ratschläge|szene|rollenspiel)\b",
        r"\bich verstehe\b",
        r"\betwas anderes\b",
        r"\berfundenen\b|\bfremde konten\b|\breale person\b",
        r"\bbitte wende dich\b|\bbitte wenden sie sich\b",
    ),
    goes_on=re.compile(r"\baber (?!ich\b|gern|vielleicht|wenn du|wir\b)"),
)

_FRENCH = _Language(
    formulas=_any(
        r"\bje ne peux pas (?:vous aider|t'aider) (?:avec|sur|pour) (?:cela|ça|ce|cette)",
        r"\bje ne peux pas répondre à (?:cette|votre|ta) (?:question|demande)$",
        r"\bje ne suis pas en mesure de (?:vous aider|t'aider|répondre)",
        r"\bcontraire à (?:mes|nos) (?:règles|directives|principes)",
        r"\bje dois (?:donc )?refuser cette demande",
        r"\bje ne peux pas (?:générer|créer|fournir|produire) (?:ce type|ces informations"
        r"|de contenu)",
    ),
    declines=_any(r"\bje ne peux pas\b"),
    strong=_any(r"\ben tant (?:que modèle|qu'ia)\b", r"\bmodèle de langage\b"),
    weak=_each(
        r"\b(?:désolée?|malheureusement)\b",
        r"\b(?:contenu|demande)\b",
        r"\b(?:haine|armes|nuire|illégal\w*|violence)\b",
    ),
    goes_on=re.compile(r"\bmais (?!je\b|si vous|si tu)"),
)

_SPANISH = _Language(
    formulas=_any(
        r"\bno puedo ayudar(?:te|le|os|les)? con (?:eso|esto|es[ea]|est[ea])\b",
        r"\bno puedo (?:responder a|proporcionar|generar|crear) (?:es[ea]|est[ea])\b",
        r"\bno puedo cumplir con (?:tu|su|es[ea]|est[ea])\b",
        r"\bno me es posible (?:ayudar|responder)",
        r"\ben contra de (?:mis|nuestras) (?:normas|políticas|directrices)",
        r"\bdebo rechazar (?:es[ea]|est[ea]|tu) (?:solicitud|petición)",
    ),
    declines=_any(r"\bno puedo\b"),
    strong=_any(r"\bcomo (?:modelo de lenguaje|ia)\b", r"\bcontenido que\b"),
    weak=_each(
        r"\b(?:lo siento|lamentablemente)\b",
        r"\b(?:contenido|solicitud|petición)\b",
        r"\b(?:odio|armas|daño|ilegal\w*|violencia)\b",
    ),
    goes_on=re.compile(r"\bpero (?!puedo\b|no puedo\b|si\b)"),
)

_LANGUAGES = (_ENGLISH, _GERMAN, _FRENCH, _SPANISH)


def reads_like_refusal(text: str) -> bool:
    """Whether `text`, a whole cleaned answer, is a model's refusal and nothing else.

    In doubt it is none. At most MOST_CHARS are looked at, so that it takes no time.
    """
    if len(text) > MOST_CHARS or _GIVES.search(text):
        return False
    said = _plain(text)
    sentences = [it.strip() for it in _SENTENCE_END.split(said)]
    first = [it[:_SENTENCE_CHARS] for it in sentences if it][:_FIRST_SENTENCES]
    return any(_declines(language, said, first) for language in _LANGUAGES)


def _plain(text: str) -> str:
    """In lower case, without emphasis and without what is quoted; lines stay lines."""
    text = _QUOTED.sub(" ", text.replace("’", "'").lower())
    text = text.replace("*", "").replace("_", "")
    return re.sub(r"[^\S\n]+", " ", text)


def _declines(language: _Language, said: str, sentences: list[str]) -> bool:
    if any(language.formulas.search(it) for it in sentences):
        return True
    for sentence in sentences:
        declines = language.declines.search(sentence)
        if declines and not language.goes_on.search(sentence, declines.end()):
            return _has_reason(language, said, bool(declines.groupdict().get("formal")))
    return False


def _has_reason(language: _Language, said: str, is_formal: bool) -> bool:
    if language.strong.search(said):
        return True
    weak = sum(it.search(said) is not None for it in language.weak)
    return weak + is_formal >= _ENOUGH_WEAK
