import type { Client } from '@evegram/sdk'
import { codeOf } from '../i18n/error-text.js'
import { keep, readKept } from '../kept.js'

/** Whether this browser is woken for a profile, and what stands in the way. */
export type WakeState = 'on' | 'off' | 'denied' | 'unsupported' | 'none'

/** Profiles of this browser that are woken, separated by commas: one address at the push service serves them all. */
const KEPT = 'evegram-woken'
/** What the worker says when the push service gave another address; `service-worker.ts` knows it too. */
const PUSH_CHANGED = 'evegram-push-changed'

const wokenProfiles = (): readonly string[] => (readKept(KEPT) ?? '').split(',').filter((name) => name !== '')

function note(profile: string, woken: boolean): void {
  const others = wokenProfiles().filter((name) => name !== profile)
  const now = woken ? [...others, profile] : others
  keep(KEPT, now.length === 0 ? undefined : now.join(','))
}

function isSupported(): boolean {
  return 'serviceWorker' in navigator && 'PushManager' in globalThis && 'Notification' in globalThis
}

/** `none`: the server wakes nobody. Rejects as the client does. */
export async function readWakeState(client: Client, profile: string): Promise<WakeState> {
  if (await client.push.key() === undefined) return 'none'
  if (!isSupported() || await navigator.serviceWorker.getRegistration('/') === undefined) return 'unsupported'
  if (Notification.permission === 'denied') return 'denied'
  return wokenProfiles().includes(profile) && await standing() !== null ? 'on' : 'off'
}

/** Asks for the permission, and lets this browser be woken for the profile. Call it from a click. Rejects as the client and the browser do. */
export async function turnOnWakes(client: Client, profile: string): Promise<WakeState> {
  const key = await client.push.key()
  if (key === undefined) return 'none'
  if (!isSupported()) return 'unsupported'
  // Where the browser refused the worker, nothing would ever be ready.
  if (await navigator.serviceWorker.getRegistration('/') === undefined) return 'unsupported'
  if (await Notification.requestPermission() !== 'granted') return readWakeState(client, profile)
  await client.push.subscribe((await subscribed(key)).endpoint)
  note(profile, true)
  return 'on'
}

/** Lets it sleep. Rejects as the client does; the browser may be woken until it succeeds. */
export async function turnOffWakes(client: Client, profile: string): Promise<WakeState> {
  await client.push.unsubscribe()
  await forgetWakes(profile)
  return readWakeState(client, profile)
}

/** Names this browser to the server again, now and whenever its push service gives another address, while the profile is woken. Returns the end of it. */
export function keepWakes(client: Client, profile: string): () => void {
  if (!isSupported()) return () => undefined
  const renew = (): void => { renewWakes(client, profile).catch((error: unknown) => { console.warn('the server was not told where this browser is woken', codeOf(error)) }) }
  const told = ({ data }: MessageEvent<unknown>): void => { if (data === PUSH_CHANGED) renew() }
  navigator.serviceWorker.addEventListener('message', told)
  renew()
  return () => { navigator.serviceWorker.removeEventListener('message', told) }
}

/** This browser forgets that the profile is woken, and gives its address back when nobody else here is. Never rejects. */
export async function forgetWakes(profile: string): Promise<void> {
  note(profile, false)
  if (!isSupported() || wokenProfiles().length > 0) return
  try {
    await (await standing())?.unsubscribe()
  } catch (error) {
    // The server was told, or revoked the device: nobody pushes to the address any more.
    console.warn('the browser kept its place at the push service', codeOf(error))
  }
}

async function renewWakes(client: Client, profile: string): Promise<void> {
  if (!wokenProfiles().includes(profile) || Notification.permission !== 'granted') return
  const key = await client.push.key()
  if (key !== undefined) await client.push.subscribe((await subscribed(key)).endpoint)
}

async function standing(): Promise<PushSubscription | null> {
  const registration = await navigator.serviceWorker.getRegistration('/')
  return registration === undefined ? null : registration.pushManager.getSubscription()
}

/** The subscription of this browser for the key of the server; one for another key is given back first. */
async function subscribed(key: string): Promise<PushSubscription> {
  const { pushManager } = await navigator.serviceWorker.ready
  const found = await pushManager.getSubscription()
  if (found !== null && isFor(found, key)) return found
  await found?.unsubscribe()
  // `userVisibleOnly`: browsers ask that every push can show a notice.
  return pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key })
}

function isFor({ options: { applicationServerKey } }: PushSubscription, key: string): boolean {
  if (applicationServerKey === null) return false
  const text = btoa(String.fromCharCode(...new Uint8Array(applicationServerKey)))
  return text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '') === key
}
