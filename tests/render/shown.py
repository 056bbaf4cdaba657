"""Any JSON value, and what holds for every line that is made of one."""

from collections.abc import Iterable

from hypothesis import strategies as st

from trodo_cli.render.safe import is_safe
from trodo_cli.render.theme import Line, line_cells, plain

any_text = st.text(alphabet=st.characters(codec=None, categories=None), max_size=80)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | any_text,
    lambda inner: st.lists(inner) | st.dictionaries(any_text, inner),
    max_leaves=25,
)

widths = st.integers(20, 300)


def check(lines: Iterable[Line], width: int) -> None:
    """Every line is inert, one line, and within the width."""
    for line in lines:
        text = plain(line)
        assert "\n" not in text
        assert is_safe(text), text
        assert line_cells(line) <= width, text
