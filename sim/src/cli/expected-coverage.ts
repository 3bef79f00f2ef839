import { LIES } from '../malice/lies.js'
import { EXPECTED_OF_PAYOUTS } from '../payouts/expected-coverage.js'
import type { ProfileName } from '../world/profiles.js'

/** Something that some run of many should exercise. */
interface ExpectedCoverage {
  readonly name: string
  /** Profiles whose runs should; absent: those of every profile. */
  readonly profiles?: readonly ProfileName[]
}

function named(names: readonly string[], ...profiles: readonly ProfileName[]): readonly ExpectedCoverage[] {
  return names.map((name) => (profiles.length === 0 ? { name } : { name, profiles }))
}

const EXPECTED_COVERAGE: readonly ExpectedCoverage[] = [
  ...named([
    'audit/ack', 'audit/cursor moved', 'audit/cursor owes', 'audit/devices covered', 'audit/flush before ack', 'audit/mark before ack',
    'audit/order above what was shown', 'audit/order as the sender made it', 'audit/said', 'audit/sent is stored', 'audit/shown',
  ]),
  ...named([
    'workload/add device', 'workload/burst', 'workload/history', 'workload/large', 'workload/link wallet', 'workload/note to oneself',
    'fault/short tokens', 'workload/rest', 'workload/revoke another', 'workload/revoke itself', 'workload/say',
  ]),
  ...named([
    'audit/composed for a group', 'audit/group entry add', 'audit/group entry create', 'audit/group entry remove', 'audit/group entry role',
    'audit/group followed', 'audit/group became wide', 'audit/group founded wide', 'audit/membership of an ack', 'audit/sender key given', 'audit/sender key held', 'audit/wide mark before ack',
    'workload/group add', 'workload/group found', 'workload/group leave', 'workload/group promote', 'workload/group remove',
    'workload/group rename', 'workload/group say',
  ]),
  ...named([
    'audit/channel followed to its end', 'audit/head brought a lost post', 'audit/heads told', 'audit/post acknowledged', 'audit/post shown', 'audit/posted',
    'audit/listens before the page', 'branch/post refused conflict.channel_head', 'workload/channel add', 'workload/channel follow', 'workload/channel found', 'workload/channel leave',
    'workload/channel post', 'workload/channel remove',
  ]),
  ...named(['audit/receipt received', 'audit/receipt read', 'audit/receipts compared', 'workload/decide about requests', 'workload/read'], 'receipts'),
  ...named([
    'audit/changes compared', 'audit/deleted', 'audit/disappeared', 'audit/text is nowhere', 'workload/delete', 'workload/edit', 'workload/react', 'workload/read', 'workload/set a timer',
  ], 'changes'),
  ...named(['fault/post packet lost'], 'partition'),
  ...named([
    'audit/group alarm group.log_invalid', 'audit/group alarm proof.signature', 'audit/channel alarm channel.log_invalid', 'audit/channel alarm proof.signature',
    'audit/channel gap withheld', 'audit/fork of a channel told', 'audit/post of a fork shown',
  ], 'malicious'),
  ...named([
    'fault/crash at a call', 'fault/crash at a commit', 'fault/node crash', 'fault/device crash', 'fault/auth crash', 'fault/deploy',
    'fault/disk lost', 'fault/disk.full', 'fault/log.late', 'fault/log.lost', 'fault/log.refused', 'fault/log.slow', 'fault/log.unknown',
  ], 'crash'),
  ...named([
    'fault/partition', 'fault/partition one way', 'fault/presence forgets', 'fault/presence.lost', 'fault/presence.late', 'fault/broker.lost',
    'fault/network.lost packet', 'fault/network.reset', 'fault/network.slow consumer', 'fault/network.waits for a partition',
  ], 'partition'),
  ...named(['fault/node pause', 'fault/node sleep', 'fault/wall step', 'fault/registry.slow'], 'skew'),
  ...named(LIES.map(({ name }) => `lie/${name}`), 'malicious'),
]

/** Names that green runs of many seeds must not lack: what is missing is printed as NEVER. */
export function expectedCoverageOf(profile: ProfileName): readonly string[] {
  if (profile === 'payouts') return EXPECTED_OF_PAYOUTS
  return EXPECTED_COVERAGE.filter(({ profiles }) => profiles === undefined || profiles.includes(profile) || (profile === 'all' && !profiles.includes('receipts') && !profiles.includes('changes'))).map(({ name }) => name)
}
