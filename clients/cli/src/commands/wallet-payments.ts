import { EvegramError, isEvegramError } from '@evegram/protocol'
import type { Client, PendingPayment, PendingState } from '@evegram/sdk'
import type { Context } from '../context.js'
import { MoneyText } from '../money-text.js'
import { shownWithoutServer, synced } from '../synced.js'
import { timeText } from '../time-text.js'
import { oneLine } from '../visible.js'

/** How long the server may be away before what this device has is shown without it. */
const AWAY_MS_MAX = 10_000
/** Digits of a transfer that are enough to name it, where they name one only. */
const ID_DIGITS_MIN = 6

const STATES: Readonly<Record<PendingState, string>> = {
  waiting: 'not answered yet, it goes on by itself, once', untold: 'paid; the message that tells of it is still to go', refused: 'refused, nothing moved',
}

/** `evegram wallet payments`: what was decided on with this profile and has no message yet, on its way or refused. Those on their way get `wait` seconds to arrive. Without a server it prints what the device has, and fails. */
export function walletPayments(context: Context, options: { readonly wait: number }): Promise<void> {
  return context.withClient(async (client) => {
    const isComplete = await synced(client, AWAY_MS_MAX)
    if (isComplete) await settled(client, options.wait * 1_000)
    const money = await amounts(client)
    const people = new Map((await client.conversations()).map(({ id, peer }) => [id, peer.address]))
    for (const one of await client.wallet.payments()) await context.output.result(...shown(one, people.get(one.conversation), money, context))
    if (!isComplete) throw shownWithoutServer()
  })
}

/** `evegram wallet payments dismiss`: puts a refused payment away, or all of them. */
export function dismissPayment(context: Context, wanted: string | undefined): Promise<void> {
  return context.withClient(async ({ wallet }) => {
    const payments = await wallet.payments()
    const chosen = wanted === undefined ? payments.filter(({ state }) => state === 'refused') : [named(payments, wanted)]
    for (const { transfer, state } of chosen) {
      if (state !== 'refused') throw new EvegramError('conflict.busy', { operation: 'dismiss payment', details: { transfer, state }, advice: 'It is on its way: only what was refused can be put away.' })
      await wallet.dismissPayment(transfer)
      await context.output.result({ transfer, dismissed: true }, `put away\ntransfer ${transfer}`)
    }
    if (chosen.length === 0) context.output.note('Nothing was refused.')
  })
}

function shown({ transfer, asset, amount, note, request, state, code, decidedAtMs }: PendingPayment, to: string | undefined, money: MoneyText, { output }: Context): readonly [Readonly<Record<string, unknown>>, string] {
  const isDated = decidedAtMs > 0
  const text = [
    `${isDated ? `${output.paint('dim', timeText(decidedAtMs, Date.now()))} ` : ''}${money.show(amount, asset)} to ${to === undefined ? 'somebody' : oneLine(to)}${note === '' ? '' : ` (${oneLine(note)})`}: `
    + `${output.paint(state === 'refused' ? 'red' : 'yellow', STATES[state])}${code === undefined ? '' : ` (${code})`}`,
    `transfer ${transfer}`,
    ...(state === 'refused' ? [`put it away: evegram wallet payments dismiss ${transfer.slice(0, ID_DIGITS_MIN + 2)}`] : []),
  ]
  return [
    {
      transfer, ...(to === undefined ? {} : { to }), ...money.object(amount, asset), ...(note === '' ? {} : { note }), ...(request === undefined ? {} : { request }), state,
      ...(code === undefined ? {} : { code }), ...(isDated ? { decidedAt: new Date(decidedAtMs).toISOString() } : {}),
    },
    text.join('\n'),
  ]
}

/** Waits until nothing is on its way any more, or so long. */
async function settled(client: Client, forMs: number): Promise<void> {
  let release = (): void => undefined
  let timer: NodeJS.Timeout | undefined
  const isSettled = async (): Promise<boolean> => (await client.wallet.payments()).every(({ state }) => state === 'refused')
  const over = new Promise<void>((resolve, reject) => {
    const look = (): void => { isSettled().then((is) => { if (is) resolve() }, reject) }
    release = client.on('payment-changed', look)
    timer = setTimeout(resolve, forMs)
    look()
  })
  try {
    await over
  } finally {
    release()
    clearTimeout(timer)
  }
}

/** The assets of the server; without its answer amounts are shown in their smallest unit. */
async function amounts({ wallet }: Pick<Client, 'wallet'>): Promise<MoneyText> {
  try {
    return await MoneyText.of(wallet)
  } catch (error) {
    if (isEvegramError(error)) return new MoneyText([])
    throw error
  }
}

function named(payments: readonly PendingPayment[], wanted: string): PendingPayment {
  const digits = wanted.toLowerCase()
  const found = digits.length >= ID_DIGITS_MIN ? payments.filter(({ transfer }) => transfer.startsWith(digits)) : []
  const [only] = found
  if (only !== undefined && found.length === 1) return only
  const none = 'This profile has no such payment. See: evegram wallet payments'
  const several = 'This names several payments: write more digits of the transfer. See: evegram wallet payments'
  throw new EvegramError('invalid.argument', { operation: 'find payment', advice: found.length === 0 ? none : several })
}
