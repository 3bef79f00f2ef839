import type { Scenario } from './scenario.js'

/** One author posts in a channel, all others follow it. */
const fanOut: Scenario = {
  name: 'fan-out', summary: 'one author posts in a channel that all other clients follow', clients: 1_001, clientsMin: 2, ratePerSecond: 50, payloadBytes: 200,
  cast: (clients) => ({ clients, conversations: [{ kind: 'channel', members: Array.from({ length: clients }, (_, client) => client), senders: [0] }] }),
}
export default fanOut
