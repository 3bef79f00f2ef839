import type * as Main from 'libsignal-protocol-typescript'
import type * as LockModule from 'libsignal-protocol-typescript/lib/session-lock.js'
import type * as RecordModule from 'libsignal-protocol-typescript/lib/session-record.js'
import { EvegramError } from '@evegram/protocol'

/** A listener on `process` that the import of the library added, in Node. */
export interface AddedListener {
  readonly event: string
  readonly listener: (...values: unknown[]) => void
}

/** The library as imported: what the repairs work on. For the files of this folder only. */
export interface SignalLibrary {
  readonly SessionBuilder: typeof Main.SessionBuilder
  readonly SessionCipher: typeof Main.SessionCipher
  readonly SessionRecord: typeof RecordModule.SessionRecord
  readonly SessionLock: typeof LockModule.SessionLock
  readonly SignalProtocolAddress: typeof Main.SignalProtocolAddress
  readonly FingerprintGenerator: typeof Main.FingerprintGenerator
  readonly setCurve: typeof Main.setCurve
  readonly setWebCrypto: typeof Main.setWebCrypto
  /** The bundled C code, compiled to JavaScript: XEdDSA. */
  readonly curve: Main.Curve
  /** Empty outside Node. */
  readonly addedListeners: readonly AddedListener[]
}

/** Part of `process` that this file uses; absent in browsers. */
export interface ListenerHost {
  listeners(event: string): readonly unknown[]
  on(event: string, listener: AddedListener['listener']): unknown
  removeListener(event: string, listener: AddedListener['listener']): unknown
}

/** `process` where there is one with listeners. */
export function listenerHost(): ListenerHost | undefined {
  const host: unknown = Reflect.get(globalThis, 'process')
  // Bundlers may give a browser a `process` with nothing but `env`.
  return typeof host === 'object' && host !== null && 'removeListener' in host && 'listeners' in host ? (host as ListenerHost) : undefined
}

const LISTENER_EVENTS = ['uncaughtException', 'unhandledRejection']
/** Source of the two listeners of the C runtime, before and after minification. */
const RUNTIME_LISTENER = /instanceof\s+[\w$]+\)+\s*\{?\s*throw|onAbort/

let imported: Promise<SignalLibrary> | undefined

/** Imports the library once. The only place in the product that does. For the files of this folder only. */
export function importLibrary(): Promise<SignalLibrary> {
  imported ??= importOnce()
  return imported
}

async function importOnce(): Promise<SignalLibrary> {
  const host = listenerHost()
  const before = new Map(LISTENER_EVENTS.map((event) => [event, new Set(host?.listeners(event))]))
  const main = await import('libsignal-protocol-typescript')
  const { SessionLock } = await import('libsignal-protocol-typescript/lib/session-lock.js')
  const { SessionRecord } = await import('libsignal-protocol-typescript/lib/session-record.js')
  const addedListeners: AddedListener[] = []
  for (const event of LISTENER_EVENTS) {
    for (const listener of host?.listeners(event) ?? []) {
      // The program may have added its own meanwhile: only those of the C runtime are ours to remove.
      if (typeof listener === 'function' && before.get(event)?.has(listener) === false && RUNTIME_LISTENER.test(String(listener))) {
        addedListeners.push({ event, listener: listener as AddedListener['listener'] })
      }
    }
  }
  const { Curve: curve } = await defaultExport(main.default)()
  return {
    SessionBuilder: main.SessionBuilder,
    SessionCipher: main.SessionCipher,
    SessionRecord,
    SessionLock,
    SignalProtocolAddress: main.SignalProtocolAddress,
    FingerprintGenerator: main.FingerprintGenerator,
    setCurve: main.setCurve,
    setWebCrypto: main.setWebCrypto,
    curve,
    addedListeners,
  }
}

type Factory = () => Promise<{ Curve: Main.Curve }>

function defaultExport(value: unknown): Factory {
  // A CommonJS default export: bundlers unwrap it, Node gives the whole module.
  const inner: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, 'default') : value
  if (typeof inner !== 'function') throw new EvegramError('e2ee.self_test', { operation: 'import the Signal library' })
  return inner as Factory
}
