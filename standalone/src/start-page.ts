import { escapeHtml } from '@evegram/platform'
import { durationText } from './duration-text.js'

/** What the start page tells. */
export interface StartPageFacts {
  readonly domain: string
  readonly origin: string
  readonly ws: string
  readonly version: string
  readonly sockets: string
  readonly upSinceMs: number
  readonly nowMs: number
  readonly connections: number
  readonly messagesStored: number
  /** What is not ready; undefined when everything is. */
  readonly missing: string | undefined
  /** Whether the faucet of play money is open. */
  readonly faucet: boolean
}

const STYLE = `
:root{color-scheme:light dark;--line:#8884;--soft:#8881;--key:#2a6fdb;--good:#1a7f4b;--bad:#b3261e}
body{font:17px/1.55 system-ui,sans-serif;margin:0 auto;padding:2.5rem 1.2rem 5rem;max-width:46rem}
h1{font-size:2rem;margin:0}h2{margin-top:2.2rem;font-size:1.15rem}
p.lead{font-size:1.15rem;margin:.3rem 0 1.5rem}
dl{display:grid;grid-template-columns:max-content 1fr;gap:.25rem 1.2rem;border:1px solid var(--line);border-radius:.6rem;padding:1rem 1.2rem}
dt{opacity:.75}dd{margin:0;overflow-wrap:anywhere}
pre{background:var(--soft);border:1px solid var(--line);padding:.9rem 1rem;border-radius:.6rem;overflow:auto;font-size:.9rem}
a{color:var(--key)}.ready{color:var(--good)}.unready{color:var(--bad)}`

/** The page at `/`: status, what to try, and where to read on. No scripts, nothing loaded from elsewhere. */
export function startPage(facts: StartPageFacts): string {
  const rows: readonly (readonly [string, string])[] = [
    ['State', facts.missing === undefined ? '<span class="ready">ready</span>' : `<span class="unready">not ready: ${escapeHtml(facts.missing)}</span>`],
    ['Up for', escapeHtml(durationText(facts.nowMs - facts.upSinceMs))],
    ['Devices connected', String(facts.connections)],
    ['Messages stored since start', String(facts.messagesStored)],
    ['Domain that wallets sign for', `<code>${escapeHtml(facts.domain)}</code>`],
    ['Messages', `<code>${escapeHtml(facts.ws)}</code>`],
    ['Socket tier', escapeHtml(facts.sockets)],
    ['Version', escapeHtml(facts.version)],
  ]
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Evegram at ${escapeHtml(facts.domain)}</title><style>${STYLE}</style></head><body>
<h1>Evegram</h1><p class="lead">End-to-end-encrypted messages; your wallet is your identity.</p>
<dl>${rows.map(([name, value]) => `<dt>${name}</dt><dd>${value}</dd>`).join('')}</dl>
<h2>Try it: two wallets, two terminals</h2>
<pre>npx evegram keys new --chain solana --out alice.json
npx evegram keys new --chain ton --out bob.json

npx evegram login --wallet alice.json --profile ./alice --server ${escapeHtml(facts.origin)}
npx evegram login --wallet bob.json   --profile ./bob   --server ${escapeHtml(facts.origin)}

npx evegram chat &lt;Bob's address&gt;   --profile ./alice
npx evegram chat &lt;Alice's address&gt; --profile ./bob</pre>
${facts.faucet ? `<h2>Play money</h2>
<p>A chain of play money runs inside this server: pay in from its faucet, send some to Bob, take the rest out again.</p>
<pre>npx evegram play faucet 20 --profile ./alice
npx evegram wallet send &lt;Bob's address&gt; 5.5 PLAY --profile ./alice
npx evegram wallet balance --profile ./bob
npx evegram wallet withdraw 2 PLAY &lt;an address&gt; --profile ./bob</pre>
` : ''}<h2>Read on</h2>
<p><a href="/docs">API of this server</a> · <a href="/openapi.json">OpenAPI</a> ·
<a href="/.well-known/evegram">Discovery</a> · <a href="/v1/auth/jwks.json">Token keys</a></p>
<p>The wire protocol, the threat model and how to run a server are in the folder <code>docs/</code> of the source.</p>
</body></html>`
}
