import { createInternalHttp, createNodePrimitives, ENGINE_INTERNAL_API, InternalClient, ServiceTokens, ServiceVerifier, silentLogger, systemClock, systemRandom } from '@evegram/platform'
import { decodeAccountNotice, EvegramError, isNoticeSigned } from '@evegram/protocol'
import { verifyEd25519 } from '@evegram/protocol/proof'
import { describeNoticeSink } from '../../ports/notice-sink.contract.js'
import { HttpNoticeSink, isNoticeVerdict } from './notice-sink.js'

const clock = systemClock()
const primitives = createNodePrimitives()

// The engine's own route is tested in the engine, and both together in standalone; here its documented answers stand behind the real listener and the real client.
describeNoticeSink('over the internal listeners of the engine', async (publicKey) => {
  const tokens = new ServiceTokens({ name: 'wally', seed: new Uint8Array(32).fill(1), clock })
  const stored: Uint8Array[] = []
  let fails = false
  const server = createInternalHttp({
    log: silentLogger, clock, random: systemRandom(), api: ENGINE_INTERNAL_API, verifier: new ServiceVerifier({ name: 'engine', keys: new Map([['wally', tokens.publicKey]]), clock }),
  })
  const { path, body } = ENGINE_INTERNAL_API.notices
  server.post(path, { schema: { body } }, (request) => {
    const { notice } = request.body
    const verify = (key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean => verifyEd25519(primitives, key, message, signature) === 'valid'
    if (!isNoticeSigned(decodeAccountNotice(notice), [publicKey], verify)) throw new EvegramError('denied.notices')
    if (fails) throw new EvegramError('unavailable.envelope_log')
    stored.push(notice)
    return { stored: true as const }
  })
  const url = await server.listen({ host: '127.0.0.1', port: 0 })
  const client = new InternalClient({ service: 'engine', urls: [url], tokens, clock, log: silentLogger, unavailable: 'unavailable.server', passes: isNoticeVerdict })
  return {
    sink: new HttpNoticeSink(client), stored: () => stored, fail: (value) => { fails = value },
    close: async () => {
      client.close()
      await server.close()
    },
  }
})
