import { escapeHtml, PAGE_STYLE } from '@evegram/platform'
import { OPERATOR_PAGE_PATH, type OperatorPageNames } from './operator-page.js'

/** Where a browser exchanges the token of an operator for a session. */
export const SIGN_IN_PATH = `${OPERATOR_PAGE_PATH}/sign-in`
/** Characters of a token at most. */
export const TOKEN_CHARACTERS_MAX = 256

/** Where an operator signs in: one form, which works without scripts. `problem`: why it did not work before. */
export function signInPage({ domain }: Pick<OperatorPageNames, 'domain'>, problem?: string): string {
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>Sign in to the wallet bridge at ${escapeHtml(domain)}</title><style>${PAGE_STYLE}</style></head><body><main class="narrow">
<h1>Wallet bridge</h1><p class="soft">${escapeHtml(domain)}, for operators</p>
${problem === undefined ? '' : `<p class="verdict bad" role="alert">${escapeHtml(problem)}</p>`}
<form class="card" method="post" action="${SIGN_IN_PATH}"><label for="token">Operator token</label>
<input id="token" name="token" type="password" required autofocus autocomplete="off" spellcheck="false" maxlength="${String(TOKEN_CHARACTERS_MAX)}">
<button class="main">Sign in</button>
<p class="soft">The token is in the file <code>operator-token</code> of the data folder. You stay signed in for an hour, to look: pausing, approving and comparing are done with <code>evegram wally</code>.</p></form>
</main></body></html>`
}
