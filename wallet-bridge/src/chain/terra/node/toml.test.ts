import { describe, expect, it } from 'vitest'
import { withTomlValues } from './toml.js'

describe('settings of a node', () => {
  it('get other values in the section that is meant, and nothing else is touched', () => {
    const text = '# enable = all\nenable = 1\n\n[api]\n# Enable the API.\nenable = false\naddress = "tcp://0.0.0.0:1317"\n\n[grpc-web]\nenable = true # web\n'
    expect(withTomlValues(text, { '': { enable: 2 }, 'api': { enable: true, address: 'tcp://127.0.0.1:5', missing: 'x' }, 'other': { enable: 'x' } }))
      .toBe('# enable = all\nenable = 2\n\n[api]\n# Enable the API.\nenable = true\naddress = "tcp://127.0.0.1:5"\n\n[grpc-web]\nenable = true # web\n')
  })
})
