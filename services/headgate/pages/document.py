"""One HTML page that needs nothing else: no script, no file, no network.

title, headline, tiles, sections  ->  HTML text that can be opened from a file, mailed or printed

Every text that is given is escaped; only what is called a part or a section is HTML already. The
page's policy forbids scripts and everything from elsewhere, should an escape ever be missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from headgate.pages.charts import CHART_STYLE

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"

_STYLE = """
:root{color-scheme:light dark;--page:#f5f6f8;--card:#fff;--ink:#171b22;--quiet:#565f6e;
--rule:#dfe3e9;--here:#e9f2fc;--certified:#12805c;--suspect:#a66300;--void:#c0392b;
--uncertified:#6b7382}
@media (prefers-color-scheme:dark){:root{--page:#11141a;--card:#1a1f27;--ink:#e8ebf0;
--quiet:#a3adbb;--rule:#313946;--here:#1c3047;--certified:#4fd1a1;--suspect:#f0b352;
--void:#ff8273;--uncertified:#a3adbb}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:16px/1.5 system-ui,-apple-system,
"Segoe UI",Roboto,sans-serif}
main{max-width:74rem;margin:0 auto;padding:2rem 1rem 3rem}
h1{font-size:1rem;font-weight:600;margin:0;color:var(--quiet);overflow-wrap:anywhere}
h2{font-size:1.25rem;margin:2.5rem 0 .25rem}
.headline{font-size:clamp(1.35rem,1rem + 1.9vw,2.1rem);line-height:1.25;font-weight:650;
letter-spacing:-.01em;margin:.5rem 0 1.5rem;max-width:58rem;overflow-wrap:anywhere}
.sub,.note{color:var(--quiet);font-size:.9rem;margin:.25rem 0 1rem;max-width:50rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(10rem,1fr));gap:1rem;margin:0}
.tiles div,.card{background:var(--card);border:1px solid var(--rule);border-radius:.75rem;
padding:.9rem clamp(.8rem,2vw,1.15rem)}
.tiles dt{color:var(--quiet);font-size:.9rem}
.tiles dd{margin:0}
.tiles .big{font-size:clamp(1.4rem,1rem + 1.5vw,1.9rem);font-weight:650;line-height:1.3;
font-variant-numeric:tabular-nums}
.tiles .more{color:var(--quiet);font-size:.85rem}
.guarantee{margin-top:1rem;border-left:.4rem solid var(--state)}
.guarantee p{margin:.4rem 0 0;max-width:58rem}
.guarantee .statement{font-size:1.1rem;font-weight:550}
.badge{display:inline-block;border:1px solid var(--state);color:var(--state);border-radius:1rem;
padding:0 .7rem;font-size:.85rem;font-weight:650}
.facts{display:flex;flex-wrap:wrap;gap:.2rem 1.4rem;margin:.8rem 0 0;font-size:.85rem;
color:var(--quiet)}
.facts div{display:flex;gap:.4rem}
.facts dd{margin:0;color:var(--ink);font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,30rem),1fr));gap:1rem}
.charts>:last-child:nth-child(odd){grid-column:1/-1}
.charts>:last-child:nth-child(odd) figure{max-width:35rem}
.scroll{overflow-x:auto;background:var(--card);border:1px solid var(--rule);border-radius:.75rem}
table{border-collapse:collapse;width:100%;font-size:.92rem;font-variant-numeric:tabular-nums}
caption{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
th,td{padding:.5rem .8rem;text-align:right;vertical-align:top;border-top:1px solid var(--rule)}
thead th{border-top:0;color:var(--quiet);font-weight:550;font-size:.85rem;vertical-align:bottom;
min-width:5.5rem}
th:first-child,.text{text-align:left}
.text{min-width:15rem}
tbody th{font-weight:550;position:sticky;left:0;background:var(--card);min-width:9.5rem;
max-width:18rem;overflow-wrap:anywhere}
td small{white-space:nowrap}
small{display:block;color:var(--quiet);font-weight:400;font-size:.8rem}
.here th,.here td{background:var(--here)}
.scroll+.scroll{margin-top:1rem}
ul.notes{margin:.5rem 0 0;padding-left:1.2rem;max-width:58rem}
ul.notes li{margin:.3rem 0}
footer{margin-top:2.5rem;color:var(--quiet);font-size:.85rem;overflow-wrap:anywhere}
@media print{body{background:none}.card,.tiles div,figure,tr{break-inside:avoid}}
"""


def document(title: str, sections: Sequence[str], *, footer: str, style: str = "") -> str:
    """Return a whole page.

    Args:
        title: Any text.
        sections: HTML, in order.
        footer: Any text.
        style: Rules of this page beside those that all pages share.
    """
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}{CHART_STYLE}{style}</style>\n</head>\n"
        "<body>\n<main>\n" + "\n".join(sections) + f"\n<footer>{escape(footer)}</footer>\n"
        "</main>\n</body>\n</html>\n"
    )


def header(title: str, headline: str, tiles: Sequence[str]) -> str:
    """Return what a page opens with: its subject, one sentence, and tiles as `tile` makes them."""
    return (
        f'<header><h1>{escape(title)}</h1><p class="headline">{escape(headline)}</p></header>'
        f'<dl class="tiles">{"".join(tiles)}</dl>'
    )


def tile(name: str, value: str, more: str) -> str:
    """Return one figure with its name above and a remark below."""
    return (
        f'<div><dt>{escape(name)}</dt><dd class="big">{escape(value)}</dd>'
        f'<dd class="more">{escape(more)}</dd></div>'
    )


def section(heading: str, *parts: str, sub: str = "") -> str:
    """Return a section.

    Args:
        heading: Any text.
        parts: HTML, in order.
        sub: A sentence below the heading; none when empty.
    """
    said = f'<p class="sub">{escape(sub)}</p>' if sub else ""
    return f"<section><h2>{escape(heading)}</h2>{said}{''.join(parts)}</section>"


def facts(named: Mapping[str, str]) -> str:
    """Return small figures by name, in a row."""
    listed = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>"
        for name, value in named.items()
    )
    return f'<dl class="facts">{listed}</dl>'


def notes(sentences: Sequence[str]) -> str:
    """Return sentences as a list."""
    items = "".join(f"<li>{escape(sentence)}</li>" for sentence in sentences)
    return f'<ul class="notes">{items}</ul>'


def note(sentence: str) -> str:
    """Return a remark below a table or chart."""
    return f'<p class="note">{escape(sentence)}</p>'
