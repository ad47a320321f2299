"""Style sheet of report.html: light or dark like the reader's system, nothing from elsewhere."""

STYLE = """
:root { color-scheme: light dark; --ground: #ffffff; --card: #f4f6f8; --text: #1b222b; --faint: #5b6673;
  --line: #dde2e8; --high: #1a7f4b; --moderate: #9a6700; --low: #c0362c; }
@media (prefers-color-scheme: dark) { :root { --ground: #12161b; --card: #1b2129; --text: #e4e8ed;
  --faint: #97a3b0; --line: #2c343e; --high: #4cc38a; --moderate: #e3b341; --low: #ff7b72; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 2rem 1.25rem 4rem; }
header { margin-bottom: 1.5rem; }
.product { margin: 0; color: var(--faint); letter-spacing: .04em; }
h1 { margin: 0; font-size: 1.9rem; font-weight: 650; }
h2 { margin: 2.2rem 0 .6rem; font-size: 1.15rem; font-weight: 650; }
p { margin: .3rem 0; }
.confidence, .warnings { background: var(--card); border-radius: .6rem; padding: .9rem 1.2rem;
  margin-bottom: 1rem; border-left: .35rem solid var(--line); }
.confidence h2, .warnings h2 { margin: 0 0 .2rem; }
.confidence.high { border-color: var(--high); } .confidence.high h2 { color: var(--high); }
.confidence.moderate, .warnings { border-color: var(--moderate); }
.confidence.moderate h2, .warnings h2 { color: var(--moderate); }
.confidence.low { border-color: var(--low); } .confidence.low h2 { color: var(--low); }
.number { font-weight: 400; font-size: 1rem; color: var(--faint); margin-left: .4rem; }
.advice, .faint, figcaption, footer { color: var(--faint); }
.warnings ul { margin: 0; padding-left: 1.2rem; }
figure { margin: 0; }
img { display: block; max-width: 100%; height: auto; border-radius: .5rem; }
figcaption { margin-top: .5rem; max-width: 48rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { text-align: left; vertical-align: top; padding: .3rem 1.5rem .3rem 0;
  border-bottom: 1px solid var(--line); }
th { font-weight: 500; color: var(--faint); white-space: nowrap; }
.matrix td { text-align: right; }
.matrix td, .sum { font-family: ui-monospace, Menlo, Consolas, monospace; font-size: .85rem; }
.wide { overflow-x: auto; }
details { margin-top: 1rem; } summary { cursor: pointer; color: var(--faint); }
.legend { list-style: none; padding: 0; columns: 16rem; margin: .6rem 0 0; }
.legend i { display: inline-block; width: .8rem; height: .8rem; border-radius: .2rem; margin-right: .5rem; }
footer { margin-top: 3rem; padding-top: 1rem; border-top: 1px solid var(--line); font-size: .9rem; }
@media print { details > * { display: block; } figure, section { break-inside: avoid; } }
"""
