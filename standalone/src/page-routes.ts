import type { HttpServer } from '@evegram/platform'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { PageFile } from './page-files.js'
import { policySourcesOf, type TonBridge } from './ton-bridges.js'

/** What {@link pageRoutes} needs. */
export interface PageRoutesParts {
  readonly files: readonly PageFile[]
  /** Where the page is, for people: what wallets are told. */
  readonly origin: string
  /** Address of the socket tier, which the page connects to. */
  readonly ws: string
  /** Origins of sites that may show the page in a frame. */
  readonly frameAncestors: readonly string[]
  /** Wallets of TON on other devices that the page offers. */
  readonly tonBridges: readonly TonBridge[]
}

const YEAR_S = 31_536_000

/**
 * What the page may do: its own scripts and styles, its own server and the bridges of wallets, pictures that it made itself. It turns no text into a script: `evegram` is the one
 * policy of Trusted Types, which the page uses for the address of its service worker.
 */
export function pagePolicy({ ws, frameAncestors, tonBridges }: Pick<PageRoutesParts, 'ws' | 'frameAncestors' | 'tonBridges'>): string {
  const reached = ["'self'", new URL(ws).origin, ...policySourcesOf(tonBridges)]
  return [
    "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' blob: data:", 'media-src blob:', `connect-src ${reached.join(' ')}`, "manifest-src 'self'", "worker-src 'self'",
    "base-uri 'none'", "form-action 'none'", `frame-ancestors ${frameAncestors.length === 0 ? "'none'" : frameAncestors.join(' ')}`, "require-trusted-types-for 'script'", 'trusted-types evegram',
  ].join('; ')
}

/** Where wallets of TON find out who asks them (TON Connect, "Application manifest"). */
export const TON_CONNECT_MANIFEST_PATH = '/tonconnect-manifest.json'
/** Where the page finds out which wallets of TON on other devices it offers, and how it reaches them. */
export const TON_CONNECT_WALLETS_PATH = '/tonconnect-wallets.json'

/** Serves a built page at `/`. Call it before the server listens. */
export function pageRoutes(http: HttpServer, parts: PageRoutesParts): void {
  const policy = pagePolicy(parts)
  for (const file of parts.files) {
    http.get(file.path, { schema: { hide: true } }, async (request, reply) => sendFile(request, reply, file, policy, parts.frameAncestors.length > 0))
  }
  if (parts.files.length === 0) return
  http.get(TON_CONNECT_MANIFEST_PATH, { schema: { hide: true } }, async (_request, reply) => {
    // Wallets ask for it from pages of their own. It says nothing of anybody; a server on this machine stays hidden from other sites.
    if (parts.origin.startsWith('https:')) void reply.header('access-control-allow-origin', '*')
    void reply.header('cache-control', 'no-cache')
    return reply.send({ url: parts.origin, name: 'Evegram', iconUrl: `${parts.origin}/icon-180.png` })
  })
  http.get(TON_CONNECT_WALLETS_PATH, { schema: { hide: true } }, async (_request, reply) => reply.header('cache-control', 'no-cache').send({ wallets: parts.tonBridges }))
}

function sendFile(request: FastifyRequest, reply: FastifyReply, file: PageFile, policy: string, mayBeFramed: boolean): FastifyReply {
  const { type, etag, gzip, bytes, isImmutable } = file
  void reply.headers({
    'content-type': type, etag, 'cache-control': isImmutable ? `public, max-age=${String(YEAR_S)}, immutable` : 'no-cache',
    'content-security-policy': policy, 'cross-origin-opener-policy': 'same-origin', 'permissions-policy': 'camera=(), microphone=(), geolocation=(), payment=()', 'vary': 'Accept-Encoding',
  })
  // Newer than this header, and the only one of the two that can name sites.
  if (mayBeFramed) void reply.removeHeader('x-frame-options')
  if (request.headers['if-none-match'] === etag) return reply.code(304).send()
  if (gzip === undefined || !/\bgzip\b/.test(request.headers['accept-encoding'] ?? '')) return reply.send(bytes)
  return reply.header('content-encoding', 'gzip').send(gzip)
}
