import { describe, expect, it } from 'vitest'
import { createEngineMetrics, engineMetricsText } from './metrics.js'

describe('engineMetricsText', () => {
  it('prints counters, gauges and a cumulative histogram in the Prometheus text format', () => {
    const metrics = createEngineMetrics()
    metrics.sends.add()
    metrics.sends.add(2)
    metrics.connections.set(7)
    for (const value of [0.2, 3, 3, 99_999]) metrics.ackMs.observe(value)
    const lines = engineMetricsText(metrics, 'e_').split('\n')
    expect(lines).toContain('e_sends_total 3')
    expect(lines).toContain('# TYPE e_sends_total counter')
    expect(lines).toContain('e_connections 7')
    expect(lines).toContain('# TYPE e_connections gauge')
    expect(lines).toContain('e_ack_ms_bucket{le="0.5"} 1')
    expect(lines).toContain('e_ack_ms_bucket{le="5"} 3')
    expect(lines).toContain('e_ack_ms_bucket{le="10000"} 3')
    expect(lines).toContain('e_ack_ms_bucket{le="+Inf"} 4')
    expect(lines).toContain('e_ack_ms_count 4')
    for (const line of lines) expect(line).toMatch(/^$|^# (HELP|TYPE) e_[a-z_]+ .+$|^e_[a-z_]+(\{le="[0-9.+Inf]+"\})? -?[0-9.e+]+$/)
  })
})
