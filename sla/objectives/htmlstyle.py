"""The style sheet of the assessment's page, for light, dark and paper."""

STYLE = """
:root { color-scheme: light dark; --page: #f6f7f9; --card: #ffffff; --ink: #1b2430; --soft: #5b6776; --faint:
 #8b95a3;
 --edge: #dfe4ea; --grid: #eceff3; --head: #1f3a5f; --good: #23774a; --goodback: #e6f3eb; --bad: #b3261e;
 --badback: #fbe9e7; --open: #8a6100; --openback: #fdf3dc; --s0: #2f6db5; --s1: #d9822b; --s2: #6d5bb0; --s3:
 #3c8d7d;
 --band: #2f9e62; --mark: #b3261e; }
@media (prefers-color-scheme: dark) { :root { --page: #12161c; --card: #1a2029; --ink: #e6eaf0; --soft: #a3aebb;
 --faint: #75808e; --edge: #2c3541; --grid: #262e39; --head: #a8c7f0; --good: #6fce97; --goodback: #18352480;
 --bad: #ff8a80; --badback: #43201e80; --open: #f0c265; --openback: #3d300f80; --s0: #6ea8e8; --s1: #f0a050;
 --s2: #a595e6; --s3: #62c2ae; --band: #4cc083; --mark: #ff8a80; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 30px 26px 44px; max-width: 1160px; background: var(--page); color: var(--ink);
 font: 14px/1.48 system-ui, "Helvetica Neue", Helvetica, Arial, "Liberation Sans", sans-serif; }
header { display: flex; flex-wrap: wrap; align-items: flex-end; justify-content: space-between; gap: 14px 28px;
 border-bottom: 3px solid var(--head); padding-bottom: 14px; }
h1 { margin: 0; font-size: 27px; line-height: 1.2; letter-spacing: -0.015em; color: var(--head); }
header p { margin: 3px 0 0; color: var(--soft); }
.tally { display: flex; gap: 10px; margin: 0; padding: 0; list-style: none; }
.tally li { border-radius: 8px; padding: 7px 15px 6px; text-align: center; min-width: 84px; font-size: 12px; }
.tally b { display: block; font-size: 23px; line-height: 1.15; font-variant-numeric: tabular-nums; }
.missed { color: var(--bad); background: var(--badback); } .met { color: var(--good); background: var(--goodback); }
.not_measurable { color: var(--open); background: var(--openback); }
h2 { margin: 34px 0 10px; font-size: 17px; color: var(--head); break-after: avoid; }
.failed { margin: 16px 0 0; padding: 9px 14px; border-radius: 8px; }
.lines { margin-top: 20px; background: var(--card); border: 1px solid var(--edge); border-radius: 10px; overflow:
 hidden; }
.line { display: grid; grid-template-columns: 122px minmax(220px, 1.25fr) 212px minmax(230px, 1.2fr); gap: 2px 18px;
 padding: 11px 16px 11px 13px; border-left: 5px solid var(--good); border-top: 1px solid var(--edge);
 break-inside: avoid; }
.line:first-child { border-top: 0; }
.line.is-missed { border-left-color: var(--bad); } .line.is-not_measurable { border-left-color: #e0a92e; }
.chip { display: inline-block; border-radius: 20px; padding: 1px 10px; font-size: 11.5px; font-weight: 600;
 white-space: nowrap; }
.line h3 { margin: 0; font-size: 14px; line-height: 1.4; }
.line h3 span { font-weight: 400; color: var(--soft); }
.line p { margin: 1px 0 0; color: var(--soft); font-size: 12.5px; overflow-wrap: anywhere; }
code { font-size: 0.94em; background: var(--grid); border-radius: 4px; padding: 0 4px; }
.value { font-size: 19px; line-height: 1.2; font-weight: 600; font-variant-numeric: tabular-nums; white-space:
 nowrap; }
.value.none { color: var(--faint); font-weight: 400; font-size: 15px; }
.do { grid-column: 2 / -1; margin-top: 6px !important; color: var(--ink) !important; }
.do b { color: var(--head); } .trend-worse { color: var(--bad) !important; } .trend-better { color: var(--good)
 !important; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(470px, 1fr)); gap: 16px; }
figure { margin: 0; padding: 14px 16px 12px; background: var(--card); border: 1px solid var(--edge);
 border-radius: 10px;
 break-inside: avoid; }
figcaption { font-weight: 600; margin-bottom: 7px; } figure p { margin: 7px 0 0; color: var(--soft); font-size:
 12px; }
figure .empty { padding: 44px 12px; text-align: center; color: var(--faint); font-size: 13px; }
.legend { float: right; font-weight: 400; font-size: 12px; color: var(--soft); }
.legend i { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin: 0 4px 0 12px; }
.k0 { background: var(--s0); } .k1 { background: var(--s1); } .k2 { background: var(--s2); } .k3 { background:
 var(--s3); }
.kband { background: var(--band); opacity: 0.35; }
.chart { width: 100%; height: auto; display: block; overflow: visible; }
.chart text { font-size: 11px; fill: var(--soft); font-variant-numeric: tabular-nums; }
.chart text.name { fill: var(--ink); } .chart text.value { fill: var(--ink); font-size: 11px; }
.chart text.target { fill: var(--mark); font-weight: 600; } .chart .mid { text-anchor: middle; }
.chart .end { text-anchor: end; } .chart .tick { stroke: var(--grid); } .chart .base { stroke: var(--faint); }
.chart .mark { stroke: var(--mark); stroke-width: 1.6; stroke-dasharray: 5 3; }
.chart .band { fill: var(--band); opacity: 0.16; }
.chart .s0 { fill: var(--s0); } .chart .s1 { fill: var(--s1); } .chart .s2 { fill: var(--s2); } .chart .s3 {
 fill: var(--s3); }
.chart .dot { fill-opacity: 0.72; stroke: var(--card); } .chart .line { fill: none; stroke-width: 2.2; border: 0; }
.chart .l0 { stroke: var(--s0); } .chart .l1 { stroke: var(--s1); } .chart .l2 { stroke: var(--s2); }
.chart .l3 { stroke: var(--s3); }
details { margin-top: 12px; background: var(--card); border: 1px solid var(--edge); border-radius: 10px; }
summary { cursor: pointer; padding: 10px 16px; font-weight: 600; }
summary span { font-weight: 400; color: var(--soft); }
.scroll { overflow-x: auto; padding: 0 16px 12px; }
table { border-collapse: collapse; width: 100%; font-size: 12.5px; font-variant-numeric: tabular-nums; }
th { text-align: left; font-weight: 600; color: var(--soft); border-bottom: 1.5px solid var(--edge);
 padding: 4px 14px 4px 0; vertical-align: bottom; }
td { padding: 4px 14px 4px 0; border-bottom: 1px solid var(--grid); vertical-align: top; overflow-wrap: anywhere; }
.right { text-align: right; white-space: nowrap; } tr:last-child td { border-bottom: 0; }
.note { color: var(--soft); font-size: 12px; margin: 8px 0 0; }
footer { margin-top: 30px; color: var(--soft); font-size: 12.5px; } footer p { margin: 4px 0 0; }
@media (max-width: 860px) { .line { grid-template-columns: 1fr; } .do { grid-column: 1; }
 .charts { grid-template-columns: 1fr; } }
@page { size: A4; margin: 12mm; }
@media print { :root { color-scheme: light; } body { padding: 0; max-width: none; font-size: 10px; background: #fff;
 -webkit-print-color-adjust: exact; print-color-adjust: exact; } .charts { grid-template-columns: 1fr 1fr; }
 .line { grid-template-columns: 92px 1.2fr 120px 1.2fr; padding: 6px 9px; } .line h3 { font-size: 11px; }
 .line p { font-size: 9.5px; } code { font-size: 0.94em; background: var(--grid); border-radius: 4px; padding: 0 4px; }
.value { font-size: 13px; } table { font-size: 8.5px; } h2 { margin-top: 20px; } }
"""
