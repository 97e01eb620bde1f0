"""The lines the README shows are the lines that ran."""

import pathlib

import pytest

from stack import HERE

README = HERE.parent.parent / "README.md"


@pytest.mark.parametrize("snippet", sorted((HERE / "snippets").glob("*.py")), ids=lambda path: path.name)
def test_readme_quotes_the_snippet(snippet: pathlib.Path):
    assert snippet.read_text().strip() in README.read_text()
