/**
 * Keeps the files of the page, so that it opens without a network, and wakes it when the server says that something came. It never keeps an answer of the API, and a push holds
 * nothing that could be read.
 */

import { freshOrKept } from './worker/fresh-or-kept.js'
import { pageWindows } from './worker/page-windows.js'

/** What this file uses of ServiceWorkerGlobalScope: the types of workers and of pages cannot stand in one project. */
interface WorkerScope {
  readonly location: { readonly origin: string }
  readonly navigator: { readonly language: string }
  readonly clients: {
    claim(): Promise<void>
    matchAll(options: { readonly type: 'window'; readonly includeUncontrolled: boolean }): Promise<readonly WorkerWindow[]>
    openWindow(url: string): Promise<unknown>
  }
  readonly registration: {
    showNotification(title: string, options: { readonly body: string; readonly icon: string; readonly tag: string }): Promise<void>
    readonly pushManager: { subscribe(options: unknown): Promise<unknown> }
  }
  addEventListener(type: 'install' | 'activate' | 'push', listener: (event: WorkerEvent) => void): void
  addEventListener(type: 'notificationclick', listener: (event: WorkerEvent & { readonly notification: { close(): void } }) => void): void
  addEventListener(type: 'pushsubscriptionchange', listener: (event: WorkerEvent & { readonly oldSubscription: { readonly options: unknown } | null }) => void): void
  addEventListener(type: 'fetch', listener: (event: WorkerEvent & { readonly request: Request; respondWith(answer: Promise<Response>): void }) => void): void
  skipWaiting(): Promise<void>
}
interface WorkerWindow {
  readonly url: string
  readonly visibilityState: string
  focus(): Promise<unknown>
  postMessage(message: string): void
}
interface WorkerEvent {
  waitUntil(work: Promise<unknown>): void
}
interface PushTexts {
  readonly title: string
  readonly body: string
}

// In a worker the global object is the scope of the worker.
const scope = globalThis as unknown as WorkerScope

/** Replaced by the build: the files of the page, a name for exactly these, and the texts of the catalogue that are said here, by language. */
const PRECACHE = '__PRECACHE__' as unknown as { readonly version: string; readonly files: readonly string[]; readonly texts: Readonly<Record<string, PushTexts | undefined>> & { readonly en: PushTexts } }
const CACHE = `evegram-${PRECACHE.version}`
/** What pages are told when the push service gave another address; `push/wakes.ts` knows it too. */
const PUSH_CHANGED = 'evegram-push-changed'
/** A page that the network does not bring within this time opens from what is kept. */
const NETWORK_MS = 3_000
const kept = new Set(PRECACHE.files.map((file) => new URL(file, scope.location.origin).href))
const page = new URL('/', scope.location.origin).href

scope.addEventListener('install', (event) => {
  event.waitUntil(caches.open(CACHE).then(async (cache) => {
    await cache.addAll(PRECACHE.files.map((file) => new Request(file, { cache: 'reload' })))
    await scope.skipWaiting()
  }))
})

scope.addEventListener('activate', (event) => {
  event.waitUntil(caches.keys().then(async (names) => {
    await Promise.all(names.filter((name) => name.startsWith('evegram-') && name !== CACHE).map((name) => caches.delete(name)))
    await scope.clients.claim()
  }))
})

scope.addEventListener('fetch', (event) => {
  const { request } = event
  const url = new URL(request.url)
  url.search = ''
  url.hash = ''
  if (request.method !== 'GET' || !kept.has(url.href)) return
  event.respondWith(url.href === page
    ? freshOrKept(() => fetch(request, { signal: AbortSignal.timeout(NETWORK_MS) }), () => keptAs(page))
    : keptAs(url.href).then((answer) => answer ?? fetch(request)))
})

scope.addEventListener('push', (event) => {
  const { title, body } = PRECACHE.texts[scope.navigator.language.split('-')[0] ?? ''] ?? PRECACHE.texts.en
  event.waitUntil(windowsOfPage().then(async (windows) => {
    // Who looks at the page sees what came there.
    if (windows.some(({ visibilityState }) => visibilityState === 'visible')) return
    await scope.registration.showNotification(title, { body, icon: '/icon.svg', tag: 'evegram' })
  }))
})

// The push service gave this browser another address. The worker has no keys of a device: a page that is open tells the server, or the next one that opens.
scope.addEventListener('pushsubscriptionchange', (event) => {
  const { oldSubscription } = event
  if (oldSubscription === null) return
  event.waitUntil(scope.registration.pushManager.subscribe(oldSubscription.options).then(async () => {
    for (const window of await windowsOfPage()) window.postMessage(PUSH_CHANGED)
  }))
})

scope.addEventListener('notificationclick', (event) => {
  event.notification.close()
  event.waitUntil(windowsOfPage().then(async ([first]) => (first === undefined ? scope.clients.openWindow('/') : first.focus())))
})

async function windowsOfPage(): Promise<readonly WorkerWindow[]> {
  return pageWindows(await scope.clients.matchAll({ type: 'window', includeUncontrolled: true }), page)
}

async function keptAs(url: string): Promise<Response | undefined> {
  return (await caches.open(CACHE)).match(url)
}
