import { describeLocalStore } from './local-store.contract.js'
import { MemoryStore } from './memory.js'

describeLocalStore('memory', () => ({
  open: async () => new MemoryStore(),
  dispose: async () => undefined,
  gaps: new Set(['durability']),
}))
