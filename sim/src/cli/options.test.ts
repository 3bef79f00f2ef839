import { expect, test } from 'vitest'
import { parseOptions, type SimOptions } from './options.js'

function read(line: string): SimOptions | string {
  const parsed = parseOptions(line === '' ? [] : line.split(' '), 2)
  return parsed.status === 'run' ? parsed.options : parsed.status === 'help' ? 'help' : parsed.message
}

test('a line without options runs numbered seeds of all profiles with the stand-in', () => {
  expect(read('')).toEqual({
    seeds: { kind: 'count', base: 1, count: 100 }, profile: 'all', crypto: 'stand-in', json: false, timeline: 60, workers: 2, stopAtFirst: false,
  })
})

test('each choice of seeds is read', () => {
  expect(read('--seeds 500 --base 7')).toMatchObject({ seeds: { kind: 'count', base: 7, count: 500 } })
  expect(read('--seed abc')).toMatchObject({ seeds: { kind: 'one', seed: 'abc' } })
  expect(read('--minutes 0.5')).toMatchObject({ seeds: { kind: 'minutes', base: undefined, minutes: 0.5 } })
  expect(read('--regressions')).toMatchObject({ seeds: { kind: 'regressions' } })
  expect(read('--check-determinism 3')).toMatchObject({ seeds: { kind: 'determinism', base: 1, count: 3 } })
  expect(read('--timeline all --workers 4 --crypto real --profile skew --stop-at-first'))
    .toMatchObject({ timeline: 'all', workers: 4, crypto: 'real', profile: 'skew', stopAtFirst: true })
  expect(read('--profile payouts')).toMatchObject({ profile: 'payouts', crypto: 'real', crashPoints: 4 })
  expect(read('--profile payouts --crash-points every')).toMatchObject({ crashPoints: 'every' })
  expect(read('--profile payouts --crash-points 0')).toMatchObject({ crashPoints: 0 })
  expect(read('-h')).toBe('help')
})

test.each([
  ['--seeds 0', '--seeds must be a whole number from 1'],
  ['--seeds 1.5', 'not "1.5"'],
  ['--profile all-of-it', 'crash, partition, skew, malicious, receipts, changes, all, payouts'],
  ['--crash-points every', '--crash-points goes with --profile payouts.'],
  ['--profile payouts --crash-points some', '--crash-points must be a whole number'],
  ['--profile payouts --crypto stand-in', 'Nothing stands in'],
  ['--crypto rot13', 'stand-in, real'],
  ['--seeds 5 --minutes 1', 'Choose one of --seeds and --minutes.'],
  ['--minutes -1', '--minutes'],
  ['--regressions --profile crash', '--regressions names profile'],
  ['--seed 1 --base 2', '--base goes with'],
  ['--sedes 5', 'sedes'],
  ['--workers 0', '--workers'],
  ['--timeline some', '--timeline'],
  ['17', '17'],
])('%s is refused with a sentence', (line, part) => {
  expect(read(line)).toEqual(expect.stringContaining(part))
})
