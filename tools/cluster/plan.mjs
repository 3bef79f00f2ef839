// What the processes of a cluster are told: their own ports, where the others are, their keys.
import { join } from 'node:path'
import { freePort } from '../services/free-port.mjs'
import { keyEnvironment } from './keys.mjs'

const HOST = '127.0.0.1'
/** Services whose folder has another name. */
const FOLDERS = { wally: 'wallet-bridge' }
/** Auth processes unless somebody asks for more: one may die or restart while another answers. */
export const AUTHS_DEFAULT = 2

/**
 * Ports and addresses for `engines` engines, `auths` auth processes, `wallys` wallet bridges and `blobs` services of files: the two that people use, and for each process its own. Engines have twice as many places as run, because in a
 * roll the new ones stand beside the old, and the addresses that others know do not change.
 */
export async function planPorts({ engines, auths = AUTHS_DEFAULT, wallys = 0, blobs = 0, httpPort, wsPort }) {
  const taken = new Set([httpPort, wsPort])
  const one = () => freePort([HOST], taken)
  const places = async (count, names) => {
    const list = []
    for (let index = 0; index < count; index++) {
      const ports = {}
      for (const name of names) ports[name] = await one()
      list.push(ports)
    }
    return list
  }
  return {
    http: httpPort === 0 ? await one() : httpPort,
    ws: wsPort === 0 ? await one() : wsPort,
    auth: await places(auths, ['http', 'admin', 'internal']),
    engine: await places(2 * engines, ['admin', 'internal']),
    wally: await places(wallys, ['http', 'admin']),
    blobs: await places(blobs, ['http', 'admin']),
  }
}

/** The public addresses of a cluster on these ports. */
export function publicUrls({ http, ws }) {
  return { url: `http://localhost:${http}`, ws: `ws://localhost:${ws}/v1/socket` }
}

/** The recipe of auth process `place` (from 0). */
export function authRecipe(context, place) {
  const own = context.ports.auth[place]
  // The edge sends what is the wallet bridge's there, and what is the files'.
  const { url } = publicUrls(context.ports)
  const others = { ...(context.ports.wally.length === 0 ? {} : { EVEGRAM_WALLY_URL: url }), ...(context.ports.blobs.length === 0 ? {} : { EVEGRAM_BLOBS_URL: url }) }
  return recipe(context, 'auth', `auth-${place + 1}`, own, { EVEGRAM_HTTP_PORT: own.http, ...others })
}

/** The recipe of wallet bridge `place` (from 0); `settings` are those of `prepareWally`. */
export function wallyRecipe(context, place, settings) {
  const own = context.ports.wally[place]
  return recipe(context, 'wally', `wally-${place + 1}`, own, { EVEGRAM_HTTP_PORT: own.http, ...settings })
}

/** The recipe of service of files `place` (from 0): in the bucket that the services have. */
export function blobsRecipe(context, place) {
  const own = context.ports.blobs[place]
  return recipe(context, 'blobs', `blobs-${place + 1}`, own, { EVEGRAM_HTTP_PORT: own.http })
}

/** The recipe of an engine in `place` (from 0) of the places, called `engine-<number>`. */
export function engineRecipe(context, place, number) {
  return recipe(context, 'engine', `engine-${number}`, context.ports.engine[place], { EVEGRAM_WS_PORT: context.ports.ws })
}

function recipe({ root, dir, ports, keys, services, environment }, kind, name, own, more) {
  const { url, ws } = publicUrls(ports)
  const urls = (places) => places.map(({ internal }) => `http://${HOST}:${internal}`).join(',')
  const env = {
    // A development cluster prints what goes wrong; the environment may ask for more.
    EVEGRAM_LOG_LEVEL: environment['EVEGRAM_LOG_LEVEL'] ?? 'warn',
    ...services, ...keyEnvironment(keys, kind),
    EVEGRAM_PUBLIC_URL: url, EVEGRAM_PUBLIC_WS_URL: ws, EVEGRAM_HOST: HOST,
    EVEGRAM_ADMIN_PORT: own.admin,
    // The wallet bridge and the files answer no other service.
    ...(own.internal === undefined ? {} : { EVEGRAM_INTERNAL_PORT: own.internal, EVEGRAM_INTERNAL_URL: `http://${HOST}:${own.internal}` }),
    EVEGRAM_AUTH_URLS: environment['EVEGRAM_AUTH_URLS'] ?? urls(ports.auth), EVEGRAM_ENGINE_URLS: urls(ports.engine),
    // The edge says whom a request came from.
    EVEGRAM_TRUSTED_PROXIES: HOST,
    ...more,
  }
  return {
    name, kind, ports: own, main: join(root, FOLDERS[kind] ?? kind, 'dist', 'main.js'), cwd: root, log: join(dir, 'logs', `${name}.log`),
    env: Object.fromEntries(Object.entries(env).map(([variable, value]) => [variable, String(value)])),
  }
}
