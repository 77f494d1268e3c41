"""The report page in a real browser, from the file system and without a network."""

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import (
    bad_images,
    browser,
    complaints,
    dead_links,
    faint_texts,
    missing_programs,
    overflow,
    requests,
    show,
    tab_stops,
)  # fmt: skip
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

pytestmark = pytest.mark.skipif(bool(missing_programs()), reason=missing_programs() or "all there")

FAULTY = """<!DOCTYPE html><html lang="en"><head><title>faulty</title><style>
:root { color-scheme: light dark } a { outline: none !important } @media (prefers-color-scheme: dark) { p { color: #333 } }
</style></head><body><p>text</p><p style="color: #999; background: #fff">grey</p><a href="#nowhere">link</a>
<img src="data:image/png;base64,AAAA" alt="broken"><img src="http://nowhere.invalid/a.png" alt="fetched">
<div style="width: 500px">wide</div><script>console.warn("beware")</script></body></html>"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    with browser(tmp_path_factory.mktemp("profile")) as driver:
        yield driver


@pytest.fixture(scope="module")
def page(reports: Path) -> Path:
    return reports / "reports/report.html"


def test_nothing_is_fetched_and_nothing_complained_about(driver: Chrome, page: Path) -> None:
    show(driver, page)
    assert complaints(driver) == []
    asked = requests(driver)
    assert asked[0].startswith("file:") and len(asked) > 1
    assert [address for address in asked if not address.startswith(("file:", "data:"))] == []
    assert [address for address in asked[1:] if address.startswith("file:")] == []


def test_images_show_and_links_lead(driver: Chrome, page: Path) -> None:
    show(driver, page)
    assert len(driver.find_elements(By.TAG_NAME, "img")) > 12
    assert bad_images(driver) == []
    assert dead_links(driver) == []


def test_the_result_and_every_claim_are_there(driver: Chrome, page: Path, reports: Path) -> None:
    show(driver, page)
    assert "BlocTrain" in driver.find_element(By.TAG_NAME, "h1").text
    lead = driver.find_element(By.CSS_SELECTOR, "#result ~ .lead").text
    assert "BlocTrain reached 90.0 % test accuracy on digits (BlocTrain-base 95.0 %, end-to-end 80.0 %)" in lead
    with (reports / "reports/tables/claims.csv").open(newline="") as stream:
        tested = [bool(row["scale"]) for row in csv.DictReader(stream)]
    tables = driver.find_elements(By.CSS_SELECTOR, "table.claims")
    assert [table.is_displayed() for table in tables] == [False, False]
    rows = [len(table.find_elements(By.CSS_SELECTOR, "tbody tr")) for table in tables]
    assert rows == [tested.count(True), tested.count(False)]


@pytest.mark.parametrize("width", [320, 360, 768, 1280])
def test_no_width_cuts_the_page_off(driver: Chrome, page: Path, width: int) -> None:
    show(driver, page, width)
    assert overflow(driver) <= 0


def test_this_run_comes_first_and_the_page_is_short(driver: Chrome, page: Path) -> None:
    show(driver, page, 1200)
    assert driver.execute_script("return document.documentElement.scrollHeight") < 6000
    ids = [heading.get_attribute("id") for heading in driver.find_elements(By.TAG_NAME, "h2")]
    assert ids[:3] == ["run", "result", "health"] and ids.index("ledger") > ids.index("cost")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out(driver: Chrome, page: Path, scheme: str) -> None:
    show(driver, page, scheme=scheme)
    assert driver.execute_script(f"return matchMedia('(prefers-color-scheme: {scheme})').matches")
    assert faint_texts(driver) == []


def test_dark_is_dark(driver: Chrome, page: Path) -> None:
    colours = []
    for scheme in ("light", "dark"):
        show(driver, page, scheme=scheme)
        colours.append(driver.find_element(By.TAG_NAME, "body").value_of_css_property("background-color"))
    assert colours == ["rgba(255, 255, 255, 1)", "rgba(13, 17, 23, 1)"]


@pytest.mark.parametrize("width", [360, 1280])
def test_the_tab_key_reaches_everything_and_shows_where_it_is(driver: Chrome, page: Path, width: int) -> None:
    show(driver, page, width)
    stops = tab_stops(driver)
    assert [stop["name"] for stop in stops if not (stop["ring"] and stop["inside"])] == []
    reached = {tag: sum(stop["tag"] == tag for stop in stops) for tag in ("A", "SUMMARY", "DIV")}
    shown = {"A": "a[href]", "SUMMARY": "summary", "DIV": "section > .scroll"}
    assert reached == {tag: len(driver.find_elements(By.CSS_SELECTOR, selector)) for tag, selector in shown.items()}


def test_a_fold_opens_with_the_keyboard(driver: Chrome, page: Path) -> None:
    show(driver, page)
    fold = driver.find_element(By.CSS_SELECTOR, "#ledger ~ details")
    assert not fold.find_element(By.TAG_NAME, "table").is_displayed()
    fold.find_element(By.TAG_NAME, "summary").send_keys(Keys.ENTER)
    assert fold.find_element(By.TAG_NAME, "table").is_displayed()


def test_a_faulty_page_passes_none_of_these(driver: Chrome, tmp_path: Path) -> None:
    """The questions above find what they ask for, and the browser reaches no network."""
    faulty = tmp_path / "faulty.html"
    faulty.write_text(FAULTY)
    show(driver, faulty, width=360, scheme="dark")
    found = complaints(driver)
    assert any("beware" in line for line in found)
    assert any("nowhere.invalid" in line and "net::ERR_" in line for line in found)
    assert "http://nowhere.invalid/a.png" in requests(driver)
    assert len(bad_images(driver)) == 2
    assert dead_links(driver) == ["#nowhere"]
    assert overflow(driver) > 100
    assert [text.split(":")[0] for text in faint_texts(driver)] == ["p"]
    assert [stop["ring"] for stop in tab_stops(driver)] == [False]
