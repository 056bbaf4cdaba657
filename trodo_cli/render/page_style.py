"""What the page of a trace looks like: light and dark by what the reader's system prefers."""

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #ffffff; --ink: #1c2128; --soft: #59636e; --line: #d9dee4; --wash: #f5f7f9; --hover: #eef2f6;
  --ok: #1a7f37; --error: #cf222e; --running: #0969da; --cancelled: #8250df; --lost: #9a6700; --pending: #59636e;
  --agent: #8c959f; --model: #a040a8; --tool: #2f6fd0; --retrieval: #1b8a8f; --step: #8c959f; --generic: #8c959f;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #0d1117; --ink: #e6edf3; --soft: #9198a1; --line: #2b323b; --wash: #151b23; --hover: #1b222c;
    --ok: #3fb950; --error: #f85149; --running: #58a6ff; --cancelled: #bc8cff; --lost: #d29922; --pending: #9198a1;
    --agent: #6e7681; --model: #d282da; --tool: #6ea8fe; --retrieval: #56c2c7; --step: #6e7681; --generic: #6e7681;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 2rem 1.5rem 4rem; max-width: 92rem; background: var(--paper); color: var(--ink);
  font: 14px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif;
}
h1 { margin: 0 0 1rem; font-size: 1.5rem; font-weight: 600; overflow-wrap: anywhere; }
h2 { margin: 2rem 0 .5rem; font-size: 1rem; font-weight: 600; }
h3 { margin: .9rem 0 .25rem; font-size: .75rem; font-weight: 600; color: var(--soft); }
.small { color: var(--soft); }
dl.facts { display: flex; flex-wrap: wrap; gap: .75rem 2.25rem; margin: 0; }
dl.facts dt { font-size: .75rem; color: var(--soft); }
dl.facts dd { margin: 0; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
pre {
  margin: 0; padding: .6rem .8rem; overflow-x: auto; border: 1px solid var(--line); border-radius: 6px;
  background: var(--wash); font: 12px/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace;
  white-space: pre-wrap; overflow-wrap: anywhere;
}
.why {
  margin-top: 1.5rem; padding: .2rem 1rem 1rem; border: 1px solid var(--line); border-left: 3px solid var(--error);
  border-radius: 6px;
}
.why h2 { margin-top: .8rem; }
.path { overflow-wrap: anywhere; margin: .25rem 0 .5rem; }
.tree { border: 1px solid var(--line); border-radius: 6px; overflow: hidden; }
.head, summary {
  display: flex; align-items: center; gap: .75rem; padding: .2rem .75rem; border-bottom: 1px solid var(--line);
}
.tree > details:last-child:not([open]) > summary { border-bottom: 0; }
.head { background: var(--wash); font-size: .75rem; color: var(--soft); }
summary { cursor: pointer; list-style: none; }
summary::-webkit-details-marker { display: none; }
summary::before { content: "\\203A"; width: .6rem; flex: none; color: var(--soft); transition: transform .1s; }
details[open] > summary::before { transform: rotate(90deg); }
summary:hover { background: var(--hover); }
.what { flex: 1; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
.name { font-weight: 500; }
.more { color: var(--soft); margin-left: .6rem; }
.fault { color: var(--error); margin-left: .6rem; }
.num { flex: none; text-align: right; color: var(--soft); font-variant-numeric: tabular-nums; white-space: nowrap; }
.tokens { width: 6.5rem; } .cost { width: 4.5rem; } .time { width: 4.5rem; color: var(--ink); }
.lane { flex: none; position: relative; width: 30%; min-width: 8rem; max-width: 30rem; width: 26vw; height: 1.1rem; }
.lane i { position: absolute; top: .2rem; height: .7rem; min-width: 2px; border-radius: 2px; }
.of > summary { border: 0; padding-top: 0; padding-bottom: .1rem; font-size: .75rem; color: var(--soft); }
.of[open] { border-bottom: 1px solid var(--line); } .of > .said { border: 0; }
.inside { padding-left: 1.1rem; }
.said { padding: .5rem .75rem 1rem 1.35rem; border-bottom: 1px solid var(--line); }
.s-ok { color: var(--ok); } .s-error { color: var(--error); } .s-running { color: var(--running); }
.s-cancelled { color: var(--cancelled); } .s-lost { color: var(--lost); } .s-pending { color: var(--pending); }
.k-agent { color: var(--agent); } .k-model { color: var(--model); } .k-tool { color: var(--tool); }
.k-retrieval { color: var(--retrieval); } .k-step { color: var(--step); } .k-generic { color: var(--generic); }
.lane i { background: currentColor; }
footer { margin-top: 2rem; font-size: .75rem; color: var(--soft); }
@media (max-width: 50rem) { .tokens, .cost { display: none; } body { padding: 1rem .5rem 3rem; } }
@media print { body { max-width: none; } .tree { overflow: visible; } }
"""
