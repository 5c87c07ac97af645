"""Search in the Chinese pages, without a dictionary: Chinese text is indexed by characters and by pairs of them.

Whoever searches for a word of three characters asks for its two pairs, in the browser (`js_splitter_code`) as here.
"""

import re

from sphinx.application import Sphinx
from sphinx.search.zh import SearchChinese

_WORDS = re.compile(r"[\u3400-\u9fff]+|[^\W\u3400-\u9fff]+")


class _SearchByPairs(SearchChinese):
    """Splits what Sphinx would leave to jieba."""

    language_name = "English"  # whose stemmer it takes for words in Latin letters
    js_splitter_code = r"""
const pairs = (word) => Array.from({ length: word.length - 1 }, (_, at) => word.slice(at, at + 2));
var splitQuery = (query) =>
  (query.match(/\p{Script=Han}+|(?:(?!\p{Script=Han})[\p{Letter}\p{Number}_])+/gu) || []).flatMap((word) =>
    /^\p{Script=Han}{2}/u.test(word) ? pairs(word) : [word],
  );
"""

    def split(self, input: str) -> list[str]:  # noqa: A002, the name of Sphinx's
        terms = []
        for word in _WORDS.findall(input):
            if "\u3400" <= word[0] <= "\u9fff":
                terms += [*word, *(word[at : at + 2] for at in range(len(word) - 1))]
            else:
                terms.append(word)
        return terms


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the language."""
    app.add_search_language(_SearchByPairs)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
