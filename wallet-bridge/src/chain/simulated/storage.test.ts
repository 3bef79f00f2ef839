import { describeSimulatedStorage } from './storage.contract.js'
import { MemoryStorage } from './storage.js'

describeSimulatedStorage('in memory', async () => {
  const storage = new MemoryStorage()
  return { storage, reopen: async () => storage, close: async () => undefined }
})
