import { describe, expect, it } from 'vitest'
import { distribution, result } from '../fake-result.fixture.js'
import { deliveryHgrm, prometheusText, timelineCsv } from './exports.js'
import { htmlReport } from './html-report.js'
import { NINES, percentileCurve } from './percentile-curve.js'
import { summaryLines } from './summary.js'

describe('the report', () => {
  it('is one file: nothing is loaded from anywhere', () => {
    const html = htmlReport(result())
    expect(html).not.toMatch(/(src|href)=|@import|url\(/)
    expect(html).toContain('uPlot')
    expect(html.match(/<script/g)).toHaveLength(3)
  })

  it('shows text as text, whatever a scenario is called', () => {
    const base = result()
    const html = htmlReport({ ...base, config: { ...base.config, scenario: '</script><img onerror=x>' }, failures: { '<b>': 1 } })
    expect(html).not.toContain('<img')
    expect(html).not.toContain('<b>')
    expect(html).toContain('&lt;img onerror=x&gt;')
  })

  it('holds data that parses, and no end of a script', () => {
    const data = /<script id="data" type="application\/json">(.*?)<\/script>/.exec(htmlReport(result()))?.[1] ?? ''
    expect(JSON.parse(data)).toMatchObject({ timeline: [{ atSeconds: 0.5 }, { atSeconds: 1 }], curves: [{ name: 'delivery' }, { name: 'acknowledgement' }, { name: 'send behind plan' }] })
  })

  it('draws no percentile that so few measurements do not tell', () => {
    const curve = percentileCurve(distribution(...Array.from({ length: 100 }, (_, index) => index + 1)))
    expect(curve[NINES.indexOf(1)]).toBeCloseTo(90, 0)
    expect(curve[NINES.indexOf(2)]).toBeCloseTo(99, 0)
    expect(curve[NINES.indexOf(3)]).toBeNull()
  })
})

describe('exports', () => {
  it('are a line of CSV for each interval, empty where nothing was measured', () => {
    const [head = '', first = '', second = '', end] = timelineCsv(result()).split('\r\n')
    expect(head.split(',')).toHaveLength(first.split(',').length)
    expect(first).toBe('0.5,true,10,10,10,10,0,0,,,,0.1,,,,10')
    expect(second.split(',')[8]).toBe('1')
    expect(end).toBe('')
  })

  it('are metrics with labels that are escaped', () => {
    const base = result()
    const text = prometheusText({ ...base, config: { ...base.config, scenario: 'a"b\\c' } })
    expect(text).toContain('evegram_bench_p99{scenario="a\\"b\\\\c",driver="evegram",seed="s"} 3.001')
    expect(text).toContain('evegram_bench_valid{')
    expect(text).toContain('evegram_bench_per_cpu_second{')
    expect(text.trimEnd().split('\n').every((line) => /^(# TYPE evegram_bench_[a-z0-9_]+ gauge|evegram_bench_[a-z0-9_]+\{.*\} [\d.]+)$/.test(line))).toBe(true)
  })

  it('are a distribution that ends with all of them', () => {
    expect(deliveryHgrm(result())).toMatch(/Total count\s*=\s*3\]/)
  })
})

describe('the summary', () => {
  it('says that figures of a saturated generator are none of the server', () => {
    const lines = summaryLines(result({ verdict: 'invalid', validity: { valid: false, reasons: ['it was busy'] } }))
    expect(lines.at(-1)).toBe("NOT VALID: it was busy. Times and rates are not the server's; the counters hold. A quieter machine, fewer messages or more generator processes help")
    expect(summaryLines(result()).at(-1)).toBe('PASS')
  })
})
