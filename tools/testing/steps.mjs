// What `npm test` runs behind the unit, contract and process tests: short forms of the long runs. Each finds by itself what it needs, and takes no order.

/**
 * The steps as lanes that run beside each other, each `[name, script, ...options]`. In the first one much is computed. In the others most of the time nothing
 * happens but that servers start, answer one client and have their rest, so that a machine of two cores has room for all: servers of one process, and
 * clusters, which take most memory and come one by one.
 */
export const LONG_RUNS = [
  [
    ['simulator, 100 seeds', 'sim', '--seeds', '100'],
    ['simulator, real encryption', 'sim', '--seeds', '5', '--crypto', 'real'],
    ['simulator, every seed that ever failed', 'sim', '--regressions'],
    ['simulator, receipts (short)', 'sim', '--profile', 'receipts', '--seeds', '10'],
    ['simulator, changes (short)', 'sim', '--profile', 'changes', '--seeds', '10'],
    ['simulator, payouts (short)', 'sim', '--profile', 'payouts', '--seeds', '40'],
    ['simulator, the same trace in two processes', 'sim', '--check-determinism', '3'],
    ['simulator, payouts in two processes', 'sim', '--profile', 'payouts', '--check-determinism', '3'],
    ['verify (proof vectors, both primitives)', 'verify'],
    ['convergence of own devices (short)', 'convergence', '--histories', '300'],
    ['crash, servers killed (short)', 'crash', '--clients', '6', '--messages', '300', '--kills', '2'],
    ['crash, clients killed (short)', 'crash', '--clients', '6', '--messages', '200', '--kills', '2', '--victim', 'client'],
    // Nothing is lost, here or on the relay, and a message costs no more than a few of the relay's: a ratio within one run, far below today's, and no time. With
    // fewer clients than it has by itself, a busy machine spends more on waiting than on messages.
    ['load harness beside the raw relay (short)', 'bench', 'compare', '--with', 'raw-uws', '--duration', '3s', '--counters-only', '--at-least', '0.1'],
    ['churn (short)', 'churn', '--days', '31', '--dayMs', '300', '--conversations', '10', '--busy', '16'],
    ['resume (short)', 'resume', '--days', '3', '--conversations', '20'],
    ['ledger histories (short)', 'ledger:histories', '--histories', '2000', '--sample', '20'],
    ['holds', 'wally:holds'],
    // On a busy machine every way is slow, and not by the same factor: the long form says what it is worth.
    ['ledger bench (short)', 'ledger:bench', '--accounts', '1000', '--seconds', '1', '--factor', '2'],
  ],
  [
    ['lying server', 'lying-server'],
    ['hostile', 'hostile'],
    ['API, requests made up (short)', 'wally:fuzz', '--cases', '15', '--drawn-only', '--seed', '1'],
    ['prekeys (short)', 'prekeys', '--fetches', '1000'],
    ['route (short)', 'route', '--pairs', '20', '--seconds', '3'],
    // Of so few connections each has much of what does not grow with their number: what counts is that all are held.
    ['idle (short)', 'idle', '--connections', '500', '--duration', '5s', '--threshold', 'rssPerConnection<200'],
    ['reconnect storm (short)', 'bench', 'reconnect-storm', '--connections', '200'],
    // Of the bounds on time only those that a busy machine cannot break: counters, and what must not be lost.
    ['load harness, sign-in storm (short)', 'bench', 'sign-in-storm', '--fresh', '--sign-ins', '12', '--proofs', '40', '--seconds', '1', ...['solana', 'ton', 'terra'].flatMap((chain) => ['--threshold', `${chain}.ratio>=0.3`])],
    ['load harness, resume (short)', 'bench', 'resume', '--fresh', '--clients', '24', '--messages', '20'],
    ['load harness, slow consumers (short)', 'bench', 'slow-consumers', '--fresh', '--clients', '8', '--rate', '40', '--slow', '2', '--seconds', '4', '--feed', '300', '--threshold', 'rssPerSlow<=64'],
    ['load harness, mixed day (short)', 'bench', 'mixed-day', '--fresh', '--clients', '20', '--peak', '40', '--seconds', '8', '--travellers', '4', '--sign-ins', '3', '--counters-only'],
    ['load harness, soak (short)', 'bench', 'soak', '--fresh', '--clients', '10', '--rate', '50', '--duration', '10s', '--counters-only', '--threshold', 'rssPerHour<=1000000', '--threshold', 'p99PerHour<=1000000'],
  ],
  [
    ['faults on a cluster (short)', 'faults', '--nodes', '1', '--clients', '6', '--messages', '120', '--pace', '600', '--pauseMs', '3000', '--roll', '--seed', '4'],
    ['nonces on a cluster (short)', 'nonces', '--nodes', '1', '--rounds', '4', '--verifies', '200'],
    ['prekeys on a cluster (short)', 'prekeys', '--nodes', '1', '--fetches', '300', '--requesters', '60', '--targets', '4'],
    ['load harness, an engine killed (short)', 'bench', 'node-kill', '--clients', '8', '--rate', '20', '--seconds', '9'],
    ['storm on a cluster (short)', 'storm', '--nodes', '1', '--clients', '64'],
    ['durability (short)', 'durability', '--only', 'redis', '--seconds', '1'],
    ['payouts, Wally killed (short)', 'wally:crash', '--payouts', '30', '--kills', '5', '--seed', '1'],
  ],
]
