"""docs/README.md leads to every page."""

from tests.docs.markdown import ROOT, links


def test_every_page_is_in_the_index() -> None:
    index = ROOT / "docs/README.md"
    pages = {each.name for each in ROOT.glob("docs/*.md")} - {index.name}
    assert pages - set(links(index)) == set()
