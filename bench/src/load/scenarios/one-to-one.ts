import type { Scenario } from './scenario.js'

/** Pairs of people: everybody sends to one other. */
const oneToOne: Scenario = {
  name: 'one-to-one', summary: 'pairs of clients send each other messages', clients: 100, clientsMin: 2, ratePerSecond: 500, payloadBytes: 200,
  cast: (clients) => {
    const pairs = Math.floor(clients / 2)
    return {
      clients: pairs * 2,
      conversations: Array.from({ length: pairs }, (_, pair) => {
        const members = [pair * 2, pair * 2 + 1]
        return { kind: 'direct' as const, members, senders: members }
      }),
    }
  },
}
export default oneToOne
