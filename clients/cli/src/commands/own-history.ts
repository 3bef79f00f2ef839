import { EvegramError } from '@evegram/protocol'
import type { Client, HistoryChanged, HistoryCode, HistoryProgress, HistoryRequested, HistoryStatus } from '@evegram/sdk'
import type { Context } from '../context.js'
import { EXIT_CODES } from '../exit-codes.js'
import { interruption } from '../interruption.js'
import { synced } from '../synced.js'
import { timeText } from '../time-text.js'
import { stepBar } from '../transfer-bar.js'

const AWAY_MS_MAX = 10_000
/** How long the server may take to store what other devices are asked, when nothing else is waited for. */
const HAND_OVER_MS_MAX = 20_000
const HAND_OVER_LOOK_MS = 20
/** Digits of a device id that are enough to name it, where they name one device only. */
const ID_DIGITS_MIN = 6

/** 30 digits in groups of five, as people compare them. */
function grouped(code: string): string {
  return code.replace(/(.{5})(?=.)/g, '$1 ')
}

/** `evegram history request`: asks the other devices of the account for what was said before this one came, and waits for it. */
export async function requestHistory(context: Context, options: { readonly wait: number }): Promise<void> {
  await context.withClient(async (client, ended) => {
    await synced(client, AWAY_MS_MAX)
    const asked = await client.history.request()
    if (asked.state === 'asked') {
      context.output.note(`Asked ${String(asked.devices)} of your devices. On one of them run: evegram history approve ${client.device.slice(0, 8)}\nIt shows the same digits as this device; say yes, there and here, only if they are:\n\n${digitsOf(context, asked.codes)}\n`)
    }
    if (options.wait === 0) {
      const isHandedOver = await handedOver(client, ended)
      await tellStatus(context, client, await client.history.status())
      if (isHandedOver) return
      process.exitCode = EXIT_CODES.unreachable[0]
      context.output.note('The server did not answer: it goes out with the next command.')
      return
    }
    if (context.output.json) await tellStatus(context, client, asked)
    await compared(context, client, ended, options.wait)
    await tellTaken(context, client)
  })
}

/** Waits for what other devices offer and, where somebody can be asked, for the person to compare their digits; until it was taken, or the time is over. */
async function compared(context: Context, client: Client, ended: AbortSignal, waitSeconds: number): Promise<void> {
  const deadline = performance.now() + waitSeconds * 1_000
  for (;;) {
    await followed(context, client, ended, Math.max(0, (deadline - performance.now()) / 1_000), 'taking', (state) => state === 'offered' || isOver(state))
    const { state, offers: [offer] } = await client.history.status()
    if (state !== 'offered' || offer === undefined || !context.output.interactive) return
    const { confirm, isCancel } = await import('@clack/prompts')
    const answer = await confirm({ message: `Device ${offer.device.slice(0, 8)} gives ${String(offer.messages)} messages. Do you hold it, and does it show these digits?  ${grouped(offer.code)}`, initialValue: false, output: process.stderr })
    if (isCancel(answer)) return
    if (answer) await client.history.confirm(offer.device)
    else {
      await client.history.refuse(offer.device)
      context.output.note(strangeDevice(offer.device))
    }
  }
}

const isOver = (state: HistoryChanged['state']): boolean => state === 'done' || state === 'failed' || state === 'ended'

const strangeDevice = (device: string): string => `Nothing of device ${device.slice(0, 8)} is taken. If you do not know it: evegram devices revoke ${device.slice(0, 8)}`

/** Where the request stands after it was waited for; anything but its end fails the command. */
async function tellTaken(context: Context, client: Client): Promise<void> {
  const status = await client.history.status()
  await tellStatus(context, client, status)
  if (status.state === 'done') return
  process.exitCode = EXIT_CODES.failed[0]
  if (status.state === 'asked' || status.state === 'offered' || status.state === 'taking') context.output.note('The request stays: it goes on whenever this profile is open, for a week.')
}

/** `evegram history confirm`: the person saw that another device shows the same digits, and takes what it gives. */
export async function confirmHistory(context: Context, id: string, options: { readonly code?: string; readonly wait: number }): Promise<void> {
  await context.withClient(async (client, ended) => {
    await synced(client, AWAY_MS_MAX)
    const found = await namedCode(client, id)
    await confirmCode(context, found, options.code, { operation: 'take history', question: `Do you hold device ${found.device.slice(0, 8)}, and does it show these digits?`, no: 'Not confirmed: nothing is taken. To refuse for good: evegram history refuse' })
    await client.history.confirm(found.device)
    await followed(context, client, ended, options.wait, 'taking', isOver)
    if (options.wait > 0) await tellTaken(context, client)
    else await tellStatus(context, client, await client.history.status())
  })
}

/** `evegram history refuse`: the digits are others, or nobody holds that device. */
export async function refuseHistory(context: Context, id: string): Promise<void> {
  await context.withClient(async (client) => {
    await synced(client, AWAY_MS_MAX)
    const { device } = await namedCode(client, id)
    await client.history.refuse(device)
    await context.output.result({ device, state: 'refused' }, strangeDevice(device))
  })
}

async function namedCode(client: Client, id: string): Promise<HistoryCode> {
  const { codes } = await client.history.status()
  return onlyOne(codes, id, 'This device asks no device of this id for history. See: evegram history status')
}

/** What each of the other devices shows of the request, a line each. */
function digitsOf(context: Context, codes: readonly HistoryCode[]): string {
  return codes.map(({ device, code }) => `  device ${device.slice(0, 8)}  ${context.output.paint('bold', grouped(code))}\n`).join('')
}

/** Waits until the server has what was asked; false when it has not within some seconds, or `ended` aborts. */
export async function handedOver(client: Pick<Client, 'pending'> & { readonly history: Pick<Client['history'], 'status'> }, ended: AbortSignal, waitMsMax = HAND_OVER_MS_MAX): Promise<boolean> {
  const deadline = performance.now() + waitMsMax
  for (;;) {
    // In this order: what was told is in the outbox by then.
    const { state, told } = await client.history.status()
    if ((state !== 'asked' || told === true) && client.pending === 0) return true
    if (ended.aborted || performance.now() >= deadline) return false
    await new Promise((resolve) => { setTimeout(resolve, HAND_OVER_LOOK_MS) })
  }
}

/** `evegram history status`: where the request of this device stands. */
export async function historyStatus(context: Context): Promise<void> {
  await context.withClient(async (client) => { await tellStatus(context, client, await client.history.status()) })
}

async function tellStatus(context: Context, client: Client, status: HistoryStatus): Promise<void> {
  const { state, codes, offers, confirmed, declinedBy, from, messages, error } = status
  const texts: Readonly<Record<HistoryStatus['state'], string>> = {
    none: 'This device has not asked for history.',
    asked: `Waits for one of ${String(status.devices)} devices${declinedBy.length === 0 ? '' : `; ${String(declinedBy.length)} said no`}${confirmed === undefined ? '' : `; takes what device ${confirmed.slice(0, 8)} gives`}. Digits to compare:\n${digitsOf(context, codes).trimEnd()}`,
    offered: `Ready to be taken, once you saw that the device shows the same digits (evegram history confirm <device>):\n${digitsOf(context, offers).trimEnd()}`,
    taking: `Takes ${String(messages)} messages from device ${from ?? ''}.`,
    done: `${String(messages)} messages came from device ${from ?? ''}.`,
    failed: `The history of device ${from ?? ''} could not be taken (${error ?? ''}). Ask again: evegram history request`,
  }
  await context.output.result({ ...status, device: client.device }, texts[state])
}

/** `evegram history cancel`: this device needs nothing more. */
export async function cancelHistory(context: Context): Promise<void> {
  await context.withClient(async (client) => {
    await client.history.cancel()
    await context.output.result({ state: 'none' }, 'This device asks for no history any more.')
  })
}

/** `evegram history requests`: other devices of the account that ask this one. */
export async function historyRequests(context: Context): Promise<void> {
  await context.withClient(async (client) => {
    await synced(client, AWAY_MS_MAX)
    const found = await client.history.requests()
    if (found.length === 0) context.output.note('None of your other devices asks for history.')
    for (const request of found) {
      const { device, code, askedAtMs, state, error } = request
      await context.output.result({ ...request }, `${device.slice(0, 8)}  ${state}${error === undefined ? '' : ` (${error})`}  asked ${timeText(askedAtMs, Date.now())}  ${grouped(code)}`)
    }
  })
}

/** `evegram history approve`: gives history to another own device, once a person said that its digits are right. */
export async function approveHistory(context: Context, id: string, options: { readonly code?: string; readonly wait: number }): Promise<void> {
  await context.withClient(async (client, ended) => {
    await synced(client, AWAY_MS_MAX)
    const request = await namedRequest(client, id)
    await confirmCode(context, request, options.code, {
      operation: 'give history', question: `Device ${request.device.slice(0, 8)} asks for all that was said. Does it show these digits?`, no: 'Not confirmed: nothing was given. To refuse for good: evegram history decline',
    })
    await client.history.approve(request.device)
    await followed(context, client, ended, options.wait, 'giving', (state) => state === 'given' || state === 'failed' || state === 'ended' || state === 'declined', request.device)
    const after = (await client.history.requests()).find(({ device }) => device === request.device)
    // It has it already, and needs nothing more.
    const state = after?.state ?? 'given'
    if (state !== 'given') process.exitCode = EXIT_CODES.failed[0]
    await context.output.result({ device: request.device, state, ...(after?.error === undefined ? {} : { error: after.error }) }, approvedText(state, after?.error))
  })
}

function approvedText(state: HistoryRequested['state'], error: string | undefined): string {
  switch (state) {
    case 'given': return 'The history is on its way: the other device takes it once you say yes there, too, within a week.'
    case 'failed': return `It could not be given (${error ?? ''}).`
    case 'declined': case 'waiting': return 'It is not given.'
    case 'giving': return 'It goes on whenever this profile is open.'
    default: return state satisfies never
  }
}

/** `evegram history decline`: the person says no. */
export async function declineHistory(context: Context, id: string): Promise<void> {
  await context.withClient(async (client) => {
    await synced(client, AWAY_MS_MAX)
    const { device } = await namedRequest(client, id)
    await client.history.decline(device)
    await context.output.result({ device, state: 'declined' }, `Device ${device.slice(0, 8)} gets no history from this one. If you do not know it: evegram devices revoke ${device.slice(0, 8)}`)
  })
}

/** Who has the wallet can add a device: what was said is given to, and taken from, the one in the person's hand alone. Rejects `invalid.argument` with `no` for a no. */
async function confirmCode(
  context: Context, { device, code }: HistoryCode, typed: string | undefined, { operation, question, no }: { readonly operation: string; readonly question: string; readonly no: string },
): Promise<void> {
  const refused = (advice: string): EvegramError => new EvegramError('invalid.argument', { operation, advice })
  if (typed !== undefined) {
    if (typed.replace(/\s/g, '') === code) return
    throw refused(`These are not the digits of device ${device.slice(0, 8)}: it may not be yours. See: evegram devices`)
  }
  if (!context.output.interactive) throw refused('Nobody can be asked here: pass the digits that the other device shows with --code.')
  const { confirm } = await import('@clack/prompts')
  const answer = await confirm({ message: `${question}  ${grouped(code)}`, initialValue: false, output: process.stderr })
  if (answer !== true) throw refused(no)
}

async function namedRequest(client: Client, id: string): Promise<HistoryRequested> {
  return onlyOne(await client.history.requests(), id, 'No device of this id asks for history. See: evegram history requests')
}

/** The one of `among` whose device `id` names, in full or by its first digits. Throws `invalid.argument`; with `advice` where there is none. */
function onlyOne<Named extends { readonly device: string }>(among: readonly Named[], id: string, advice: string): Named {
  const found = among.filter(({ device }) => id.length >= ID_DIGITS_MIN && device.startsWith(id.toLowerCase()))
  const [only] = found
  if (only !== undefined && found.length === 1) return only
  throw new EvegramError('invalid.argument', { operation: 'find device', advice: found.length === 0 ? advice : 'This names several devices: write more digits.' })
}

/** Shows progress until the request is over by `isOver`, the time is, or somebody ends the command. */
async function followed(
  context: Context, client: Client, ended: AbortSignal, waitSeconds: number, role: HistoryChanged['role'], isOver: (state: HistoryChanged['state']) => boolean, device?: string,
): Promise<void> {
  const bar = stepBar(context.output)
  const stop = interruption()
  const off: (() => void)[] = []
  let timer: NodeJS.Timeout | undefined
  try {
    await new Promise<void>((resolve) => {
      const matches = (event: { readonly role: HistoryChanged['role']; readonly device?: string }): boolean => event.role === role && (device === undefined || event.device === device)
      off.push(
        client.on('history-progress', (progress: HistoryProgress) => { if (matches(progress)) bar.show(progress) }),
        client.on('history-changed', (changed) => { if (matches(changed) && isOver(changed.state)) resolve() }),
      )
      timer = setTimeout(resolve, waitSeconds * 1_000)
      stop.signal.addEventListener('abort', () => { resolve() }, { once: true })
      ended.addEventListener('abort', () => { resolve() }, { once: true })
      // It may have been over before anybody listened.
      void current(client, role, device).then((state) => { if (isOver(state)) resolve() })
    })
  } finally {
    clearTimeout(timer)
    for (const release of off) release()
    stop.release()
    bar.end()
  }
}

async function current(client: Client, role: HistoryChanged['role'], device: string | undefined): Promise<HistoryChanged['state']> {
  if (role === 'taking') return (await client.history.status()).state
  return (await client.history.requests()).find((request) => request.device === device)?.state ?? 'ended'
}
