import type { Client, GapReason } from '@evegram/sdk'
import { channelAlarmWarning, gapWarning, postFailedWarning, type Warning } from './channel-warnings.js'
import { shortAddress } from './message-line.js'
import type { Output } from './output.js'

/** Different alarms that one command shows; a server that makes more of them cannot fill the terminal. */
const ALARMS_MAX = 100
/** What somebody is told whose command waits for it. */
export const LEDGER_STARTING = 'The ledger of the server is starting; waiting for it.'

/**
 * Shows what a person must know beside the messages: refusals, gaps, changed keys, a server that shows two histories, and when the
 * server is away. Each once. On stderr: text for people, `{"warning":{...}}` lines for machines. Ends when the returned function is called.
 */
export function showAlarms(client: Client, output: Output): () => void {
  const seen = new Set<string>()
  const warn = (code: string, about: Readonly<Record<string, unknown>>, text: string): void => {
    const key = JSON.stringify([code, about])
    if (seen.has(key) || seen.size >= ALARMS_MAX) return
    seen.add(key)
    output.warning({ code, ...about }, text)
  }
  const warnOf = ({ object: { code, ...about }, text }: Warning): void => { warn(String(code), about, text) }
  let away = false
  const endings = [
    client.on('security', ({ code, account, device }) => {
      // What the user blocked or declined is not shown, as they decided.
      if (code === 'denied.blocked') return
      warn(code, { account, device }, `something was refused because it could not be trusted (${code})`)
    }),
    client.on('account-alarm', ({ code, account, error }) => {
      warn(code, { account }, `${error.advice} (${code})`)
    }),
    client.on('group-alarm', ({ conversation, code, reason }) => {
      warn(code, { conversation, reason }, `the server showed a membership of a group that its members did not sign (${code}): the group stays as it was`)
    }),
    client.on('group-changed', ({ conversation, version, by, signerRevokedSince }) => {
      if (!signerRevokedSince) return
      warn('group-changed', { conversation, version, account: by }, 'a change of a group was signed by a device that is revoked by now; ask who made it: evegram group members')
    }),
    client.on('channel-gap', (gap) => { warnOf(gapWarning(gap)) }),
    client.on('channel-alarm', (alarm) => { warnOf(channelAlarmWarning(alarm)) }),
    client.on('channel-post-failed', (failure) => { warnOf(postFailedWarning(failure)) }),
    client.on('payment-failed', ({ conversation, transfer, asset, amount, error }) => {
      const about = { conversation, transfer, asset, amount: amount.toString(), reason: error.code }
      warn('payment-failed', about, `a payment of ${amount.toString()} of the smallest unit of ${asset} was refused and is not made (${error.code}): transfer ${transfer}`)
    }),
    client.on('gap', ({ reason, conversation, from, to }) => {
      warn('gap', { reason, conversation, from, to }, gapText(reason))
    }),
    client.on('identity-changed', ({ account, address }) => {
      warn('identity-changed', { account, address }, `the keys of ${shortAddress(address)} changed; compare safety numbers: evegram verify ${address}`)
    }),
    client.on('device-added', ({ own, account, address, device }) => {
      const whose = own ? 'your account' : shortAddress(address)
      warn('device-added', { account, device }, `${whose} has a new device: ${device}`)
    }),
    client.on('ledger-starting', () => { output.note(LEDGER_STARTING) }),
    client.on('state', ({ state }) => {
      if (state === 'offline' && !away) output.note('The server does not answer; trying again.')
      if (state === 'live' && away) output.note('Connected again.')
      if (state === 'offline' || state === 'live') away = state === 'offline'
    }),
  ]
  return () => {
    for (const end of endings) end()
  }
}

/** What a person is told of missing messages. */
function gapText(reason: GapReason): string {
  switch (reason) {
    case 'sender_revoked': return 'a message is missing here: it came from a device that was revoked, so nobody can say who wrote it; the other devices of its account were asked for it'
    case 'unreadable': return 'a message is missing here: it could not be decrypted; its sender was asked for a new copy'
    case 'expired':
    case 'before_you_joined':
    case 'erased':
    case 'withheld':
      return 'messages are missing here; a new copy was asked for where that is possible'
    default: return reason satisfies never
  }
}
