import { createHash } from 'node:crypto'

/** The style of pages for operators, in the page itself: dark where the browser is, one column on a phone, nothing loaded from elsewhere. */
export const PAGE_STYLE = `
:root{color-scheme:light dark;--bg:#f4f5f7;--card:#fff;--ink:#15181e;--soft:#667085;--line:#e3e6eb;--key:#2a6fdb;--good:#157f4a;--goodbg:#e3f5ea;--warn:#9a6200;--warnbg:#fdf1d7;--bad:#b3261e;--badbg:#fde8e6}
@media(prefers-color-scheme:dark){:root{--bg:#0f1216;--card:#181c22;--ink:#e8eaee;--soft:#98a2b3;--line:#2a3038;--key:#7aa9f7;--good:#5fd39a;--goodbg:#12301f;--warn:#f0bd5c;--warnbg:#362a10;--bad:#ff8f86;--badbg:#3b1714}}
*{box-sizing:border-box}
body{font:16px/1.5 system-ui,sans-serif;margin:0;background:var(--bg);color:var(--ink)}
main{max-width:64rem;margin:0 auto;padding:1.6rem 1rem 4rem}
header{display:flex;flex-wrap:wrap;gap:.3rem 1rem;align-items:baseline;justify-content:space-between}
h1{font-size:1.45rem;margin:0}h2{font-size:1.05rem;margin:0}h3{font-size:.8rem;margin:1.2rem 0 .35rem;color:var(--soft);font-weight:600}
.soft{color:var(--soft);font-size:.9rem}p{margin:.3rem 0}
.verdicts{display:grid;gap:.6rem;margin:1rem 0 1.2rem}.verdict{border-radius:.8rem;padding:.8rem 1.1rem;font-weight:600}.verdict p{font-weight:400;font-size:.92rem}
.good{background:var(--goodbg);color:var(--good)}.warn{background:var(--warnbg);color:var(--warn)}.bad{background:var(--badbg);color:var(--bad)}
.cards{display:grid;gap:1rem;grid-template-columns:repeat(auto-fit,minmax(min(100%,27rem),1fr))}
.card{background:var(--card);border:1px solid var(--line);border-radius:.8rem;padding:1.1rem 1.2rem 1.2rem;min-width:0}
.top{display:flex;flex-wrap:wrap;gap:.4rem;align-items:center}.top h2{margin-right:auto}
.pill{font-size:.8rem;font-weight:600;border-radius:1rem;padding:.1rem .65rem;white-space:nowrap}.pill.still{background:var(--line);color:var(--soft)}
dl{display:grid;grid-template-columns:minmax(0,1fr) auto;gap:.18rem 1rem;margin:.2rem 0}dt{color:var(--soft)}dd{margin:0;text-align:right;font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
dd.sum{font-weight:600}.is-warn{color:var(--warn);font-weight:600}.is-bad{color:var(--bad);font-weight:600}.flow .is-warn,.flow .is-bad{border-color:currentColor}
.bar{display:block;width:100%;height:.55rem;border-radius:.4rem;background:var(--line);margin:.5rem 0 .2rem}.bar rect{fill:var(--key)}.bar.short rect{fill:var(--bad)}
.flow{display:flex;flex-wrap:wrap;gap:.35rem;margin:.1rem 0;padding:0;list-style:none}.flow li{border:1px solid var(--line);border-radius:.5rem;padding:.15rem .6rem;font-size:.88rem}.flow b{margin-right:.35rem}
.wide{margin-top:1rem;overflow-x:auto}table{border-collapse:collapse;width:100%;font-size:.92rem}td,th{text-align:left;padding:.4rem .9rem .4rem 0;border-bottom:1px solid var(--line);vertical-align:top}th{color:var(--soft);font-weight:600;font-size:.8rem}
td.break{overflow-wrap:anywhere;min-width:9rem}td.time{white-space:nowrap}tr:last-child td{border-bottom:0}
@media(max-width:42rem){tr{display:block;padding:.5rem 0;border-bottom:1px solid var(--line)}tr:first-child{display:none}tr:last-child{border-bottom:0}td{display:block;border:0;padding:.05rem 0}td:first-child{font-weight:600}td.times:before{content:"times: "}td.chain:before{content:"chain says: "}td.ledger:before{content:"ledger says: "}}
footer{margin-top:1.6rem}footer form{display:flex;flex-wrap:wrap;gap:.4rem 1rem;align-items:center;justify-content:space-between;margin-top:.8rem}
button{font:inherit;font-weight:600;border:1px solid var(--line);border-radius:.5rem;padding:.35rem .9rem;background:var(--card);color:var(--ink);cursor:pointer}button:hover,button:focus-visible{border-color:var(--key)}
main.narrow{max-width:30rem;padding-top:12vh}.narrow h1{margin-bottom:.2rem}.narrow .card{margin-top:1.2rem}label{display:block;font-weight:600;margin-bottom:.35rem}
input{font:inherit;width:100%;border:1px solid var(--line);border-radius:.5rem;padding:.5rem .7rem;background:var(--bg);color:var(--ink);margin-bottom:.9rem}:focus-visible{outline:2px solid var(--key);outline-offset:1px}
button.main{background:var(--key);border-color:var(--key);color:var(--card);width:100%;padding:.55rem;margin-bottom:.8rem}.narrow .verdict{margin:1rem 0 0}
code{font-size:.9em}`

/** The content policy of such pages: this style and forms to this server, no scripts, no frames, nothing else. */
export const PAGE_POLICY = [
  "default-src 'none'", `style-src 'sha256-${createHash('sha256').update(PAGE_STYLE).digest('base64')}'`, "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'",
].join('; ')
