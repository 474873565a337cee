"""The BERT tokenizer against Hugging Face's: the same ids for whatever text."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import BertWordPieceTokenizer

from seatrial import extensions
from seatrial.contract import Context

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
PIECES = [
    "the",
    "un",
    "##aff",
    "##able",
    "##s",
    "run",
    "##ning",
    "hello",
    "Hello",
    "我",
    "爱",
    "北",
    "京",
    "!",
    ",",
    "$",
    "-",
]
LETTERS = [*"abcdefghijklmnopqrstuvwxyzAEÉéß0123456789"]
VOCABULARY = (*SPECIAL, *PIECES, *LETTERS, *["##" + letter for letter in LETTERS])
STEP = extensions.get("seatrial.contract.steps", "STEP", "tokenize_bert")

# Each side has its own Unicode tables; characters that meant the same in 2002 mean the same to both.
assigned = st.characters(exclude_categories=["Cs", "Cn"]).filter(
    lambda each: unicodedata.ucd_3_2_0.category(each) == unicodedata.category(each)
)
texts = st.text(assigned, max_size=60) | st.text(
    "aé É北京!$,-_\t\n\u3000\u200b\u00ad\ufffdthe unaffables running ẞßİ\u0301", max_size=60
)


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("length", [4, 16, 128])
@given(text=texts)
def test_the_same_ids_as_the_library(text: str, *, lower: bool, length: int) -> None:
    oracle = BertWordPieceTokenizer(
        {token: place for place, token in enumerate(VOCABULARY)}, lowercase=lower, clean_text=True
    )
    oracle.enable_truncation(length)
    # Tokens such as [CLS] inside a text are special there and plain text here: nobody may type them in.
    if any(token in text for token in SPECIAL):
        return
    found = STEP.apply(text, Context(vocabulary=VOCABULARY), lower=lower, max_length=length)
    encoded = oracle.encode(text)
    assert found["input_ids"].tolist() == encoded.ids
    assert found["token_type_ids"].tolist() == encoded.type_ids


def test_a_special_token_cannot_be_typed_in() -> None:
    found = STEP.apply("[SEP]", Context(vocabulary=VOCABULARY))
    assert found["input_ids"].tolist().count(VOCABULARY.index("[SEP]")) == 1
