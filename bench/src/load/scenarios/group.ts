import type { Scenario } from './scenario.js'

/** Members of one group. */
const GROUP_MEMBERS = 20

/** Groups in which everybody writes: one stored message, one delivery for each other member. */
const group: Scenario = {
  name: 'group', summary: `groups of ${String(GROUP_MEMBERS)} (or fewer) in which everybody writes`, clients: 100, clientsMin: 3, ratePerSecond: 50, payloadBytes: 200,
  cast: (clients) => {
    const groups = Math.max(1, Math.round(clients / GROUP_MEMBERS))
    const members = Array.from({ length: groups }, (): number[] => [])
    for (let client = 0; client < clients; client++) members[client % groups]?.push(client)
    return { clients, conversations: members.map((all) => ({ kind: 'group' as const, members: all, senders: all })) }
  },
}
export default group
