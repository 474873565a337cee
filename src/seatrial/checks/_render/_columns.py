"""Text in columns of a terminal, where a Chinese character takes two."""

from __future__ import annotations

import unicodedata


def width(text: str) -> int:
    """Columns the text takes."""
    return sum(_columns(each) for each in text)


def _columns(letter: str) -> int:
    if unicodedata.combining(letter) or unicodedata.category(letter) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def padded(text: str, columns: int, *, right: bool = False) -> str:
    """The text filled with blanks, cut with an ellipsis when it does not fit."""
    text = cut(text, columns)
    blanks = " " * (columns - width(text))
    return blanks + text if right else text + blanks


def cut(text: str, columns: int) -> str:
    """The text in at most so many columns."""
    if width(text) <= columns:
        return text
    kept, used = [], 0
    for letter in text:
        if used + _columns(letter) > columns - 1:
            break
        kept.append(letter)
        used += _columns(letter)
    return "".join(kept) + "…" if columns > 0 else ""


def wrapped(text: str, columns: int) -> list[str]:
    """The text on lines of at most so many columns, broken at blanks and between Chinese characters."""
    lines, line = [], ""
    for piece in _pieces(text):
        joined = line + piece
        if width(joined.rstrip()) <= columns:
            line = joined
            continue
        if line.strip():
            lines.append(line.rstrip())
        line = piece.lstrip()
        while width(line.rstrip()) > columns:
            head = _head(line, columns)
            lines.append(head)
            line = line[len(head) :]
    return [*lines, line.rstrip()] if line.strip() or not lines else lines


def _head(text: str, columns: int) -> str:
    used = 0
    for place, letter in enumerate(text):
        used += _columns(letter)
        if used > columns:
            return text[: max(place, 1)]
    return text


def _pieces(text: str) -> list[str]:
    """Words with the blank after them; a Chinese character is a word, and takes the mark that follows it."""
    pieces, word = [], ""
    for letter in text:
        opens = _columns(letter) == 2 and unicodedata.category(letter) not in {"Po", "Pe", "Pf"}
        if word and (
            opens or (word[-1] == " " and letter != " ") or (_columns(word[-1]) == 2 and letter.isalnum())
        ):
            pieces.append(word)
            word = ""
        word += letter
    return [*pieces, word] if word else pieces
