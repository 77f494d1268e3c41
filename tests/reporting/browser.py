"""A real browser without a network, and questions to put to the page that it shows.

Each question answers with a list of what is wrong, so that an empty list is a pass and a failed test says where.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.keys import Keys

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DRIVERS = ("chromedriver", "chromium.chromedriver")
FLAGS = (
    "--headless=new",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--proxy-server=127.0.0.1:1",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)

CONTRAST = """
const parse = text => text.match(/[\\d.]+/g).map(Number);
const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
const behind = element => {
    for (; element; element = element.parentElement) {
        const colour = parse(getComputedStyle(element).backgroundColor);
        if (colour.length === 3 || colour[3] === 1) return colour;
        if (colour[3] !== 0) throw new Error("half transparent background");
    }
    return matchMedia("(prefers-color-scheme: dark)").matches ? [18, 18, 18] : [255, 255, 255];
};
document.querySelectorAll("details").forEach(details => { details.open = true; });
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
const ratios = {};
while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !element.checkVisibility()) continue;
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(behind(element))].sort((x, y) => y - x);
    const name = element.tagName.toLowerCase() + (element.className && "." + element.className);
    ratios[name] = Math.min(ratios[name] ?? 99, (a + 0.05) / (b + 0.05));
}
return ratios;
"""
FOCUSED = """
const element = document.activeElement, style = getComputedStyle(element), box = element.getBoundingClientRect();
if (!element.dataset.stop) element.dataset.stop = Math.random();
return {
    stop: element.dataset.stop, tag: element.tagName, name: element.getAttribute("href") || element.textContent.slice(0, 40),
    ring: element.matches(":focus-visible") && style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0,
    inside: box.width > 0 && box.bottom > 0 && box.top < innerHeight && box.right > 0 && box.left < innerWidth,
};
"""


def missing_programs() -> str:
    """Which of the two programs is not installed, or an empty text."""
    absent = [names[0] for names in (BROWSERS, DRIVERS) if not _first(names)]
    return f"{' and '.join(absent)} not installed (Debian: apt-get install chromium chromium-driver)" if absent else ""


def _first(names: tuple[str, ...]) -> str | None:
    return next(filter(None, map(shutil.which, names)), None)


@contextmanager
def browser(profile: Path) -> Iterator[webdriver.Chrome]:
    """A headless browser that resolves no name and reaches no proxy, with its files under `profile`."""
    options = webdriver.ChromeOptions()
    options.binary_location = str(_first(BROWSERS))
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    if os.name == "posix" and os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # the sandbox refuses to start for root, as in most containers
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(_first(DRIVERS)))
    try:
        yield driver
    finally:
        driver.quit()


def show(driver: webdriver.Chrome, page: Path, width: int = 1280, scheme: str = "light") -> None:
    """Load a page at a width and in a colour scheme; what an earlier page logged is dropped."""
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    screen = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
    driver.get("about:blank")
    for log in ("browser", "performance"):
        driver.get_log(log)
    driver.get(page.as_uri())


def complaints(driver: webdriver.Chrome) -> list[str]:
    """What the browser wrote to its console."""
    return [f"{entry['level']}: {entry['message']}" for entry in driver.get_log("browser")]


def requests(driver: webdriver.Chrome) -> list[str]:
    """Addresses that the page asked for, shortened."""
    events = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    return [event["params"]["request"]["url"][:80] for event in events if event["method"] == "Network.requestWillBeSent"]


def bad_images(driver: webdriver.Chrome) -> list[str]:
    """Images that show nothing or say nothing."""
    script = """return [...document.images].filter(i => !(i.complete && i.naturalWidth && i.alt.trim()))
        .map(i => i.outerHTML.slice(0, 80))"""
    return list(driver.execute_script(script))


def dead_links(driver: webdriver.Chrome) -> list[str]:
    """In-page links that lead nowhere."""
    script = """return [...document.querySelectorAll('a[href^="#"]')].map(a => a.getAttribute("href"))
        .filter(href => !document.getElementById(decodeURIComponent(href.slice(1))))"""
    return list(driver.execute_script(script))


def overflow(driver: webdriver.Chrome) -> int:
    """By how many pixels the document is wider than what the window shows of it, every fold opened."""
    script = """document.querySelectorAll("details").forEach(details => { details.open = true; });
        return document.documentElement.scrollWidth - document.documentElement.clientWidth"""
    return int(driver.execute_script(script))


def faint_texts(driver: webdriver.Chrome) -> list[str]:
    """Elements whose text has less than 4.5 to 1 contrast to what is behind it (WCAG 2.2, 1.4.3)."""
    return [f"{name}: {ratio:.2f}" for name, ratio in driver.execute_script(CONTRAST).items() if ratio < 4.5]


def tab_stops(driver: webdriver.Chrome) -> list[dict[str, Any]]:
    """What the Tab key reaches, in order, until it leaves the page or comes round."""
    stops: list[dict[str, Any]] = []
    while len(stops) < 200:
        driver.switch_to.active_element.send_keys(Keys.TAB)
        stop = driver.execute_script(FOCUSED)
        if stop["tag"] == "BODY" or stop["stop"] in [earlier["stop"] for earlier in stops]:
            break
        stops.append(stop)
    return stops
