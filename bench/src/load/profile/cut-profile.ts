import type { CpuProfile } from '../../top-costs.js'

/** The part of a profile between two moments of the machine's monotonic clock, in us. */
export function cutProfile(profile: CpuProfile, fromUs: number, toUs: number): CpuProfile {
  const samples: number[] = []
  const timeDeltas: number[] = []
  let atUs = profile.startTime
  let startTime: number | undefined
  for (const [index, sample] of profile.samples.entries()) {
    const deltaUs = profile.timeDeltas[index] ?? 0
    atUs += deltaUs
    if (atUs < fromUs || atUs > toUs) continue
    startTime ??= atUs - deltaUs
    samples.push(sample)
    timeDeltas.push(deltaUs)
  }
  return { nodes: profile.nodes, startTime: startTime ?? fromUs, samples, timeDeltas }
}
