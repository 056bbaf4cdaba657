"""Every key there is, in one table: bindings, footer, help and command palette are made from it."""

from typing import NamedTuple

from textual.binding import Binding


class Key(NamedTuple):
    """One action and how to ask for it."""

    keys: str
    """As Textual names them, with commas between."""
    action: str
    label: str
    """A word or two, for the footer."""
    what: str
    """A sentence, for the help and the palette."""
    shown: bool = False
    """Whether the footer has room for it."""


EVERYWHERE = (
    Key("question_mark", "app.help", "help", "Show these keys.", True),
    Key("ctrl+p", "app.command_palette", "commands", "Find a command by its name."),
    Key("T", "app.next_theme", "theme", "Take the next theme."),
    Key("q", "app.quit", "quit", "Leave.", True),
    Key(
        "ctrl+c",
        "app.interrupt",
        "interrupt",
        "Leave as from an interrupted program; copy, where text is selected.",
    ),
    Key("ctrl+z", "app.suspend_process", "suspend", "Back to the shell for now; `fg` returns."),
)

MOVING = (
    Key("down,j", "down", "down", "Go one row down."),
    Key("up,k", "up", "up", "Go one row up."),
    Key("pagedown,ctrl+d", "page_down", "page down", "Go one screen down."),
    Key("pageup,ctrl+u", "page_up", "page up", "Go one screen up."),
    Key("home,g", "first", "first", "Go to the first row."),
    Key("end,G", "last", "last", "Go to the last row."),
)

RUNS = (
    Key("enter,l,right", "open", "open", "Open the run.", True),
    Key("slash", "filter", "filter", "Filter the list, as in status:failed agent:writer since:2h.", True),
    Key("escape", "clear", "clear", "Take the marks away, then the filter."),
    Key("space", "mark", "mark", "Mark the run, or take its mark away, and go on.", True),
    Key("asterisk", "mark_all", "mark all", "Mark every run of the list, or none."),
    Key("a", "below", "all runs", "Show runs below another one too, or only those at the top.", True),
    Key("c", "cancel", "cancel", "Ask the run, or the marked ones, to stop.", True),
    Key("s", "start", "start", "Start an agent and follow its run."),
    Key("y", "copy", "copy id", "Copy the run's id."),
)

TRACE = (
    Key("enter", "zoom", "zoom", "Show only what is below this row; a run below is opened.", True),
    Key(
        "escape,backspace",
        "back",
        "back",
        "End the search, then back out of a zoom, then to the list of runs.",
        True,
    ),
    Key("slash", "search", "search", "Search names, models, tools and errors, folded rows too.", True),
    Key("n", "next_match", "next", "Go to the next match."),
    Key("N", "previous_match", "previous", "Go to the match before."),
    Key("e", "next_error", "error", "Go to the next row that failed.", True),
    Key("E", "previous_error", "error before", "Go to the row before that failed."),
    Key("r", "root_cause", "root cause", "Go to where it first went wrong."),
    Key("f", "follow", "follow", "Stay at the newest row.", True),
    Key("w", "waterfall", "waterfall", "Show or hide the bars of time."),
    Key("c", "cancel", "cancel", "Ask the run, or the run under the cursor, to stop.", True),
    Key("tab", "next_tab", "next tab", "Show the next tab of the details."),
    Key("shift+tab", "previous_tab", "tab before", "Show the tab before."),
    Key("d", "details", "details", "Show or hide the details."),
    Key("J", "details_down", "details down", "Scroll the details down."),
    Key("K", "details_up", "details up", "Scroll the details up."),
    Key("y", "copy", "copy", "Copy what the details show, made inert."),
    Key("o", "pager", "pager", "Open what the details show in your pager."),
)

FOLDS = (
    Key("space", "toggle_fold", "fold", "Fold or unfold what is below."),
    Key("right,l", "unfold", "unfold", "Unfold, or go one row down."),
    Key("left,h", "fold", "fold", "Fold, or go to the parent."),
    Key("plus,equals_sign", "deeper", "deeper", "Unfold one level more everywhere."),
    Key("minus", "shallower", "shallower", "Fold one level everywhere."),
)

_NAMES = {
    "question_mark": "?", "slash": "/", "plus": "+", "equals_sign": "=", "minus": "-", "asterisk": "*",
    "escape": "esc", "pagedown": "pgdn", "pageup": "pgup", "ctrl+p": "^p", "ctrl+d": "^d", "ctrl+u": "^u",
}  # fmt: skip


def names(key: Key) -> list[str]:
    """Its keys as a person knows them."""
    return [_NAMES.get(name, name) for name in key.keys.split(",")]


def bindings(*tables: tuple[Key, ...]) -> list[Binding | tuple[str, str] | tuple[str, str, str]]:
    """The bindings of these tables, as a screen or an app wants them."""
    return [
        Binding(name, key.action, key.label, show=key.shown and not at, key_display=shown, tooltip=key.what)
        for table in tables
        for key in table
        for at, (name, shown) in enumerate(zip(key.keys.split(","), names(key), strict=True))
    ]
