import { createServer, type AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { listeningInodes, listeningPid } from './listening-pid.js'

const TABLE = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:1F91 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 777 1 0 100 0 0 10 0
   1: 0100007F:1F91 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 888 1 0 100 0 0 10 0
   2: 0100007F:F1F9 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 999 1 0 100 0 0 10 0`

describe('who listens on a port', () => {
  it('is found in the table of the kernel, and who is only connected is not', () => {
    expect(listeningInodes(TABLE, 0x1f91)).toEqual(['777'])
    expect(listeningInodes(TABLE, 0x1f92)).toEqual([])
  })

  it('is this process when it does', async () => {
    const server = createServer()
    const { port } = await new Promise<AddressInfo>((resolve) => server.listen(0, '127.0.0.1', () => { resolve(server.address() as AddressInfo) }))
    expect(listeningPid(port)).toBe(process.pid)
    await new Promise((resolve) => server.close(resolve))
    expect(listeningPid(port)).toBeUndefined()
  })
})
