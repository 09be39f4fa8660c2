"""A screen with colour sequences (tmux capture-pane -e) on stdin, as SVG on stdout. Arguments: columns, rows."""

import html
import re
import sys
import unicodedata

COLOURS = {  # the sixteen of the terminal, dark
    30: "#1b1f27", 31: "#e06c75", 32: "#98c379", 33: "#e5c07b", 34: "#61afef", 35: "#c678dd", 36: "#56b6c2",
    37: "#dcdfe4", 90: "#7f8794", 91: "#e06c75", 92: "#98c379", 93: "#e5c07b", 94: "#61afef", 95: "#c678dd",
    96: "#56b6c2", 97: "#ffffff",
}
TEXT, GROUND = "#dcdfe4", "#1b1f27"
WIDE, HIGH = 8.4, 18


def cells(line):
    """Yields (column, text, colour, bold, underlined) for every run of one style."""
    column, colour, bold, underlined = 0, TEXT, False, False
    for part in re.split(r"(\x1b\[[0-9;:]*m)", line):
        if part.startswith("\x1b["):
            for code in (int(c or 0) for c in re.split("[;:]", part[2:-1])):
                if code == 0:
                    colour, bold, underlined = TEXT, False, False
                elif code == 1:
                    bold = True
                elif code == 4:
                    underlined = True
                elif code == 22:
                    bold = False
                elif code == 24:
                    underlined = False
                elif code == 39:
                    colour = TEXT
                elif code in COLOURS:
                    colour = COLOURS[code]
        elif part:
            yield column, part, colour, bold, underlined
            column += sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in part)


def main():
    columns, rows = int(sys.argv[1]), int(sys.argv[2])
    width, height = columns * WIDE + 16, rows * HIGH + 16
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}">',
        f'<rect width="100%" height="100%" rx="6" fill="{GROUND}"/>',
        '<g font-family="ui-monospace, Menlo, Consolas, monospace" font-size="14" xml:space="preserve">',
    ]
    for row, line in enumerate(sys.stdin.read().split("\n")[:rows]):
        for column, text, colour, bold, underlined in cells(line):
            if not text.strip():
                continue
            style = (' font-weight="bold"' if bold else "") + (' text-decoration="underline"' if underlined else "")
            x, y = 8 + column * WIDE, 8 + (row + 1) * HIGH - 4
            length = len(text) * WIDE
            out.append(
                f'<text x="{x:.1f}" y="{y}" fill="{colour}" textLength="{length:.1f}"{style}>{html.escape(text)}</text>'
            )
    out.append("</g></svg>")
    print("\n".join(out))


main()
