/** The look of the report: the reader's light or dark. */
export const REPORT_CSS = `
:root { --ground: #f6f7f9; --card: #ffffff; --ink: #1b2330; --muted: #667085; --line: #e3e7ee; --good: #0a7d4f; --bad: #c02637; --warn: #96600a; --grid: #eceff4; }
@media (prefers-color-scheme: dark) {
  :root { --ground: #0f141b; --card: #171e28; --ink: #e6ebf2; --muted: #93a0b4; --line: #263140; --good: #4cc38a; --bad: #ff7b86; --warn: #e6ae4b; --grid: #222c39; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--ink); font: 15px/1.5 system-ui, -apple-system, "Segoe UI", sans-serif; }
header, main, footer { max-width: 1120px; margin: 0 auto; padding: 0 20px; }
header { padding-top: 32px; }
h1 { margin: 0; font-size: 26px; letter-spacing: -0.01em; }
h2 { margin: 0 0 4px; font-size: 17px; }
h3 { margin: 20px 0 2px; font-size: 13px; font-weight: 600; color: var(--muted); }
p { margin: 4px 0; }
.muted { color: var(--muted); font-size: 13px; }
.verdict { display: inline-block; margin: 12px 0 4px; padding: 6px 14px; border-radius: 8px; font-weight: 600; background: var(--card); border: 1px solid; }
.verdict.pass { color: var(--good); } .verdict.breach { color: var(--bad); } .verdict.invalid { color: var(--warn); }
section { margin: 16px 0; padding: 18px 20px; background: var(--card); border: 1px solid var(--line); border-radius: 12px; }
.tiles, .tables { padding: 0; background: none; border: 0; display: grid; gap: 12px; grid-template-columns: repeat(auto-fit, minmax(165px, 1fr)); }
.tables { grid-template-columns: repeat(auto-fit, minmax(min(380px, 100%), 1fr)); align-items: start; }
.tile, .tables > div { padding: 14px 16px; background: var(--card); border: 1px solid var(--line); border-radius: 12px; display: flex; flex-direction: column; overflow-x: auto; }
.tile .name { font-size: 13px; color: var(--muted); } .tile .value { font-size: 26px; font-weight: 650; font-variant-numeric: tabular-nums; }
.tile small { margin-left: 4px; font-size: 13px; font-weight: 400; color: var(--muted); }
table { width: 100%; border-collapse: collapse; font-variant-numeric: tabular-nums; font-size: 13px; }
th, td { padding: 4px 8px 4px 0; text-align: right; border-bottom: 1px solid var(--line); } th:first-child, td:first-child { text-align: left; }
th { font-weight: 600; color: var(--muted); } tr:last-child td { border-bottom: 0; } .broken { color: var(--bad); font-weight: 600; }
.note { padding: 8px 14px; color: var(--warn); background: var(--card); border: 1px solid var(--line); border-radius: 8px; font-size: 13px; }
.chart { width: 100%; } .u-legend { color: var(--ink); font-size: 12px; text-align: left; } .u-legend th { color: var(--ink); border: 0; padding: 0; } .u-legend td { border: 0; padding: 0 0 0 4px; }
td.text, th.text { min-width: 14em; text-align: left; white-space: normal; }
footer { padding-top: 8px; padding-bottom: 32px; }
`
